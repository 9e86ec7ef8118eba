//! Beginnings, ends, parts and whole texts as one thing: what a text has in it that is written with
//! a mark before and a mark after it.

use std::collections::BTreeSet;

use crate::formula::Atom;

/// The mark before a text; no letter.
const BEFORE: u32 = 0x0011_0000;
/// The mark after a text; no letter.
const AFTER: u32 = 0x0011_0001;

/// What a marked text may have in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word(Vec<u32>);

impl Word {
    /// The text itself.
    pub(super) fn equal(text: &str) -> Self {
        Self(std::iter::once(BEFORE).chain(letters(text)).chain([AFTER]).collect())
    }

    /// What a question about parts of a text asks for.
    pub(super) fn asked(atom: &Atom) -> Option<Self> {
        match atom {
            Atom::StartsWith { text, .. } => {
                Some(Self(std::iter::once(BEFORE).chain(letters(text)).collect()))
            }
            Atom::EndsWith { text, .. } => Some(Self(letters(text).chain([AFTER]).collect())),
            Atom::Contains { text, .. } => Some(Self(letters(text).collect())),
            Atom::Known { .. }
            | Atom::OneOf { .. }
            | Atom::AtLeast { .. }
            | Atom::Member { .. }
            | Atom::Opaque(_) => None,
        }
    }

    /// Returns its letters, without marks.
    pub(super) fn letters(&self) -> impl Iterator<Item = char> {
        self.0.iter().filter_map(|letter| char::from_u32(*letter))
    }

    fn begins(&self) -> bool {
        self.0.first() == Some(&BEFORE)
    }

    fn ends(&self) -> bool {
        self.0.last() == Some(&AFTER)
    }

    /// Tells whether every text has it, also the empty one.
    pub(super) fn is_in_all(&self) -> bool {
        self.letters().next().is_none()
    }

    pub(super) fn is_in(&self, other: &Self) -> bool {
        self.0.is_empty() || other.0.windows(self.0.len()).any(|part| part == self.0)
    }

    /// Tells whether no text has both: two beginnings or two ends that differ.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let differ = |one: &mut dyn Iterator<Item = &u32>,
                      other: &mut dyn Iterator<Item = &u32>| {
            one.zip(other).any(|(one, other)| one != other)
        };
        (self.begins() && other.begins() && differ(&mut self.0.iter(), &mut other.0.iter()))
            || (self.ends()
                && other.ends()
                && differ(&mut self.0.iter().rev(), &mut other.0.iter().rev()))
    }
}

fn letters(text: &str) -> impl Iterator<Item = u32> {
    text.chars().map(u32::from)
}

/// Returns a text that has every word that is wanted, where no two of them clash: the beginning, the
/// parts, the end, with a letter between them that nothing mentions.
pub(super) fn spelled(wanted: &[&Word], mentioned: &BTreeSet<char>) -> String {
    let liked = "xzqwvkj0123456789".chars();
    let between =
        liked.chain('a'..=char::MAX).find(|letter| !mentioned.contains(letter)).unwrap_or('x');
    // Of two beginnings that do not clash the longer has the other in it.
    let longest = |words: &mut dyn Iterator<Item = &&Word>| -> String {
        words.max_by_key(|word| word.0.len()).into_iter().flat_map(|word| word.letters()).collect()
    };
    let start = longest(&mut wanted.iter().filter(|word| word.begins()));
    let end = longest(&mut wanted.iter().filter(|word| word.ends()));
    let mut text = start;
    for word in wanted.iter().filter(|word| !word.begins() && !word.ends()) {
        let within = |other: &&&Word| other.0.len() > word.0.len() && word.is_in(other);
        if !wanted.iter().any(|other| within(&other)) {
            text.push(between);
            text.extend(word.letters());
        }
    }
    text.push(between);
    text + &end
}
