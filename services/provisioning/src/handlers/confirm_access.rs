//! `DesiredAccessConfirmed`: what shall hold stays, for a newer timeline or release.
//!
//! What failed for good is tried again when it holds for a newer release: an operator may have
//! mended the application's document.

use std::collections::BTreeSet;

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection, Timestamp, Version};
use jiff::SignedDuration;
use proto::policy::v1::DesiredAccessConfirmed;
use proto::{Invalid, convert};
use store::Tx;
use uuid::Uuid;

use crate::dossier::Dossier;
use crate::patience::Patience;

pub(crate) struct ConfirmAccess {
    /// Of confirmations that wait for what they confirm.
    patience: Patience,
    /// How long an account that is to be made waits for those it refers to.
    reference_wait: SignedDuration,
}

impl ConfirmAccess {
    pub(crate) fn new(wait: SignedDuration, reference_wait: SignedDuration) -> Self {
        Self { patience: Patience::new(wait), reference_wait }
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
                    self.patience.forget(confirmed.event);
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
                None if self.patience.is_over(confirmed.event, tx.now()) => {
                    self.patience.forget(confirmed.event);
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
