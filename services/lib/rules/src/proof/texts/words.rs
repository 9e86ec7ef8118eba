use crate::formula::Atom;

/// The mark before a text; no letter.
pub(super) const BEFORE: u32 = 0x0011_0000;
/// The mark after a text; no letter.
pub(super) const AFTER: u32 = 0x0011_0001;

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

    pub(super) fn letters(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// Returns it without marks.
    pub(super) fn text(&self) -> String {
        self.letters().filter_map(char::from_u32).collect()
    }

    pub(super) fn begins(&self) -> bool {
        self.0.first() == Some(&BEFORE)
    }

    pub(super) fn ends(&self) -> bool {
        self.0.last() == Some(&AFTER)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.begins() && self.ends()
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
