//! What the operator's account sets up: streams and durable consumers, from the catalogue.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self};
use proto::catalogue::{CONSUMERS, STREAMS};

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
const ACK_WAIT: Duration = Duration::from_secs(15);
/// Messages given to one consumer and not yet acknowledged.
const ACK_PENDING_MAX: i64 = 4096;
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Makes every stream and consumer of the catalogue, or brings them up to date.
///
/// # Errors
/// When the broker refuses; the account must be the one that owns the streams.
pub async fn ensure(client: &async_nats::Client, options: StreamOptions) -> Result<(), Error> {
    let context = jetstream::new(client.clone());
    for row in STREAMS {
        context
            .create_or_update_stream(Config {
                name: row.name.to_owned(),
                subjects: vec![row.subjects()],
                storage: StorageType::File,
                retention: RetentionPolicy::Limits,
                discard: DiscardPolicy::New,
                max_age: Duration::from_secs(u64::from(row.max_age_days) * 86_400),
                max_bytes: options.bytes_max,
                num_replicas: options.replicas,
                duplicate_window: DUPLICATE_WINDOW,
                deny_delete: true,
                deny_purge: true,
                ..Config::default()
            })
            .await
            .map_err(Error::during("make a stream"))?;
    }
    for durable in CONSUMERS.iter().flat_map(proto::catalogue::ConsumerRow::durables) {
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
