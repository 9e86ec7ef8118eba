//! People whose references lead to accounts that changed: their accounts may have to follow.

use std::collections::BTreeSet;

use chassis::Driver;
use domain::{PersonId, Rejection};
use jiff::SignedDuration;
use store::Tx;
use store::timers::{self, Timer};
use uuid::Uuid;

use crate::dossier::Dossier;
use crate::reference::TIMER;

/// Plans people anew when an account they refer to has changed, or will not come to be.
pub(crate) struct References {
    /// How long an account that is to be made waits for those it refers to.
    pub(crate) wait: SignedDuration,
}

/// How long nobody else takes a timer; planning takes milliseconds.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

impl Driver for References {
    type Job = Timer;
    type Outcome = ();

    const NAME: &'static str = "provisioning.references";
    const AT_ONCE: u16 = 256;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Timer>, Rejection> {
        Ok(timers::lease(tx, TIMER, LEASE, limit).await?)
    }

    async fn act(&self, jobs: &[Timer]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(Timer, ())]) -> Result<(), Rejection> {
        let keys: Vec<Uuid> = done.iter().map(|(timer, ())| timer.key).collect();
        let ids: BTreeSet<PersonId> = keys.iter().map(|key| PersonId(*key)).collect();
        let mut dossier = Dossier::load(tx, &ids).await?;
        // Before the accounts of others are read: what changes after that sets the timer again.
        timers::clear(tx, TIMER, &keys).await?;
        dossier.load_access(tx, &ids).await?;
        dossier.remember_references(&ids);
        dossier.plan_people(tx, &ids, self.wait).await?;
        dossier.write(tx).await?;
        Ok(())
    }
}
