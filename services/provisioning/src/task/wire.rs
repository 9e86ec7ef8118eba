//! Tasks as they are told: in events, and to operators.

use proto::provisioning::v1 as wire;
use rules::document::{Evidence, Manual, Verification};

use super::{Proof, Reason, State, Task};
use crate::action::wire_kind;

impl State {
    const fn wire(self) -> wire::TaskState {
        match self {
            Self::Open => wire::TaskState::Open,
            Self::Done => wire::TaskState::Done,
            Self::Verified => wire::TaskState::Verified,
            Self::Withdrawn => wire::TaskState::Withdrawn,
        }
    }
}

/// Reads the state in a request.
pub(crate) fn state_from_wire(state: wire::TaskState) -> Option<State> {
    State::ALL.into_iter().find(|known| known.wire() == state)
}

impl Proof {
    const fn wire(self) -> wire::TaskProof {
        match self {
            Self::Attestation => wire::TaskProof::Attestation,
            Self::Listing => wire::TaskProof::Listing,
        }
    }

    /// Reads what a document asks for.
    pub(crate) const fn wanted(manual: &Manual) -> Self {
        match manual.verification {
            Verification::Attestation => Self::Attestation,
            Verification::Listing => Self::Listing,
        }
    }
}

impl Reason {
    const fn wire(self) -> wire::TaskReason {
        match self {
            Self::Owner => wire::TaskReason::Owner,
            Self::Escalated => wire::TaskReason::Escalated,
            Self::Left => wire::TaskReason::Left,
            Self::Handed => wire::TaskReason::Handed,
        }
    }
}

impl Task {
    /// Announces the task as it is.
    pub(crate) fn changed(&self) -> wire::TaskChanged {
        wire::TaskChanged {
            task_id: self.id.to_string(),
            version: Some(self.version.into()),
            person_id: self.key.0.to_string(),
            application: self.key.1.clone(),
            state: self.state.wire().into(),
            steps: self
                .all_steps()
                .map(|step| wire::TaskStep {
                    kind: wire_kind(step.kind).into(),
                    entitlement: step.entitlement.clone(),
                })
                .collect(),
            revision: self.revision,
            assignee: self.assignee.name.clone(),
            assignee_mail: self.assignee.mail.clone(),
            reason: self.reason.wire().into(),
            due_at: Some(self.due_at.into()),
            escalations: self.escalations,
            evidence: self.evidence.clone(),
            done_by: self.done_by.clone(),
            proof: self.proof.map(|proof| proof.wire().into()).unwrap_or_default(),
            verified_by: self.verified_by.clone(),
            note: self.note.clone(),
            opened_at: Some(self.opened_at.into()),
            changed_at: Some(self.changed_at.into()),
            lane: proto::common::v1::Lane::from(self.lane).into(),
            said_by: self.said_by.clone(),
        }
    }

    /// The task as an operator sees it, with what the application's document says of it, if it still does.
    pub(crate) fn shown(&self, manual: Option<&Manual>) -> wire::Task {
        wire::Task {
            task: Some(self.changed()),
            login: self.login.clone(),
            account_state: proto::common::v1::AccountState::from(self.account_state).into(),
            attributes: proto::convert::wire_attributes(&self.attributes),
            instructions: manual.map(|manual| manual.instructions.clone()).unwrap_or_default(),
            evidence_wanted: manual.map_or("", |manual| wanted(manual.evidence)).to_owned(),
            verification: manual
                .map(|manual| Proof::wanted(manual).wire().into())
                .unwrap_or_default(),
        }
    }
}

const fn wanted(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Ticket => "ticket",
        Evidence::Link => "link",
        Evidence::Note => "note",
    }
}
