//! What somebody is to do by hand in an application, as it was last announced. Pure, but for `table`.

pub(crate) mod table;

use domain::{Lane, PersonId, TaskId, Timestamp, Version};
use proto::provisioning::v1::{ActionKind, TaskChanged, TaskState, TaskStep};
use proto::{Invalid, convert};

use crate::standing::clean;

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) version: Version,
    pub(crate) person: PersonId,
    pub(crate) application: String,
    /// Somebody has to do it: it is neither done nor over.
    pub(crate) open: bool,
    pub(crate) steps: Vec<String>,
    pub(crate) revision: u32,
    pub(crate) assignee: String,
    /// In lower case.
    pub(crate) address: String,
    pub(crate) due_at: Timestamp,
    pub(crate) escalations: u32,
    pub(crate) lane: Lane,
}

impl Task {
    /// Reads an event.
    pub(crate) fn read(event: &TaskChanged) -> Result<Self, Invalid> {
        let lane = proto::common::v1::Lane::try_from(event.lane)
            .map_err(|_unknown| Invalid::field("lane", "unknown enum value"))?;
        let open = match event.state() {
            TaskState::Open => true,
            TaskState::Done | TaskState::Verified | TaskState::Withdrawn => false,
            TaskState::Unspecified => return Err(Invalid::Missing("state")),
        };
        Ok(Self {
            id: convert::id("task_id", &event.task_id)?,
            version: convert::version("version", event.version.as_ref())?,
            person: convert::id("person_id", &event.person_id)?,
            application: clean(&event.application),
            open,
            steps: event.steps.iter().map(step).collect(),
            revision: event.revision,
            assignee: clean(&event.assignee),
            address: clean(&event.assignee_mail).to_lowercase(),
            due_at: convert::instant("due_at", event.due_at.as_ref())?,
            escalations: event.escalations,
            lane: lane.try_into()?,
        })
    }

    /// Whether its assignee is to be told: it is somebody else's, asks for something else, is late, or was
    /// given back.
    pub(crate) fn is_news(&self, before: Option<&Self>) -> bool {
        let asked =
            |task: &Self| (task.open, task.revision, task.address.clone(), task.escalations);
        self.open && before.is_none_or(|before| asked(before) != asked(self))
    }
}

fn step(step: &TaskStep) -> String {
    let what = match step.kind() {
        ActionKind::Unspecified => "see to",
        ActionKind::CreateAccount => "make the account",
        ActionKind::UpdateAccount => "change the account",
        ActionKind::EnableAccount => "open the account",
        ActionKind::DisableAccount => "close the account",
        ActionKind::Grant => "give",
        ActionKind::Revoke => "take away",
    };
    clean(&format!("{what} {}", step.entitlement))
}

#[cfg(test)]
mod tests {
    use proto::common::v1 as common;

    use super::*;

    fn changed(state: TaskState, revision: u32, mail: &str) -> TaskChanged {
        let id = uuid::Uuid::from_u128(7).to_string();
        TaskChanged {
            task_id: id.clone(),
            version: Some(Version { epoch: 1, counter: 1 }.into()),
            person_id: id,
            application: "badges".to_owned(),
            state: state.into(),
            steps: vec![TaskStep {
                kind: ActionKind::Grant.into(),
                entitlement: "door\r\nBcc: eve@example.org".to_owned(),
            }],
            revision,
            assignee_mail: mail.to_owned(),
            due_at: Some(Timestamp::UNIX_EPOCH.into()),
            lane: common::Lane::Regular.into(),
            ..TaskChanged::default()
        }
    }

    fn task(state: TaskState, revision: u32, mail: &str) -> Task {
        Task::read(&changed(state, revision, mail)).unwrap()
    }

    #[test]
    fn only_what_somebody_has_to_do_now_is_news() {
        let open = task(TaskState::Open, 1, "Ada@example.org");
        assert!(open.is_news(None));
        assert!(!open.is_news(Some(&task(TaskState::Open, 1, "ada@example.org"))));
        assert!(open.is_news(Some(&task(TaskState::Done, 1, "ada@example.org"))), "given back");
        assert!(open.is_news(Some(&task(TaskState::Open, 1, "bob@example.org"))));
        assert!(task(TaskState::Open, 2, "ada@example.org").is_news(Some(&open)));
        let late = Task { escalations: 1, ..open.clone() };
        assert!(late.is_news(Some(&open)));
        assert!(!task(TaskState::Done, 1, "ada@example.org").is_news(Some(&open)));
    }

    #[test]
    fn what_is_to_be_done_is_one_line() {
        assert_eq!(task(TaskState::Open, 1, "").steps, ["give door  Bcc: eve@example.org"]);
    }
}
