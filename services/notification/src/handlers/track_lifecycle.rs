//! `LifecycleChanged`: where a person stands is kept, and what is to be told follows from it.

use std::collections::BTreeSet;

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection, Version};
use proto::policy::v1::LifecycleChanged;
use proto::{Invalid, convert};
use store::Tx;

use super::CONFLICT;
use crate::person::{self, Fence};
use crate::standing::Standing;
use crate::teller::Teller;

pub(crate) struct TrackLifecycle {
    pub(crate) teller: Teller,
}

impl Handler for TrackLifecycle {
    type Event = LifecycleChanged;
    const CONSUMER: &'static str = "notification-track-lifecycle";

    #[tracing::instrument(name = "notification.track_lifecycle", skip_all)]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<LifecycleChanged>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut received = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            match read(&event.body) {
                Ok((person, version, standing)) => {
                    received.push((event.id, person, version, standing));
                }
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        let ids: BTreeSet<PersonId> = received.iter().map(|(_event, person, ..)| *person).collect();
        let mut people = person::table::lock(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
        let mut newer = BTreeSet::new();
        for (event, id, version, standing) in received {
            let Some(person) = people.get_mut(&id) else { continue };
            match person.stand(version, standing) {
                Fence::Newer => {
                    newer.insert(id);
                }
                Fence::Known => tracing::debug!(person.id = %id, "an older standing is skipped"),
                Fence::Conflict => verdicts.park(event, CONFLICT),
            }
        }
        people.retain(|id, _person| newer.contains(id));
        self.teller.tell(tx, people).await?;
        Ok(verdicts)
    }
}

fn read(event: &LifecycleChanged) -> Result<(PersonId, Version, Standing), Invalid> {
    let person = convert::id("person_id", &event.person_id)?;
    let version = convert::version("version", event.version.as_ref())?;
    Ok((person, version, Standing::read(event)?))
}
