//! Instants at which something is to be told without any new fact.

use std::collections::BTreeSet;

use chassis::Driver;
use domain::{PersonId, Rejection};
use jiff::SignedDuration;
use store::Tx;
use store::timers::{self, Timer};

use crate::person;
use crate::teller::{BOUNDARY, Teller};

/// How long nobody else takes a timer; to tell takes milliseconds.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Looks at people again. Nothing of it touches the outside world: `act` has nothing to do.
#[derive(Debug)]
pub(crate) struct Boundaries {
    pub(crate) teller: Teller,
}

impl Driver for Boundaries {
    type Job = Timer;
    type Outcome = ();

    const NAME: &'static str = "notification.boundaries";
    const AT_ONCE: u16 = 256;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Timer>, Rejection> {
        Ok(timers::lease(tx, BOUNDARY, LEASE, limit).await?)
    }

    async fn act(&self, jobs: &[Timer]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(Timer, ())]) -> Result<(), Rejection> {
        let ids: BTreeSet<PersonId> = done.iter().map(|(timer, ())| PersonId(timer.key)).collect();
        let people = person::table::lock(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
        self.teller.tell(tx, people).await
    }
}
