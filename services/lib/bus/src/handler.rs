use std::collections::BTreeMap;

use domain::{Rejection, Timestamp};
use proto::Subject;
use store::Tx;
use uuid::Uuid;

use crate::message::Message;

/// Reacts to one kind of event, inside the transaction the bus opened for a batch of them.
///
/// The bus decodes, drops what this consumer has handled already and, of state events about one
/// subject, all but the newest; it commits and it acknowledges. A handler does none of these. It
/// uses set-based SQL, and compares versions: an older one than it knows changes nothing.
pub trait Handler: Send + Sync + 'static {
    /// What it reacts to.
    type Event: proto::Event;

    /// The name in the catalogue. Renaming it replays the stream from the beginning.
    const CONSUMER: &'static str;

    /// Handles a batch.
    ///
    /// # Errors
    /// When the batch as a whole cannot be handled: it is tried again if that may help, else it is
    /// divided until the one message that is to blame parks alone.
    fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<Self::Event>,
    ) -> impl Future<Output = Result<Verdicts, Rejection>> + Send;
}

/// Records every message of a stream as it came, in the stream's order.
pub trait Recorder: Send + Sync + 'static {
    /// The name in the catalogue.
    fn consumer(&self) -> &'static str;

    /// Records a batch.
    ///
    /// # Errors
    /// As [`Handler::handle`].
    fn record(
        &self,
        tx: &mut Tx,
        messages: &[Message],
    ) -> impl Future<Output = Result<(), Rejection>> + Send;
}

/// One event as a handler sees it.
#[derive(Debug, Clone)]
pub struct Event<E> {
    /// The event's id.
    pub id: Uuid,
    /// What it is about, and in which version.
    pub subject: Subject,
    /// The event.
    pub body: E,
}

/// Events that were waiting: at least one, at most 256, no two state events about one subject.
#[derive(Debug, Clone)]
pub struct Batch<E> {
    /// The events, in no particular order.
    pub events: Vec<Event<E>>,
}

/// What becomes of single events of a batch; one that is not named was handled.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(pub(crate) BTreeMap<Uuid, Verdict>);

#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    Park(String),
    Delay(Timestamp),
}

impl Verdicts {
    /// All were handled.
    #[must_use]
    pub fn handled() -> Self {
        Self::default()
    }

    /// Puts one event aside for an operator; the reason holds no personal data.
    pub fn park(&mut self, event: Uuid, reason: impl Into<String>) {
        self.0.insert(event, Verdict::Park(reason.into()));
    }

    /// Leaves one event to be delivered again, not before an instant.
    pub fn delay(&mut self, event: Uuid, until: Timestamp) {
        self.0.insert(event, Verdict::Delay(until));
    }
}
