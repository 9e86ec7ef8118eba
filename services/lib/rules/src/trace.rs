//! Why somebody holds an entitlement or not: every policy that could grant it, with its truth and
//! its schedule.

use std::collections::BTreeSet;

use domain::{EngagementId, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::condition::{Person, context};
use crate::desired::span;
use crate::profile::slice_at;
use crate::release::{Policy, Release};
use crate::suggest::did_you_mean;
use crate::timeline::Timeline;

/// One policy that could grant an entitlement, as it stands for a person at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The policy's name.
    pub policy: String,
    /// The bundles through which it grants the entitlement.
    pub bundles: Vec<String>,
    /// The engagements in the order of their starts.
    pub engagements: Vec<Course>,
}

/// A policy over one engagement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Which engagement it is.
    pub engagement: EngagementId,
    /// Index into the timeline's slices of what describes the engagement at the instant.
    pub slice: Option<usize>,
    /// Whether the condition holds in that slice; `None` when what it rests on is unknown.
    pub truth: Option<bool>,
    /// When the policy justifies its grants, past and future, in order.
    pub windows: Vec<Window>,
    /// What follows at the instant.
    pub outcome: Outcome,
}

/// A time in which a policy justifies its grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it; `None` when no end is known.
    pub until: Option<Timestamp>,
}

/// What a policy says about a grant at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is justified.
    Granted,
    /// It will be, from this instant on.
    Later(Timestamp),
    /// It was, until this instant.
    Over(Timestamp),
    /// The condition does not hold in any slice.
    Refused,
    /// What the condition rests on is unknown, and unknown never grants.
    Unknown,
}

/// What is asked about is not in the release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotThere(String);

/// Returns every policy that could grant an entitlement, by name.
///
/// # Errors
/// When the release has no such application, or the application no such entitlement.
pub fn trace(
    timeline: &Timeline,
    release: &Release,
    default_zone: &TimeZone,
    now: Timestamp,
    (application, entitlement): (&str, &str),
) -> Result<Vec<Trace>, NotThere> {
    let place = find(release, application, entitlement)?;
    let zone = timeline.zone_or(default_zone);
    let spans = span::spans(timeline, &zone);
    let people: Vec<_> = timeline
        .slices
        .iter()
        .map(|slice| Person::new(&slice.attributes, release.schema()))
        .collect();
    let contexts: Vec<_> = people.iter().map(context).collect();

    let mut traces = Vec::new();
    for policy in release.policies() {
        let bundles = bundles(policy, place, entitlement);
        if bundles.is_empty() {
            continue;
        }
        let truth = |slice: usize| policy.holds(contexts.get(slice)?);
        let engagements = spans
            .iter()
            .map(|span| {
                let intervals = span.intervals(policy, &zone, |slice| truth(slice) == Some(true));
                let windows: Vec<Window> = intervals
                    .into_iter()
                    .map(|interval| Window { from: interval.from, until: interval.until })
                    .collect();
                let slice = slice_at(span, now);
                let truth = slice.and_then(truth);
                let outcome = Outcome::of(&windows, truth, now);
                Course { engagement: span.engagement, slice, truth, windows, outcome }
            })
            .collect();
        traces.push(Trace { policy: policy.name().to_owned(), bundles, engagements });
    }
    Ok(traces)
}

impl Release {
    /// Returns the entitlements that a policy grants, each as application and entitlement.
    #[must_use]
    pub fn entitlements_of(&self, policy: &str) -> BTreeSet<(&str, &str)> {
        let names: Vec<&str> = self.applications().map(crate::Application::name).collect();
        let granted = self.policies().filter(|one| one.name() == policy).flat_map(Policy::grants);
        granted
            .filter_map(|granted| {
                Some((*names.get(granted.application)?, granted.entitlement.as_str()))
            })
            .collect()
    }
}

impl Outcome {
    fn of(windows: &[Window], truth: Option<bool>, now: Timestamp) -> Self {
        if windows.iter().any(|window| window.holds_at(now)) {
            return Self::Granted;
        }
        if let Some(next) = windows.iter().find(|window| window.from > now) {
            return Self::Later(next.from);
        }
        match (windows.iter().rev().find_map(|window| window.until), truth) {
            // What was known once and is unknown today is not over: it is not known to be.
            (_, None) => Self::Unknown,
            (Some(until), Some(_)) => Self::Over(until),
            (None, Some(_)) => Self::Refused,
        }
    }
}

impl Window {
    /// Whether the instant lies in it.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

fn find(release: &Release, application: &str, entitlement: &str) -> Result<usize, NotThere> {
    let names = || release.applications().map(crate::Application::name);
    let Some(place) = names().position(|name| name == application) else {
        let hint = did_you_mean(application, names());
        return Err(NotThere(format!("there is no Application `{application}`{hint}")));
    };
    let known = release.application(application).map(crate::Application::spec);
    let entitlements =
        || known.iter().flat_map(|spec| spec.entitlements.iter()).map(|known| known.name.as_str());
    if entitlements().all(|known| known != entitlement) {
        let hint = did_you_mean(entitlement, entitlements());
        return Err(NotThere(format!(
            "Application {application} has no entitlement `{entitlement}`{hint}"
        )));
    }
    Ok(place)
}

fn bundles(policy: &Policy, application: usize, entitlement: &str) -> Vec<String> {
    let granted = policy
        .grants()
        .iter()
        .filter(|granted| granted.application == application && granted.entitlement == entitlement);
    let mut bundles: Vec<String> = granted.map(|granted| granted.bundle.clone()).collect();
    bundles.sort_unstable();
    bundles.dedup();
    bundles
}
