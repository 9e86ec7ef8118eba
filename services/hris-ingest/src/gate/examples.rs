use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, PersonId};

use crate::facts::{Change, Engagement, Timeline};

/// People who are shown of each kind of news.
const PEOPLE: usize = 20;
/// Changes of one attribute that are told apart; further ones are counted together.
const PAIRS: usize = 1_000;
/// The attribute by which people are called.
const NAME: &str = "display_name";

/// One thing that is said of a person, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// An attribute's name, or a member of the engagement, such as `start_date`.
    pub(crate) name: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Somebody of whom there would be news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// Absent: not known yet.
    pub(crate) id: Option<PersonId>,
    pub(crate) worker_id: String,
    pub(crate) name: Option<String>,
    pub(crate) change: Change,
    /// What differs on the day of the file or is said to differ later.
    pub(crate) said: Vec<Said>,
}

/// How many people one thing would change for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) people: u64,
    /// From what to what, for how many of them.
    pub(crate) pairs: BTreeMap<(Option<String>, Option<String>), u64>,
}

/// What a walk has shown so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Examples {
    pub(crate) people: Vec<Person>,
    /// Of those who are there before and after, by what it is that changes.
    pub(crate) changes: BTreeMap<String, Changes>,
}

/// Somebody whom the walk has met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Met<'a> {
    pub(crate) id: Option<PersonId>,
    pub(crate) workers: &'a [String],
    pub(crate) change: Change,
    pub(crate) before: &'a Timeline,
    pub(crate) after: &'a Timeline,
}

impl Examples {
    /// Shows somebody of whom the source would have news for a day.
    pub(crate) fn show(&mut self, source: &str, day: Date, met: Met<'_>) {
        let (before, after) = (shown(source, day, met.before), shown(source, day, met.after));
        let said = said(&before, &after);
        if met.change == Change::Changed {
            for one in &said {
                let changes = self.changes.entry(one.name.clone()).or_default();
                changes.people += 1;
                let pair = (one.before.clone(), one.after.clone());
                if changes.pairs.len() < PAIRS || changes.pairs.contains_key(&pair) {
                    *changes.pairs.entry(pair).or_default() += 1;
                }
            }
        }
        if self.people.iter().filter(|one| one.change == met.change).count() < PEOPLE {
            self.people.push(Person {
                id: met.id,
                worker_id: met.workers.first().cloned().unwrap_or_default(),
                name: after.get(NAME).or_else(|| before.get(NAME)).cloned(),
                change: met.change,
                said,
            });
        }
    }
}

/// What the source says otherwise after than before, in the order of the names.
fn said(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Said> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let one = |name: &String| Said {
        name: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    };
    names.into_iter().map(one).filter(|one| one.before != one.after).collect()
}

/// What a timeline says of somebody on a day, in the engagement of the source that lasts the longest.
fn shown(source: &str, day: Date, timeline: &Timeline) -> BTreeMap<String, String> {
    let of_source = timeline.engagements.iter().filter(|one| one.source == source);
    let last = |one: &&Engagement| one.last_working_day.unwrap_or(Date::MAX);
    let Some(engagement) = of_source.max_by_key(last) else { return BTreeMap::new() };
    let in_force = engagement.slices.iter().rfind(|slice| slice.from <= day);
    let slice = in_force.or_else(|| engagement.slices.first());
    let mut shown = BTreeMap::new();
    if let Some(slice) = slice {
        let texts = slice.attributes.iter().map(|(name, value)| (name.clone(), value.to_string()));
        shown.extend(texts);
        shown.extend(slice.manager.clone().map(|manager| ("manager".to_owned(), manager)));
        let ahead = engagement.slices.iter().filter(|later| later.from > day.max(slice.from));
        for later in ahead {
            let texts = later.attributes.iter();
            let differing =
                texts.filter(|(name, value)| slice.attributes.get(*name) != Some(*value));
            let from = later.from;
            shown.extend(
                differing.map(|(name, value)| (format!("{name} from {from}"), value.to_string())),
            );
        }
    }
    shown.insert("start_date".to_owned(), engagement.start_date.to_string());
    let dates = [
        ("last_working_day", engagement.last_working_day),
        ("termination_date", engagement.termination_date),
    ];
    shown.extend(
        dates.into_iter().filter_map(|(name, day)| Some((name.to_owned(), day?.to_string()))),
    );
    shown
}
