//! From a person to the event that tells them, and both into the database.

use domain::{Date, PersonId};
use jiff::tz::TimeZone;
use proto::hris::v1 as wire;
use store::{Error, Tx};

use crate::facts::{self, Announcement, Change, Managers};
use crate::mapping::Source;
use crate::person::{self, Person, Report, table::Announced};

/// Makes the event of a person who has changed.
pub(super) fn event(
    tx: &Tx,
    source: &Source,
    managers: &Managers,
    person: &Person,
    change: Change,
) -> Result<wire::PersonUpdated, facts::Error> {
    let today: Date = TimeZone::UTC.to_datetime(tx.now()).date();
    let name = facts::zone_name(person.told(), today, source.zone_name());
    let zone = TimeZone::get(name).unwrap_or_else(|_error| source.zone().clone());
    let announcement = Announcement {
        person: person.id,
        version: person.version,
        change,
        lane: facts::lane(person.told(), tx.now(), &zone),
        zone: name,
        managers,
        recorded_at: tx.now(),
        timeline: person.told(),
        kin: &person.kin,
    };
    // Beside what the source publishes stands what others say of the human.
    let others = person.timeline.engagements.iter().filter(|one| one.source != source.name());
    let slices = others.flat_map(|one| &one.slices);
    let theirs = slices.flat_map(|slice| slice.attributes.keys().map(String::as_str));
    announcement.event(source.name(), source.attributes().chain(theirs))
}

/// Writes people as they were told.
pub(super) async fn write(
    tx: &mut Tx,
    people: &[Announced],
    managers: &Managers,
) -> Result<(), Error> {
    person::table::upsert(tx, people).await?;
    let ids: Vec<PersonId> = people.iter().map(|one| one.person.id).collect();
    let reports: Vec<Report> = people.iter().flat_map(|one| one.person.reports(managers)).collect();
    person::reports::replace(tx, &ids, &reports).await
}
