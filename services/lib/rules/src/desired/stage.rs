//! Where a person stands in the plan of their persona, and which accounts may be used there.

use std::collections::BTreeSet;

use domain::{Attributes, Timestamp};
use jiff::tz::TimeZone;

use super::span::Span;
use super::state::Use;
use crate::release::Release;

/// The stage at an instant.
pub(super) struct Stage {
    /// Whether accounts are open as a rule.
    is_working: bool,
    /// Applications that are the exception while something is held in them.
    open: BTreeSet<usize>,
    /// Applications that are the exception for whoever has left.
    lingering: BTreeSet<usize>,
    /// When what stays open after the end is closed.
    closes: Vec<Timestamp>,
}

impl Stage {
    pub(super) fn of(
        release: &Release,
        spans: &[Span],
        profile: Option<&Attributes>,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Self {
        let plan = profile.and_then(|profile| release.plan_of(profile));
        let runs = spans.iter().any(|span| span.runs_at(now));
        let closes: Vec<Timestamp> = match plan {
            Some(plan) if !plan.leaving.is_empty() => {
                let days = plan.leaving_days.span();
                spans.iter().filter_map(|span| span.closes(days, zone)).collect()
            }
            Some(_) | None => Vec::new(),
        };
        let mut stage =
            Self { is_working: runs, open: BTreeSet::new(), lingering: BTreeSet::new(), closes };
        let Some(plan) = plan else { return stage };
        let away = plan.absence.as_ref().filter(|(condition, _open)| {
            profile.is_some_and(|profile| condition.holds(profile) == Some(true))
        });
        match (runs, away) {
            (true, Some((_condition, open))) => {
                stage.is_working = false;
                stage.open.extend(open);
            }
            (true, None) => {}
            (false, _) => {
                if spans
                    .iter()
                    .any(|span| now < span.starts && span.ends.is_none_or(|ends| now < ends))
                {
                    stage.open.extend(&plan.joining);
                }
                let lingers = |span: &Span| {
                    span.ends.is_some_and(|ends| ends <= now)
                        && span.closes(plan.leaving_days.span(), zone).is_some_and(|at| now < at)
                };
                if spans.iter().any(lingers) {
                    stage.lingering.extend(&plan.leaving);
                }
            }
        }
        stage
    }

    /// The instants at which the stage may change beyond those of engagements and slices.
    pub(super) fn boundaries(&self) -> impl Iterator<Item = Timestamp> {
        self.closes.iter().copied()
    }

    /// Whether the account in an application may be used.
    pub(super) fn is_open(&self, application: usize, use_of: Use) -> bool {
        match use_of {
            Use::Never | Use::Past => false,
            Use::Open => true,
            Use::Left => self.lingering.contains(&application),
            Use::Held => {
                self.is_working
                    || self.open.contains(&application)
                    || self.lingering.contains(&application)
            }
        }
    }
}
