//! What is kept of a crowd beside facts: who has which number for ever, what tells workers apart, and who
//! was taken for somebody by that alone.

use std::collections::BTreeSet;

use domain::PersonId;
use proto::hris::v1 as wire;
use store::{Error, Tx};

use super::Scope;
use super::crowd::Crowd;
use crate::case::Verdict;
use crate::matching::{self, table::Said};
use crate::person::{self, table::Announced};

/// Keeps it of everybody who is known or `written`, but for those whose news was `kept` back.
pub(super) async fn remember(
    tx: &mut Tx,
    scope: Scope<'_>,
    crowd: &Crowd,
    people: &[Announced],
    kept: &BTreeSet<PersonId>,
) -> Result<(), Error> {
    let written: BTreeSet<PersonId> = people.iter().map(|one| one.person.id).collect();
    if let Some(identity) = scope.identity {
        let mut named = crowd.named(|id| written.contains(id));
        named.retain(|(_identity, person)| !kept.contains(person));
        person::table::name(tx, identity.scope, &named).await?;
    }
    let Some(matching) = scope.matching else { return Ok(()) };
    let remains = |said: &&Said| {
        let person = crowd.by_worker.get(&said.worker_id);
        person.is_some_and(|person| {
            !kept.contains(person) && (written.contains(person) || crowd.is_known(*person))
        })
    };
    let said: Vec<Said> = crowd.lineup.said.iter().filter(remains).cloned().collect();
    matching::table::keep(tx, (scope.source, &matching.scope), &said).await?;
    for (worker_id, candidate) in &crowd.matched {
        let Some(one) = people.iter().find(|one| one.person.id == candidate.person) else {
            continue;
        };
        let with = |wanted: Verdict| -> Vec<String> {
            let of = candidate.score.verdicts.iter().filter(move |(_, verdict)| *verdict == wanted);
            of.map(|(name, _)| name.clone()).collect()
        };
        let engagements = one.person.timeline.engagements.iter().filter(|engagement| {
            engagement.source == scope.source && engagement.worker_id == *worker_id
        });
        tracing::info!(
            person.id = %candidate.person,
            "a worker is person {} by {} points",
            candidate.person,
            candidate.score.points
        );
        tx.publish(&wire::PersonMatched {
            person_id: candidate.person.to_string(),
            version: Some(one.person.version.into()),
            source: scope.source.to_owned(),
            engagement_ids: engagements.map(|engagement| engagement.id.to_string()).collect(),
            points: candidate.score.points.unsigned_abs(),
            agreed: with(Verdict::Agrees),
            differed: with(Verdict::Differs),
            matched_at: Some(tx.now().into()),
        })?;
    }
    Ok(())
}
