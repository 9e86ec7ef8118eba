//! Drift as it is told: in events, and to operators.

use domain::Timestamp;
use proto::provisioning::v1 as wire;
use rules::document::DriftKind;

use super::{Drift, Finding, Outcome, State};

/// The kind of drift as it is told.
const fn wire_kind(kind: DriftKind) -> wire::DriftKind {
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

impl State {
    const fn wire(self) -> wire::DriftState {
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
    const fn wire(self) -> wire::DriftOutcome {
        match self {
            Self::Repaired => wire::DriftOutcome::Repaired,
            Self::Vanished => wire::DriftOutcome::Vanished,
            Self::Superseded => wire::DriftOutcome::Superseded,
        }
    }
}

impl Drift {
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
