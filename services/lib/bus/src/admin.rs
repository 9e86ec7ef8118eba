//! What the operator's account sets up: streams and durable consumers, from the catalogue.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Republish, RetentionPolicy, StorageType,
};
use async_nats::jetstream::{self};
use proto::catalogue::{STREAMS, Service, durables_of};
use proto::upstream;

use crate::Error;

/// How streams are kept.
#[derive(Debug, Clone, Copy)]
pub struct StreamOptions {
    /// Copies in the cluster: 1, 3 or 5.
    pub replicas: usize,
    /// Bytes of one stream at most; publishing waits in the outbox above it.
    pub bytes_max: i64,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { replicas: 1, bytes_max: 1 << 30 }
    }
}

/// How long a consumer has for a batch, unless it says that it is at work, before the broker
/// delivers it again. What a service that is killed had in hand is missed for as long.
pub const ACK_WAIT: Duration = Duration::from_secs(15);
/// Messages given to one consumer and not yet acknowledged.
pub const ACK_PENDING_MAX: i64 = 4096;
/// For how long the broker knows the id of an event it has been given.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// How many streams there are.
pub const STREAMS_COUNT: u64 = STREAMS.len() as u64 + 1;

/// A stream as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// JetStream's name of it.
    pub name: &'static str,
    /// The subjects it keeps.
    pub subjects: String,
    /// How long it keeps an event.
    pub max_age: Duration,
    /// What it publishes again, and where to.
    pub republish: Option<(String, String)>,
}

/// Every stream, that of systems outside of the mesh last.
#[must_use]
pub fn kept() -> Vec<Kept> {
    let own = STREAMS.iter().map(|row| (row.name, row.subjects(), row.max_age_days));
    let outside = (upstream::STREAM, upstream::INTAKE.to_owned(), upstream::MAX_AGE_DAYS);
    let (told, source, destination) = upstream::republished();
    own.chain([outside])
        .map(|(name, subjects, days)| Kept {
            name,
            subjects,
            max_age: Duration::from_secs(u64::from(days) * 86_400),
            republish: (name == told).then(|| (source.clone(), destination.clone())),
        })
        .collect()
}

/// Makes every stream and consumer of the catalogue, or brings them up to date.
///
/// # Errors
/// When the broker refuses; the account must be the one that owns the streams.
pub async fn ensure(client: &async_nats::Client, options: StreamOptions) -> Result<(), Error> {
    let context = jetstream::new(client.clone());
    for Kept { name, subjects, max_age, republish } in kept() {
        context
            .create_or_update_stream(Config {
                name: name.to_owned(),
                subjects: vec![subjects],
                storage: StorageType::File,
                retention: RetentionPolicy::Limits,
                discard: DiscardPolicy::New,
                max_age,
                max_bytes: options.bytes_max,
                num_replicas: options.replicas,
                duplicate_window: DUPLICATE_WINDOW,
                deny_delete: true,
                deny_purge: true,
                republish: republish.map(|(source, destination)| Republish {
                    source,
                    destination,
                    headers_only: false,
                }),
                ..Config::default()
            })
            .await
            .map_err(Error::during("make a stream"))?;
    }
    for durable in Service::ALL.into_iter().flat_map(durables_of) {
        let stream =
            context.get_stream(durable.stream).await.map_err(Error::during("find a stream"))?;
        stream
            .create_consumer(pull::Config {
                durable_name: Some(durable.name.clone()),
                filter_subject: durable.filter.clone(),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_ack_pending: ACK_PENDING_MAX,
                ..pull::Config::default()
            })
            .await
            .map_err(Error::during("make a consumer"))?;
    }
    Ok(())
}
