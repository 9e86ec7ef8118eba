//! `PersonUpdated`: every version is kept, the newest is evaluated.

use std::collections::BTreeMap;

use bus::{Batch, Handler, Verdicts};
use domain::{Lane, Rejection};
use proto::hris::v1::PersonUpdated;
use store::Tx;
use tracing::instrument;
use uuid::Uuid;

use crate::evaluator::{Evaluator, Update};
use crate::timeline::{Key, Known, table};
use crate::wire;

const CONFLICT: &str = "this version of the person was received before, with another content";

/// Keeps timelines and evaluates people.
#[derive(Debug)]
pub(crate) struct EvaluatePeople {
    evaluator: Evaluator,
}

impl EvaluatePeople {
    pub(crate) fn new(evaluator: Evaluator) -> Self {
        Self { evaluator }
    }
}

impl Handler for EvaluatePeople {
    type Event = PersonUpdated;
    const CONSUMER: &'static str = "policy-evaluation-evaluate-people";

    #[instrument(
        name = "policy-evaluation.evaluate_people",
        skip_all,
        fields(batch.events = batch.events.len())
    )]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<PersonUpdated>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let received = Received::of(batch, &mut verdicts);
        let fresh = table::keep(tx, &received.timelines).await?;
        let repeated: Vec<&Key> =
            received.timelines.keys().filter(|key| !fresh.contains(key)).collect();
        if !repeated.is_empty() {
            let kept = table::read(tx, repeated.iter().copied()).await?;
            for key in repeated {
                if kept.get(key) != received.timelines.get(key) {
                    let events = received.arrived.get(key).map(|arrived| arrived.event);
                    events.into_iter().for_each(|event| verdicts.park(event, CONFLICT));
                }
            }
        }
        let Received { mut timelines, arrived } = received;
        timelines.retain(|key, _known| fresh.contains(key));
        let mut updates = BTreeMap::new();
        // In the order of versions, so that the newest of a person stays.
        for (key, known) in timelines {
            let lane = arrived.get(&key).map_or(Lane::Regular, |arrived| arrived.lane);
            updates.insert(key.0, Update { known, lane });
        }
        self.evaluator.updated(tx, updates).await?;
        Ok(verdicts)
    }
}

/// A batch by person and version.
#[derive(Default)]
struct Received {
    timelines: BTreeMap<Key, Known>,
    arrived: BTreeMap<Key, Arrived>,
}

/// How a version came.
struct Arrived {
    event: Uuid,
    lane: Lane,
}

impl Received {
    /// Reads the events; what makes no sense, or contradicts another, is parked.
    fn of(batch: Batch<PersonUpdated>, verdicts: &mut Verdicts) -> Self {
        let mut received = Self::default();
        for event in batch.events {
            let (key, known) = match wire::known(event.body) {
                Ok(received) => received,
                Err(invalid) => {
                    verdicts.park(event.id, invalid.to_string());
                    continue;
                }
            };
            match received.timelines.get(&key) {
                Some(other) if *other != known => verdicts.park(event.id, CONFLICT),
                Some(_same) => {}
                None => {
                    received.timelines.insert(key, known);
                    let lane = event.subject.lane;
                    received.arrived.insert(key, Arrived { event: event.id, lane });
                }
            }
        }
        received
    }
}
