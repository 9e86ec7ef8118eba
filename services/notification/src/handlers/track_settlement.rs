//! `PersonSettled`: whether every application agrees with what a person shall hold.

use std::collections::BTreeSet;

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection};
use proto::provisioning::v1::PersonSettled;
use proto::{Invalid, convert};
use store::Tx;

use super::CONFLICT;
use crate::milestone::Settlement;
use crate::person::{self, Fence};
use crate::teller::Teller;

pub(crate) struct TrackSettlement {
    pub(crate) teller: Teller,
}

impl Handler for TrackSettlement {
    type Event = PersonSettled;
    const CONSUMER: &'static str = "notification-track-settlement";

    #[tracing::instrument(name = "notification.track_settlement", skip_all)]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<PersonSettled>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut received = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            match read(&event.body) {
                Ok((person, settlement)) => received.push((event.id, person, settlement)),
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        let ids: BTreeSet<PersonId> = received.iter().map(|(_event, person, _)| *person).collect();
        let mut people = person::table::lock(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
        let mut newer = BTreeSet::new();
        for (event, id, settlement) in received {
            let Some(person) = people.get_mut(&id) else { continue };
            match person.settle(settlement) {
                Fence::Newer => {
                    newer.insert(id);
                }
                Fence::Known => tracing::debug!(person.id = %id, "an older settlement is skipped"),
                Fence::Conflict => verdicts.park(event, CONFLICT),
            }
        }
        people.retain(|id, _person| newer.contains(id));
        self.teller.tell(tx, people).await?;
        Ok(verdicts)
    }
}

fn read(event: &PersonSettled) -> Result<(PersonId, Settlement), Invalid> {
    let settlement = Settlement {
        version: convert::version("version", event.version.as_ref())?,
        person_version: convert::version("person_version", event.person_version.as_ref())?,
        open: event.open,
        failed: event.failed,
        tasks: event.tasks,
    };
    Ok((convert::id("person_id", &event.person_id)?, settlement))
}
