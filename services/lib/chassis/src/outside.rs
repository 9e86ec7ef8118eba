//! The doors for systems outside of the mesh, with their types erased.

use std::pin::Pin;
use std::sync::Arc;

use bus::{Intake, Responder};
use store::Store;
use tokio_util::sync::CancellationToken;

pub(crate) type Open = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A door of either kind.
pub(crate) trait AnyDoor: Send + Sync {
    /// What is to run until the drain.
    fn open(
        self: Arc<Self>,
        nats: &async_nats::Client,
        store: &Store,
        drain: &CancellationToken,
    ) -> Vec<Open>;
}

/// What is published to the stream.
pub(crate) struct Stream<I>(pub(crate) I);

/// What is asked and answered.
pub(crate) struct Requests<R>(pub(crate) R);

impl<I: Intake> AnyDoor for Stream<I> {
    /// One loop per lane, so that neither waits for the other.
    fn open(
        self: Arc<Self>,
        nats: &async_nats::Client,
        store: &Store,
        drain: &CancellationToken,
    ) -> Vec<Open> {
        let durables = proto::upstream::durables().into_iter();
        let open = durables.map(|durable| {
            let (door, nats) = (Arc::clone(&self), nats.clone());
            let (store, drain) = (store.clone(), drain.clone());
            Box::pin(async move { bus::receive(nats, &store, &door.0, &durable, drain).await })
                as Open
        });
        open.collect()
    }
}

impl<R: Responder> AnyDoor for Requests<R> {
    fn open(
        self: Arc<Self>,
        nats: &async_nats::Client,
        _store: &Store,
        drain: &CancellationToken,
    ) -> Vec<Open> {
        let (nats, drain) = (nats.clone(), drain.clone());
        vec![Box::pin(async move { bus::respond(nats, &self.0, drain).await })]
    }
}
