//! What is done about drift: what a document says of it, and what somebody decides. Pure.

use domain::{ReadingId, Timestamp};
use rules::document::{DriftKind, Privilege, Reconciliation, Response};

use super::{Drift, Finding, State};

/// What the application's document says is done about drift.
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
            // It was repaired and is there again, or the repair did not help: it is looked at anew.
            State::Waiting | State::Repairing => begin,
            State::Closed => return,
        };
        if state != self.state {
            self.state = state;
            self.until = if state == State::Grace { until } else { None };
            self.owner.clear();
            self.decided_by.clear();
        }
    }
}

#[cfg(test)]
mod tests;
