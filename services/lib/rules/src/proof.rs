//! Proofs about everybody who could ever exist, not only those who are known today.
//!
//! What conditions mention cuts the values of each attribute into finitely many regions, so that a
//! question about everybody is a question for a SAT solver. Its answer is a proof, or somebody of
//! whom the opposite holds, whom the formulas themselves are then asked about.
//!
//! Invariants:
//! - what is proved holds for anybody whose attributes have the types and values of the schema, and
//!   of whom its facts hold;
//! - a witness that is not marked as possible was evaluated and does what is said;
//! - every question ends: what exceeds its [`Budget`] is undecided, and says so.
//!
//! Not here: time. A proof is about one engagement at one instant; what overlaps, what is held
//! because a condition cannot be answered any more, and several engagements of one person are what
//! [`crate::desired`] looks at when it happens.

mod column;
mod compare;
mod encoding;
mod grants;
mod numbers;
mod prover;
mod solver;
mod texts;
mod universe;
mod verify;
mod witness;

pub use compare::{Comparison, Difference, compare};
pub use grants::Grants;
pub use prover::{Axiom, Prover};
pub use universe::Domain;
pub use verify::{Finding, Report, SeparationAnswer, problems, verify};
pub use witness::Witness;

use std::fmt;

/// The answer to a question about everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is so for everybody.
    Proved,
    /// It is not so for this person.
    Refuted(Witness),
    /// There was no answer within the budget.
    Undecided(Why),
}

/// What ran out before there was an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The conditions have too many parts together.
    Parts,
    /// The solver ran into too many dead ends.
    Conflicts,
    /// Too many combinations of parts of texts had to be tried.
    Rounds,
    /// An attribute has another type in each of two releases.
    Types,
}

/// What one question may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many parts its conditions may have together.
    pub parts: usize,
    /// How many dead ends the solver may run into.
    pub conflicts: u64,
    /// How often the solver may propose texts that do not exist.
    pub rounds: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { parts: 200_000, conflicts: 20_000, rounds: 500 }
    }
}

impl Answer {
    /// Tells whether it is so for everybody.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        match self {
            Self::Proved => true,
            Self::Refuted(_) | Self::Undecided(_) => false,
        }
    }

    /// Returns the person for whom it is not so.
    #[must_use]
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Self::Refuted(witness) => Some(witness),
            Self::Proved | Self::Undecided(_) => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parts => "the conditions have too many parts together; split them up",
            Self::Conflicts => "the conditions are too entangled; write them more simply",
            Self::Types => "an attribute has another type than before; give it another name",
            Self::Rounds => {
                "startsWith, endsWith and contains are too entangled; ask for whole values"
            }
        })
    }
}

#[cfg(test)]
mod tests;
