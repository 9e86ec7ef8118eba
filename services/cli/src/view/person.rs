//! What is shown of a person, and what of it is open.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// Somebody who fits a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    pub(crate) person: String,
    pub(crate) display_name: String,
    pub(crate) worker_id: String,
}

/// Everything about one person.
#[derive(Debug, Serialize)]
pub(crate) struct Person {
    #[serde(flatten)]
    pub(crate) found: Found,
    /// Absent: nothing was published yet.
    pub(crate) timeline: Option<Timeline>,
    /// Absent: nothing was evaluated yet.
    pub(crate) access: Option<Access>,
    pub(crate) dossier: Dossier,
    pub(crate) open: Vec<Difference>,
    /// Absent: not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<Vec<Event>>,
}

/// What HR says.
#[derive(Debug, Serialize)]
pub(crate) struct Timeline {
    pub(crate) version: String,
    pub(crate) zone: String,
    pub(crate) recorded_at: Option<Timestamp>,
    /// Since when they are held for reasons of security.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held_since: Option<Timestamp>,
    /// Ids that were merged into this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) merged: Vec<String>,
    /// Ids that were one person with this one, and are not any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) split: Vec<String>,
    pub(crate) engagements: Vec<Engagement>,
    pub(crate) slices: Vec<Slice>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Engagement {
    pub(crate) engagement: String,
    pub(crate) source: String,
    pub(crate) start_date: Option<Date>,
    pub(crate) last_working_day: Option<Date>,
    pub(crate) termination_date: Option<Date>,
    /// When an operator ended it.
    pub(crate) ends_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Slice {
    pub(crate) engagement: String,
    pub(crate) from: Option<Date>,
    /// Exclusive.
    pub(crate) until: Option<Date>,
    pub(crate) attributes: BTreeMap<String, Value>,
    /// Absent: none is known.
    pub(crate) manager: Option<String>,
}

/// What policies say.
#[derive(Debug, Serialize)]
pub(crate) struct Access {
    pub(crate) version: String,
    pub(crate) release: u64,
    pub(crate) evaluated_at: Option<Timestamp>,
    pub(crate) next_boundary: Option<Timestamp>,
    pub(crate) accounts: Vec<DesiredAccount>,
    pub(crate) grants: Vec<Grant>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DesiredAccount {
    pub(crate) application: String,
    pub(crate) state: &'static str,
    pub(crate) attributes: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Grant {
    #[serde(flatten)]
    pub(crate) entitled: Entitled,
    pub(crate) reasons: Vec<Reason>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Reason {
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    pub(crate) bundle: String,
    pub(crate) engagement: String,
    pub(crate) from: Option<Timestamp>,
    /// Exclusive.
    pub(crate) until: Option<Timestamp>,
    /// The policy cannot answer any more; what it granted is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) kept: bool,
}

/// What the applications say, and what was done there.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Dossier {
    pub(crate) settled: bool,
    pub(crate) accounts: Vec<Account>,
    pub(crate) actions: Vec<Action>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) application: String,
    pub(crate) account: String,
    pub(crate) login: String,
    pub(crate) state: &'static str,
    pub(crate) entitlements: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Action {
    pub(crate) action: String,
    pub(crate) application: String,
    pub(crate) kind: &'static str,
    pub(crate) entitlement: String,
    pub(crate) state: String,
    pub(crate) attempts: u32,
    pub(crate) error: String,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
}

/// Something audit has recorded.
#[derive(Debug, Serialize)]
pub(crate) struct Event {
    pub(crate) event: String,
    pub(crate) publisher: String,
    pub(crate) position: u64,
    pub(crate) r#type: String,
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) payload: Value,
}

/// An entitlement in its application.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Entitled {
    pub(crate) application: String,
    pub(crate) entitlement: String,
}

/// Something in which applications do not agree with desired access, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "open", rename_all = "snake_case")]
pub(crate) enum Difference {
    /// An action that has not ended.
    Action {
        /// Which.
        action: String,
        /// What it is to do.
        doing: String,
        /// Where it stands.
        state: String,
    },
    /// Desired and not observed.
    Missing(Entitled),
    /// Observed and not desired.
    Surplus(Entitled),
    /// The account is in another state than is desired.
    Account {
        /// Where.
        application: String,
        /// What shall be.
        desired: &'static str,
        /// What is.
        observed: &'static str,
    },
}

/// Returns what is open between what shall be and what is.
pub(crate) fn open(access: Option<&Access>, dossier: &Dossier) -> Vec<Difference> {
    let mut open: Vec<Difference> = dossier
        .actions
        .iter()
        .filter(|action| action.finished_at.is_none())
        .map(|action| Difference::Action {
            action: action.action.clone(),
            doing: action.doing(),
            state: action.state.clone(),
        })
        .collect();
    let Some(access) = access else { return open };
    for desired in &access.accounts {
        let observed = dossier.accounts.iter().find(|one| one.application == desired.application);
        let observed = observed.map_or("none", |account| account.state);
        if observed != desired.state {
            let (application, desired) = (desired.application.clone(), desired.state);
            open.push(Difference::Account { application, desired, observed });
        }
    }
    let desired: BTreeSet<Entitled> =
        access.grants.iter().map(|grant| grant.entitled.clone()).collect();
    let observed: BTreeSet<Entitled> = dossier
        .accounts
        .iter()
        .flat_map(|account| {
            account.entitlements.iter().map(|entitlement| Entitled {
                application: account.application.clone(),
                entitlement: entitlement.clone(),
            })
        })
        .collect();
    open.extend(desired.difference(&observed).cloned().map(Difference::Missing));
    open.extend(observed.difference(&desired).cloned().map(Difference::Surplus));
    open
}

impl Action {
    /// What it does, in words: `grant police in directory`.
    pub(crate) fn doing(&self) -> String {
        match self.entitlement.as_str() {
            "" => format!("{} in {}", self.kind, self.application),
            entitlement => format!("{} {entitlement} in {}", self.kind, self.application),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_what_differs_and_what_has_not_ended() {
        let entitled = |entitlement: &str| Entitled {
            application: "directory".to_owned(),
            entitlement: entitlement.to_owned(),
        };
        let access = Access {
            version: "1.7".to_owned(),
            release: 1,
            evaluated_at: None,
            next_boundary: None,
            accounts: vec![DesiredAccount {
                application: "directory".to_owned(),
                state: "active",
                attributes: BTreeMap::new(),
            }],
            grants: ["all-staff", "police"]
                .map(|name| Grant { entitled: entitled(name), reasons: Vec::new() })
                .into(),
        };
        let action = |finished_at| Action {
            action: "a".to_owned(),
            application: "directory".to_owned(),
            kind: "grant",
            entitlement: "police".to_owned(),
            state: "waiting".to_owned(),
            attempts: 2,
            error: String::new(),
            created_at: None,
            finished_at,
        };
        let dossier = Dossier {
            settled: false,
            accounts: vec![Account {
                application: "directory".to_owned(),
                account: "1".to_owned(),
                login: "ada".to_owned(),
                state: "suspended",
                entitlements: vec!["all-staff".to_owned(), "fire".to_owned()],
            }],
            actions: vec![action(Some(Timestamp::UNIX_EPOCH)), action(None)],
        };

        let open = open(Some(&access), &dossier);

        assert_eq!(
            open,
            [
                Difference::Action {
                    action: "a".to_owned(),
                    doing: "grant police in directory".to_owned(),
                    state: "waiting".to_owned(),
                },
                Difference::Account {
                    application: "directory".to_owned(),
                    desired: "active",
                    observed: "suspended",
                },
                Difference::Missing(entitled("police")),
                Difference::Surplus(entitled("fire")),
            ]
        );
    }
}
