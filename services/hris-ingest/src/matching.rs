//! Whether somebody whom a source names is a person who is known, by what is said of both. Pure.
//!
//! A source's document states rules: for each attribute, how it is compared, how much its agreement
//! speaks for one human, and how much its difference speaks against. What is not known on either side
//! counts nothing. Values are compared by marks, hashes of their normal form: nothing else of them is
//! kept.
//!
//! Invariants, which the document's check holds up:
//! - names alone never open a case, let alone decide one;
//! - no single attribute decides.

mod normal;
pub(crate) mod table;

pub(crate) use normal::mark;

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use uuid::Uuid;

use crate::case::Verdict;

/// How two values of an attribute are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// As they are written, white space aside.
    Exact,
    /// As names: without accents, case, punctuation, single letters and the order of their parts.
    Name,
    /// As days of the calendar.
    Date,
    /// As mail addresses, without their case.
    Mail,
    /// As telephone numbers, by their last nine digits.
    Phone,
}

/// One attribute that tells humans apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The position of its field in the mapping.
    pub(crate) field: usize,
    /// The field's name, by which sources of one scope mean the same.
    pub(crate) attribute: String,
    /// How it is compared.
    pub(crate) comparison: Comparison,
    /// How much agreement speaks for one human, of 100.
    pub(crate) agree: u8,
    /// How much a difference speaks against.
    pub(crate) differ: u8,
}

/// The rules of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Each of another attribute.
    pub(crate) rules: Vec<Rule>,
    /// From so many points on it is one human.
    pub(crate) automatic: u8,
    /// From so many points on a human is asked.
    pub(crate) case: u8,
}

/// What is said of somebody: the marks of each attribute, those of which anything is.
pub(crate) type Features = BTreeMap<String, BTreeSet<Uuid>>;

/// How much speaks for it that two are one human.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) points: i32,
    /// In the order of the rules.
    pub(crate) verdicts: Vec<(String, Verdict)>,
}

/// Somebody who may be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) person: PersonId,
    pub(crate) score: Score,
}

/// Who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nobody who is known.
    Nobody,
    /// This person.
    Certain(Candidate),
    /// One of these or nobody, the likelier first.
    Doubtful(Vec<Candidate>),
}

impl Comparison {
    /// Every comparison.
    pub(crate) const ALL: [Self; 5] =
        [Self::Exact, Self::Name, Self::Date, Self::Mail, Self::Phone];

    /// The comparison's name in a document.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Name => "name",
            Self::Date => "date",
            Self::Mail => "mail",
            Self::Phone => "phone",
        }
    }

    /// Whether people who have nothing to do with each other often agree: it finds nobody alone.
    pub(crate) const fn is_name(self) -> bool {
        match self {
            Self::Name => true,
            Self::Exact | Self::Date | Self::Mail | Self::Phone => false,
        }
    }
}

impl Rules {
    /// Says how much speaks for it that what is stated and what is known is said of one human.
    pub(crate) fn score(&self, stated: &Features, known: &Features) -> Score {
        let mut points = 0;
        let verdicts = self
            .rules
            .iter()
            .map(|rule| {
                let of = (stated.get(&rule.attribute), known.get(&rule.attribute));
                let verdict = match of {
                    (Some(stated), Some(known)) if stated.is_disjoint(known) => Verdict::Differs,
                    (Some(_), Some(_)) => Verdict::Agrees,
                    (None, _) | (_, None) => Verdict::Unknown,
                };
                points += match verdict {
                    Verdict::Agrees => i32::from(rule.agree),
                    Verdict::Differs => -i32::from(rule.differ),
                    Verdict::Unknown => 0,
                };
                (rule.attribute.clone(), verdict)
            })
            .collect();
        Score { points, verdicts }
    }

    /// Whether a human has to be asked before somebody of this score is taken for another one.
    pub(crate) fn is_plausible(&self, score: &Score) -> bool {
        score.points >= i32::from(self.case)
    }

    /// Whether as much speaks against it that two are one human as has to speak for it to be asked.
    pub(crate) fn contradicts(&self, score: &Score) -> bool {
        score.points <= -i32::from(self.case)
    }

    /// Says who is meant, of everybody who might be. One is certain only where nobody else is plausible.
    pub(crate) fn find(&self, candidates: impl IntoIterator<Item = Candidate>) -> Finding {
        let mut plausible: Vec<Candidate> =
            candidates.into_iter().filter(|one| self.is_plausible(&one.score)).collect();
        plausible.sort_by_key(|one| (-one.score.points, one.person));
        plausible.dedup_by_key(|one| one.person);
        match plausible.as_slice() {
            [] => Finding::Nobody,
            [only] if only.score.points >= i32::from(self.automatic) => {
                Finding::Certain(only.clone())
            }
            [_, ..] => Finding::Doubtful(plausible),
        }
    }

    /// The marks by which somebody may be found: those that are not of names.
    pub(crate) fn finding<'a>(&'a self, features: &'a Features) -> impl Iterator<Item = Uuid> + 'a {
        let finds = self.rules.iter().filter(|rule| !rule.comparison.is_name());
        finds.filter_map(|rule| features.get(&rule.attribute)).flatten().copied()
    }
}

/// Adds what is said in another place.
pub(crate) fn join(features: &mut Features, further: &Features) {
    for (attribute, marks) in further {
        features.entry(attribute.clone()).or_default().extend(marks);
    }
}

#[cfg(test)]
mod tests;
