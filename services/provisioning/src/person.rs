//! What is known of a person: which desired access arrived, and whether everything agrees with it.

pub(crate) mod table;

use domain::{Kin, Lane, PersonId, Timestamp, Version};
use proto::provisioning::v1::PersonSettled;

use crate::access::Announced;

/// A person for whom desired access may have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    /// Version, release and content of the desired access that is kept.
    pub(crate) desired_version: Version,
    pub(crate) desired_release: i64,
    pub(crate) desired_digest: Vec<u8>,
    /// Whose accounts are this person's, too, and whose are not any more.
    pub(crate) kin: Kin,
    /// The newest timeline and release it is known to hold for.
    pub(crate) person_version: Version,
    pub(crate) release: i64,
    pub(crate) recorded_at: Timestamp,
    /// Since when everything should agree with the desired access that is kept; none: once it did.
    pub(crate) awaited_since: Option<Timestamp>,
    pub(crate) lane: Lane,
    pub(crate) round: i32,
    pub(crate) open: i32,
    pub(crate) failed: i32,
    /// Tasks of humans that stand.
    pub(crate) tasks: i32,
    pub(crate) done: i64,
    /// Actions that were left to humans.
    pub(crate) manual: i64,
    pub(crate) plan_hash: Vec<u8>,
    /// The version of the last `PersonSettled`.
    pub(crate) settled_version: Version,
    /// Whether the versions above were announced as settled, and nothing was done since.
    pub(crate) settled: bool,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) timeline_settled_at: Option<Timestamp>,
}

/// That everything of a person agrees.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) event: PersonSettled,
    /// From the recording of the timeline, when it has settled for the first time.
    pub(crate) seconds: Option<f64>,
    /// From the instant at which a leaver's access had to end, when it has for the first time.
    pub(crate) leaver_seconds: Option<f64>,
}

/// What an event is worth, compared with what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    Newer,
    /// The same again.
    Same,
    Older,
    /// The same version with another content.
    Conflict,
}

impl Person {
    /// Whether any desired access arrived.
    pub(crate) fn is_known(&self) -> bool {
        self.desired_version != Version::default()
    }

    /// Compares announced desired access with what is kept.
    ///
    /// What was computed with an older release never beats what was computed with a newer one; only
    /// a higher epoch does, because the publisher then speaks for its whole state.
    pub(crate) fn fence(&self, announced: &Announced) -> Fence {
        let order = |version: Version, release: i64| (version.epoch, release, version.counter);
        if announced.version == self.desired_version {
            return if announced.digest == self.desired_digest {
                Fence::Same
            } else {
                Fence::Conflict
            };
        }
        let new = order(announced.version, announced.release);
        if new > order(self.desired_version, self.desired_release) {
            Fence::Newer
        } else {
            Fence::Older
        }
    }

    /// Takes over desired access that is newer.
    pub(crate) fn announce(&mut self, announced: &Announced) {
        if announced.version.epoch > self.desired_version.epoch {
            // The publisher may have forgotten releases that it had announced.
            self.release = announced.release;
        }
        self.desired_version = announced.version;
        self.desired_release = announced.release;
        self.desired_digest.clone_from(&announced.digest);
        self.awaited_since = Some(announced.evaluated_at);
        self.kin.clone_from(&announced.kin);
        // A leaver whose work is open stays one: what is newer must not put it behind bulk work.
        if self.lane == Lane::Regular || self.open == 0 {
            self.lane = announced.lane;
        }
        self.round = self.round.wrapping_add(1);
        self.settled = false;
        self.confirm(announced.person_version, announced.release, announced.recorded_at);
    }

    /// Takes over that desired access also holds for another timeline and release; says whether
    /// either is newer.
    pub(crate) fn confirm(
        &mut self,
        person_version: Version,
        release: i64,
        recorded_at: Timestamp,
    ) -> bool {
        let newer_release = release > self.release;
        let newer_timeline = person_version > self.person_version;
        if newer_timeline {
            self.person_version = person_version;
            self.recorded_at = recorded_at;
            self.timeline_settled_at = None;
        }
        if newer_release {
            self.release = release;
        }
        if newer_release || newer_timeline {
            self.settled = false;
        }
        newer_release || newer_timeline
    }

    /// Takes over from a survivor that the person goes on under the survivor's id. What is announced of
    /// the person says so, too, and is still to come.
    pub(crate) fn merge_into(&mut self, survivor: PersonId) {
        self.kin.merged_into = Some(survivor);
        self.kin.split.remove(&survivor);
        self.round = self.round.wrapping_add(1);
        self.settled = false;
    }

    /// Begins a round in which what has failed is tried again.
    pub(crate) fn try_again(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Announces that nothing is open, once for the versions it holds for.
    ///
    /// Returns what to announce and to measure.
    pub(crate) fn settle(&mut self, epoch: i64, now: Timestamp) -> Option<Settled> {
        if self.open > 0 || self.settled || !self.is_known() {
            return None;
        }
        self.settled = true;
        self.settled_at = Some(now);
        self.settled_version = self.settled_version.next(epoch);
        let since = |then: Timestamp| now.duration_since(then).as_secs_f64().max(0.0);
        let seconds = self.timeline_settled_at.is_none().then(|| since(self.recorded_at));
        self.timeline_settled_at = self.timeline_settled_at.or(Some(now));
        let awaited = self.awaited_since.take().filter(|_then| self.lane == Lane::Leaver);
        let leaver_seconds = awaited.map(since);
        let event = PersonSettled {
            person_id: self.id.to_string(),
            person_version: Some(self.person_version.into()),
            desired_version: Some(self.desired_version.into()),
            release: self.release.unsigned_abs(),
            open: 0,
            failed: self.failed.unsigned_abs(),
            version: Some(self.settled_version.into()),
            settled_at: Some(now.into()),
            lane: proto::common::v1::Lane::from(self.lane).into(),
            person_recorded_at: Some(self.recorded_at.into()),
            tasks: self.tasks.unsigned_abs(),
        };
        Some(Settled { event, seconds, leaver_seconds })
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;
    use crate::access::Access;

    fn person() -> Person {
        Person {
            id: PersonId(uuid::Uuid::from_u128(1)),
            desired_version: Version::default(),
            desired_release: 0,
            desired_digest: Vec::new(),
            kin: Kin::default(),
            person_version: Version::default(),
            release: 0,
            recorded_at: Timestamp::UNIX_EPOCH,
            awaited_since: None,
            lane: Lane::Regular,
            round: 0,
            open: 0,
            failed: 0,
            tasks: 0,
            done: 0,
            manual: 0,
            plan_hash: Vec::new(),
            settled_version: Version::default(),
            settled: false,
            settled_at: None,
            timeline_settled_at: None,
        }
    }

    fn announced(counter: i64, lane: Lane, evaluated_at: Timestamp) -> Announced {
        let version = Version { epoch: 1, counter };
        Announced {
            person: PersonId(uuid::Uuid::from_u128(1)),
            version,
            person_version: version,
            release: 1,
            lane,
            recorded_at: Timestamp::UNIX_EPOCH,
            evaluated_at,
            access: Access::default(),
            kin: Kin::default(),
            digest: Vec::new(),
        }
    }

    #[test]
    fn a_leaver_is_measured_once_from_the_instant_at_which_access_had_to_end() {
        let ended = Timestamp::from_second(1_770_000_000).unwrap();
        let mut person = person();
        person.announce(&announced(1, Lane::Leaver, ended));

        let settled = person.settle(1, ended + 3.seconds()).unwrap();
        assert_eq!(settled.leaver_seconds, Some(3.0));

        // What is repaired later is no longer the leaver's wait.
        person.settled = false;
        let again = person.settle(1, ended + 9.hours()).unwrap();
        assert_eq!((again.seconds, again.leaver_seconds), (None, None));
    }

    #[test]
    fn whoever_stays_is_no_leaver() {
        let now = Timestamp::from_second(1_770_000_000).unwrap();
        let mut person = person();
        person.announce(&announced(1, Lane::Regular, now));

        assert_eq!(person.settle(1, now + 1.second()).unwrap().leaver_seconds, None);
    }
}
