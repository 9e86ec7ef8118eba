//! An operator ends a person's access at once, and takes that back.
//!
//! The end is a fact beside those of the sources: no file changes it, and it says nothing about when
//! the engagement ends for HR.

use domain::{Lane, PersonId, Timestamp};
use jiff::tz::TimeZone;
use proto::common::v1::Lane as WireLane;
use proto::hris::v1 as wire;
use proto::prost::Message as _;
use store::{Store, Tx};
use tonic::Status;

use super::internal;
use crate::facts::{self, Change, Engagement};
use crate::person::{self, Person, table::Announced};

/// Ends every engagement that has not ended at this instant.
pub(super) async fn end_now(store: &Store, id: PersonId) -> Result<wire::EndNowResponse, Status> {
    let mut tx = store.begin().await.map_err(internal)?;
    let (mut person, event) = find(&mut tx, id).await?;
    let now = tx.now();
    let zone = TimeZone::get(&event.zone).unwrap_or(TimeZone::UTC);
    let mut ended = 0;
    for engagement in &mut person.timeline.engagements {
        if !facts::ended(engagement, now, &zone) {
            engagement.ends_at = Some(now);
            ended += 1;
        }
    }
    if ended > 0 {
        tell(&mut tx, person, event, Change::Left).await?;
        tx.commit().await.map_err(internal)?;
        tracing::info!("person {id} is ended by an operator, in {ended} engagements");
    }
    Ok(wire::EndNowResponse { engagements: ended, ends_at: Some(now.into()) })
}

/// Lets the dates of the sources count alone again.
pub(super) async fn withdraw(
    store: &Store,
    id: PersonId,
) -> Result<wire::WithdrawEndResponse, Status> {
    let mut tx = store.begin().await.map_err(internal)?;
    let (mut person, event) = find(&mut tx, id).await?;
    let ends = person.timeline.engagements.iter_mut();
    let ends = ends.filter_map(|engagement| engagement.ends_at.take()).count();
    if ends > 0 {
        tell(&mut tx, person, event, Change::Changed).await?;
        tx.commit().await.map_err(internal)?;
        tracing::info!("the end of person {id} is withdrawn, in {ends} engagements");
    }
    Ok(wire::WithdrawEndResponse { engagements: u32::try_from(ends).unwrap_or(u32::MAX) })
}

/// Returns a person, locked, and the event that told them last.
async fn find(tx: &mut Tx, id: PersonId) -> Result<(Person, wire::PersonUpdated), Status> {
    person::table::lock(tx, &[id.0]).await.map_err(internal)?;
    let person = person::table::list(tx, &[id.0]).await.map_err(internal)?.pop();
    let told = person::table::get_announced(tx, id).await.map_err(internal)?;
    let told = told.and_then(|told| wire::PersonUpdated::decode(told.as_slice()).ok());
    person.zip(told).ok_or_else(|| Status::not_found(format!("no person {id} is known")))
}

/// Tells what was told last once more, with other ends.
async fn tell(
    tx: &mut Tx,
    mut person: Person,
    mut event: wire::PersonUpdated,
    change: Change,
) -> Result<(), Status> {
    person.version = tx.next_version(person.version);
    let ends_of = |id: &str| -> Option<Timestamp> {
        let of = |engagement: &&Engagement| engagement.id.to_string() == id;
        person.timeline.engagements.iter().find(of)?.ends_at
    };
    for engagement in &mut event.engagements {
        engagement.ends_at = ends_of(&engagement.engagement_id).map(Into::into);
    }
    let zone = TimeZone::get(&event.zone).unwrap_or(TimeZone::UTC);
    let lane = match change {
        // Whatever stays, something has to end at once.
        Change::Left => Lane::Leaver,
        Change::Joined | Change::Changed | Change::Rehired => {
            facts::lane(&person.timeline, tx.now(), &zone)
        }
    };
    event.version = Some(person.version.into());
    event.lane = WireLane::from(lane).into();
    event.change = wire::ChangeKind::from(change).into();
    event.recorded_at = Some(tx.now().into());
    tx.begin_trace(person.id);
    tx.publish(&event).map_err(internal)?;
    let event = event.encode_to_vec();
    person::table::upsert(tx, &[Announced { person, event }]).await.map_err(internal)
}
