//! Whether an application is asked at all. Pure.
//!
//! An application that answers nothing, time after time, is out of reach: its circuit *opens*, and its
//! branches wait without an attempt being counted. When a pause is over a few of them try, leavers
//! first; an answer closes the circuit, silence begins a longer pause. A pause that the application
//! itself asks for is kept here too, so that every replica keeps it.

pub(crate) mod table;

use std::time::Duration;

use domain::Timestamp;
use jiff::SignedDuration;

use crate::config::{Config, seconds};
use crate::connectors::Beat;

/// What is known of an application; the default of one that may be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Circuit {
    pub(crate) open: Option<Open>,
    /// Until when the application asked to be left alone.
    pub(crate) paused_until: Option<Timestamp>,
}

/// The circuit of an application that is out of reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) at: Timestamp,
    /// When a few branches may try.
    pub(crate) probe_at: Timestamp,
    /// Pauses that ended without an answer.
    pub(crate) pauses: u32,
    /// What was met last, without personal data.
    pub(crate) reason: String,
}

/// Whether branches may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// As many as there are.
    All,
    /// A few, by one worker of one replica.
    Probe,
    /// None.
    Nobody,
}

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Requests in a row without an answer.
    pub(crate) losses: u32,
    pub(crate) first: SignedDuration,
    pub(crate) longest: SignedDuration,
}

/// What the requests of a piece of work say of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// It answered something, be it a refusal.
    answered: bool,
    /// The last requests, in a row, without an answer.
    losses: u32,
    /// How many of them came in between.
    lost: u32,
    reason: String,
    /// How long it asked to be left alone when it failed.
    after: Duration,
    /// How long it asks to be left alone.
    paused: Duration,
}

/// Branches that try whether an application answers.
pub(crate) const PROBE_BRANCHES: u16 = 4;
/// How long whoever tries is waited for. Beyond that it is taken for dead, and somebody else tries.
const PROBE_LASTS: SignedDuration = SignedDuration::from_secs(90);
/// A shorter pause is over before others would hear of it.
const PAUSE_MIN: SignedDuration = SignedDuration::from_millis(500);

impl Rules {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            losses: config.circuit_losses.get(),
            first: seconds(config.circuit_pause_seconds),
            longest: seconds(config.circuit_pause_max_seconds),
        }
    }

    /// The pause after so many that brought no answer.
    fn pause(self, pauses: u32) -> SignedDuration {
        self.first.saturating_mul(1 << pauses.min(30)).min(self.longest)
    }
}

impl Evidence {
    /// What happened between two looks.
    pub(crate) fn between(before: &Beat, after: Beat) -> Self {
        Self {
            answered: before.answered != after.answered,
            losses: after.losses,
            lost: after.losses_since(before),
            reason: after.reason,
            after: after.after,
            paused: after.paused,
        }
    }

    /// Nothing was heard of the application, though it was asked: whatever failed, it was not because of
    /// what was asked for.
    pub(crate) const fn is_silence(&self) -> bool {
        !self.answered && self.lost > 0
    }
}

impl Circuit {
    pub(crate) fn admits(&self, now: Timestamp) -> Admission {
        if self.paused_until.is_some_and(|until| now < until) {
            return Admission::Nobody;
        }
        match &self.open {
            None => Admission::All,
            Some(open) if now < open.probe_at => Admission::Nobody,
            Some(_due) => Admission::Probe,
        }
    }

    /// When somebody else may try, if whoever tries at `now` does not come back.
    pub(crate) fn next_probe(now: Timestamp) -> Timestamp {
        later(now, PROBE_LASTS)
    }

    /// What is known after a piece of work; `probes` if it was to find out whether the application answers.
    ///
    /// Work that was begun before the circuit opened, and fails after it, says nothing new.
    pub(crate) fn learn(
        &self,
        evidence: &Evidence,
        probes: bool,
        now: Timestamp,
        rules: Rules,
    ) -> Self {
        let open = match &self.open {
            Some(_open) if evidence.answered && evidence.losses < rules.losses => None,
            Some(open) if probes && evidence.lost > 0 => {
                let pauses = open.pauses.saturating_add(1);
                Some(Open {
                    probe_at: later(now, rules.pause(pauses).max(signed(evidence.after))),
                    pauses,
                    reason: evidence.reason.clone(),
                    at: open.at,
                })
            }
            Some(open) => Some(open.clone()),
            None if evidence.lost > 0 && evidence.losses >= rules.losses => Some(Open {
                at: now,
                probe_at: later(now, rules.pause(0).max(signed(evidence.after))),
                pauses: 0,
                reason: evidence.reason.clone(),
            }),
            None => None,
        };
        let asked = signed(evidence.paused);
        let asked = (asked >= PAUSE_MIN).then(|| later(now, asked));
        // Those who heard of one pause do not agree to the millisecond.
        let is_news = |until: &Timestamp| {
            self.paused_until.is_none_or(|known| known < later(*until, -PAUSE_MIN))
        };
        let paused_until = asked.filter(is_news).or(self.paused_until);
        Self { open, paused_until: paused_until.filter(|until| now < *until) }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests;
