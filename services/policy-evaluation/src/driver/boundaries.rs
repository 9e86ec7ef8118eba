//! Instants at which desired access may change without any new fact.

use chassis::{Cause, Driver};
use domain::{PersonId, Rejection};
use jiff::SignedDuration;
use store::Tx;
use store::timers::{self, Timer};

use super::PEOPLE_MAX;
use crate::evaluator::{BOUNDARY, Evaluator};

/// How long nobody else takes a timer; an evaluation takes milliseconds.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Evaluates people at their next boundary.
#[derive(Debug)]
pub(crate) struct Boundaries {
    evaluator: Evaluator,
}

impl Boundaries {
    pub(crate) fn new(evaluator: Evaluator) -> Self {
        Self { evaluator }
    }
}

impl Driver for Boundaries {
    type Job = Timer;
    type Outcome = ();

    const NAME: &'static str = "policy-evaluation.boundaries";
    const AT_ONCE: u16 = PEOPLE_MAX;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Timer>, Rejection> {
        Ok(timers::lease(tx, BOUNDARY, LEASE, limit).await?)
    }

    fn cause<'a>(&self, job: &'a Timer) -> Option<Cause<'a>> {
        Some(Cause { person: PersonId(job.key), traceparent: None })
    }

    async fn act(&self, jobs: &[Timer]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(Timer, ())]) -> Result<(), Rejection> {
        let due = done.iter().map(|(timer, ())| (PersonId(timer.key), timer.lane)).collect();
        Ok(self.evaluator.reached(tx, &due).await?)
    }
}
