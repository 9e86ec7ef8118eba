use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::breaker::SAMPLE_MAX;
use domain::{Date, PersonId, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::facts::{Change, Contract};

/// With more groups than these, an attribute tells people apart, not groups of them.
const GROUPS_MAX: usize = 1_000;

/// How many people come to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Who was there before.
    pub(crate) present: u64,
    pub(crate) joining: u64,
    pub(crate) leaving: u64,
    pub(crate) changing: u64,
}

/// People who have one value of an attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// The value; empty without one.
    pub(crate) group: String,
    pub(crate) counts: Counts,
    /// Some people of each kind of news, in the order in which they were met.
    pub(crate) sample: Vec<Example>,
}

/// Somebody of whom there is news, by ids alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Example {
    /// Absent: not known yet.
    pub(crate) person: Option<PersonId>,
    pub(crate) worker_id: String,
    pub(crate) change: Change,
}

/// What a file would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) totals: Counts,
    pub(crate) unchanged: u64,
    /// Who left before within the source's window, through files that nobody had to release.
    pub(crate) departed: u64,
    pub(crate) window_days: u8,
    /// The attribute whose values are the groups.
    pub(crate) group_by: Option<String>,
    /// In the order of their values.
    pub(crate) groups: Vec<Group>,
}

/// What a file was read from and as; part of what the hash stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub(crate) source: &'a str,
    pub(crate) mapping: &'a str,
    pub(crate) contract: Contract,
    pub(crate) snapshot_date: Date,
}

/// One person as a walk has met them.
#[derive(Debug, Clone)]
pub(crate) struct Seen<'a> {
    pub(crate) change: Option<Change>,
    pub(crate) group: String,
    /// Whether the person was there before.
    pub(crate) was_present: bool,
    /// Whether the file says anything of the person.
    pub(crate) is_listed: bool,
    /// Who it is and as what they were told last; absent: not known yet.
    pub(crate) known: Option<(PersonId, Version)>,
    /// Those of the person's workers whom the news concerns.
    pub(crate) workers: &'a [String],
}

/// A walk through everybody whom a file lists or leaves out.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    totals: Counts,
    unchanged: u64,
    listed_present: u64,
    groups: BTreeMap<String, Group>,
    entries: Vec<String>,
}

impl Comparison {
    /// Counts one person.
    pub(crate) fn count(&mut self, seen: Seen<'_>) {
        self.listed_present += u64::from(seen.is_listed && seen.was_present);
        let group = self.groups.entry(seen.group).or_default();
        group.counts.present += u64::from(seen.was_present);
        self.totals.present += u64::from(seen.was_present);
        let Some(change) = seen.change else {
            self.unchanged += 1;
            return;
        };
        self.totals.add(change);
        group.counts.add(change);
        if group.sample.iter().filter(|one| one.change == change).count() < SAMPLE_MAX {
            group.sample.push(Example {
                person: seen.known.map(|(person, _version)| person),
                worker_id: seen.workers.first().cloned().unwrap_or_default(),
                change,
            });
        }
        self.entries.push(entry(change, seen.known, seen.workers));
    }

    /// Counts one person who was there before, and of whom the file says what is known.
    pub(crate) fn count_passed(&mut self, group: Option<String>) {
        self.groups.entry(group.unwrap_or_default()).or_default().counts.present += 1;
    }

    /// How many people were counted.
    pub(crate) const fn people(&self) -> u64 {
        let Counts { present: _, joining, leaving, changing } = self.totals;
        joining + leaving + changing + self.unchanged
    }

    /// How many of those who are listed were there before.
    pub(crate) const fn listed_present(&self) -> u64 {
        self.listed_present
    }

    /// Returns what was found so far.
    pub(crate) fn difference(&self) -> Difference {
        let groups = self.groups.iter().filter(|_group| self.groups.len() <= GROUPS_MAX);
        let named =
            |(group, found): (&String, &Group)| Group { group: group.clone(), ..found.clone() };
        Difference {
            totals: self.totals,
            unchanged: self.unchanged,
            groups: groups.map(named).collect(),
            ..Difference::default()
        }
    }

    /// Returns what was found, and the hash that stands for exactly that.
    pub(crate) fn finish(mut self, basis: Basis<'_>) -> (Difference, String) {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        };
        add(basis.source);
        add(basis.mapping);
        add(basis.contract.as_str());
        add(&basis.snapshot_date.to_string());
        self.entries.sort_unstable();
        self.entries.iter().for_each(|entry| add(entry));
        let mut text = String::new();
        for byte in hash.finalize() {
            write!(text, "{byte:02x}").expect("a string takes every text");
        }
        (self.difference(), text)
    }
}

/// A person's part of the hash. With the version, what is learnt of the person meanwhile makes it
/// another hash.
fn entry(change: Change, known: Option<(PersonId, Version)>, workers: &[String]) -> String {
    let mut entry = String::new();
    for worker in workers {
        write!(entry, "{}:{worker}", worker.len()).expect("a string takes every text");
    }
    entry.push_str(change.as_str());
    if let Some((person, Version { epoch, counter })) = known {
        write!(entry, " {person} {epoch}.{counter}").expect("a string takes every text");
    }
    entry
}

impl Counts {
    const fn add(&mut self, change: Change) {
        match change {
            Change::Joined | Change::Rehired => self.joining += 1,
            Change::Changed => self.changing += 1,
            Change::Left => self.leaving += 1,
        }
    }
}

impl Difference {
    /// Whether nobody would be changed.
    pub(crate) const fn is_empty(&self) -> bool {
        let Counts { present: _, joining, leaving, changing } = self.totals;
        joining + leaving + changing == 0
    }
}
