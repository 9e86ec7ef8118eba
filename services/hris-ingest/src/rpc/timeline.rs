//! A person's timeline, as it was told last or as it was known at an instant.

use std::collections::BTreeSet;

use domain::{PersonId, Timestamp};
use jiff::tz::TimeZone;
use proto::hris::v1 as wire;
use proto::prost::Message as _;
use store::Store;
use tonic::Status;

use super::internal;
use crate::authority;
use crate::facts::{self, Announcement, Change, Timeline};
use crate::person::{self, Person};
use crate::roster;

/// Returns what was told last, or what the facts recorded by an instant come to.
pub(super) async fn get(
    store: &Store,
    id: PersonId,
    known_at: Option<Timestamp>,
) -> Result<wire::GetTimelineResponse, Status> {
    let id = person::table::resolve(store.pool(), id).await.map_err(internal)?;
    let person_updated = match known_at {
        None => person::table::find_announced(store.pool(), id).await.map_err(internal)?,
        Some(known_at) => known(store, id, known_at).await?,
    };
    let unknown = || match known_at {
        None => format!("no person {id} is known"),
        Some(known_at) => format!("no person {id} was known at {known_at}"),
    };
    let person_updated = person_updated.ok_or_else(|| Status::not_found(unknown()))?;
    Ok(wire::GetTimelineResponse { person_updated })
}

async fn known(
    store: &Store,
    id: PersonId,
    known_at: Timestamp,
) -> Result<Option<Vec<u8>>, Status> {
    let mut tx = store.begin().await.map_err(internal)?;
    let mut facts = facts::table::of_people(&mut tx, &[id.0]).await.map_err(internal)?;
    let facts = facts.remove(&id).unwrap_or_default();
    let timeline = facts::fold(facts.iter().filter(|fact| fact.recorded_at <= known_at));
    let now = person::table::list(&mut tx, &[id.0]).await.map_err(internal)?.pop();
    let Some(now) = now.filter(|_person| !timeline.engagements.is_empty()) else {
        return Ok(None);
    };
    let authorities = authority::table::all(&mut tx).await.map_err(internal)?;
    let day = TimeZone::UTC.to_datetime(known_at).date();
    let composed = facts::compose(&timeline, &authorities, &Timeline::default(), day);
    let then = Person { timeline, composed: composed.map(|one| one.timeline), ..now };
    let stated: BTreeSet<(String, String)> = then.managers();
    let managers = roster::table::people_of_pairs(&mut tx, &stated).await.map_err(internal)?;
    let zone = facts::zone_name(then.told(), day, "UTC");
    let lane = facts::lane(then.told(), known_at, &TimeZone::get(zone).unwrap_or(TimeZone::UTC));
    let announcement = Announcement {
        person: id,
        version: then.version,
        change: Change::Changed,
        lane,
        zone,
        managers: &managers,
        recorded_at: known_at,
        timeline: then.told(),
        kin: &then.kin,
    };
    let event = announcement.whole();
    Ok(Some(event.map_err(|error| Status::out_of_range(error.to_string()))?.encode_to_vec()))
}
