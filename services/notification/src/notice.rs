//! One thing that one recipient is told about one person.

pub(crate) mod table;

use domain::{Date, EngagementId, Lane, NoticeId, PersonId, Timestamp};
use proto::notification::v1 as wire;
use uuid::Uuid;

use crate::milestone::{Due, Milestone, Recipient, State};
use crate::recipient::Addressee;

/// A notice that is to be written.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: NoticeId,
    pub(crate) person: PersonId,
    pub(crate) due: Due,
    /// When it may be put into a message.
    pub(crate) due_at: Timestamp,
}

/// A notice as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) id: NoticeId,
    pub(crate) person: PersonId,
    pub(crate) engagement: EngagementId,
    pub(crate) milestone: Milestone,
    pub(crate) date: Date,
    pub(crate) recipient: Recipient,
    pub(crate) template: String,
    pub(crate) lane: Lane,
    pub(crate) state: State,
    pub(crate) exposed_until: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) message: Option<Uuid>,
    pub(crate) told: Option<Addressee>,
    pub(crate) error: String,
    pub(crate) finished_at: Option<Timestamp>,
}

/// What a notice came to.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) attempts: u32,
    pub(crate) digest: Option<Uuid>,
    pub(crate) error: String,
    pub(crate) at: Timestamp,
}

impl Notice {
    /// The event that announces that it was sent.
    pub(crate) fn sent(&self, ending: &Ending, epoch: i64) -> wire::NoticeSent {
        let (kind, recipient) = self.shown_addressee();
        wire::NoticeSent {
            notice_id: self.id.to_string(),
            person_id: self.person.to_string(),
            engagement_id: self.engagement.to_string(),
            milestone: wire_milestone(self.milestone).into(),
            effective_date: Some(self.date.into()),
            recipient_kind: kind.into(),
            recipient,
            template: self.template.clone(),
            attempts: ending.attempts,
            digest_id: ending.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            version: Some(domain::Version::default().next(epoch).into()),
            sent_at: Some(ending.at.into()),
            lane: proto::common::v1::Lane::from(self.lane).into(),
        }
    }

    /// The event that announces that it will not be sent.
    pub(crate) fn failed(&self, ending: &Ending, epoch: i64) -> wire::NoticeFailed {
        let (kind, recipient) = self.shown_addressee();
        wire::NoticeFailed {
            notice_id: self.id.to_string(),
            person_id: self.person.to_string(),
            engagement_id: self.engagement.to_string(),
            milestone: wire_milestone(self.milestone).into(),
            effective_date: Some(self.date.into()),
            recipient_kind: kind.into(),
            recipient,
            template: self.template.clone(),
            attempts: ending.attempts,
            digest_id: ending.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            error: ending.error.clone(),
            version: Some(domain::Version::default().next(epoch).into()),
            failed_at: Some(ending.at.into()),
            lane: proto::common::v1::Lane::from(self.lane).into(),
        }
    }

    /// Who was told, else whom it is meant for.
    fn shown_addressee(&self) -> (wire::RecipientKind, String) {
        self.told.as_ref().map_or_else(|| self.intended(), wire_addressee)
    }

    /// Whom it is meant for.
    pub(crate) fn intended(&self) -> (wire::RecipientKind, String) {
        match &self.recipient {
            Recipient::Manager(manager) => (
                wire::RecipientKind::Manager,
                manager.map(|manager| manager.to_string()).unwrap_or_default(),
            ),
            Recipient::Owner(application) => {
                (wire::RecipientKind::ApplicationOwner, application.clone())
            }
        }
    }
}

pub(crate) fn wire_addressee(addressee: &Addressee) -> (wire::RecipientKind, String) {
    match addressee {
        Addressee::Manager(manager) => (wire::RecipientKind::Manager, manager.to_string()),
        Addressee::Owner(application) => {
            (wire::RecipientKind::ApplicationOwner, application.clone())
        }
        Addressee::LastResort => (wire::RecipientKind::LastResort, String::new()),
        // No notice is told to whoever has tasks, and no event names an address.
        Addressee::Assignee(_) => (wire::RecipientKind::Assignee, String::new()),
    }
}

pub(crate) fn wire_milestone(milestone: Milestone) -> wire::Milestone {
    match milestone {
        Milestone::Joining => wire::Milestone::Joining,
        Milestone::Rehired => wire::Milestone::Rehired,
        Milestone::AccessReady => wire::Milestone::AccessReady,
        Milestone::Moved => wire::Milestone::Moved,
        Milestone::Leaving => wire::Milestone::Leaving,
        Milestone::Left => wire::Milestone::Left,
        Milestone::LeavingWithdrawn => wire::Milestone::LeavingWithdrawn,
    }
}

pub(crate) fn wire_state(state: State) -> wire::NoticeState {
    match state {
        State::Pending => wire::NoticeState::Pending,
        State::Sent => wire::NoticeState::Sent,
        State::Failed => wire::NoticeState::Failed,
        State::Suppressed => wire::NoticeState::Suppressed,
        State::Undeliverable => wire::NoticeState::Undeliverable,
        State::Canceled => wire::NoticeState::Canceled,
    }
}
