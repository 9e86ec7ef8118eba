//! `LifecycleChanged`: where a person stands is kept, and what is to be told follows from it.
//!
//! Notices of people who are merged or split go to whom they are about from then on.

use std::collections::{BTreeMap, BTreeSet};

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection, Version};
use proto::policy::v1::LifecycleChanged;
use proto::{Invalid, convert};
use store::Tx;

use super::CONFLICT;
use crate::notice;
use crate::person::{self, Fence, Person};
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
        let mut ids: BTreeSet<PersonId> = BTreeSet::new();
        for (_event, person, _version, standing) in &received {
            ids.insert(*person);
            ids.extend(standing.kin.all());
        }
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
        newer = follow_kin(tx, &mut people, newer).await?;
        people.retain(|id, _person| newer.contains(id));
        self.teller.tell(tx, people).await?;
        Ok(verdicts)
    }
}

/// Gives notices to whom they are about. Returns everybody of whom there may be something to tell.
async fn follow_kin(
    tx: &mut Tx,
    people: &mut BTreeMap<PersonId, Person>,
    newer: BTreeSet<PersonId>,
) -> Result<BTreeSet<PersonId>, store::Error> {
    let mut concerned = newer.clone();
    for id in newer {
        let Some(kin) = people.get(&id).and_then(Person::kin).cloned() else { continue };
        for other in people.values_mut() {
            if kin.merged.contains(&other.id) {
                other.taken_in_by = Some(id);
            } else if other.taken_in_by == Some(id) {
                other.taken_in_by = None;
            }
        }
        for handed in person::handed_over(id, people) {
            notice::table::hand_over(tx, &handed).await?;
        }
        concerned.extend(kin.all());
    }
    Ok(concerned)
}

fn read(event: &LifecycleChanged) -> Result<(PersonId, Version, Standing), Invalid> {
    let person = convert::id("person_id", &event.person_id)?;
    let version = convert::version("version", event.version.as_ref())?;
    Ok((person, version, Standing::read(event)?))
}
