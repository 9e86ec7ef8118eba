//! The SAT solver behind a face that counts what it does.

use batsat::{Callbacks, ClauseKind, Lit, SolverInterface as _, SolverOpts, lbool};

/// A set of clauses, of which the solver knows a model or that there is none.
pub(super) struct Solver {
    inner: batsat::Solver<Limit>,
    truth: Option<Lit>,
    clause: Vec<Lit>,
}

/// What became of one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Model,
    NoModel,
    OutOfBudget,
}

/// Stops the search after a number of conflicts, so that the same question has the same answer on
/// every machine.
struct Limit {
    conflicts: u64,
    conflicts_max: u64,
}

impl Callbacks for Limit {
    fn on_new_clause(&mut self, _clause: &[Lit], kind: ClauseKind) {
        self.conflicts += u64::from(kind == ClauseKind::Learnt);
    }

    fn stop(&self) -> bool {
        self.conflicts > self.conflicts_max
    }
}

impl Solver {
    pub(super) fn new(conflicts_max: u64) -> Self {
        let limit = Limit { conflicts: 0, conflicts_max };
        let inner = batsat::Solver::new(SolverOpts::default(), limit);
        Self { inner, truth: None, clause: Vec::new() }
    }

    /// Returns a question that nothing is known about; the solver prefers to say no.
    pub(super) fn question(&mut self) -> Lit {
        Lit::new(self.inner.new_var_default(), true)
    }

    /// Returns what is always so.
    pub(super) fn truth(&mut self) -> Lit {
        if let Some(truth) = self.truth {
            return truth;
        }
        let truth = self.question();
        self.truth = Some(truth);
        self.one_of([truth]);
        truth
    }

    /// Demands that at least one holds.
    pub(super) fn one_of(&mut self, literals: impl IntoIterator<Item = Lit>) {
        self.clause.clear();
        self.clause.extend(literals);
        // Whether the clauses have become contradictory is asked when they are solved.
        self.inner.add_clause_reuse(&mut self.clause);
    }

    /// Demands that one follows from another.
    pub(super) fn implies(&mut self, one: Lit, other: Lit) {
        self.one_of([!one, other]);
    }

    /// Demands that at most one holds; `literals` many clauses rather than pairs of them.
    pub(super) fn at_most_one(&mut self, literals: &[Lit]) {
        const PAIRS_UP_TO: usize = 6;
        if literals.len() <= PAIRS_UP_TO {
            for (index, one) in literals.iter().enumerate() {
                for other in literals.iter().skip(index + 1) {
                    self.one_of([!*one, !*other]);
                }
            }
            return;
        }
        let mut before: Option<Lit> = None;
        for literal in literals {
            let seen = self.question();
            self.implies(*literal, seen);
            if let Some(before) = before {
                self.one_of([!before, !*literal]);
                self.implies(before, seen);
            }
            before = Some(seen);
        }
    }

    pub(super) fn solve(&mut self) -> Outcome {
        if !self.inner.is_ok() {
            return Outcome::NoModel;
        }
        match self.inner.solve_limited(&[]) {
            answer if answer == lbool::TRUE => Outcome::Model,
            answer if answer == lbool::FALSE => Outcome::NoModel,
            _ => Outcome::OutOfBudget,
        }
    }

    /// Tells whether a literal holds in the model that was found.
    pub(super) fn holds(&self, literal: Lit) -> bool {
        self.inner.value_lit(literal) == lbool::TRUE
    }
}
