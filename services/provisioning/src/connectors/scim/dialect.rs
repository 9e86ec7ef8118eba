//! The ways in which applications let memberships be written, and which of them is tried when. Pure.
//!
//! Applications answer success to what they do not carry out, and carry out more than was asked for.
//! So a dialect is an application's own only when a reading back has shown its effect, and no
//! application is known by its name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fault::Fault;

/// One way to write memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dialect {
    /// PATCH with a path for each member (RFC 7644, 3.5.2.2). Takes only.
    Paths,
    /// PATCH with the members as the value of one operation. To take so is Entra ID's habit, and
    /// servers that follow the RFC to the letter take every member of the group then.
    Values,
    /// PUT of the group with all its members.
    Whole,
}

/// What became of one attempt to write a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The application says that it is done.
    Accepted,
    /// The application refuses it.
    Refused(Fault),
    /// It was not sent alone, and too many others were refused.
    Crowded,
    /// It came to nothing, or nobody knows.
    Failed(Fault),
}

/// What readings back have shown of one application.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// The dialect that works, by whether memberships are given.
    proven: BTreeMap<bool, Dialect>,
    /// Whether taking by [`Dialect::Values`] has emptied a group.
    empties: bool,
    /// Whether it has listed a group's members: some applications never do.
    lists: bool,
}

impl Dialect {
    /// The dialects that can give or take, in the order in which they are tried.
    const fn all(held: bool) -> &'static [Self] {
        if held { &[Self::Values, Self::Whole] } else { &[Self::Paths, Self::Values, Self::Whole] }
    }

    /// Whether others may lose their membership, so that nobody else may write to the group meanwhile.
    pub(super) fn endangers_others(self, held: bool) -> bool {
        match self {
            Self::Paths => false,
            Self::Values => !held,
            Self::Whole => true,
        }
    }

    /// The operations that give or take memberships in one patch.
    pub(super) fn operations(self, held: bool, accounts: &[&str]) -> Vec<Value> {
        let values = || accounts.iter().map(|id| json!({ "value": id })).collect::<Vec<_>>();
        match (self, held) {
            (Self::Paths, false) => accounts
                .iter()
                .map(|id| format!("members[value eq {}]", Value::from(*id)))
                .map(|path| json!({ "op": "remove", "path": path }))
                .collect(),
            (Self::Values, false) => {
                vec![json!({ "op": "remove", "path": "members", "value": values() })]
            }
            (Self::Paths | Self::Values, true) => {
                vec![json!({ "op": "add", "path": "members", "value": values() })]
            }
            (Self::Whole, _) => Vec::new(),
        }
    }
}

impl Attempt {
    /// Whether a change that is not as it shall be after this attempt is worth another dialect.
    ///
    /// A gift that is refused may be one that nobody shall have; a revocation is not given up so.
    pub(super) fn leads_on(&self, held: bool) -> bool {
        match self {
            Self::Accepted => true,
            Self::Refused(fault) => fault.is_unsupported() || (!held && fault.is_malformed()),
            Self::Crowded => !held,
            Self::Failed(_) => false,
        }
    }

    /// Whether the application may have carried it out.
    pub(super) fn may_be_carried_out(&self) -> bool {
        match self {
            Self::Accepted => true,
            Self::Refused(_) | Self::Crowded => false,
            Self::Failed(fault) => fault.is_unknown(),
        }
    }

    /// Whether the group may be other than it was, or is as it shall be already.
    pub(super) fn is_worth_reading(&self) -> bool {
        match self {
            Self::Accepted | Self::Refused(_) | Self::Crowded => true,
            Self::Failed(_) => self.may_be_carried_out(),
        }
    }
}

impl Learned {
    /// The dialect that is next: the proven one first, and none twice.
    ///
    /// Where members are not listed nobody sees whose membership is in danger; only to give, and only to
    /// an application that cannot patch, a whole group is written then.
    pub(super) fn next(
        &self,
        held: bool,
        patches: bool,
        tried: &BTreeSet<Dialect>,
    ) -> Option<Dialect> {
        let proven = self.proven.get(&held);
        proven.into_iter().chain(Dialect::all(held)).copied().find(|dialect| {
            let usable = match dialect {
                Dialect::Paths => patches,
                Dialect::Values => patches && (held || (self.lists && !self.empties)),
                Dialect::Whole => self.lists || (held && !patches),
            };
            usable && !tried.contains(dialect)
        })
    }

    /// Whether an application that leaves the members out says that there are none.
    pub(super) fn lists(&self) -> bool {
        self.lists
    }

    /// Remembers that the application lists members.
    pub(super) fn see_members(&mut self) {
        self.lists = true;
    }

    /// Remembers that a dialect had the effect that was asked for, and no other.
    pub(super) fn prove(&mut self, held: bool, dialect: Dialect) {
        self.proven.insert(held, dialect);
    }

    /// Remembers that a dialect was accepted and had no effect.
    pub(super) fn doubt(&mut self, held: bool, dialect: Dialect) {
        if self.proven.get(&held) == Some(&dialect) {
            self.proven.remove(&held);
        }
    }

    /// Remembers that the application empties a group of which it is told whom to take.
    pub(super) fn bar_values(&mut self) {
        self.empties = true;
        self.doubt(false, Dialect::Values);
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn gifts_share_one_operation_and_revocations_name_each_member() {
        let operations =
            |dialect: Dialect, held| Value::from(dialect.operations(held, &["1", "2"]));

        assert_eq!(
            operations(Dialect::Values, true),
            json!([{"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2"}]}])
        );
        assert_eq!(
            operations(Dialect::Paths, false),
            json!([
                {"op": "remove", "path": r#"members[value eq "1"]"#},
                {"op": "remove", "path": r#"members[value eq "2"]"#},
            ])
        );
        assert_eq!(
            operations(Dialect::Values, false),
            json!([{"op": "remove", "path": "members", "value": [{"value": "1"}, {"value": "2"}]}])
        );
    }

    #[test]
    fn a_dialect_that_could_take_others_needs_the_group_alone() {
        let endangers = |dialect: Dialect| [false, true].map(|held| dialect.endangers_others(held));

        assert_eq!(endangers(Dialect::Paths), [false, false]);
        assert_eq!(endangers(Dialect::Values), [true, false]);
        assert_eq!(endangers(Dialect::Whole), [true, true]);
    }

    #[test]
    fn the_safest_dialect_is_tried_first_and_the_proven_one_before_it() {
        let mut learned = Learned { lists: true, ..Learned::default() };
        assert_eq!(order(&learned, false, true), [Dialect::Paths, Dialect::Values, Dialect::Whole]);
        assert_eq!(order(&learned, true, true), [Dialect::Values, Dialect::Whole]);
        assert_eq!(order(&learned, false, false), [Dialect::Whole]);

        learned.prove(false, Dialect::Whole);
        assert_eq!(order(&learned, false, true), [Dialect::Whole, Dialect::Paths, Dialect::Values]);
        learned.doubt(false, Dialect::Paths);
        assert_eq!(learned.next(false, true, &BTreeSet::new()), Some(Dialect::Whole));
        learned.doubt(false, Dialect::Whole);
        assert_eq!(learned.next(false, true, &BTreeSet::new()), Some(Dialect::Paths));
    }

    #[test]
    fn a_dialect_that_emptied_a_group_takes_nobody_again_and_still_gives() {
        let mut learned = Learned { lists: true, ..Learned::default() };
        learned.prove(false, Dialect::Values);

        learned.bar_values();

        assert_eq!(order(&learned, false, true), [Dialect::Paths, Dialect::Whole]);
        assert_eq!(order(&learned, true, true), [Dialect::Values, Dialect::Whole]);
    }

    #[test]
    fn nobody_is_endangered_where_members_are_not_listed() {
        let learned = Learned::default();

        assert_eq!(order(&learned, false, true), [Dialect::Paths]);
        assert_eq!(order(&learned, true, true), [Dialect::Values]);
        assert_eq!(order(&learned, false, false), []);
        assert_eq!(order(&learned, true, false), [Dialect::Whole]);
    }

    #[test]
    fn another_dialect_is_tried_after_no_effect_and_after_a_refusal_of_the_form() {
        let refused = |status| {
            let status = StatusCode::from_u16(status).unwrap();
            Attempt::Refused(Fault::Refused { status, kind: None })
        };
        for (attempt, taking, giving) in [
            (Attempt::Accepted, true, true),
            (refused(400), true, false),
            (refused(405), true, true),
            (refused(501), true, true),
            (refused(404), false, false),
            (refused(409), false, false),
            (refused(412), false, false),
            (Attempt::Crowded, true, false),
            (Attempt::Failed(Fault::Broken { what: "no answer" }), false, false),
        ] {
            assert_eq!(attempt.leads_on(false), taking, "{attempt:?}");
            assert_eq!(attempt.leads_on(true), giving, "{attempt:?}");
        }
    }

    /// The dialects in the order in which they would be tried, none of them having an effect.
    fn order(learned: &Learned, held: bool, patches: bool) -> Vec<Dialect> {
        let mut tried = BTreeSet::new();
        let mut order = Vec::new();
        while let Some(dialect) = learned.next(held, patches, &tried) {
            tried.insert(dialect);
            order.push(dialect);
        }
        order
    }
}
