//! Why somebody holds an entitlement or not: every policy that could grant it, with its truth and
//! its schedule.

use domain::{EngagementId, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::desired::span::{self, Span};
use crate::document::Mode;
use crate::release::{Offer, Release};
use crate::suggest::did_you_mean;
use crate::timeline::Timeline;

/// One way in which a policy could grant an entitlement, as it stands for a person at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The policy's name.
    pub policy: String,
    /// The bundle through which it grants the entitlement.
    pub bundle: String,
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
    /// What the condition rests on is unknown, and what was held is kept.
    Kept,
    /// The condition holds, and the policy is only watched for this person.
    Observed,
    /// The condition holds, and the person may ask for it.
    Requestable,
}

/// What is asked about is not in the release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotThere(String);

/// Returns every way in which policies could grant an entitlement, by their names.
///
/// `access` is what the person holds at the instant, as [`crate::desired`] says.
///
/// # Errors
/// When the release has no such application, or the application no such entitlement.
pub fn trace(
    timeline: &Timeline,
    release: &Release,
    default_zone: &TimeZone,
    now: Timestamp,
    (application, entitlement): (&str, &str),
    access: &Access,
) -> Result<Vec<Trace>, NotThere> {
    let place = find(release, application, entitlement)?;
    let zone = timeline.zone_or(default_zone);
    let spans = span::bridged(timeline, release, &zone);
    let reasons = access.reasons(application, entitlement);

    let mut traces = Vec::new();
    for policy in release.policies() {
        let answer =
            |slice: usize| policy.condition().holds(&timeline.slices.get(slice)?.attributes);
        let watched = |slice: usize| {
            let slice = timeline.slices.get(slice);
            slice.is_some_and(|slice| policy.is_observed_for(&slice.attributes))
        };
        for offer in policy.offers() {
            let granted = offer.entitlements.iter();
            let mut granted = granted.map(|one| (one.application, one.name.as_str()));
            if !granted.any(|one| one == (place, entitlement)) {
                continue;
            }
            let course = |span: &Span| {
                let kept = reasons.iter().any(|reason| {
                    (reason.policy.as_str(), reason.bundle.as_str(), reason.engagement)
                        == (policy.name(), offer.bundle.as_str(), span.engagement)
                        && reason.kept
                });
                course(span, offer, (&zone, now), &answer, &watched, kept)
            };
            traces.push(Trace {
                policy: policy.name().to_owned(),
                bundle: offer.bundle.clone(),
                engagements: spans.iter().map(course).collect(),
            });
        }
    }
    Ok(traces)
}

fn course(
    span: &Span,
    offer: &Offer,
    (zone, now): (&TimeZone, Timestamp),
    answer: &impl Fn(usize) -> Option<bool>,
    watched: &impl Fn(usize) -> bool,
    kept: bool,
) -> Course {
    let by_itself = offer.mode == Mode::Birthright;
    let holds = |slice: usize| by_itself && !watched(slice) && answer(slice) == Some(true);
    let windows: Vec<Window> = span
        .intervals(&offer.schedule, zone, holds)
        .into_iter()
        .map(|interval| Window { from: interval.from, until: interval.until })
        .collect();
    let slice = span.stretch_at(now).map(|stretch| stretch.slice);
    let truth = slice.and_then(answer);
    let outcome = match Outcome::of(&windows, truth, now) {
        Outcome::Later(_) | Outcome::Over(_) | Outcome::Refused | Outcome::Unknown if kept => {
            Outcome::Kept
        }
        outcome @ (Outcome::Over(_) | Outcome::Refused) if truth == Some(true) => {
            match (by_itself, slice.is_some_and(watched)) {
                (false, _) => Outcome::Requestable,
                (true, true) => Outcome::Observed,
                (true, false) => outcome,
            }
        }
        outcome @ (Outcome::Granted
        | Outcome::Later(_)
        | Outcome::Over(_)
        | Outcome::Refused
        | Outcome::Unknown
        | Outcome::Kept
        | Outcome::Observed
        | Outcome::Requestable) => outcome,
    };
    Course { engagement: span.engagement, slice, truth, windows, outcome }
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
