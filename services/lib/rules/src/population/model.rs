use std::collections::BTreeSet;

use crate::condition::Condition;
use crate::formula::{Atom, Formula, Node};
use crate::release::Release;

/// Policies made ready to be asked about many people: every question of theirs is there once.
///
/// Conditions are expected to be compiled against one and the same schema.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub(super) atoms: Vec<Atom>,
    pub(super) policies: Vec<Granting>,
    pub(super) entitlements: Vec<Entitlement>,
    /// For each entitlement, the policies that grant it.
    pub(super) granted_by: Vec<Vec<usize>>,
}

/// One entitlement of one application.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entitlement {
    /// The application's name.
    pub application: String,
    /// The entitlement's name in it.
    pub entitlement: String,
}

/// One policy of a model.
#[derive(Debug, Clone)]
pub(super) struct Granting {
    pub(super) name: String,
    pub(super) condition: Condition,
    pub(super) program: Program,
    /// Indices into the model's entitlements, in order.
    pub(super) grants: Vec<usize>,
}

/// A formula whose questions are numbers, with every negation at a question.
#[derive(Debug, Clone)]
pub(super) enum Program {
    Constant(bool),
    /// Whether the question is answered so.
    Is(usize, bool),
    All(Vec<Program>),
    Any(Vec<Program>),
}

impl Model {
    /// Makes a model of policies: name, condition, and what each grants.
    #[must_use]
    pub fn new<'a>(
        policies: impl IntoIterator<Item = (&'a str, &'a Condition, Vec<Entitlement>)>,
    ) -> Self {
        let policies: Vec<_> = policies.into_iter().collect();
        let mut atoms = BTreeSet::new();
        let mut entitlements = BTreeSet::new();
        for (_, condition, grants) in &policies {
            condition.formula().for_each_atom(&mut |atom| {
                atoms.insert(atom);
            });
            entitlements.extend(grants.iter().cloned());
        }
        let entitlements: Vec<_> = entitlements.into_iter().collect();
        let mut model = Self {
            atoms: atoms.into_iter().cloned().collect(),
            policies: Vec::new(),
            granted_by: vec![Vec::new(); entitlements.len()],
            entitlements,
        };
        for (index, (name, condition, grants)) in policies.iter().enumerate() {
            let grants = model.indices(grants);
            for grant in &grants {
                if let Some(by) = model.granted_by.get_mut(*grant) {
                    by.push(index);
                }
            }
            let numbered = |atom: &Atom| model.atoms.binary_search(atom).ok();
            let program = Program::of(condition.formula(), true, &numbered);
            let name = (*name).to_owned();
            let condition = (*condition).clone();
            model.policies.push(Granting { name, condition, program, grants });
        }
        model
    }

    /// Makes a model of a release's policies.
    #[must_use]
    pub fn of(release: &Release) -> Self {
        Self::new(release.policies().map(|policy| {
            let given = policy.birthrights().flat_map(|offer| &offer.entitlements);
            let grants = given.map(|one| Entitlement {
                application: release.application_of(one).to_owned(),
                entitlement: one.name.clone(),
            });
            (policy.name(), policy.condition(), grants.collect())
        }))
    }

    /// Returns the names of the policies, in the order in which they were given.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &str> {
        self.policies.iter().map(|policy| policy.name.as_str())
    }

    /// Returns everything that some policy grants, in order.
    #[must_use]
    pub fn entitlements(&self) -> &[Entitlement] {
        &self.entitlements
    }

    /// Returns the place of an entitlement in [`Self::entitlements`].
    #[must_use]
    pub fn entitlement(&self, entitlement: &Entitlement) -> Option<usize> {
        self.entitlements.binary_search(entitlement).ok()
    }

    fn indices(&self, grants: &[Entitlement]) -> Vec<usize> {
        let known: BTreeSet<_> =
            grants.iter().filter_map(|grant| self.entitlement(grant)).collect();
        known.into_iter().collect()
    }
}

impl Program {
    /// Makes the program that is true where a formula is `wanted`.
    pub(super) fn of(
        formula: &Formula,
        wanted: bool,
        number: &dyn Fn(&Atom) -> Option<usize>,
    ) -> Self {
        let all = |parts: &[Formula]| {
            parts.iter().map(|part| Self::of(part, wanted, number)).collect::<Vec<_>>()
        };
        match &formula.node {
            Node::Constant(answer) => Self::Constant(*answer == wanted),
            // A question without a number is one of another model, and true of nobody.
            Node::Atom(atom) => {
                number(atom).map_or(Self::Constant(false), |atom| Self::Is(atom, wanted))
            }
            Node::Not(part) => Self::of(part, !wanted, number),
            Node::All(parts) if wanted => Self::All(all(parts)),
            Node::Any(parts) if !wanted => Self::All(all(parts)),
            Node::All(parts) | Node::Any(parts) => Self::Any(all(parts)),
        }
    }

    /// Tells whether it is true of one person, given whether a question is answered so.
    pub(super) fn holds(&self, is: &dyn Fn(usize, bool) -> bool) -> bool {
        match self {
            Self::Constant(answer) => *answer,
            Self::Is(atom, wanted) => is(*atom, *wanted),
            Self::All(parts) => parts.iter().all(|part| part.holds(is)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(is)),
        }
    }
}
