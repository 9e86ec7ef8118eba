use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use proto::catalogue::{self, Service};
use tokio_util::sync::CancellationToken;

/// How often consumers are asked how far they lag behind.
const EVERY: Duration = Duration::from_secs(5);

/// Measures how many messages wait for each consumer of a service, until `drain`.
///
/// Apart from the other measurements: a broker that does not answer must not hold them up.
pub(crate) async fn measure(
    service: Service,
    client: async_nats::Client,
    drain: CancellationToken,
) {
    let context = bus::accounts::jetstream(client);
    let durables = catalogue::durables_of(service);
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _tick = every.tick() => {}
        }
        for durable in &durables {
            let asked = context.get_consumer_from_stream(&durable.name, durable.stream);
            let found: Result<PullConsumer, _> = tokio::select! {
                () = drain.cancelled() => return,
                found = asked => found,
            };
            match found {
                Ok(found) => {
                    let info = found.cached_info();
                    let held = u64::try_from(info.num_ack_pending).unwrap_or_default();
                    let name = durable.name.clone();
                    telemetry::metrics().consumer_lag(name, info.num_pending, held);
                }
                Err(error) => {
                    tracing::debug!(consumer = durable.name, %error, "its lag is not known");
                }
            }
        }
    }
}
