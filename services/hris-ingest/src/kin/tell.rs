//! People as they are told after they were merged or split, and whoever reports to them.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, PersonId};
use jiff::tz::TimeZone;
use proto::hris::v1 as wire;
use proto::prost::Message as _;
use store::Tx;

use super::Error;
use crate::facts::{self, Announcement, Change};
use crate::person::{self, Person, table::Announced};
use crate::roster;

/// What was told of people before: no other attributes are told of them now.
#[derive(Debug, Default)]
pub(super) struct Before(BTreeMap<PersonId, Told>);

#[derive(Debug, Clone, Default)]
struct Told {
    attributes: BTreeSet<String>,
    zone: String,
}

impl Before {
    pub(super) async fn read(tx: &mut Tx, people: &[PersonId]) -> Result<Self, Error> {
        let mut before = BTreeMap::new();
        for (person, event) in person::table::list_announced(tx, people).await? {
            let Ok(event) = wire::PersonUpdated::decode(event.as_slice()) else { continue };
            let slices = event.slices.into_iter().flat_map(|slice| slice.attributes.into_keys());
            before.insert(person, Told { attributes: slices.collect(), zone: event.zone });
        }
        Ok(Self(before))
    }

    /// Takes what was told of either for what was told of both.
    pub(super) fn join(&mut self, people: [PersonId; 2]) {
        let told: Vec<Told> = people.iter().filter_map(|id| self.0.get(id).cloned()).collect();
        let zone = told.first().map(|told| told.zone.clone()).unwrap_or_default();
        let attributes: BTreeSet<String> =
            told.into_iter().flat_map(|told| told.attributes).collect();
        for person in people {
            let joined = self
                .0
                .entry(person)
                .or_insert_with(|| Told { zone: zone.clone(), ..Told::default() });
            joined.attributes = attributes.clone();
        }
    }
}

/// Tells people as they are, and keeps it.
pub(super) async fn tell(
    tx: &mut Tx,
    people: Vec<(Person, Change)>,
    before: &Before,
) -> Result<(), Error> {
    let stated: BTreeSet<_> = people.iter().flat_map(|(person, _)| person.managers()).collect();
    let managers = roster::table::people_of_pairs(tx, &stated).await?;
    let today: Date = TimeZone::UTC.to_datetime(tx.now()).date();
    let nothing = Told::default();
    let mut told = Vec::with_capacity(people.len());
    for (person, change) in people {
        let before = before.0.get(&person.id).unwrap_or(&nothing);
        let name = facts::zone_name(person.told(), today, &before.zone);
        let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
        let announcement = Announcement {
            person: person.id,
            version: person.version,
            change,
            // Who is merged away has no engagements, and has not left.
            lane: facts::lane(person.told(), tx.now(), &zone),
            zone: name,
            managers: &managers,
            recorded_at: tx.now(),
            timeline: person.told(),
            kin: &person.kin,
        };
        let mut event = announcement.whole()?;
        for slice in &mut event.slices {
            slice.attributes.retain(|name, _value| before.attributes.contains(name));
        }
        tx.begin_trace(person.id);
        tx.publish(&event)?;
        told.push(Announced { person, event: event.encode_to_vec() });
    }
    person::table::upsert(tx, &told).await?;
    let ids: Vec<PersonId> = told.iter().map(|one| one.person.id).collect();
    let reports: Vec<_> = told.iter().flat_map(|one| one.person.reports(&managers)).collect();
    Ok(person::reports::replace(tx, &ids, &reports).await?)
}
