//! The life of one action: open, then done, already so, failed for good, superseded, or in a human's hands.

pub(crate) mod table;

use domain::{ActionId, Lane, PersonId, Timestamp, Version};
use proto::provisioning::v1::{ActionFinished, ActionKind, ActionOutcome};
use serde_json::Value as Json;

use crate::plan::{Kind, Step};

/// One change in one application.
#[derive(Clone)]
pub(crate) struct Action {
    pub(crate) id: ActionId,
    pub(crate) step: Step,
    pub(crate) state: State,
    pub(crate) attempts: u32,
    /// The person's round in which it was last tried.
    pub(crate) round: i32,
    /// The version of desired access that asked for it first.
    pub(crate) desired_version: Version,
    /// Why it failed, or why it has to be tried again.
    pub(crate) error: String,
    pub(crate) found: Option<Json>,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// How the row differs from the database's.
    pub(crate) pending: Pending,
}

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Open,
    Done,
    Already,
    Failed,
    Superseded,
    /// A human has to do it: a task says so.
    Manual,
}

/// What has to be written of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    Nothing,
    Insert,
    Update,
}

/// The most that is kept of an application's complaint.
const ERROR_LENGTH_MAX: usize = 500;

impl State {
    const ALL: [Self; 6] =
        [Self::Open, Self::Done, Self::Already, Self::Failed, Self::Superseded, Self::Manual];

    /// The state's name in SQL, metrics and on screens.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Already => "already",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Manual => "manual",
        }
    }

    /// Returns the state that `as_str` gave this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    const fn outcome(self) -> ActionOutcome {
        match self {
            Self::Open => ActionOutcome::Unspecified,
            Self::Done => ActionOutcome::Done,
            Self::Already => ActionOutcome::Already,
            Self::Failed => ActionOutcome::Failed,
            Self::Superseded => ActionOutcome::Superseded,
            Self::Manual => ActionOutcome::Manual,
        }
    }
}

impl Action {
    pub(crate) fn open(
        id: ActionId,
        step: Step,
        round: i32,
        desired_version: Version,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            step,
            state: State::Open,
            attempts: 0,
            round,
            desired_version,
            error: String::new(),
            found: None,
            created_at: at,
            finished_at: None,
            pending: Pending::Insert,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether it failed for good in this round, so that it is not started again within it.
    pub(crate) fn stands_failed(&self, round: i32) -> bool {
        self.state == State::Failed && self.round == round
    }

    /// Whether it failed for good and that is not written yet.
    pub(crate) fn failed_just_now(&self) -> bool {
        self.state == State::Failed && self.pending != Pending::Nothing
    }

    /// Whether it ended in a human's hands and that is not written yet.
    pub(crate) fn was_handed_just_now(&self) -> bool {
        self.state == State::Manual && self.pending != Pending::Nothing
    }

    /// Ends it after an attempt.
    pub(crate) fn end(&mut self, state: State, error: &str, at: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        self.finish(state, error, at);
    }

    /// Ends it without an attempt.
    pub(crate) fn finish(&mut self, state: State, error: &str, at: Timestamp) {
        self.state = state;
        self.finished_at = Some(at);
        self.complain(error);
    }

    /// Counts an attempt that came to nothing.
    pub(crate) fn retry(&mut self, reason: &str) {
        self.attempts = self.attempts.saturating_add(1);
        self.complain(reason);
    }

    /// Says why nothing was tried; no attempt is counted.
    pub(crate) fn wait(&mut self, reason: &str) {
        if self.error != reason {
            self.complain(reason);
        }
    }

    fn complain(&mut self, error: &str) {
        self.error = error.chars().take(ERROR_LENGTH_MAX).collect();
        self.touch();
    }

    fn touch(&mut self) {
        if self.pending == Pending::Nothing {
            self.pending = Pending::Update;
        }
    }

    /// Announces its end.
    pub(crate) fn finished(
        &self,
        person: PersonId,
        application: &str,
        lane: Lane,
        version: Version,
    ) -> ActionFinished {
        ActionFinished {
            action_id: self.id.to_string(),
            person_id: person.to_string(),
            application: application.to_owned(),
            kind: wire_kind(self.step.kind).into(),
            entitlement: self.step.entitlement.clone(),
            outcome: self.state.outcome().into(),
            attempts: self.attempts,
            error: self.error.clone(),
            version: Some(version.into()),
            desired_version: Some(self.desired_version.into()),
            finished_at: self.finished_at.map(Into::into),
            lane: proto::common::v1::Lane::from(lane).into(),
        }
    }
}

/// Returns a kind as events and requests name it.
pub(crate) const fn wire_kind(kind: Kind) -> ActionKind {
    match kind {
        Kind::CreateAccount => ActionKind::CreateAccount,
        Kind::UpdateAccount => ActionKind::UpdateAccount,
        Kind::EnableAccount => ActionKind::EnableAccount,
        Kind::DisableAccount => ActionKind::DisableAccount,
        Kind::Grant => ActionKind::Grant,
        Kind::Revoke => ActionKind::Revoke,
    }
}
