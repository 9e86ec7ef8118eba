//! How an application differs from what it shall hold: found by a reading, and then left, repaired or adopted.
//!
//! Drift that is left as it is keeps the planner from undoing it: `tolerance` says what that means for a
//! plan. `accounts` always hold what the application was seen to have.

pub(crate) mod compare;
pub(crate) mod gate;
pub(crate) mod table;
pub(crate) mod tolerance;

use domain::{AccountState, DriftId, PersonId, ReadingId, Timestamp, Value, Version};
use proto::provisioning::v1 as wire;
use rules::document::{DriftKind, Privilege, Reconciliation, Response};
use uuid::Uuid;

use crate::plan::Target;

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

    pub(crate) const fn wire(self) -> wire::DriftState {
        match self {
            Self::Reported => wire::DriftState::Reported,
            Self::Ignored => wire::DriftState::Ignored,
            Self::Grace => wire::DriftState::Grace,
            Self::Waiting => wire::DriftState::Waiting,
            Self::Repairing => wire::DriftState::Repairing,
            Self::Adopted => wire::DriftState::Adopted,
            Self::Closed => wire::DriftState::Closed,
        }
    }

    /// Reads what stands in a request.
    pub(crate) const fn from_wire(state: wire::DriftState) -> Option<Self> {
        match state {
            wire::DriftState::Unspecified => None,
            wire::DriftState::Reported => Some(Self::Reported),
            wire::DriftState::Ignored => Some(Self::Ignored),
            wire::DriftState::Grace => Some(Self::Grace),
            wire::DriftState::Waiting => Some(Self::Waiting),
            wire::DriftState::Repairing => Some(Self::Repairing),
            wire::DriftState::Adopted => Some(Self::Adopted),
            wire::DriftState::Closed => Some(Self::Closed),
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

    const fn wire(self) -> wire::DriftOutcome {
        match self {
            Self::Repaired => wire::DriftOutcome::Repaired,
            Self::Vanished => wire::DriftOutcome::Vanished,
            Self::Superseded => wire::DriftOutcome::Superseded,
        }
    }
}

/// The kind of drift as it is told.
pub(crate) const fn wire_kind(kind: DriftKind) -> wire::DriftKind {
    match kind {
        DriftKind::UnmanagedAccount => wire::DriftKind::UnmanagedAccount,
        DriftKind::MissingAccount => wire::DriftKind::MissingAccount,
        DriftKind::WronglyEnabled => wire::DriftKind::WronglyEnabled,
        DriftKind::WronglyDisabled => wire::DriftKind::WronglyDisabled,
        DriftKind::SeveralAccounts => wire::DriftKind::SeveralAccounts,
        DriftKind::SeveralPeople => wire::DriftKind::SeveralPeople,
        DriftKind::OrphanedAccount => wire::DriftKind::OrphanedAccount,
        DriftKind::UnmanagedGrant => wire::DriftKind::UnmanagedGrant,
        DriftKind::MissingGrant => wire::DriftKind::MissingGrant,
        DriftKind::AttributeDiffers => wire::DriftKind::AttributeDiffers,
    }
}

/// Reads the kind of drift in a request.
pub(crate) fn kind_from_wire(kind: wire::DriftKind) -> Option<DriftKind> {
    DriftKind::ALL.into_iter().find(|known| wire_kind(*known) == kind)
}

/// Reads, of drift that is found for the first time, what is done about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) reconciliation: &'a Reconciliation,
    pub(crate) now: Timestamp,
}

impl Rules<'_> {
    /// Returns where a finding begins to stand, and until when it does.
    pub(crate) fn begin(&self, finding: &Finding) -> (State, Option<Timestamp>) {
        let response = self.reconciliation.response(finding.kind);
        match response {
            Response::Ignore => (State::Ignored, None),
            Response::Report => (State::Reported, None),
            // What comes through another group cannot be taken from the account alone.
            Response::Repair if !finding.through.is_empty() => (State::Reported, None),
            Response::Repair if self.has_grace(finding) => {
                let grace = i64::from(self.reconciliation.grace.count());
                let grace = jiff::SignedDuration::from_hours(24 * grace);
                let until = self.now.saturating_add(grace).unwrap_or(Timestamp::MAX);
                (State::Grace, Some(until))
            }
            Response::Repair => (State::Waiting, None),
        }
    }

    /// Out-of-band access that could do harm is taken back at once.
    fn has_grace(&self, finding: &Finding) -> bool {
        finding.kind == DriftKind::UnmanagedGrant
            && finding.privilege == Privilege::Standard
            && !self.reconciliation.grace.is_zero()
    }
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It stays as it is, and somebody answers for it, for good or for a time.
    Adopt { owner: String, until: Option<Timestamp>, by: String, note: String },
    /// It is made to be as it shall be: a single repair that somebody chose passes the breaker.
    Repair { by: String, note: String },
}

/// Why a decision cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is no more")]
    Closed,
    #[error("only a human can say in the application whose account it is")]
    SeveralPeople,
    #[error("it is held through another group; take the account out of that one")]
    Through,
}

impl Drift {
    /// Takes over what somebody decided.
    pub(crate) fn decide(&mut self, decision: Decision) -> Result<(), Refused> {
        if self.state == State::Closed {
            return Err(Refused::Closed);
        }
        match decision {
            Decision::Adopt { owner, until, by, note } => {
                self.state = State::Adopted;
                (self.owner, self.until, self.decided_by, self.note) = (owner, until, by, note);
            }
            Decision::Repair { by, note } => {
                match self.finding.kind {
                    DriftKind::SeveralPeople => return Err(Refused::SeveralPeople),
                    DriftKind::UnmanagedGrant if !self.finding.through.is_empty() => {
                        return Err(Refused::Through);
                    }
                    // The accounts of nobody are closed by the watch.
                    DriftKind::OrphanedAccount | DriftKind::SeveralAccounts => {
                        self.state = State::Waiting;
                    }
                    DriftKind::UnmanagedAccount
                    | DriftKind::MissingAccount
                    | DriftKind::WronglyEnabled
                    | DriftKind::WronglyDisabled
                    | DriftKind::UnmanagedGrant
                    | DriftKind::MissingGrant
                    | DriftKind::AttributeDiffers => self.state = State::Repairing,
                }
                (self.owner, self.until) = (String::new(), None);
                (self.decided_by, self.note) = (by, note);
            }
        }
        Ok(())
    }

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
    /// What was more than standard is not given back before somebody adopts it.
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
        let gives = self.finding.kind == DriftKind::UnmanagedGrant
            && self.finding.privilege != Privilege::Standard;
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

    /// Takes over that another reading found it, too. What had its time has it no longer, and where the
    /// document says something else by now, that counts; what somebody decided stands.
    pub(crate) fn seen(&mut self, finding: Finding, reading: ReadingId, rules: &Rules<'_>) {
        self.seen_by = reading;
        self.seen_at = rules.now;
        self.finding = finding;
        let (begin, until) = rules.begin(&self.finding);
        let is_over = self.until.is_some_and(|until| until <= rules.now);
        let state = match self.state {
            State::Reported | State::Ignored => begin,
            State::Grace | State::Adopted if is_over && begin == State::Grace => State::Waiting,
            State::Grace | State::Adopted if is_over => begin,
            State::Grace if begin != State::Grace => begin,
            State::Grace | State::Adopted => return,
            // A human chose to repair what the document leaves.
            State::Waiting | State::Repairing if !self.decided_by.is_empty() => return,
            State::Waiting | State::Repairing if begin == State::Grace => return,
            State::Waiting if begin != State::Waiting => begin,
            // It was repaired and is there again, or the repair did not help: it is looked at anew.
            State::Waiting | State::Repairing => State::Waiting,
            State::Closed => return,
        };
        if state != self.state {
            self.state = state;
            self.until = if state == State::Grace { until } else { None };
            self.owner.clear();
            self.decided_by.clear();
        }
    }

    pub(crate) fn close(&mut self, outcome: Outcome, at: Timestamp) {
        self.state = State::Closed;
        self.outcome = Some(outcome);
        self.closed_at = Some(at);
    }

    /// Whether it stands no longer because something else shall hold by now.
    pub(crate) fn is_superseded(&self, target: &Target, desired: bool) -> bool {
        let item = &self.finding.item;
        match self.finding.kind {
            DriftKind::UnmanagedAccount => desired,
            DriftKind::MissingAccount => !desired,
            DriftKind::WronglyEnabled => target.state == AccountState::Active,
            DriftKind::WronglyDisabled => target.state != AccountState::Active,
            DriftKind::UnmanagedGrant => target.grants.contains(item),
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

    /// Announces that it was found.
    pub(crate) fn announce_found(&self) -> wire::DriftFound {
        let (entitlement, attribute) = self.finding.names();
        wire::DriftFound {
            drift_id: self.id.to_string(),
            version: Some(self.version.into()),
            reading_id: self.found_by.to_string(),
            application: self.application.clone(),
            kind: wire_kind(self.finding.kind).into(),
            person_id: self.person.map(|person| person.to_string()).unwrap_or_default(),
            account_id: self.finding.account_id.clone(),
            entitlement,
            through: self.finding.through.clone(),
            attribute,
            state: self.state.wire().into(),
            found_at: Some(self.found_at.into()),
        }
    }

    /// Announces where it stands now.
    pub(crate) fn announce_changed(&self, at: Timestamp) -> wire::DriftChanged {
        let (entitlement, attribute) = self.finding.names();
        wire::DriftChanged {
            drift_id: self.id.to_string(),
            version: Some(self.version.into()),
            application: self.application.clone(),
            kind: wire_kind(self.finding.kind).into(),
            person_id: self.person.map(|person| person.to_string()).unwrap_or_default(),
            account_id: self.finding.account_id.clone(),
            entitlement,
            attribute,
            state: self.state.wire().into(),
            outcome: self.outcome.map(|outcome| outcome.wire().into()).unwrap_or_default(),
            decided_by: self.decided_by.clone(),
            owner: self.owner.clone(),
            until: self.until.map(Into::into),
            changed_at: Some(at.into()),
        }
    }

    /// The drift as an operator sees it.
    pub(crate) fn shown(&self) -> wire::Drift {
        let (entitlement, attribute) = self.finding.names();
        wire::Drift {
            drift_id: self.id.to_string(),
            application: self.application.clone(),
            kind: wire_kind(self.finding.kind).into(),
            state: self.state.wire().into(),
            person_id: self.person.map(|person| person.to_string()).unwrap_or_default(),
            account_id: self.finding.account_id.clone(),
            login: self.finding.login.clone(),
            entitlement,
            through: self.finding.through.clone(),
            attribute,
            found_at: Some(self.found_at.into()),
            seen_at: Some(self.seen_at.into()),
            until: self.until.map(Into::into),
            owner: self.owner.clone(),
            decided_by: self.decided_by.clone(),
            note: self.note.clone(),
        }
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
        }
    }

    /// The entitlement and the attribute, of which one at least is empty.
    fn names(&self) -> (String, String) {
        match self.kind {
            DriftKind::UnmanagedGrant | DriftKind::MissingGrant => {
                (self.item.clone(), String::new())
            }
            DriftKind::AttributeDiffers => (String::new(), self.item.clone()),
            DriftKind::UnmanagedAccount
            | DriftKind::MissingAccount
            | DriftKind::WronglyEnabled
            | DriftKind::WronglyDisabled
            | DriftKind::SeveralAccounts
            | DriftKind::SeveralPeople
            | DriftKind::OrphanedAccount => (String::new(), String::new()),
        }
    }
}

/// Under which id an account is closed that is nobody's, or one too many of somebody's. Nothing is ever
/// desired for it.
pub(crate) fn stand_in(application: &str, account_id: &str) -> PersonId {
    const ACCOUNTS: Uuid = Uuid::from_u128(0x9d2f_51ac_7a0e_4c53_8a34_3e0d_1b64_77c2);
    PersonId(Uuid::new_v5(&ACCOUNTS, format!("{application}\0{account_id}").as_bytes()))
}

/// Drift for tests.
#[cfg(test)]
mod sample;
