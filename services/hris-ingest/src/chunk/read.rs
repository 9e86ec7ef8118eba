//! From a place in the walk to a chunk: the workers that come next, and whoever they may be.

use domain::Date;
use store::{Error, Tx};
use uuid::Uuid;

use super::crowd::{Crowd, Listed};
use super::{Chunk, Purpose, Scope, Silence, weigh};
use crate::facts::{self, Contract};
use crate::push as pushes;
use crate::run::Cursor;
use crate::{person, roster};

pub(super) async fn read(
    tx: &mut Tx,
    scope: Scope<'_>,
    cursor: &Cursor,
    limit: u16,
    purpose: Purpose,
) -> Result<Chunk, Error> {
    let (mut workers, next) = match cursor {
        Cursor::Listed(after) => listed(tx, scope, after, limit).await?,
        Cursor::Absent(after) => absent(tx, scope, after, limit).await?,
        Cursor::Managers(_) | Cursor::Look | Cursor::End => (Vec::new(), Cursor::End),
    };
    spare(tx, scope, cursor, &mut workers).await?;
    let crowd = meet(tx, scope, &workers, purpose).await?;
    Ok(Chunk { workers, crowd, next })
}

/// Leaves out those of whom the source has pushed something that is newer than the file: what the file
/// says of them is out of date, and so is its silence, even on the day of the push itself. What the
/// file says is so on that day, too, if it was read before the push: it may have been held since.
async fn spare(
    tx: &mut Tx,
    scope: Scope<'_>,
    cursor: &Cursor,
    workers: &mut Vec<Listed>,
) -> Result<(), Error> {
    let ids: Vec<&str> = workers.iter().map(|worker| worker.worker_id.as_str()).collect();
    let since = match cursor {
        Cursor::Listed(_) => scope.snapshot_date.tomorrow().unwrap_or(Date::MAX),
        Cursor::Absent(_) | Cursor::Managers(_) | Cursor::Look | Cursor::End => scope.snapshot_date,
    };
    let after = (scope.snapshot_date, scope.read_at);
    let newer = pushes::table::pushed_since(tx, scope.source, &ids, since, after).await?;
    if !newer.is_empty() {
        workers.retain(|worker| !newer.contains(&worker.worker_id));
    }
    Ok(())
}

/// Finds everybody whom workers may be; to write, locks them.
pub(super) async fn meet(
    tx: &mut Tx,
    scope: Scope<'_>,
    workers: &[Listed],
    purpose: Purpose,
) -> Result<Crowd, Error> {
    let mut crowd = Crowd::default();
    let ids: Vec<&str> = workers.iter().map(|worker| worker.worker_id.as_str()).collect();
    crowd.by_worker = roster::table::people_of(tx, scope.source, &ids).await?;
    match (purpose, scope.people_scope()) {
        (Purpose::Write, Some(people)) => person::table::lock_scope(tx, people).await?,
        (Purpose::Write, None) | (Purpose::Look, _) => {}
    }
    crowd.suspect(tx, scope, workers).await?;
    if let Some(identity) = scope.identity {
        let rows = workers.iter().flat_map(|worker| &worker.rows);
        let identities: Vec<&str> = rows.filter_map(|row| row.identity.as_deref()).collect();
        let people = crowd.by_worker.values().chain(&crowd.suspects);
        let people: Vec<Uuid> = people.map(|person| person.0).collect();
        let named = person::table::named(tx, identity.scope, &identities, &people).await?;
        named.into_iter().for_each(|(identity, person)| crowd.name(identity, person));
    }
    let people: Vec<Uuid> = crowd.ids().map(|person| person.0).collect();
    match purpose {
        Purpose::Look => {}
        Purpose::Write => person::table::lock(tx, &people).await?,
    }
    crowd.lineup.know(tx, scope.matching, &people).await?;
    let facts = facts::table::of_people(tx, &people).await?;
    crowd.weigh(weigh::weights(tx, scope).await?);
    crowd.know(person::table::list(tx, &people).await?, facts);
    Ok(crowd)
}

async fn listed(
    tx: &mut Tx,
    scope: Scope<'_>,
    after: &str,
    limit: u16,
) -> Result<(Vec<Listed>, Cursor), Error> {
    let mut workers = Vec::<Listed>::new();
    for (worker_id, row) in roster::table::listed_after(tx, scope.run, after, limit).await? {
        if workers.last().is_none_or(|last| last.worker_id != worker_id) {
            let contract = match scope.silence {
                Silence::Left => Contract::Full,
                Silence::Asked | Silence::Nothing => Contract::Partial,
            };
            workers.push(Listed::new(worker_id, contract));
        }
        let Some(worker) = workers.last_mut() else { continue };
        match row {
            Some(row) => worker.rows.push(row),
            // Not all that the file says of the worker is known.
            None => worker.contract = Contract::Partial,
        }
    }
    let next = match workers.last() {
        Some(last) if workers.len() >= usize::from(limit) => Cursor::Listed(last.worker_id.clone()),
        Some(_) | None => match scope.silence {
            Silence::Left | Silence::Asked => Cursor::Absent(String::new()),
            Silence::Nothing => Cursor::End,
        },
    };
    Ok((workers, next))
}

async fn absent(
    tx: &mut Tx,
    scope: Scope<'_>,
    after: &str,
    limit: u16,
) -> Result<(Vec<Listed>, Cursor), Error> {
    let source = (scope.run, scope.source);
    let ids = roster::table::absent_after(tx, source, scope.snapshot_date, after, limit).await?;
    let next = match ids.last() {
        Some(last) if ids.len() >= usize::from(limit) => Cursor::Absent(last.clone()),
        Some(_) | None => Cursor::End,
    };
    let worker = |worker_id| Listed::new(worker_id, Contract::Full);
    Ok((ids.into_iter().map(worker).collect(), next))
}
