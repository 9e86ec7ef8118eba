//! Who the managers are whom rows name by their worker ids.
//!
//! A manager may be listed after their reports, in another chunk or another file. Whoever was told
//! without a manager who is known meanwhile is told once more.

use std::collections::BTreeSet;

use proto::prost::Message as _;
use store::{Error, Tx};

use super::crowd::Crowd;
use super::tell;
use crate::facts::{self, Change, Managers};
use crate::mapping::Source;
use crate::person::{self, table::Announced};
use crate::roster;
use crate::run::{Cursor, Step};

/// Returns the managers of a chunk's people, those of the chunk itself included.
pub(super) async fn known(tx: &mut Tx, source: &str, crowd: &Crowd) -> Result<Managers, Error> {
    let stated: BTreeSet<_> = crowd.taken().flat_map(|draft| draft.person.managers()).collect();
    let mut managers = roster::table::people_of_pairs(tx, &stated).await?;
    for (worker_id, person) in &crowd.by_worker {
        managers.insert((source.to_owned(), worker_id.clone()), *person);
    }
    Ok(managers)
}

/// Tells the next people whose manager became known.
pub(super) async fn tell(
    tx: &mut Tx,
    source: &Source,
    after: &str,
    limit: u16,
) -> Result<Step, Error> {
    let after = after.parse().unwrap_or_default();
    let ids = person::reports::newly_known(tx, source.name(), after, limit).await?;
    person::table::lock(tx, &ids).await?;
    let people = person::table::list(tx, &ids).await?;
    let stated: BTreeSet<_> = people.iter().flat_map(person::Person::managers).collect();
    let managers = roster::table::people_of_pairs(tx, &stated).await?;
    let mut told = Vec::with_capacity(people.len());
    for mut person in people {
        person.version = tx.next_version(person.version);
        match tell::event(tx, source, &managers, &person, Change::Changed) {
            Ok(event) => {
                tx.begin_trace(person.id);
                tx.publish(&event)?;
                told.push(Announced { person, event: event.encode_to_vec() });
            }
            Err(facts::Error::TooLarge { .. }) => {
                tracing::warn!("person {} is too large to be told with a manager", person.id);
            }
        }
    }
    tell::write(tx, &told, &managers).await?;
    let next = match ids.last() {
        Some(last) if ids.len() >= usize::from(limit) => Cursor::Managers(last.to_string()),
        Some(_) | None => Cursor::End,
    };
    Ok(Step { next, ..Step::default() })
}
