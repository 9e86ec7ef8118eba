//! One person of what several sources say of them. Pure.
//!
//! Each employment has the attributes that its own source says. What a source says of the human, whatever
//! the engagement, stands beside it: of all that speak of an attribute on a day, the source of the highest
//! rank counts. Where the highest are several and do not agree, what was told before stays, and somebody
//! has to decide.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, Value};

use super::slices::join_equal;
use super::{Engagement, Slice, Timeline};
use crate::mapping::Authority;

/// What the word of sources is worth, by their names; of one that is not named, the usual.
pub type Authorities = BTreeMap<String, Authority>;

/// What is told of a person of whom several sources speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The employments, with what is known of the human in each.
    pub timeline: Timeline,
    /// Attributes of which the highest sources say different things, now or on a day to come.
    pub conflicts: BTreeMap<String, Conflict>,
}

/// Several sources of one rank that do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The first day on which they do not, from the present one on.
    pub from: Date,
    /// What each of them says.
    pub values: BTreeMap<String, Value>,
    /// What is told meanwhile: the last on which they agreed; absent: nothing is.
    pub kept: Option<Value>,
}

/// Returns what is told of a person on a day; `None`: a single source speaks of them, and what it says is.
#[must_use]
pub fn compose(
    timeline: &Timeline,
    authorities: &Authorities,
    told: &Timeline,
    today: Date,
) -> Option<Composed> {
    let sources: BTreeSet<&str> =
        timeline.engagements.iter().map(|engagement| engagement.source.as_str()).collect();
    let only_employed = timeline.engagements.iter().all(|engagement| !engagement.supplement);
    if sources.len() < 2 && only_employed {
        return None;
    }
    let usual = Authority::default();
    let voices: Vec<Voice<'_>> = timeline
        .engagements
        .iter()
        .map(|engagement| Voice {
            engagement,
            authority: authorities.get(&engagement.source).unwrap_or(&usual),
        })
        .collect();
    let personal: BTreeSet<&str> = voices.iter().flat_map(Voice::personal).collect();
    let mut conflicts = BTreeMap::new();
    let employments = voices.iter().filter(|voice| !voice.engagement.supplement);
    let engagements = employments
        .map(|voice| {
            let room = Room { own: voice.engagement, voices: &voices, told, today };
            room.compose(&personal, &mut conflicts)
        })
        .collect();
    // Whoever holds the person does, employer or not.
    let timeline = Timeline { engagements, held_since: timeline.held_since };
    Some(Composed { timeline, conflicts })
}

/// An engagement, and what the word of its source is worth.
#[derive(Debug, Clone, Copy)]
struct Voice<'a> {
    engagement: &'a Engagement,
    authority: &'a Authority,
}

impl<'a> Voice<'a> {
    /// The names of what it ever says of the human.
    fn personal(&self) -> impl Iterator<Item = &'a str> {
        let Self { engagement, authority } = *self;
        let names = engagement.slices.iter().flat_map(|slice| slice.attributes.keys());
        names.map(String::as_str).filter(|name| authority.is_personal(name))
    }

    /// What it says of an attribute in an employment on a day.
    fn says(&self, own: &Engagement, attribute: &str, day: Date) -> Option<&'a Value> {
        let in_own = self.engagement.id == own.id;
        let speaks = in_own
            || (self.engagement.source != own.source
                && self.authority.is_personal(attribute)
                && self.engagement.covers(day));
        let slice = if speaks { self.engagement.slice_on(day)? } else { return None };
        slice.attributes.get(attribute)
    }
}

/// One employment among all that is said of its person.
struct Room<'a> {
    own: &'a Engagement,
    voices: &'a [Voice<'a>],
    told: &'a Timeline,
    today: Date,
}

/// What holds of one attribute on one day.
enum Heard {
    Nothing,
    Agreed(Value),
    Disputed(BTreeMap<String, Value>),
}

impl Room<'_> {
    fn compose(
        &self,
        personal: &BTreeSet<&str>,
        conflicts: &mut BTreeMap<String, Conflict>,
    ) -> Engagement {
        let mut slices = self.slices();
        for slice in &mut slices {
            for name in personal {
                let value = match self.hear(name, slice.from) {
                    Heard::Nothing => None,
                    Heard::Agreed(value) => Some(value),
                    Heard::Disputed(values) => {
                        let kept = self.told_on(name, slice.from).cloned();
                        if let Some(from) = self.disputed_from(slice) {
                            let conflict = Conflict { from, values, kept: kept.clone() };
                            let first = conflicts.entry((*name).to_owned()).or_insert(conflict);
                            first.from = first.from.min(from);
                        }
                        kept
                    }
                };
                match value {
                    Some(value) => drop(slice.attributes.insert((*name).to_owned(), value)),
                    None => drop(slice.attributes.remove(*name)),
                }
            }
        }
        join_equal(&mut slices);
        Engagement { slices, ..self.own.clone() }
    }

    /// From when on somebody has to decide about what is disputed in a slice; of what is past nobody has.
    fn disputed_from(&self, slice: &Slice) -> Option<Date> {
        let from = slice.from.max(self.today);
        let lasts = slice.until.is_none_or(|until| until > self.today);
        (lasts && !self.own.over_before(from)).then_some(from)
    }

    /// The days of the employment from which anybody says something else.
    fn days(&self) -> BTreeSet<Date> {
        let said = |voice: &Voice<'_>| {
            let engagement = voice.engagement;
            let ended = engagement.last_working_day.and_then(|last| last.tomorrow().ok());
            let began = std::iter::once(engagement.start_date).chain(ended);
            let slices = engagement.slices.iter().map(|slice| slice.from);
            began.chain(slices).collect::<Vec<Date>>()
        };
        let others = self.voices.iter().filter(|voice| voice.engagement.source != self.own.source);
        let within = |day: &Date| self.own.covers(*day);
        let own = self.own.slices.iter().map(|slice| slice.from);
        others.flat_map(said).filter(within).chain(own).collect()
    }

    /// What the employment's own source says, a slice for each of these days.
    fn slices(&self) -> Vec<Slice> {
        let days = self.days();
        let untils = days.iter().skip(1).copied().map(Some).chain([None]);
        let slice = |(from, until): (&Date, Option<Date>)| {
            let own = self.own.slice_on(*from);
            Slice {
                from: *from,
                until,
                attributes: own.map(|own| own.attributes.clone()).unwrap_or_default(),
                manager: own.and_then(|own| own.manager.clone()),
            }
        };
        days.iter().zip(untils).map(slice).collect()
    }

    fn hear(&self, attribute: &str, day: Date) -> Heard {
        let mut highest = u16::MAX;
        let mut values = BTreeMap::<&str, &Value>::new();
        for voice in self.voices {
            let Some(value) = voice.says(self.own, attribute, day) else { continue };
            let source = voice.engagement.source.as_str();
            let rank = voice.authority.rank_of(attribute);
            if rank < highest {
                values.clear();
                highest = rank;
            }
            if rank == highest {
                // Of what one source says in several engagements the first counts.
                values.entry(source).or_insert(value);
            }
        }
        let mut distinct = values.values();
        let Some(first) = distinct.next() else { return Heard::Nothing };
        if distinct.all(|other| other == first) {
            return Heard::Agreed((*first).clone());
        }
        let owned = |(source, value): (&str, &Value)| (source.to_owned(), value.clone());
        Heard::Disputed(values.into_iter().map(owned).collect())
    }

    /// What was told last of an attribute on a day: in this employment, else in any.
    fn told_on(&self, attribute: &str, day: Date) -> Option<&Value> {
        let own = self.told.engagements.iter().find(|one| one.id == self.own.id);
        let others = self.told.employments().filter(|one| one.covers(day));
        let slices = own.into_iter().chain(others).filter_map(|one| one.slice_on(day));
        slices.filter_map(|slice| slice.attributes.get(attribute)).next()
    }
}
