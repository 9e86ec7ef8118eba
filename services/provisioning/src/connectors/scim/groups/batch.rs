//! The changes of one group that travel together, and what becomes of each. Pure.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::{MembershipChange, Outcome, code};
use super::super::dialect::{Attempt, Dialect};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A group as far as memberships go; applications leave the list out when it is empty.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    members: Option<Vec<Member>>,
}

#[derive(Debug, Deserialize)]
struct Member {
    value: String,
}

/// Changes of one group: those that were asked for, then those that give back what others lost.
#[derive(Debug)]
pub(super) struct Batch {
    asked: usize,
    changes: Vec<Change>,
}

/// One membership on its way.
#[derive(Debug)]
struct Change {
    account: String,
    held: bool,
    /// Whether nothing tells that it is not so already: the members are not listed.
    unseen: bool,
    /// How it ended; none while it has not.
    ended: Option<Outcome<()>>,
    /// How the last attempt to write it ended.
    last: Option<Attempt>,
    /// Whether any attempt was answered with success.
    accepted: bool,
    /// The first refusal, which is of the dialect that most applications speak.
    refused: Option<Attempt>,
}

/// What a reading back showed of one dialect's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// What was accepted is so.
    Seen,
    /// Something was accepted and nothing of it is so.
    None,
    /// Nothing was accepted.
    Unknown,
}

impl Batch {
    pub(super) fn new(changes: &[&MembershipChange]) -> Self {
        let asked = changes.len();
        let changes = changes.iter().map(|change| Change::new(&change.account_id, change.held));
        Self { asked, changes: changes.collect() }
    }

    /// The places of the changes that have not ended.
    pub(super) fn open(&self, held: bool) -> Vec<usize> {
        let changes = self.changes.iter().enumerate();
        let open = changes.filter(|(_, change)| change.ended.is_none() && change.held == held);
        open.map(|(at, _)| at).collect()
    }

    /// One patch for changes that all give or all take.
    pub(super) fn patch(&self, dialect: Dialect, held: bool, places: &[usize]) -> Value {
        let accounts: Vec<_> = places.iter().map(|at| self.changes[*at].account.as_str()).collect();
        json!({ "schemas": [PATCH], "Operations": dialect.operations(held, &accounts) })
    }

    /// The whole group with these changes made.
    pub(super) fn merged_into(&self, group: &Value, places: &[usize]) -> Value {
        let mut group = group.clone();
        let mut members = group["members"].as_array().cloned().unwrap_or_default();
        for change in places.iter().map(|at| &self.changes[*at]) {
            members.retain(|member| member["value"] != change.account.as_str());
            if change.held {
                members.push(json!({ "value": change.account }));
            }
        }
        group["members"] = Value::Array(members);
        if let Value::Object(group) = &mut group {
            group.remove("meta");
        }
        group
    }

    pub(super) fn record(&mut self, places: &[usize], attempt: &Attempt) {
        for at in places {
            let change = &mut self.changes[*at];
            change.accepted |= *attempt == Attempt::Accepted;
            if let (None, Attempt::Refused(_)) = (&change.refused, attempt) {
                change.refused = Some(attempt.clone());
            }
            change.last = Some(attempt.clone());
        }
    }

    /// Ends what is as it shall be, before anything was written. Of an application that never lists
    /// members an absent list proves nothing: what shall be taken is taken all the same.
    pub(super) fn settle(&mut self, before: &Group, lists: bool) {
        let members = before.members();
        for change in self.changes.iter_mut().filter(|change| change.ended.is_none()) {
            if members.contains(change.account.as_str()) == change.held {
                change.unseen = !lists && !before.is_listed();
                change.ended = (!change.unseen).then_some(Outcome::Already(()));
            }
        }
    }

    /// Ends what reading back shows as it shall be, and what no other dialect would change. What was
    /// read decides; how the writing ended only tells why something is missing.
    pub(super) fn judge(&mut self, after: &Group, places: &[usize]) -> Effect {
        let members = after.members();
        let mut effect = Effect::Unknown;
        for at in places {
            let change = &mut self.changes[*at];
            let as_wanted = members.contains(change.account.as_str()) == change.held;
            let Some(last) = &change.last else { continue };
            if *last == Attempt::Accepted && !change.unseen && effect != Effect::Seen {
                effect = if as_wanted { Effect::Seen } else { Effect::None };
            }
            change.ended = match (as_wanted, last) {
                (true, Attempt::Failed(fault)) if change.unseen => Some(fault.outcome()),
                (true, Attempt::Accepted) if change.unseen => Some(Outcome::Already(())),
                (true, Attempt::Accepted) => Some(Outcome::Done(())),
                (true, Attempt::Failed(fault)) if fault.is_unknown() => Some(Outcome::Done(())),
                (true, Attempt::Refused(_) | Attempt::Crowded | Attempt::Failed(_)) => {
                    Some(Outcome::Already(()))
                }
                (false, last) if last.leads_on(change.held) => None,
                (false, _) => Some(change.unwritten()),
            };
        }
        effect
    }

    /// Whether something is to be learned by reading back.
    pub(super) fn is_worth_reading(&self, places: &[usize]) -> bool {
        self.last_attempts(places).any(Attempt::is_worth_reading)
    }

    /// Whether the application may have carried any of these changes out.
    pub(super) fn may_be_carried_out(&self, places: &[usize]) -> bool {
        self.last_attempts(places).any(Attempt::may_be_carried_out)
    }

    fn last_attempts(&self, places: &[usize]) -> impl Iterator<Item = &Attempt> {
        places.iter().filter_map(|at| self.changes[*at].last.as_ref())
    }

    /// Those who are members, and of whom nobody asked that they go.
    pub(super) fn others(&self, members: &Group) -> BTreeSet<String> {
        let mut others = members.members();
        for change in self.changes.iter().filter(|change| !change.held) {
            others.remove(change.account.as_str());
        }
        others.into_iter().map(str::to_owned).collect()
    }

    /// Gives those back who lost their membership, without those who shall lose it.
    pub(super) fn give_back(&mut self, accounts: &BTreeSet<String>) {
        let leaves = |account: &&String| {
            self.changes.iter().any(|change| !change.held && change.account == **account)
        };
        let back: Vec<_> = accounts.iter().filter(|account| !leaves(account)).collect();
        self.changes.extend(back.into_iter().map(|account| Change::new(account, true)));
    }

    /// How many of those could not be given back.
    pub(super) fn lost(&self) -> usize {
        let given_back = self.changes[self.asked..].iter();
        let is_back = |change: &Change| {
            matches!(change.ended, Some(Outcome::Done(()) | Outcome::Already(())))
        };
        given_back.filter(|change| !is_back(change)).count()
    }

    /// Ends with one outcome whatever has not ended.
    pub(super) fn end(mut self, outcome: &Outcome<()>) -> Vec<Outcome<()>> {
        for change in self.changes.iter_mut().filter(|change| change.ended.is_none()) {
            change.ended = Some(outcome.clone());
        }
        self.outcomes()
    }

    /// How what was asked for ended, in the order in which it was asked for.
    pub(super) fn outcomes(self) -> Vec<Outcome<()>> {
        let asked = self.changes.into_iter().take(self.asked);
        asked.map(|change| change.ended.clone().unwrap_or_else(|| change.unwritten())).collect()
    }
}

impl Change {
    fn new(account: &str, held: bool) -> Self {
        let account = account.to_owned();
        Self {
            account,
            held,
            unseen: false,
            ended: None,
            last: None,
            accepted: false,
            refused: None,
        }
    }

    /// Why it is not as it shall be.
    fn unwritten(&self) -> Outcome<()> {
        if self.accepted {
            let code = code::NOT_AS_WRITTEN;
            return Outcome::again(format!("{code}: read back, the membership is unchanged"));
        }
        let told = match &self.last {
            Some(Attempt::Failed(_)) => &self.last,
            Some(Attempt::Accepted | Attempt::Refused(_) | Attempt::Crowded) | None => {
                if self.refused.is_some() { &self.refused } else { &self.last }
            }
        };
        match told {
            // The account or the group may be gone, which the account's own change finds out.
            Some(Attempt::Refused(fault)) if fault.is_missing() => {
                Outcome::again(fault.to_string())
            }
            Some(Attempt::Refused(fault) | Attempt::Failed(fault)) => fault.outcome(),
            Some(Attempt::Crowded) => Outcome::again("too many changes of the group are refused"),
            Some(Attempt::Accepted) | None => Outcome::again("the membership was not written"),
        }
    }
}

impl Group {
    /// Whether the application says who is a member, if only that nobody is.
    pub(super) fn is_listed(&self) -> bool {
        self.members.is_some()
    }

    pub(super) fn has(&self, account: &str) -> bool {
        self.members.iter().flatten().any(|member| member.value == account)
    }

    fn members(&self) -> BTreeSet<&str> {
        let members = self.members.as_deref().unwrap_or_default();
        members.iter().map(|member| member.value.as_str()).collect()
    }
}

#[cfg(test)]
mod tests;
