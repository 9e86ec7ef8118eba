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
use crate::facts::{self, Change, Claim, Engagement, Fact, table::Record};
use crate::person::{self, Person, table::Announced};

/// Who says what an operator says; no source can take the name, which is not one.
const OPERATOR: &str = "(operator)";

/// Ends every engagement that has not ended at this instant.
pub(super) async fn end_now(store: &Store, id: PersonId) -> Result<wire::EndNowResponse, Status> {
    let (mut tx, person, event) = find(store, id).await?;
    let id = person.id;
    let now = tx.now();
    let zone = TimeZone::get(&event.zone).unwrap_or(TimeZone::UTC);
    let going_on = person.timeline.employments().filter(|one| !facts::ended(one, now, &zone));
    let said = said(going_on, now, Claim::EndsAt(Some(now)));
    let ended = u32::try_from(said.len()).unwrap_or(u32::MAX);
    if ended > 0 {
        tell(&mut tx, person, event, Change::Left, said).await?;
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
    let (mut tx, person, event) = find(store, id).await?;
    let id = person.id;
    let ended = person.timeline.engagements.iter().filter(|one| one.ends_at.is_some());
    let said = said(ended, tx.now(), Claim::EndsAt(None));
    let ends = said.len();
    if ends > 0 {
        tell(&mut tx, person, event, Change::Changed, said).await?;
        tx.commit().await.map_err(internal)?;
        tracing::info!("the end of person {id} is withdrawn, in {ends} engagements");
    }
    Ok(wire::WithdrawEndResponse { engagements: u32::try_from(ends).unwrap_or(u32::MAX) })
}

/// Lifts what sources hold a person for, until one of them says so anew.
pub(super) async fn lift(store: &Store, id: PersonId) -> Result<wire::LiftHoldResponse, Status> {
    let (mut tx, person, event) = find(store, id).await?;
    let id = person.id;
    let held = person.timeline.engagements.iter().filter(|one| one.held_since.is_some());
    let said: Vec<Fact> = said(held, tx.now(), Claim::HeldSince(None));
    let held_since = person.timeline.held_since;
    if !said.is_empty() {
        tell(&mut tx, person, event, Change::Changed, said).await?;
        tx.commit().await.map_err(internal)?;
        tracing::info!("person {id} is held no more, as an operator says");
    }
    Ok(wire::LiftHoldResponse { held_since: held_since.map(Into::into) })
}

/// Returns a person, locked, and the event that told them last. An id that was merged is the person into whom.
async fn find(store: &Store, id: PersonId) -> Result<(Tx, Person, wire::PersonUpdated), Status> {
    let id = person::table::resolve(store.pool(), id).await.map_err(internal)?;
    let mut tx = store.begin().await.map_err(internal)?;
    person::table::lock(&mut tx, &[id.0]).await.map_err(internal)?;
    let person = person::table::list(&mut tx, &[id.0]).await.map_err(internal)?.pop();
    if let Some(into) = person.as_ref().and_then(|person| person.kin.merged_into) {
        let why = format!("person {id} was merged into {into} at this moment: try again");
        return Err(Status::aborted(why));
    }
    let told = person::table::get_announced(&mut tx, id).await.map_err(internal)?;
    let told = told.and_then(|told| wire::PersonUpdated::decode(told.as_slice()).ok());
    match person.zip(told) {
        Some((person, told)) => Ok((tx, person, told)),
        None => Err(Status::not_found(format!("no person {id} is known"))),
    }
}

/// What an operator says of engagements.
fn said<'a>(
    engagements: impl Iterator<Item = &'a Engagement>,
    now: Timestamp,
    claim: Claim,
) -> Vec<Fact> {
    let fact = |one: &Engagement| Fact {
        engagement: one.id,
        sequence: facts::sequence_at(now),
        recorded_at: now,
        number: 0,
        claims: vec![claim.clone()],
    };
    engagements.map(fact).collect()
}

/// Records what an operator said, and tells what was told last once more, with other ends.
async fn tell(
    tx: &mut Tx,
    mut person: Person,
    mut event: wire::PersonUpdated,
    change: Change,
    said: Vec<Fact>,
) -> Result<(), Status> {
    let mut known = facts::table::of_people(tx, &[person.id.0]).await.map_err(internal)?;
    let known = known.remove(&person.id).unwrap_or_default();
    let numbers = facts::next_number(&known)..;
    let said: Vec<Fact> =
        said.into_iter().zip(numbers).map(|(fact, number)| Fact { number, ..fact }).collect();
    person.timeline = facts::fold(known.iter().chain(&said));
    person.take_operators_word();
    person.version = tx.next_version(person.version);
    let ends_of = |id: &str| -> Option<Timestamp> {
        let of = |engagement: &&Engagement| engagement.id.to_string() == id;
        person.timeline.engagements.iter().find(of)?.ends_at
    };
    for engagement in &mut event.engagements {
        engagement.ends_at = ends_of(&engagement.engagement_id).map(Into::into);
    }
    event.held_since = person.timeline.held_since.map(Into::into);
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
    let id = person.id;
    person::table::upsert(tx, &[Announced { person, event }]).await.map_err(internal)?;
    let record = |fact| Record { person: id, source: OPERATOR, fact };
    let facts: Vec<Record<'_>> = said.iter().map(record).collect();
    facts::table::record(tx, &facts).await.map_err(internal)
}
