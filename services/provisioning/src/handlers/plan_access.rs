//! `DesiredAccessChanged`: what shall hold is kept, and the way there is planned.

use std::collections::BTreeSet;

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection};
use jiff::SignedDuration;
use proto::policy::v1::DesiredAccessChanged;
use store::Tx;
use uuid::Uuid;

use crate::access::Announced;
use crate::dossier::Dossier;
use crate::person::{self, Fence};

pub(crate) struct PlanAccess {
    /// How long an account that is to be made waits for those it refers to.
    pub(crate) wait: SignedDuration,
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
        let ids: BTreeSet<PersonId> = received.iter().map(|(_event, read)| read.person).collect();
        let others: BTreeSet<PersonId> =
            received.iter().flat_map(|(_event, read)| read.access.others()).collect();
        let rows: Vec<Uuid> = ids.union(&others).map(|id| id.0).collect();
        person::table::ensure(tx, &rows).await?;
        let mut dossier = Dossier::load_beside(tx, &ids, &others).await?;

        let mut newer = BTreeSet::new();
        for (event, announced) in received {
            let id = announced.person;
            match dossier.receive(announced) {
                Fence::Newer => {
                    newer.insert(id);
                }
                Fence::Same => {}
                Fence::Older => tracing::debug!(person.id = %id, "older desired access is skipped"),
                Fence::Conflict => {
                    verdicts.park(event, "another desired access was received in this version");
                }
            }
        }
        dossier.plan_people(tx, &newer, self.wait).await?;
        dossier.write(tx).await?;
        Ok(verdicts)
    }
}
