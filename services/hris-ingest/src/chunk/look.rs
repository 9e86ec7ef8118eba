//! What a run would change, counted and not written.

use clock::Clock;
use store::{Error, Tx};

use super::crowd::Draft;
use super::{Chunk, Purpose, Scope, read};
use crate::gate::{self, Comparison, Examples, Met, Seen};
use crate::run::Cursor;

/// Counts what the next chunk would come to, and shows some of it.
pub(crate) async fn look(
    tx: &mut Tx,
    clock: &Clock,
    scope: Scope<'_>,
    cursor: &Cursor,
    limit: u16,
    comparison: &mut Comparison,
    mut examples: Option<&mut Examples>,
) -> Result<Cursor, Error> {
    let Chunk { workers, mut crowd, next } = read(tx, scope, cursor, limit, Purpose::Look).await?;
    for worker in workers {
        // Who is rejected is as little ended as anybody else.
        drop(crowd.take(scope, clock, worker));
    }
    let day = scope.snapshot_date;
    for draft in crowd.taken() {
        let is_known = !draft.before().engagements.is_empty();
        let change = draft.change(day);
        if let (Some(change), Some(examples)) = (change, &mut examples) {
            let (before, after) = (draft.before(), &draft.person.timeline);
            let id = is_known.then_some(draft.person.id);
            let workers = &draft.workers;
            examples.show(scope.source, day, Met { id, workers, change, before, after });
        }
        comparison.count(Seen {
            change,
            group: group(scope, draft),
            was_present: gate::is_present(draft.before(), scope.source, day),
            is_listed: draft.rows > 0,
            known: is_known.then_some((draft.person.id, draft.person.version)),
            workers: &draft.workers,
        });
    }
    Ok(next)
}

/// The group in which a person counts: the one they were in, else the one they come to.
pub(super) fn group(scope: Scope<'_>, draft: &Draft) -> String {
    let Some(attribute) = scope.group_by else { return String::new() };
    let of = |timeline| gate::group_of(timeline, scope.source, attribute, scope.snapshot_date);
    of(draft.before()).or_else(|| of(&draft.person.timeline)).unwrap_or_default()
}
