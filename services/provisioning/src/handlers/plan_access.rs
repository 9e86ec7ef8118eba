//! `DesiredAccessChanged`: what shall hold is kept, and the way there is planned.
//!
//! Of two people who are merged or split the survivor's comes first; the other's waits for it.

use std::collections::BTreeSet;

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection, Timestamp};
use jiff::SignedDuration;
use proto::policy::v1::DesiredAccessChanged;
use store::Tx;
use uuid::Uuid;

use crate::access::Announced;
use crate::dossier::{Dossier, Wait};
use crate::duty::{self, Addresses};
use crate::kin::Awaited;
use crate::patience::Patience;
use crate::person::{self, Fence};

pub(crate) struct PlanAccess {
    /// How long an account that is to be made waits for those it refers to.
    wait: SignedDuration,
    /// Of people who wait for what is announced of those they are merged into.
    patience: Patience,
}

/// Who waits for what is announced of another person looks again after this time.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Work on accounts that are to be handed over is waited with for this time, again and again.
const HAND_PAUSE: SignedDuration = SignedDuration::from_millis(250);

impl PlanAccess {
    pub(crate) fn new(kin_wait: SignedDuration, reference_wait: SignedDuration) -> Self {
        Self { wait: reference_wait, patience: Patience::new(kin_wait) }
    }

    /// Receives what need not wait, and returns what has to.
    fn receive(
        &self,
        dossier: &mut Dossier,
        received: Vec<(Uuid, Announced)>,
        newer: &mut BTreeSet<PersonId>,
        verdicts: &mut Verdicts,
        now: Timestamp,
    ) -> Vec<(Uuid, Announced, Wait)> {
        let mut waiting = Vec::new();
        for (event, announced) in received {
            let id = announced.person;
            if dossier.fence(&announced) == Fence::Newer
                && let Some(wait) = dossier.wait(&announced)
                && !self.overrules(event, wait, now)
            {
                waiting.push((event, announced, wait));
                continue;
            }
            self.patience.forget(event);
            match dossier.receive(announced) {
                Fence::Newer => {
                    newer.insert(id);
                    newer.extend(dossier.follow_kin(id));
                }
                Fence::Same => {}
                Fence::Older => tracing::debug!(person.id = %id, "older desired access is skipped"),
                Fence::Conflict => {
                    verdicts.park(event, "another desired access was received in this version");
                }
            }
        }
        waiting
    }

    /// Whether a survivor has waited long enough for somebody who says something else.
    fn overrules(&self, event: Uuid, wait: Wait, now: Timestamp) -> bool {
        wait == Wait::Word(Awaited::Other) && self.patience.is_over(event, now)
    }

    fn put_off(&self, event: Uuid, wait: Wait, now: Timestamp, verdicts: &mut Verdicts) {
        match wait {
            Wait::Hand => verdicts.delay(event, now + HAND_PAUSE),
            Wait::Word(Awaited::Survivor) if self.patience.is_over(event, now) => {
                self.patience.forget(event);
                verdicts.park(event, "what the person is merged into did not say so");
            }
            Wait::Word(Awaited::Survivor | Awaited::Other) => verdicts.delay(event, now + PAUSE),
        }
    }
}

impl Handler for PlanAccess {
    type Event = DesiredAccessChanged;
    const CONSUMER: &'static str = "provisioning-plan-access";

    #[tracing::instrument(name = "provisioning.plan_access", skip_all)]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<DesiredAccessChanged>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut received: Vec<(Uuid, Announced)> = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            match Announced::read(&event.body) {
                Ok(announced) => received.push((event.id, announced)),
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        if received.is_empty() {
            return Ok(verdicts);
        }
        let announced = || received.iter().map(|(_event, announced)| announced);
        let mut ids: BTreeSet<PersonId> = announced().map(|one| one.person).collect();
        ids.extend(announced().flat_map(|one| one.kin.all()));
        let others: BTreeSet<PersonId> = announced().flat_map(|one| one.access.others()).collect();
        let rows: Vec<Uuid> = ids.union(&others).map(|id| id.0).collect();
        person::table::ensure(tx, &rows).await?;
        let mut dossier = Dossier::load_beside(tx, &ids, &others).await?;
        dossier.load_kin(tx).await?;
        let addresses: Vec<Addresses> =
            announced().map(|one| Addresses::of(one, dossier.accounts_of(one.person))).collect();

        let now = tx.now();
        let mut newer = BTreeSet::new();
        loop {
            let before = received.len();
            let waiting = self.receive(&mut dossier, received, &mut newer, &mut verdicts, now);
            if waiting.is_empty() || waiting.len() == before {
                for (event, _announced, wait) in waiting {
                    self.put_off(event, wait, now, &mut verdicts);
                }
                break;
            }
            // What they wait for may have been received just now.
            received = waiting.into_iter().map(|(event, one, _wait)| (event, one)).collect();
        }
        dossier.complete_access(tx, &newer).await?;
        dossier.plan_people(tx, &newer, self.wait).await?;
        let addresses: Vec<Addresses> =
            addresses.into_iter().filter(|one| newer.contains(&one.person)).collect();
        duty::table::put(tx, &addresses).await?;
        dossier.write(tx).await?;
        Ok(verdicts)
    }
}
