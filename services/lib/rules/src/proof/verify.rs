//! What can be said about a release on its own.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::{Entitlement, Grants, Way};
use super::{Answer, Axiom, Budget, Domain, Prover, Why, Witness};
use crate::Problem;
use crate::condition::Condition;
use crate::document::{AttributeSchema, Document, Kind, SeparationMode};
use crate::formula::{Formula, Node};
use crate::release::{self, Policy, Release, Separation};

/// What was found in a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What should be looked at, policy by policy.
    pub findings: Vec<Finding>,
    /// Each separation of duties, by name, with its answer.
    pub separations: Vec<SeparationAnswer>,
    /// The facts of the schema contradict each other: everything would be proved.
    pub facts_contradict: bool,
    /// What could not be found out, by policy.
    pub undecided: Vec<(String, Why)>,
}

/// Something about a policy that its author hardly meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Nobody could ever meet its condition.
    Dead {
        /// The policy.
        policy: String,
    },
    /// Everybody of whom enough is known meets its condition, which does not just say `true`.
    Everybody {
        /// The policy.
        policy: String,
    },
    /// Others grant all that it grants, in the same way and over the same days, to whomever it does.
    Shadowed {
        /// The policy.
        policy: String,
        /// The others.
        by: BTreeSet<String>,
    },
}

/// Whether anybody could hold what one separation keeps apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeparationAnswer {
    /// The separation.
    pub separation: String,
    /// What is done about it.
    pub mode: SeparationMode,
    /// Whether nobody can hold both sides.
    pub answer: Answer,
    /// What the witness can hold of the one side and of the other.
    pub held: Option<(Entitlement, Entitlement)>,
}

/// Looks for policies that nobody or everybody meets, for superfluous ones, and for duties that come
/// together.
#[must_use]
pub fn verify(release: &Release) -> Report {
    let prover = Prover::of(release);
    let grants = Grants::of(release);
    let mut report = Report {
        facts_contradict: prover.facts_exclude_everybody().is_proved(),
        ..Report::default()
    };
    let ways = ways(release);
    for policy in release.policies() {
        match look(policy, &grants, &ways, &prover) {
            Ok(found) => report.findings.extend(found),
            Err(why) => report.undecided.push((policy.name().to_owned(), why)),
        }
    }
    let separations = release.separations();
    report.separations =
        separations.map(|separation| apart(separation, &grants, release, &prover)).collect();
    report
}

impl Prover {
    /// Returns the one for a release: its schema, its facts, and the usual budget.
    #[must_use]
    pub fn of(release: &Release) -> Self {
        let schema = release.schema();
        Self::new(Domain::of(schema), axioms(schema), Budget::default())
    }
}

impl Report {
    /// Returns what forbids the release: separations to be proved that are not.
    pub fn problems(&self) -> impl Iterator<Item = &SeparationAnswer> {
        self.separations
            .iter()
            .filter(|found| found.mode == SeparationMode::Prove && !found.answer.is_proved())
    }
}

/// Returns what forbids to activate a release, with its places: conditions that hold for nobody or for
/// everybody, unless they just say `false` or `true`; separations to be proved that are not; facts that
/// contradict each other.
#[must_use]
pub fn problems(release: &Release) -> Vec<Problem> {
    let report = verify(release);
    let documents: BTreeMap<(Kind, &str), &Document> = release
        .documents()
        .map(|(document, _digest)| ((document.kind(), document.name()), document))
        .collect();
    let mut problems = Vec::new();
    let mut add = |kind: Kind, name: &str, field: &str, message: String| {
        problems.extend(documents.get(&(kind, name)).map(|it| it.problem(field, message)));
    };
    for finding in &report.findings {
        let (policy, message) = match finding {
            Finding::Dead { policy } if is_switched_off(release, policy) => continue,
            Finding::Dead { policy } => {
                (policy, "holds for nobody who could ever exist; correct it or write `false`")
            }
            Finding::Everybody { policy } => {
                (policy, "holds for everybody of whom enough is known; correct it or write `true`")
            }
            Finding::Shadowed { .. } => continue,
        };
        add(Kind::AccessPolicy, policy, "spec.condition", message.to_owned());
    }
    for found in report.problems() {
        let message = format!("is not proved: {}", found.said());
        add(Kind::SeparationOfDuties, &found.separation, "spec.mode", message);
    }
    if report.facts_contradict {
        let schema = documents.keys().find(|(kind, _name)| *kind == Kind::AttributeSchema);
        let message = "contradict each other; nobody could be as all of them say".to_owned();
        let name = schema.map(|(_kind, name)| *name).unwrap_or_default();
        add(Kind::AttributeSchema, name, "spec.facts", message);
    }
    problems.sort();
    problems
}

/// Tells whether a policy just says `false`: that is meant so.
fn is_switched_off(release: &Release, policy: &str) -> bool {
    release.policy(policy).is_some_and(|policy| policy.condition().text().trim() == "false")
}

impl SeparationAnswer {
    /// Returns a sentence, as in `level=6 can hold erp/pay + erp/order`.
    #[must_use]
    pub fn said(&self) -> String {
        match (&self.answer, &self.held) {
            (Answer::Proved, _) => {
                "nobody can be given both by what one engagement is at one time".to_owned()
            }
            (Answer::Undecided(why), _) => format!("not known: {why}"),
            (Answer::Refuted(witness), Some((left, right))) => {
                format!("{witness} can hold {}/{} + {}/{}", left.0, left.1, right.0, right.1)
            }
            (Answer::Refuted(witness), None) => format!("{witness} can hold both"),
        }
    }
}

/// Returns the facts of a schema; a release was only compiled if they can be read.
pub(super) fn axioms(schema: &AttributeSchema) -> Vec<Axiom> {
    let read = |text: &str| Some(Condition::compile(text, schema).ok()?.formula().clone());
    let facts = schema.facts.iter();
    facts
        .filter_map(|fact| {
            Some(Axiom { condition: read(&fact.condition)?, then: read(&fact.then)? })
        })
        .collect()
}

/// For each entitlement who grants it and how.
type Ways<'r> = BTreeMap<&'r release::Entitlement, Vec<(&'r str, Way)>>;

fn ways(release: &Release) -> Ways<'_> {
    let mut ways = Ways::new();
    for policy in release.policies() {
        for offer in policy.offers() {
            let way = Way { mode: offer.mode, schedule: offer.schedule };
            for entitlement in &offer.entitlements {
                ways.entry(entitlement).or_default().push((policy.name(), way));
            }
        }
    }
    ways
}

fn look(
    policy: &Policy,
    grants: &Grants,
    ways: &Ways<'_>,
    prover: &Prover,
) -> Result<Option<Finding>, Why> {
    let name = || policy.name().to_owned();
    let formula = policy.condition().formula();
    if decided(&prover.never_true(formula))? {
        return Ok(Some(Finding::Dead { policy: name() }));
    }
    if let Some(by) = shadowed(policy, grants, ways, prover)? {
        return Ok(Some(Finding::Shadowed { policy: name(), by }));
    }
    let literal = matches!(formula.node, Node::Constant(_));
    if !literal && decided(&prover.never_false(formula))? {
        return Ok(Some(Finding::Everybody { policy: name() }));
    }
    Ok(None)
}

/// Returns the policies that together make one superfluous.
fn shadowed(
    policy: &Policy,
    grants: &Grants,
    ways: &Ways<'_>,
    prover: &Prover,
) -> Result<Option<BTreeSet<String>>, Why> {
    let mut by = BTreeSet::new();
    let Some(formula) = grants.of_policy(policy.name()) else { return Ok(None) };
    for offer in policy.offers() {
        let way = Way { mode: offer.mode, schedule: offer.schedule };
        for entitlement in &offer.entitlements {
            let granting = ways.get(entitlement).into_iter().flatten();
            let others: BTreeMap<&str, &Formula> = granting
                .filter(|(other, how)| *how == way && *other != policy.name())
                .filter_map(|(other, _)| Some((*other, grants.of_policy(other)?)))
                .collect();
            let formulas: Vec<&Formula> = others.values().copied().collect();
            if formulas.is_empty() || !decided(&prover.covered(&[formula], &formulas))? {
                return Ok(None);
            }
            // Those that say nothing about it are not named: one alone may do.
            let alone =
                others.iter().find(|(_, other)| prover.covered(&[formula], &[**other]).is_proved());
            match alone {
                Some((name, _)) => by.extend([(*name).to_owned()]),
                None => by.extend(others.into_keys().map(str::to_owned)),
            }
        }
    }
    Ok((!by.is_empty()).then_some(by))
}

fn decided(answer: &Answer) -> Result<bool, Why> {
    match answer {
        Answer::Proved => Ok(true),
        Answer::Refuted(_) => Ok(false),
        Answer::Undecided(why) => Err(*why),
    }
}

fn apart(
    separation: &Separation,
    grants: &Grants,
    release: &Release,
    prover: &Prover,
) -> SeparationAnswer {
    let side = |of: &BTreeSet<release::Entitlement>| -> Vec<(Entitlement, Vec<&Formula>)> {
        of.iter()
            .map(|entitlement| {
                let application = release.application_of(entitlement).to_owned();
                let named = (application, entitlement.name.clone());
                let formulas = grants.of_entitlement(&named);
                (named, formulas)
            })
            .collect()
    };
    let (left, right) = (side(separation.left()), side(separation.right()));
    let answer = prover.apart(&distinct(&left), &distinct(&right));
    let held = answer
        .witness()
        .and_then(|witness| Some((held(&left, witness)?.clone(), held(&right, witness)?.clone())));
    SeparationAnswer {
        separation: separation.name().to_owned(),
        mode: separation.mode(),
        answer,
        held,
    }
}

/// Returns the formulas of a side, each once: a policy that grants a bundle grants many.
fn distinct<'g>(side: &[(Entitlement, Vec<&'g Formula>)]) -> Vec<&'g Formula> {
    let mut formulas: Vec<&Formula> = Vec::new();
    for formula in side.iter().flat_map(|(_, formulas)| formulas) {
        if !formulas.iter().any(|known| std::ptr::eq(*known, *formula)) {
            formulas.push(formula);
        }
    }
    formulas
}

/// Returns what of a side a witness can hold.
fn held<'s>(
    side: &'s [(Entitlement, Vec<&Formula>)],
    witness: &Witness,
) -> Option<&'s Entitlement> {
    let holds = |formula: &&Formula| formula.holds(&witness.attributes) == Some(true);
    side.iter().find(|(_, formulas)| formulas.iter().any(holds)).map(|(named, _)| named)
}

#[cfg(test)]
pub(super) mod tests;
