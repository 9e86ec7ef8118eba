//! People whose evaluation rests on an older release than the active one, or on none.

use std::num::NonZeroU16;

use chassis::{Cause, Driver};
use domain::{PersonId, Rejection};
use store::Tx;

use super::PEOPLE_MAX;
use crate::evaluator::Evaluator;

/// Evaluates people with the active release, a chunk at a time.
#[derive(Debug)]
pub(crate) struct Reevaluation {
    evaluator: Evaluator,
    chunk_size: NonZeroU16,
}

impl Reevaluation {
    pub(crate) fn new(evaluator: Evaluator, chunk_size: NonZeroU16) -> Self {
        Self { evaluator, chunk_size }
    }
}

impl Driver for Reevaluation {
    type Job = PersonId;
    type Outcome = ();

    const NAME: &'static str = "policy-evaluation.reevaluation";
    const AT_ONCE: u16 = PEOPLE_MAX;

    // The row says by itself that it is not done, so a chunk needs no lease that could run out: two
    // replicas that look at the same chunk skip each other's locks when they write.
    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<PersonId>, Rejection> {
        Ok(self.evaluator.outdated(tx, limit.min(self.chunk_size.get())).await?)
    }

    fn cause<'a>(&self, job: &'a PersonId) -> Option<Cause<'a>> {
        Some(Cause { person: *job, traceparent: None })
    }

    async fn act(&self, jobs: &[PersonId]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(PersonId, ())]) -> Result<(), Rejection> {
        let people: Vec<PersonId> = done.iter().map(|(person, ())| *person).collect();
        Ok(self.evaluator.renewed(tx, &people).await?)
    }
}
