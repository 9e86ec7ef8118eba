//! What is to be told: milestones of a person's life, compared with what was told. Pure.
//!
//! What holds by state alone is *wanted*; wanted and not told is *due*; told of but not sent yet, and
//! no longer wanted, is *canceled*. Nothing else is remembered, so the order in which events came
//! does not matter.

mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, EngagementId, Lane, NoticeId, PersonId, Timestamp, Version};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::standing::Standing;

/// What in a person's life is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Milestone {
    Joining,
    Rehired,
    AccessReady,
    Moved,
    Leaving,
    Left,
    LeavingWithdrawn,
}

/// Whom a notice is meant for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Recipient {
    /// A person's manager, as far as one is known.
    Manager(Option<PersonId>),
    /// Whoever answers for an application.
    Owner(String),
}

/// What makes a notice unique for its person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) engagement: EngagementId,
    pub(crate) milestone: Milestone,
    pub(crate) date: Date,
    pub(crate) recipient: Recipient,
    pub(crate) template: &'static str,
}

/// Where a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Pending,
    Sent,
    Failed,
    Suppressed,
    Undeliverable,
    Canceled,
}

/// A notice that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) id: NoticeId,
    pub(crate) key: Key,
    pub(crate) state: State,
    /// When it came to its state; for one that is pending when it came about.
    pub(crate) at: Timestamp,
}

/// The newest settlement of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settlement {
    pub(crate) version: Version,
    pub(crate) person_version: Version,
    pub(crate) open: u32,
    pub(crate) failed: u32,
    /// Tasks of humans that are not verified.
    #[serde(default)]
    pub(crate) tasks: u32,
}

/// An account as it bears on who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// When it was seen closed; absent: it exists.
    pub(crate) closed_at: Option<Timestamp>,
    /// Whether an owner of the application is known.
    pub(crate) owned: bool,
}

/// All that milestones follow from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) standing: &'a Standing,
    pub(crate) settlement: Option<&'a Settlement>,
    /// By application.
    pub(crate) accounts: &'a BTreeMap<String, Held>,
}

/// A notice that has to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) key: Key,
    /// It is recorded and never sent.
    pub(crate) suppressed: bool,
    pub(crate) lane: Lane,
    /// The end was recorded late: until when access outlived it.
    pub(crate) exposed_until: Option<Timestamp>,
}

/// What follows from facts and what was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) due: Vec<Due>,
    pub(crate) canceled: Vec<NoticeId>,
    /// When to look again without any new fact.
    pub(crate) next: Option<Timestamp>,
    /// Until when an owner who becomes known would be told.
    pub(crate) watched_until: Option<Timestamp>,
}

impl Milestone {
    pub(crate) const ALL: [Self; 7] = [
        Self::Joining,
        Self::Rehired,
        Self::AccessReady,
        Self::Moved,
        Self::Leaving,
        Self::Left,
        Self::LeavingWithdrawn,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Rehired => "rehired",
            Self::AccessReady => "access_ready",
            Self::Moved => "moved",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::LeavingWithdrawn => "leaving_withdrawn",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|milestone| milestone.as_str() == name)
    }

    /// Two names for one thing: whoever was told of a start under one is not told under the other.
    const fn family(self) -> Self {
        match self {
            Self::Joining | Self::Rehired => Self::Joining,
            Self::AccessReady => Self::AccessReady,
            Self::Moved => Self::Moved,
            Self::Leaving => Self::Leaving,
            Self::Left => Self::Left,
            Self::LeavingWithdrawn => Self::LeavingWithdrawn,
        }
    }

    const fn lane(self) -> Lane {
        match self {
            Self::Left => Lane::Leaver,
            Self::Joining
            | Self::Rehired
            | Self::AccessReady
            | Self::Moved
            | Self::Leaving
            | Self::LeavingWithdrawn => Lane::Regular,
        }
    }
}

impl State {
    pub(crate) const ALL: [Self; 6] = [
        Self::Pending,
        Self::Sent,
        Self::Failed,
        Self::Suppressed,
        Self::Undeliverable,
        Self::Canceled,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Suppressed => "suppressed",
            Self::Undeliverable => "undeliverable",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether that is the notice's last word.
    const fn is_final(self) -> bool {
        match self {
            Self::Sent | Self::Failed | Self::Suppressed | Self::Undeliverable => true,
            Self::Pending | Self::Canceled => false,
        }
    }
}

/// The template that corrects a date of leaving back to one that was told before.
pub(crate) const LEAVING_AGAIN: &str = "leaving_again";

/// Every template of a notice.
pub(crate) const TEMPLATES: [&str; 8] = [
    "joining",
    "rehired",
    "access_ready",
    "moved",
    "leaving",
    LEAVING_AGAIN,
    "left",
    "leaving_withdrawn",
];

/// Decides what is to be told.
///
/// A milestone that nobody heard of yet is told however late; somebody who becomes a recipient of one
/// that others were told of is told within `lead` of it.
pub(crate) fn milestones(
    facts: Facts<'_>,
    told: &[Told],
    now: Timestamp,
    lead: SignedDuration,
) -> Decision {
    let wanted = wanted::wanted(facts, told, now, lead);
    let mut decision = Decision {
        next: wanted::next(facts.standing, now, lead),
        watched_until: wanted::watched_until(&wanted, now, lead),
        ..Decision::default()
    };
    let mut keys = BTreeSet::new();
    for one in wanted {
        let heard = told.iter().any(|told| told.state.is_final() && one.is_of(&told.key));
        let is_recent = now < wanted::after(one.at, lead);
        let mut due = Vec::new();
        for recipient in &one.recipients {
            let key = one.key(recipient, told);
            if !keys.insert(key.clone()) {
                continue;
            }
            let exists = told.iter().any(|told| {
                told.state != State::Canceled
                    && one.is_of(&told.key)
                    && told.key.recipient == key.recipient
                    && told.key.template == key.template
            });
            if !exists && (!heard || is_recent && !one.quiet) {
                due.push(key);
            }
        }
        if one.quiet {
            // One row says it: nobody is told, so it matters little who was not.
            due.truncate(1);
        }
        decision.due.extend(due.into_iter().map(|key| Due {
            suppressed: one.quiet,
            lane: key.milestone.lane(),
            exposed_until: one.exposed_until,
            key,
        }));
    }
    decision.canceled = told
        .iter()
        .filter(|told| told.state == State::Pending && !keys.contains(&told.key))
        .map(|told| told.id)
        .collect();
    decision
}

#[cfg(test)]
mod tests;
