//! `DesiredAccessChanged`: what shall hold is kept, and the way there is planned.

use std::collections::BTreeSet;

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection};
use proto::policy::v1::DesiredAccessChanged;
use store::Tx;
use uuid::Uuid;

use crate::access::Announced;
use crate::dossier::Dossier;
use crate::person::{self, Fence};

pub(crate) struct PlanAccess;

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
        person::table::ensure(tx, &ids.iter().map(|id| id.0).collect::<Vec<_>>()).await?;
        let mut dossier = Dossier::load(tx, &ids).await?;

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
        for id in newer {
            dossier.plan_person(tx, id);
        }
        dossier.write(tx).await?;
        Ok(verdicts)
    }
}
