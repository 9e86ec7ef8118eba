//! What a source is told of a record that it pushed, whichever door it came by.

use proto::hris::v1::{SubmittedOutcome, SubmittedState};
use serde_json::{Value, json};

use crate::chunk::{Outcome, Taken};

/// Says what became of a record. What was held back was not taken over, and has a reason.
pub(crate) fn told(outcome: Outcome) -> SubmittedOutcome {
    let state = |state: SubmittedState| SubmittedOutcome {
        state: state.into(),
        ..SubmittedOutcome::default()
    };
    let of = |outcome: SubmittedOutcome, taken: Taken| SubmittedOutcome {
        person_id: taken.person.to_string(),
        engagement_id: taken.engagement.to_string(),
        ..outcome
    };
    match outcome {
        Outcome::Taken(taken) => of(state(SubmittedState::Taken), taken),
        Outcome::Unchanged(taken) => of(state(SubmittedState::Unchanged), taken),
        Outcome::Late => state(SubmittedState::Late),
        Outcome::Waits(reject) => SubmittedOutcome {
            column: reject.column,
            reason: reject.reason,
            ..state(SubmittedState::Waits)
        },
        Outcome::Rejected(reject) => SubmittedOutcome {
            column: reject.column,
            reason: reject.reason,
            ..state(SubmittedState::Rejected)
        },
        Outcome::Held(reason) => SubmittedOutcome { reason, ..state(SubmittedState::Rejected) },
    }
}

/// The same as JSON.
pub(crate) fn json(outcome: &SubmittedOutcome) -> Value {
    let SubmittedOutcome { state: _, column, reason, person_id, engagement_id } = outcome;
    let taken = |state: &str| json!({"state": state, "person_id": person_id, "engagement_id": engagement_id});
    match outcome.state() {
        SubmittedState::Taken => taken("taken"),
        SubmittedState::Unchanged => taken("unchanged"),
        SubmittedState::Late => json!({"state": "late"}),
        SubmittedState::Waits => json!({"state": "waits", "column": column, "reason": reason}),
        SubmittedState::Rejected | SubmittedState::Unspecified => {
            json!({"state": "rejected", "column": column, "reason": reason})
        }
    }
}
