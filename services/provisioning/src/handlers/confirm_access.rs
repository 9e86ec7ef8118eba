//! `DesiredAccessConfirmed`: what shall hold stays, for a newer timeline or release.
//!
//! What failed for good is tried again when it holds for a newer release: an operator may have
//! mended the application's document.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection, Timestamp, Version};
use jiff::SignedDuration;
use proto::policy::v1::DesiredAccessConfirmed;
use proto::{Invalid, convert};
use store::Tx;
use uuid::Uuid;

use crate::dossier::Dossier;

pub(crate) struct ConfirmAccess {
    /// How long a confirmation waits for what it confirms.
    wait: SignedDuration,
    /// How long an account that is to be made waits for those it refers to.
    reference_wait: SignedDuration,
    /// Confirmations that wait, since this process has seen them: what was evaluated long ago may
    /// have come a moment ago, together with what it confirms.
    waiting: Mutex<BTreeMap<Uuid, Timestamp>>,
}

/// More confirmations than the broker gives out at once never wait; beyond it waiting begins anew.
const WAITING_MAX: usize = 16_384;

impl ConfirmAccess {
    pub(crate) fn new(wait: SignedDuration, reference_wait: SignedDuration) -> Self {
        Self { wait, reference_wait, waiting: Mutex::default() }
    }

    /// Whether a confirmation has waited long enough.
    fn has_waited(&self, event: Uuid, now: Timestamp) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            waiting.clear();
        }
        let since = *waiting.entry(event).or_insert(now);
        now.duration_since(since) >= self.wait
    }

    /// Forgets a confirmation that waits no longer.
    fn forget(&self, event: Uuid) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&event);
    }
}

/// A confirmation that overtook what it confirms looks again after this time.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

struct Confirmed {
    event: Uuid,
    person: PersonId,
    version: Version,
    person_version: Version,
    release: i64,
    recorded_at: Timestamp,
}

impl Confirmed {
    fn read(event: &bus::Event<DesiredAccessConfirmed>) -> Result<Self, Invalid> {
        let body = &event.body;
        Ok(Self {
            event: event.id,
            person: convert::id("person_id", &body.person_id)?,
            version: convert::version("version", body.version.as_ref())?,
            person_version: convert::version("person_version", body.person_version.as_ref())?,
            release: crate::access::release(body.release)?,
            recorded_at: convert::instant("person_recorded_at", body.person_recorded_at.as_ref())?,
        })
    }
}

impl Handler for ConfirmAccess {
    type Event = DesiredAccessConfirmed;
    const CONSUMER: &'static str = "provisioning-confirm-access";

    #[tracing::instrument(name = "provisioning.confirm_access", skip_all)]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<DesiredAccessConfirmed>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut received = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            match Confirmed::read(event) {
                Ok(confirmed) => received.push(confirmed),
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        let ids: BTreeSet<PersonId> = received.iter().map(|confirmed| confirmed.person).collect();
        let mut dossier = Dossier::load(tx, &ids).await?;

        let mut again = BTreeSet::new();
        for confirmed in received {
            let person = dossier.person_mut(confirmed.person);
            match person.filter(|person| confirmed.version <= person.desired_version) {
                Some(person) => {
                    self.forget(confirmed.event);
                    let before = person.release;
                    person.confirm(
                        confirmed.person_version,
                        confirmed.release,
                        confirmed.recorded_at,
                    );
                    if person.release > before && person.failed > 0 {
                        again.insert(confirmed.person);
                    }
                }
                None if self.has_waited(confirmed.event, tx.now()) => {
                    self.forget(confirmed.event);
                    verdicts.park(confirmed.event, "what it confirms did not arrive");
                }
                None => verdicts.delay(confirmed.event, tx.now() + PAUSE),
            }
        }
        dossier.load_access(tx, &again).await?;
        for id in &again {
            if let Some(person) = dossier.person_mut(*id) {
                person.try_again();
            }
        }
        dossier.plan_people(tx, &again, self.reference_wait).await?;
        dossier.write(tx).await?;
        Ok(verdicts)
    }
}
