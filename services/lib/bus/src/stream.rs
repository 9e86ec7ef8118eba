//! Whether the broker still holds what it has acknowledged.

use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::{self, ErrorCode};
use domain::Timestamp;
use proto::catalogue::StreamRow;
use store::Store;
use store::streams::{self, Seen};

use crate::Error;

/// A stream, compared with how it was seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It was never seen, or has acknowledged nothing: there is nothing to lose.
    Unknown,
    /// It holds what it has acknowledged.
    Whole,
    /// It was made anew and holds nothing of what it has acknowledged.
    MadeAnew,
    /// It ends before what it has acknowledged.
    CutOff,
}

fn judge(seen: Seen, created_at: Timestamp, last_sequence: i64) -> Verdict {
    match seen.created_at {
        _ if seen.last_sequence == 0 => Verdict::Unknown,
        Some(then) if then != created_at => Verdict::MadeAnew,
        Some(_) | None if last_sequence < seen.last_sequence => Verdict::CutOff,
        None => Verdict::Unknown,
        Some(_) => Verdict::Whole,
    }
}

/// Publishes again what a stream has lost, and returns the last sequence it has acknowledged of
/// what is left.
pub(crate) async fn check(
    context: &jetstream::Context,
    store: &Store,
    row: &'static StreamRow,
) -> Result<u64, Error> {
    let pool = store.pool();
    let seen = streams::seen(pool, row.name).await?;
    let (created_at, last) = look(context, row).await?;
    match judge(seen, created_at, last) {
        Verdict::Unknown => streams::meet(pool, row.name, created_at).await?,
        Verdict::Whole => streams::checkpoint(pool, row.name, store.clock().now()).await?,
        Verdict::MadeAnew => return lost(store, row, seen, created_at, None).await,
        Verdict::CutOff => return lost(store, row, seen, created_at, Some(last)).await,
    }
    Ok(seen.last_sequence.unsigned_abs())
}

/// The same for a stream that was seen to hold nothing beyond `left` for a moment.
pub(crate) async fn cut_off(
    context: &jetstream::Context,
    store: &Store,
    row: &'static StreamRow,
    left: u64,
) -> Result<u64, Error> {
    let seen = streams::seen(store.pool(), row.name).await?;
    let (created_at, _last) = look(context, row).await?;
    let left = i64::try_from(left).unwrap_or(i64::MAX);
    let same = seen.created_at == Some(created_at);
    lost(store, row, seen, created_at, same.then_some(left)).await
}

async fn lost(
    store: &Store,
    row: &'static StreamRow,
    seen: Seen,
    created_at: Timestamp,
    left: Option<i64>,
) -> Result<u64, Error> {
    let events = streams::publish_again(store.pool(), row.name, created_at, left).await?;
    telemetry::metrics().events_republished(row.name, events);
    tracing::error!(
        stream = row.name,
        "stream {} has lost events ({} of {} are left): {events} are published again",
        row.name,
        left.unwrap_or(0),
        seen.last_sequence
    );
    Ok(left.unwrap_or(0).unsigned_abs())
}

/// When a stream was made, and its last sequence.
async fn look(
    context: &jetstream::Context,
    row: &'static StreamRow,
) -> Result<(Timestamp, i64), Error> {
    let found = context.get_stream(row.name).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(kind) if kind.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Error::Broker {
                during: "find the stream",
                problem: format!("{} does not exist: set the broker up again", row.name),
            }
        }
        GetStreamErrorKind::EmptyName
        | GetStreamErrorKind::Request
        | GetStreamErrorKind::InvalidStreamName
        | GetStreamErrorKind::JetStream(_) => Error::during("read the stream's state")(error),
    })?;
    let info = found.cached_info();
    let kept = Duration::from_secs(u64::from(row.max_age_days) * 86_400);
    if info.config.max_age.is_zero() || info.config.max_age > kept {
        // The outbox and every inbox are kept a given time longer than the stream, by the catalogue.
        return Err(Error::Broker {
            during: "compare the stream with the catalogue",
            problem: format!(
                "{} keeps events longer than {} days, so that outbox and inbox would forget first: \
                 set the broker up again",
                row.name, row.max_age_days
            ),
        });
    }
    let last = i64::try_from(info.state.last_sequence).unwrap_or(i64::MAX);
    Ok((instant(info.created.unix_timestamp_nanos()), last))
}

/// In whole microseconds, as PostgreSQL keeps it.
fn instant(nanos: i128) -> Timestamp {
    let micros = i64::try_from(nanos.div_euclid(1000)).unwrap_or_default();
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_whole_only_if_it_is_the_same_and_no_shorter() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seen =
            |last_sequence, second: Option<i64>| Seen { last_sequence, created_at: second.map(at) };
        for (seen, last, verdict) in [
            (seen(0, None), 0, Verdict::Unknown),
            (seen(0, Some(9)), 7, Verdict::Unknown),
            (seen(5, None), 5, Verdict::Unknown),
            (seen(5, None), 4, Verdict::CutOff),
            (seen(5, Some(1)), 5, Verdict::Whole),
            (seen(5, Some(1)), 9, Verdict::Whole),
            (seen(5, Some(1)), 4, Verdict::CutOff),
            (seen(5, Some(0)), 9, Verdict::MadeAnew),
            (seen(5, Some(2)), 0, Verdict::MadeAnew),
        ] {
            assert_eq!(judge(seen, at(1), last), verdict, "{seen:?}, {last}");
        }
    }
}
