//! One event is taken over, in a transaction of whoever tells its publisher.

use clock::Clock;
use proto::hris::v1 as wire;
use proto::hris::v1::SubmittedState;
use proto::prost::Message as _;
use store::Tx;

use super::event::{Identity, Said};
use super::refusal::Refusal;
use super::table;
use crate::chunk::Outcome;
use crate::config::Config;
use crate::push::records::{self, Record};
use crate::push::told::told;
use crate::source;

/// Why an event was not taken over. The transaction is to be dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Its publisher is told.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Takes the records of an event over, or finds out what was answered to it before.
pub(crate) async fn take(
    tx: &mut Tx,
    clock: &Clock,
    config: &Config,
    source: &str,
    (event, said): (&Identity, &[Said]),
) -> Result<wire::EventAnswer, Error> {
    let source = source::get(tx, config, source).await.map_err(|error| match error {
        source::Error::Unknown(_) | source::Error::Invalid(_) => {
            Error::Refused(Refusal::Closed(error.to_string()))
        }
        source::Error::Store(error) => Error::Store(error),
    })?;
    if !source.accepts_events() {
        let reason = "the source's document does not say that it accepts events: add \
                      `accepts: [events]` to its spec and apply it";
        return Err(Refusal::Closed(reason.to_owned()).into());
    }
    if let Some(known) = table::claim(tx, source.name(), event).await? {
        return wire::EventAnswer::decode(known.as_slice()).map_err(|_error| {
            tracing::error!("what was answered to an event cannot be read");
            Error::Refused(Refusal::Failed)
        });
    }
    let records: Vec<Record<'_>> = said.iter().map(Said::as_record).collect();
    let outcomes = records::take(tx, clock, &source, &records).await?;
    if let Some(reason) = outcomes.iter().find_map(held) {
        return Err(Refusal::Leavers(reason.to_owned()).into());
    }
    let outcomes: Vec<_> = outcomes.into_iter().map(told).collect();
    let changed = outcomes.iter().any(|outcome| outcome.state() != SubmittedState::Rejected);
    let answer = wire::EventAnswer { outcomes, refusal: None };
    if changed {
        table::answer(tx, source.name(), event, &answer.encode_to_vec()).await?;
    } else {
        table::forget(tx, source.name(), event).await?;
    }
    Ok(answer)
}

fn held(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Held(reason) => Some(reason),
        Outcome::Taken(_)
        | Outcome::Unchanged(_)
        | Outcome::Late
        | Outcome::Waits(_)
        | Outcome::Rejected(_) => None,
    }
}
