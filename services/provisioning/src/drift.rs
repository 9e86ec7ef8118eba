//! How an application differs from what it shall hold: found by a reading, and then left, repaired or adopted.
//!
//! Drift that is left as it is keeps the planner from undoing it: `tolerance` says what that means for a
//! plan. `accounts` always hold what the application was seen to have.

pub(crate) mod compare;
pub(crate) mod gate;
mod response;
#[cfg(test)]
mod sample;
pub(crate) mod table;
pub(crate) mod tolerance;
mod wire;

use domain::{AccountState, DriftId, PersonId, ReadingId, Timestamp, Value, Version};
use rules::document::{DriftKind, Privilege};
use uuid::Uuid;

use crate::plan::Target;

pub(crate) use response::{Decision, Rules};
pub(crate) use wire::kind_from_wire;

/// One difference.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Drift {
    pub(crate) id: DriftId,
    pub(crate) application: String,
    pub(crate) finding: Finding,
    /// Nobody who is known: none.
    pub(crate) person: Option<PersonId>,
    pub(crate) state: State,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) found_by: ReadingId,
    pub(crate) found_at: Timestamp,
    pub(crate) seen_by: ReadingId,
    pub(crate) seen_at: Timestamp,
    /// When its grace or its adoption ends.
    pub(crate) until: Option<Timestamp>,
    pub(crate) owner: String,
    pub(crate) decided_by: String,
    pub(crate) note: String,
    pub(crate) closed_at: Option<Timestamp>,
    /// The reading with which its repair began.
    pub(crate) repaired_by: Option<ReadingId>,
    /// The reading whose repair it takes back.
    pub(crate) undoes: Option<ReadingId>,
    pub(crate) version: Version,
}

/// What a reading found.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: DriftKind,
    /// The application's own id; empty: there is no account.
    pub(crate) account_id: String,
    pub(crate) login: String,
    /// The entitlement or the attribute; empty for the account itself.
    pub(crate) item: String,
    /// The group through which a grant is held; empty: directly.
    pub(crate) through: String,
    /// The value an attribute shall have.
    pub(crate) expected: Option<Value>,
    /// The value it was found with.
    pub(crate) observed: Option<Value>,
    pub(crate) privilege: Privilege,
    /// Whether the account was to be closed when it was found.
    pub(crate) closing: bool,
}

/// Where drift stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Reported,
    Ignored,
    Grace,
    Waiting,
    Repairing,
    Adopted,
    Closed,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Repaired,
    Vanished,
    Superseded,
}

impl State {
    const ALL: [Self; 7] = [
        Self::Reported,
        Self::Ignored,
        Self::Grace,
        Self::Waiting,
        Self::Repairing,
        Self::Adopted,
        Self::Closed,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Ignored => "ignored",
            Self::Grace => "grace",
            Self::Waiting => "waiting",
            Self::Repairing => "repairing",
            Self::Adopted => "adopted",
            Self::Closed => "closed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the planner leaves it as it is.
    const fn is_left(self) -> bool {
        match self {
            Self::Reported | Self::Ignored | Self::Grace | Self::Waiting | Self::Adopted => true,
            Self::Repairing | Self::Closed => false,
        }
    }
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Repaired, Self::Vanished, Self::Superseded];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Vanished => "vanished",
            Self::Superseded => "superseded",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

impl Drift {
    /// What a reading found for the first time.
    pub(crate) fn found(
        id: DriftId,
        application: &str,
        person: Option<PersonId>,
        finding: Finding,
        reading: ReadingId,
        rules: &Rules<'_>,
    ) -> Self {
        let (state, until) = rules.begin(&finding);
        Self {
            id,
            application: application.to_owned(),
            finding,
            person,
            state,
            outcome: None,
            found_by: reading,
            found_at: rules.now,
            seen_by: reading,
            seen_at: rules.now,
            until,
            owner: String::new(),
            decided_by: String::new(),
            note: String::new(),
            closed_at: None,
            repaired_by: None,
            undoes: None,
            version: Version::default(),
        }
    }

    /// Begins its repair.
    pub(crate) fn repair(&mut self, reading: Option<ReadingId>) {
        self.state = State::Repairing;
        self.repaired_by = reading;
    }

    /// Returns what it takes to have again what its repair took away; none: that cannot be had back, or
    /// was not taken.
    ///
    /// What was more than standard, and an account that shall be closed, is not given back before somebody
    /// adopts it.
    pub(crate) fn undone(&self, id: DriftId, by: &str, now: Timestamp) -> Option<Self> {
        let restorable = match self.finding.kind {
            DriftKind::WronglyEnabled
            | DriftKind::WronglyDisabled
            | DriftKind::UnmanagedGrant
            | DriftKind::MissingGrant
            | DriftKind::AttributeDiffers => true,
            DriftKind::UnmanagedAccount
            | DriftKind::MissingAccount
            | DriftKind::SeveralAccounts
            | DriftKind::SeveralPeople
            | DriftKind::OrphanedAccount => false,
        };
        let repaired = match (self.state, self.outcome) {
            (State::Repairing, _) | (State::Closed, Some(Outcome::Repaired)) => true,
            (State::Closed, Some(Outcome::Vanished | Outcome::Superseded) | None)
            | (
                State::Reported | State::Ignored | State::Grace | State::Waiting | State::Adopted,
                _,
            ) => false,
        };
        let reading = self.repaired_by.filter(|_| restorable && repaired)?;
        let gives = match self.finding.kind {
            DriftKind::WronglyEnabled => true,
            DriftKind::UnmanagedGrant => self.finding.privilege != Privilege::Standard,
            DriftKind::UnmanagedAccount
            | DriftKind::MissingAccount
            | DriftKind::WronglyDisabled
            | DriftKind::SeveralAccounts
            | DriftKind::SeveralPeople
            | DriftKind::OrphanedAccount
            | DriftKind::MissingGrant
            | DriftKind::AttributeDiffers => false,
        };
        let state = if gives { State::Reported } else { State::Adopted };
        let named = |name: &str| if gives { String::new() } else { name.to_owned() };
        Some(Self {
            id,
            state,
            outcome: None,
            seen_at: now,
            until: None,
            owner: named(by),
            decided_by: named(by),
            note: format!("takes back a repair of reading {reading}"),
            closed_at: None,
            repaired_by: None,
            undoes: Some(reading),
            version: Version::default(),
            ..self.clone()
        })
    }

    /// What is the same difference, however often it is found.
    pub(crate) fn is_of(&self, finding: &Finding) -> bool {
        let own = &self.finding;
        (own.kind, &own.account_id, &own.item) == (finding.kind, &finding.account_id, &finding.item)
    }

    pub(crate) fn close(&mut self, outcome: Outcome, at: Timestamp) {
        self.state = State::Closed;
        self.outcome = Some(outcome);
        self.closed_at = Some(at);
    }

    /// Whether it stands no longer because something else shall hold by now.
    pub(crate) fn is_superseded(&self, target: &Target, desired: bool) -> bool {
        let item = &self.finding.item;
        // Who leaves, or comes back, begins anew: nothing that was found before keeps an account open.
        let turned = target.closes() != self.finding.closing;
        match self.finding.kind {
            DriftKind::UnmanagedAccount => desired,
            DriftKind::MissingAccount => !desired,
            DriftKind::WronglyEnabled => turned || target.state == AccountState::Active,
            DriftKind::WronglyDisabled => target.state != AccountState::Active,
            DriftKind::UnmanagedGrant => turned || target.grants.contains(item),
            DriftKind::MissingGrant => !target.grants.contains(item),
            DriftKind::AttributeDiffers => {
                target.attributes.get(item) != self.finding.expected.as_ref()
            }
            DriftKind::SeveralAccounts | DriftKind::SeveralPeople | DriftKind::OrphanedAccount => {
                false
            }
        }
    }

    /// Whether nothing is to be told of it: it was only found again.
    pub(crate) fn stands_as(&self, before: &Self) -> bool {
        let told = |drift: &Self| {
            (drift.state, drift.outcome, drift.until, drift.owner.clone(), drift.decided_by.clone())
        };
        told(self) == told(before)
    }

    pub(crate) fn is_left(&self) -> bool {
        self.state.is_left()
    }
}

impl Finding {
    /// Something about an account as such.
    pub(crate) fn of_account(kind: DriftKind, account_id: &str, login: &str) -> Self {
        Self {
            kind,
            account_id: account_id.to_owned(),
            login: login.to_owned(),
            item: String::new(),
            through: String::new(),
            expected: None,
            observed: None,
            privilege: Privilege::Standard,
            closing: false,
        }
    }
}

/// Under which id an account is closed that is nobody's, or one too many of somebody's. Nothing is ever
/// desired for it.
pub(crate) fn stand_in(application: &str, account_id: &str) -> PersonId {
    const ACCOUNTS: Uuid = Uuid::from_u128(0x9d2f_51ac_7a0e_4c53_8a34_3e0d_1b64_77c2);
    PersonId(Uuid::new_v5(&ACCOUNTS, format!("{application}\0{account_id}").as_bytes()))
}
