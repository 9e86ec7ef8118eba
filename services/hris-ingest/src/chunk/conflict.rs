//! Attributes of people about which sources of one rank do not agree: somebody has to decide.

use std::collections::BTreeSet;

use store::{Error, Tx};

use super::crowd::Draft;
use crate::case::{self, Compared, Evidence, Kind, Question, Side, Verdict};
use crate::facts::Conflict;

/// Who asks when the sources themselves are the question; no source can take the name, which is not one.
const SOURCES: &str = "(sources)";

/// Asks about what sources do not agree on, and closes what they agree on again. The caller has locked
/// the people.
pub(super) async fn ask<'a>(
    tx: &mut Tx,
    drafts: impl Iterator<Item = &'a Draft>,
) -> Result<(), Error> {
    let (mut questions, mut agreed) = (Vec::new(), Vec::new());
    for draft in drafts.filter(|draft| draft.person.composed.is_some()) {
        for attribute in attributes(draft) {
            match draft.conflicts().get(attribute) {
                Some(conflict) => questions.push(question(draft, attribute, conflict)),
                None => agreed.push(key(draft, attribute)),
            }
        }
    }
    case::open(tx, SOURCES, questions).await?;
    let agreed: Vec<&str> = agreed.iter().map(String::as_str).collect();
    case::withdraw(tx, SOURCES, &[Kind::Conflict], &agreed).await
}

fn attributes(draft: &Draft) -> BTreeSet<&str> {
    let slices = draft.person.timeline.engagements.iter().flat_map(|one| &one.slices);
    slices.flat_map(|slice| slice.attributes.keys().map(String::as_str)).collect()
}

fn key(draft: &Draft, attribute: &str) -> String {
    format!("{} {attribute}", draft.person.id)
}

/// What each source says, beside what is told meanwhile.
fn question(draft: &Draft, attribute: &str, conflict: &Conflict) -> Question {
    let known = conflict.kept.as_ref().map(ToString::to_string);
    let said = |(source, value): (&String, &domain::Value)| {
        let verdict = match &conflict.kept {
            None => Verdict::Unknown,
            Some(kept) if kept == value => Verdict::Agrees,
            Some(_) => Verdict::Differs,
        };
        let stated = Some(value.to_string());
        Compared { name: source.clone(), verdict, stated, known: known.clone() }
    };
    let attributes = conflict.values.iter().map(said).collect();
    let side = Side { person: Some(draft.person.id), points: None, attributes };
    Question {
        kind: Kind::Conflict,
        source: SOURCES.to_owned(),
        key: key(draft, attribute),
        people: vec![draft.person.id],
        engagements: draft.person.told().engagements.iter().map(|one| one.id).collect(),
        evidence: Evidence { sides: vec![side] },
        waiting: None,
    }
}
