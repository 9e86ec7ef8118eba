//! The questions that can be asked.

use std::collections::BTreeSet;

use domain::Attributes;

use super::encoding::{Encoding, Found, Mode, Question};
use super::witness::{self, Witness};
use super::{Answer, Budget, Domain, Why};
use crate::formula::{Atom, Formula};

/// A fact: of whomever the one formula is true, the other is true too.
#[derive(Debug, Clone)]
pub struct Axiom {
    /// What is true of somebody.
    pub condition: Formula,
    /// What then is true as well, and so known.
    pub then: Formula,
}

/// Answers questions about everybody within a domain of whom some facts hold.
#[derive(Debug, Clone, Default)]
pub struct Prover {
    domain: Domain,
    axioms: Vec<Axiom>,
    budget: Budget,
}

impl Prover {
    /// Returns one for a domain and what is taken for granted.
    #[must_use]
    pub fn new(domain: Domain, axioms: Vec<Axiom>, budget: Budget) -> Self {
        Self { domain, axioms, budget }
    }

    /// Asks whether a condition is true of nobody.
    #[must_use]
    pub fn never_true(&self, formula: &Formula) -> Answer {
        self.nobody(vec![vec![(formula, Mode::True)]])
    }

    /// Asks whether a condition is true of everybody, also of whom nothing is known.
    #[must_use]
    pub fn always_true(&self, formula: &Formula) -> Answer {
        self.nobody(vec![vec![(formula, Mode::NotTrue)]])
    }

    /// Asks whether a condition is false of nobody: true of everybody of whom enough is known.
    #[must_use]
    pub fn never_false(&self, formula: &Formula) -> Answer {
        self.nobody(vec![vec![(formula, Mode::False)]])
    }

    /// Asks whether a condition is false of everybody, also of whom nothing is known.
    #[must_use]
    pub fn always_false(&self, formula: &Formula) -> Answer {
        self.nobody(vec![vec![(formula, Mode::NotFalse)]])
    }

    /// Asks whether nobody is granted something by one side and something by the other.
    #[must_use]
    pub fn apart(&self, left: &[&Formula], right: &[&Formula]) -> Answer {
        self.nobody(vec![all(left, Mode::True), all(right, Mode::True)])
    }

    /// Asks whether whoever one of the formulas is true of, one of the others is true of too.
    ///
    /// With the formulas that grant an entitlement after and before a change, in that order: whether
    /// the change only removes it.
    #[must_use]
    pub fn covered(&self, formulas: &[&Formula], by: &[&Formula]) -> Answer {
        let mut question = vec![all(formulas, Mode::True)];
        question.extend(by.iter().map(|formula| vec![(*formula, Mode::NotTrue)]));
        self.nobody(question)
    }

    /// Asks whether two lists of formulas, of each of which one has to be true, say the same.
    ///
    /// The answer is the first that is not a proof: of the left within the right, then the reverse.
    #[must_use]
    pub fn equivalent(&self, left: &[&Formula], right: &[&Formula]) -> Answer {
        match self.covered(left, right) {
            Answer::Proved => self.covered(right, left),
            answer @ (Answer::Refuted(_) | Answer::Undecided(_)) => answer,
        }
    }

    /// Asks whether there could be nobody at all, because the facts contradict each other.
    #[must_use]
    pub fn facts_exclude_everybody(&self) -> Answer {
        let every: Vec<&Axiom> = self.axioms.iter().collect();
        self.answer(Vec::new(), &every)
    }

    fn nobody(&self, question: Question<'_>) -> Answer {
        if question.iter().any(Vec::is_empty) {
            return Answer::Proved;
        }
        let concerned = self.concerned(&question);
        self.answer(question, &concerned)
    }

    fn answer<'f>(&'f self, mut question: Question<'f>, axioms: &[&'f Axiom]) -> Answer {
        question.extend(
            axioms
                .iter()
                .map(|axiom| vec![(&axiom.condition, Mode::NotTrue), (&axiom.then, Mode::True)]),
        );
        let mut parts = 0;
        for (formula, _) in question.iter().flatten() {
            formula.for_each_atom(&mut |_atom| parts += 1);
        }
        if parts > self.budget.parts {
            return Answer::Undecided(Why::Parts);
        }
        match Encoding::new(&self.domain, &question, self.budget).find(&question) {
            Found::Nobody => Answer::Proved,
            Found::Undecided(why) => Answer::Undecided(why),
            Found::Somebody(attributes) => Answer::Refuted(self.witness(&question, attributes)),
        }
    }

    fn witness(&self, question: &Question<'_>, attributes: Attributes) -> Witness {
        let required =
            |name: &str| self.domain.attributes.get(name).is_some_and(|column| column.known);
        witness::of(question, attributes, &required)
    }

    /// Returns the facts about attributes that the question rests on, directly or through others.
    ///
    /// Those that share none with it cannot bear on it, unless nobody meets them, which
    /// [`Self::facts_exclude_everybody`] tells.
    fn concerned(&self, question: &Question<'_>) -> Vec<&Axiom> {
        if self.axioms.is_empty() {
            return Vec::new();
        }
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        for (formula, _) in question.iter().flatten() {
            reached.extend(attributes(formula));
        }
        let mut waiting: Vec<(&Axiom, BTreeSet<&str>)> = self
            .axioms
            .iter()
            .map(|axiom| {
                (axiom, attributes(&axiom.condition).chain(attributes(&axiom.then)).collect())
            })
            .collect();
        let mut concerned = Vec::new();
        loop {
            let (near, far): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, names)| !names.is_disjoint(&reached));
            if near.is_empty() {
                return concerned;
            }
            for (axiom, names) in near {
                reached.extend(names);
                concerned.push(axiom);
            }
            waiting = far;
        }
    }
}

fn all<'f>(formulas: &[&'f Formula], mode: Mode) -> Vec<(&'f Formula, Mode)> {
    formulas.iter().map(|formula| (*formula, mode)).collect()
}

fn attributes(formula: &Formula) -> impl Iterator<Item = &str> {
    let mut atoms: Vec<&Atom> = Vec::new();
    formula.for_each_atom(&mut |atom| atoms.push(atom));
    atoms.into_iter().flat_map(Atom::attributes)
}
