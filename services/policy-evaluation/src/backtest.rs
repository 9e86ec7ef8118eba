//! What a draft would have given and taken over recorded history.
//!
//! Both sides are evaluations of what was known at each sample: the record with the release that was
//! active then, the draft with itself. A sample stands for the days until the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::Timestamp;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use rules::{Access, Release};

use crate::timeline::Received;

/// At which instants history is looked at, and with what.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) samples: Vec<Sample>,
    pub(crate) draft: Release,
    /// What is held again within this time is regretted.
    pub(crate) regret: SignedDuration,
    pub(crate) zone: TimeZone,
}

/// An instant of history.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    /// For how many days it stands.
    pub(crate) days: u64,
    /// The release that was active then.
    pub(crate) recorded: Option<Arc<Release>>,
}

/// What was found so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Of whom something was known in that time.
    pub(crate) people: u64,
    pub(crate) total: Figures,
    pub(crate) policies: BTreeMap<String, Figures>,
    pub(crate) applications: BTreeMap<String, Figures>,
}

/// All in days on which a person holds an entitlement.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Held as recorded.
    pub(crate) held: u64,
    /// Granted by the draft.
    pub(crate) granted: u64,
    /// Granted by the draft, and held.
    pub(crate) covered: u64,
    /// Granted by the draft, and not held.
    pub(crate) excess: u64,
    /// Held, and not granted by the draft.
    pub(crate) gap: u64,
    /// Entitlements that the draft takes away from somebody.
    pub(crate) revocations: u64,
    /// Those of them that are held again soon after.
    pub(crate) regrets: u64,
}

/// Entitlements with the policies that grant them.
type Held = BTreeMap<(String, String), BTreeSet<String>>;

impl Tally {
    /// Adds one person's history: everything received, in the order of versions.
    pub(crate) fn add(&mut self, plan: &Plan, history: &[Received]) {
        let known: Vec<Option<usize>> =
            plan.samples.iter().map(|sample| known_at(history, sample.at)).collect();
        if known.iter().all(Option::is_none) {
            return;
        }
        self.people += 1;
        let recorded = plan.samples.iter().map(|sample| sample.recorded.as_deref());
        let held = held(plan, history, &known, recorded);
        let granted = held_by_draft(plan, history, &known);
        for (index, sample) in plan.samples.iter().enumerate() {
            let (Some(held), Some(granted)) = (held.get(index), granted.get(index)) else {
                continue;
            };
            self.compare(sample.days, held, granted);
        }
        self.look_for_regret(plan, &held, &granted);
    }

    fn compare(&mut self, days: u64, held: &Held, granted: &Held) {
        for (name, policies) in held {
            let gap = if granted.contains_key(name) { 0 } else { days };
            self.count(name, policies, |figures| {
                figures.held += days;
                figures.gap += gap;
            });
        }
        for (name, policies) in granted {
            let covered = if held.contains_key(name) { days } else { 0 };
            self.count(name, policies, |figures| {
                figures.granted += days;
                figures.covered += covered;
                figures.excess += days - covered;
            });
        }
    }

    /// Counts what the draft takes away, and what of it is held again soon after, in the record or
    /// by the draft itself. Before the first sample holds what is recorded at it: the draft is
    /// switched on then.
    fn look_for_regret(&mut self, plan: &Plan, held: &[Held], granted: &[Held]) {
        let before = held.iter().take(1).chain(granted);
        for (index, (before, after)) in before.zip(granted).enumerate() {
            for (name, policies) in before.iter().filter(|(name, _by)| !after.contains_key(*name)) {
                let regret = held_again(plan, held, granted, index, name);
                self.count(name, policies, |figures| {
                    figures.revocations += 1;
                    figures.regrets += u64::from(regret);
                });
            }
        }
    }

    fn count(
        &mut self,
        (application, _entitlement): &(String, String),
        policies: &BTreeSet<String>,
        count: impl Fn(&mut Figures),
    ) {
        count(&mut self.total);
        count(entry(&mut self.applications, application));
        for policy in policies {
            count(entry(&mut self.policies, policy));
        }
    }
}

fn entry<'a>(figures: &'a mut BTreeMap<String, Figures>, name: &str) -> &'a mut Figures {
    if !figures.contains_key(name) {
        figures.insert(name.to_owned(), Figures::default());
    }
    figures.get_mut(name).expect("it was inserted if it was missing")
}

fn held_again(
    plan: &Plan,
    held: &[Held],
    granted: &[Held],
    index: usize,
    name: &(String, String),
) -> bool {
    let Some(taken) = plan.samples.get(index) else { return false };
    let later = plan.samples.iter().zip(held).zip(granted).skip(index + 1);
    later
        .take_while(|((sample, _held), _granted)| sample.at.duration_since(taken.at) <= plan.regret)
        .any(|((_sample, held), granted)| held.contains_key(name) || granted.contains_key(name))
}

/// Returns which version was the newest that had been received at an instant.
fn known_at(history: &[Received], at: Timestamp) -> Option<usize> {
    history.iter().rposition(|received| received.at <= at)
}

fn held_by_draft(plan: &Plan, history: &[Received], known: &[Option<usize>]) -> Vec<Held> {
    held(plan, history, known, plan.samples.iter().map(|_sample| Some(&plan.draft)))
}

/// Evaluates every sample, each after the one before; what cannot have changed since is not
/// evaluated again.
fn held<'a>(
    plan: &Plan,
    history: &[Received],
    known: &[Option<usize>],
    releases: impl Iterator<Item = Option<&'a Release>>,
) -> Vec<Held> {
    let mut all: Vec<Held> = Vec::with_capacity(plan.samples.len());
    let mut last: Option<Last> = None;
    for ((sample, known), release) in plan.samples.iter().zip(known).zip(releases) {
        let known = known.and_then(|index| Some((index, history.get(index)?)));
        let (Some((version, received)), Some(release)) = (known, release) else {
            all.push(Held::new());
            last = None;
            continue;
        };
        let same = last.as_ref().is_some_and(|last| {
            (last.version, last.release) == (version, release.number())
                && last.boundary.is_none_or(|boundary| sample.at < boundary)
        });
        if same && let Some(before) = all.last() {
            all.push(before.clone());
            continue;
        }
        let before = last.map(|last| last.access).unwrap_or_default();
        let timeline = &received.known.timeline;
        let evaluation = rules::desired_after(&before, timeline, release, &plan.zone, sample.at);
        all.push(by_name(&evaluation.access));
        last = Some(Last {
            version,
            release: release.number(),
            boundary: evaluation.next_boundary,
            access: evaluation.access,
        });
    }
    all
}

/// The evaluation before.
struct Last {
    version: usize,
    release: u64,
    boundary: Option<Timestamp>,
    access: Access,
}

fn by_name(access: &Access) -> Held {
    access
        .grants
        .iter()
        .map(|grant| {
            let policies = grant.reasons.iter().map(|reason| reason.policy.clone()).collect();
            ((grant.application.clone(), grant.entitlement.clone()), policies)
        })
        .collect()
}

#[cfg(test)]
mod tests;
