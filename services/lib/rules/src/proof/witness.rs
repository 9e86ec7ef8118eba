//! Somebody of whom something holds, cut down to what it rests on.

use std::collections::BTreeSet;
use std::fmt;

use domain::Attributes;

use super::encoding::{Mode, Question};
use crate::formula::{Atom, Formula};

/// Somebody who is an example of the opposite of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What is known of them; what is missing is unknown.
    pub attributes: Attributes,
    /// Whether there only might be such a person: the answer rests on `assumes`.
    pub possible: bool,
    /// The parts of conditions that nothing could be proved about, and that were taken as it suited.
    pub assumes: BTreeSet<String>,
}

/// Makes a witness: evaluates what is claimed, and leaves out what it does not rest on.
pub(super) fn of(
    question: &Question<'_>,
    mut attributes: Attributes,
    required: &dyn Fn(&str) -> bool,
) -> Witness {
    let mut assumes = BTreeSet::new();
    let holds = meets(question, &attributes);
    if holds {
        let names: Vec<String> =
            attributes.keys().filter(|name| !required(name)).cloned().collect();
        for name in names {
            if let Some(value) = attributes.remove(&name)
                && !meets(question, &attributes)
            {
                attributes.insert(name, value);
            }
        }
    } else {
        for (formula, _) in question.iter().flatten() {
            formula.for_each_atom(&mut |atom| {
                if let Atom::Opaque(opaque) = atom {
                    assumes.insert(opaque.text.clone());
                }
            });
        }
    }
    Witness { attributes, possible: !holds, assumes }
}

fn meets(question: &Question<'_>, attributes: &Attributes) -> bool {
    question
        .iter()
        .all(|demands| demands.iter().any(|(formula, mode)| met(formula, *mode, attributes)))
}

fn met(formula: &Formula, mode: Mode, attributes: &Attributes) -> bool {
    let answer = formula.holds(attributes);
    match mode {
        Mode::True => answer == Some(true),
        Mode::False => answer == Some(false),
        Mode::NotTrue => answer != Some(true),
        Mode::NotFalse => answer != Some(false),
    }
}

impl fmt::Display for Witness {
    /// Writes `department=Dept-24, level=6`; of whom nothing is known, `nothing known`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.attributes.is_empty() {
            f.write_str("nothing known")?;
        }
        for (index, (name, value)) in self.attributes.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value}")?;
        }
        if self.possible {
            f.write_str(", if it can be that")?;
            for (index, text) in self.assumes.iter().enumerate() {
                write!(f, "{} {text}", if index == 0 { "" } else { " and" })?;
            }
        }
        Ok(())
    }
}
