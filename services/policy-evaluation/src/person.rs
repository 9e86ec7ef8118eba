//! A person as far as this service decides: the newest timeline, and what the last evaluation said.
pub(crate) mod table;

use domain::time::{CutOff, instant};
use domain::{AccountState, Lane, PersonId, Timestamp, Version};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use rules::{Access, Engagement, Evaluation};

use crate::lifecycle::{Telling, Told};
use crate::timeline::{Key, Known};

/// A person's row, locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    /// Version of the newest timeline.
    pub(crate) version: Version,
    /// What the last evaluation said; none while no release was ever active.
    pub(crate) desired: Option<Desired>,
}

/// The last evaluation, without the access itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    /// Version of the desired access.
    pub(crate) version: Version,
    /// Digest of the desired access.
    pub(crate) digest: String,
    /// With which release it was evaluated.
    pub(crate) release: u64,
    /// When it is evaluated again without any new fact.
    pub(crate) next_boundary: Option<Timestamp>,
    /// What was last told of the person's lifecycle.
    pub(crate) told: Told,
    /// When an evaluation was urgent for the last time.
    pub(crate) leaver_at: Option<Timestamp>,
}

/// A person who is to be evaluated.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) id: PersonId,
    pub(crate) known: Known,
    pub(crate) before: Before,
    /// The lane of what asks for the evaluation.
    pub(crate) trigger: Lane,
}

/// What was stored of a person before an evaluation.
#[derive(Debug)]
pub(crate) enum Before {
    /// Nothing: there is no row.
    Unknown,
    /// A row without an evaluation.
    Waiting,
    /// An earlier evaluation.
    Evaluated(Desired),
}

/// An evaluation beside what was stored before it.
#[derive(Debug)]
pub(crate) struct Evaluated {
    pub(crate) due: Due,
    pub(crate) evaluation: Evaluation,
    /// In which its dates became instants.
    pub(crate) zone: TimeZone,
    pub(crate) digest: String,
    /// Version of the desired access.
    pub(crate) version: Version,
    /// The access differs from what was stored.
    pub(crate) changed: bool,
    /// The lane its announcement travels in.
    pub(crate) lane: Lane,
    /// When an evaluation was urgent for the last time, this one included.
    pub(crate) leaver_at: Option<Timestamp>,
    pub(crate) telling: Telling,
}

impl Person {
    /// Returns the key of the newest timeline.
    pub(crate) fn key(&self) -> Key {
        (self.id, self.version)
    }

    /// Whether the next boundary has been reached.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let boundary = self.desired.as_ref().and_then(|desired| desired.next_boundary);
        boundary.is_some_and(|boundary| boundary <= now)
    }
}

impl From<Option<Person>> for Before {
    fn from(person: Option<Person>) -> Self {
        match person {
            None => Self::Unknown,
            Some(Person { desired: None, .. }) => Self::Waiting,
            Some(Person { desired: Some(desired), .. }) => Self::Evaluated(desired),
        }
    }
}

impl Before {
    /// Returns the earlier evaluation, if there was one.
    pub(crate) fn desired(&self) -> Option<&Desired> {
        match self {
            Self::Unknown | Self::Waiting => None,
            Self::Evaluated(desired) => Some(desired),
        }
    }
}

impl Due {
    /// Sets an evaluation beside what was stored; `next` makes the version that follows when the
    /// access differs.
    pub(crate) fn evaluated(
        self,
        evaluation: Evaluation,
        zone: &TimeZone,
        now: Timestamp,
        next: impl Fn(Version) -> Version,
    ) -> Evaluated {
        let digest = evaluation.access.digest();
        let before = self.before.desired();
        let changed = before.is_none_or(|desired| desired.digest != digest);
        let version = before.map(|desired| desired.version).unwrap_or_default();
        let version = if changed { next(version) } else { version };
        let told = before.map(|desired| desired.told.clone()).unwrap_or_default();
        let lifecycle = rules::lifecycle(&self.known.timeline, zone, now);
        let telling = Telling::of(lifecycle, told, next);
        let lane = resting_lane(&evaluation);
        let leaver_at = before.and_then(|desired| desired.leaver_at);
        let zone = self.known.timeline.zone_or(zone);
        Evaluated {
            due: self,
            evaluation,
            zone,
            digest,
            version,
            changed,
            lane,
            leaver_at,
            telling,
        }
    }
}

impl Evaluated {
    /// Returns the release of the evaluation before this one; 0 if there was none.
    pub(crate) fn release_before(&self) -> u64 {
        self.due.before.desired().map_or(0, |desired| desired.release)
    }

    /// Whether the stored access is needed to tell the lane: it is then [`Evaluated::compare`]d.
    pub(crate) fn may_be_urgent(&self) -> bool {
        self.changed
            && self.lane == Lane::Regular
            && self.due.trigger == Lane::Leaver
            && self.due.before.desired().is_some()
    }

    /// Takes the leaver lane when the trigger did and something of `before` is taken away.
    pub(crate) fn compare(&mut self, before: &Access) {
        if self.due.trigger == Lane::Leaver && takes_away(before, &self.evaluation.access) {
            self.lane = Lane::Leaver;
        }
    }

    /// Stays in the leaver lane for a while after an evaluation that was urgent of its own: it may
    /// not have settled, and what is newer must not wait where bulk work waits.
    pub(crate) fn follow(&mut self, now: Timestamp, span: SignedDuration) {
        match self.lane {
            Lane::Leaver => self.leaver_at = Some(now),
            Lane::Regular => {
                let urgent = self.leaver_at.is_some_and(|at| now.duration_since(at) < span);
                if urgent {
                    self.lane = Lane::Leaver;
                }
            }
        }
    }

    /// Returns the lane of the next boundary: the end of an engagement is urgent when it comes.
    pub(crate) fn boundary_lane(&self, boundary: Timestamp) -> Lane {
        let mut ends = self
            .due
            .known
            .timeline
            .engagements
            .iter()
            .filter_map(Engagement::last_day)
            .map(|day| instant(day, CutOff::EndOfDay, &self.zone));
        if ends.any(|end| end == boundary) { Lane::Leaver } else { Lane::Regular }
    }
}

/// The lane of everything about the person until a new fact comes: a login that has ended stays
/// urgent.
pub(crate) fn resting_lane(evaluation: &Evaluation) -> Lane {
    if evaluation.login_ended { Lane::Leaver } else { Lane::Regular }
}

/// Whether a grant goes, or an account can be used no longer.
fn takes_away(before: &Access, after: &Access) -> bool {
    let active = |access: &Access, application: &String| {
        let account = access.accounts.get(application);
        account.is_some_and(|account| account.state == AccountState::Active)
    };
    let closed = before
        .accounts
        .keys()
        .any(|application| active(before, application) && !active(after, application));
    let revoked = before
        .grants
        .iter()
        .any(|grant| after.reasons(&grant.application, &grant.entitlement).is_empty());
    closed || revoked
}

#[cfg(test)]
mod tests;
