//! From facts to the timeline they come to. Pure.
//!
//! A fact is never changed once it is recorded; a correction is another one. What holds is decided claim
//! by claim: of all that was ever said about the same thing, what the source said last counts, whatever
//! the order in which it arrived. So a timeline is the same for any order, repetition and splitting of
//! the facts, and what was known at an instant is what the facts recorded until then come to.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, Date, EngagementId, Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::slices::join_equal;
use super::{Engagement, Slice, Timeline};

/// What somebody said of one engagement at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Of which engagement.
    pub engagement: EngagementId,
    /// Where it stands among what the same source said, as [`sequence_of_day`] counts unless the source
    /// has an order of its own. A later one counts.
    pub sequence: i64,
    /// When it became known here.
    pub recorded_at: Timestamp,
    /// Its place among the facts of the person, in the order in which they became known; between facts of
    /// one sequence, the later counts.
    pub number: i64,
    /// What was said.
    pub claims: Vec<Claim>,
}

/// One thing said of an engagement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// There is such an engagement.
    Begun {
        /// The source that knows it.
        source: String,
        /// Whose it is, in the source's words.
        worker_id: String,
        /// The day through which nobody is to be told of it.
        quiet_through: Option<Date>,
        /// Whether the source employs nobody.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        supplement: bool,
    },
    /// Which of the worker's engagements it is, in the source's words.
    Key(String),
    /// When it begins.
    Start {
        /// The first day.
        date: Date,
        /// The day that the source stated, if it did.
        stated: Option<Date>,
    },
    /// When it ends by its dates; each absent: not known to.
    End {
        /// The last day of work.
        last_working_day: Option<Date>,
        /// The last day of the contract.
        termination_date: Option<Date>,
        /// The day of the full file that ended it by leaving it out.
        absent_since: Option<Date>,
    },
    /// An operator ended it, or took that back.
    EndsAt(Option<Timestamp>),
    /// The zone of its dates, by IANA name.
    Zone(Option<String>),
    /// Whether the source says that the person has to be held for reasons of security.
    Locked(bool),
    /// Since when they are held by that; absent: an operator lifted it.
    HeldSince(Option<Timestamp>),
    /// Attributes that hold from a day on, until another claim's day; without a value: it has none.
    Profile {
        /// The first day.
        from: Date,
        /// The values by name. What is not named is not spoken of.
        attributes: BTreeMap<String, Option<Value>>,
    },
    /// The manager from a day on, by worker id; absent: none.
    Manager {
        /// The first day.
        from: Date,
        /// The manager's worker id in the same source.
        worker_id: Option<String>,
    },
}

/// The sequence of what is said for a day: microseconds from 1970 to its beginning, in UTC.
#[must_use]
pub fn sequence_of_day(day: Date) -> i64 {
    let midnight = jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    midnight.map_or(i64::MIN, Timestamp::as_microsecond)
}

/// The sequence of what is said at an instant.
#[must_use]
pub fn sequence_at(instant: Timestamp) -> i64 {
    instant.as_microsecond()
}

/// The number of the next fact of a person of whom these are known.
#[must_use]
pub fn next_number(facts: &[Fact]) -> i64 {
    facts.iter().map(|fact| fact.number).max().map_or(0, |last| last + 1)
}

/// Returns what facts come to, in any order, repeated or split as they may be.
///
/// Engagements stand in the order in which they became known; one of which it was never said that there
/// is such a thing, and when it begins, is left out until it is.
#[must_use]
pub fn fold<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Timeline {
    let mut drafts = BTreeMap::<EngagementId, Draft<'a>>::new();
    for fact in facts {
        let rank = Rank { sequence: fact.sequence, number: fact.number };
        let draft = drafts.entry(fact.engagement).or_default();
        fact.claims.iter().for_each(|claim| draft.take(rank, claim));
    }
    let mut engagements: Vec<(i64, Engagement)> = drafts
        .into_iter()
        .filter_map(|(id, draft)| Some((draft.begun.as_ref()?.0.number, draft.end(id)?)))
        .collect();
    engagements.sort_by_key(|(number, engagement)| (*number, engagement.id));
    Timeline::of(engagements.into_iter().map(|(_, engagement)| engagement).collect())
}

/// Which of two claims about the same thing counts: the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    sequence: i64,
    number: i64,
}

/// The claim about one thing that counts so far.
type Kept<T> = Option<(Rank, T)>;

/// What holds from each day on: a name's values, each by the day from which it holds.
type History<'a, T> = BTreeMap<Date, (Rank, Option<&'a T>)>;

/// An engagement as far as it is known.
#[derive(Debug, Default)]
struct Draft<'a> {
    /// The first that was recorded of them all, so that the order of engagements does not change.
    begun: Option<(Rank, &'a Claim)>,
    key: Kept<&'a str>,
    start: Kept<(Date, Option<Date>)>,
    end: Kept<(Option<Date>, Option<Date>, Option<Date>)>,
    ends_at: Kept<Option<Timestamp>>,
    zone: Kept<Option<&'a str>>,
    locked: Kept<bool>,
    held_since: Kept<Option<Timestamp>>,
    attributes: BTreeMap<&'a str, History<'a, Value>>,
    manager: History<'a, String>,
    /// Every day from which anything holds.
    days: BTreeSet<Date>,
}

fn keep<T: Ord>(kept: &mut Kept<T>, rank: Rank, said: T) {
    let later = (rank, said);
    if kept.as_ref().is_none_or(|kept| *kept < later) {
        *kept = Some(later);
    }
}

fn hold<'a, T: Ord>(history: &mut History<'a, T>, from: Date, rank: Rank, value: Option<&'a T>) {
    let held = history.entry(from).or_insert((rank, value));
    *held = (*held).max((rank, value));
}

impl<'a> Draft<'a> {
    fn take(&mut self, rank: Rank, claim: &'a Claim) {
        match claim {
            Claim::Begun { .. } => {
                let first = |(known, kept): &(Rank, &Claim)| {
                    (known.number, known.sequence, *kept) <= (rank.number, rank.sequence, claim)
                };
                if !self.begun.as_ref().is_some_and(first) {
                    self.begun = Some((rank, claim));
                }
            }
            Claim::Key(key) => keep(&mut self.key, rank, key.as_str()),
            Claim::Start { date, stated } => keep(&mut self.start, rank, (*date, *stated)),
            Claim::End { last_working_day, termination_date, absent_since } => {
                keep(&mut self.end, rank, (*last_working_day, *termination_date, *absent_since));
            }
            Claim::EndsAt(at) => keep(&mut self.ends_at, rank, *at),
            Claim::Zone(zone) => keep(&mut self.zone, rank, zone.as_deref()),
            Claim::Locked(locked) => keep(&mut self.locked, rank, *locked),
            Claim::HeldSince(since) => keep(&mut self.held_since, rank, *since),
            Claim::Profile { from, attributes } => {
                self.days.insert(*from);
                for (name, value) in attributes {
                    let history = self.attributes.entry(name).or_default();
                    hold(history, *from, rank, value.as_ref());
                }
            }
            Claim::Manager { from, worker_id } => {
                self.days.insert(*from);
                hold(&mut self.manager, *from, rank, worker_id.as_ref());
            }
        }
    }

    fn end(self, id: EngagementId) -> Option<Engagement> {
        let (_, Claim::Begun { source, worker_id, quiet_through, supplement }) = self.begun? else {
            return None;
        };
        let (_, (start_date, stated_start)) = self.start?;
        let (last_working_day, termination_date, absent_since) =
            self.end.map(|(_, end)| end).unwrap_or_default();
        Some(Engagement {
            id,
            source: source.clone(),
            worker_id: worker_id.clone(),
            key: self.key.map(|(_, key)| key.to_owned()).unwrap_or_default(),
            start_date,
            stated_start,
            last_working_day,
            termination_date,
            absent_since,
            quiet_through: *quiet_through,
            ends_at: self.ends_at.and_then(|(_, at)| at),
            zone: self.zone.and_then(|(_, zone)| zone.map(str::to_owned)),
            supplement: *supplement,
            locked: self.locked.is_some_and(|(_, locked)| locked),
            held_since: self.held_since.and_then(|(_, since)| since),
            slices: self.slices(start_date),
        })
    }

    /// What holds from the start on. Of a start before anything else that is known, what is known first
    /// holds from then on.
    fn slices(&self, start: Date) -> Vec<Slice> {
        let first = self.days.first().copied().unwrap_or(start).max(start);
        let mut froms: Vec<Date> = std::iter::once(first)
            .chain(self.days.iter().copied().filter(|day| *day > first))
            .collect();
        froms.dedup();
        let mut slices: Vec<Slice> = froms
            .iter()
            .map(|from| Slice {
                from: *from,
                until: None,
                attributes: self.attributes_on(*from),
                manager: on(&self.manager, *from).cloned(),
            })
            .collect();
        slices[0].from = start;
        for index in 1..slices.len() {
            slices[index - 1].until = Some(slices[index].from);
        }
        join_equal(&mut slices);
        slices
    }

    fn attributes_on(&self, day: Date) -> Attributes {
        self.attributes
            .iter()
            .filter_map(|(name, history)| Some(((*name).to_owned(), on(history, day)?.clone())))
            .collect()
    }
}

fn on<'a, T>(history: &History<'a, T>, day: Date) -> Option<&'a T> {
    history.range(..=day).next_back().and_then(|(_, (_, value))| *value)
}
