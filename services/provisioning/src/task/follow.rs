//! How a task follows the plan that it is a part of.

use std::collections::BTreeSet;

use domain::{AccountState, Lane, Timestamp};

use super::{Asked, Duty, Proof, State, Task, later};
use crate::plan::{Kind, Step, Target};

impl Task {
    /// Takes over more steps that were handed to humans.
    pub(crate) fn take_on(&mut self, asked: Asked<'_>, duty: &Duty<'_>, now: Timestamp) {
        let more: BTreeSet<Step> = asked.steps.difference(&self.steps).cloned().collect();
        if more.is_empty() {
            return;
        }
        self.leaver_within = duty.within(Lane::Leaver);
        self.amends.retain(|step| !more.contains(step));
        self.steps.extend(more);
        asked.login.clone_into(&mut self.login);
        self.take_over(asked.target);
        self.lane = asked.lane;
        self.due_at = match asked.lane {
            Lane::Leaver => self.due_at.min(later(now, self.leaver_within)),
            Lane::Regular => later(now, duty.within(asked.lane)),
        };
        self.begin_anew();
    }

    /// Holds it against what is planned by now: what is planned no longer is not to be done, and where it was
    /// perhaps done already, it is to be taken back.
    ///
    /// With `shown` what is planned rests on a list of the application's accounts, and nothing is uncertain.
    pub(crate) fn follow(
        &mut self,
        planned: &BTreeSet<Step>,
        target: &Target,
        lane: Lane,
        shown: bool,
        now: Timestamp,
    ) {
        let before = self.clone();
        for step in before.steps.difference(planned) {
            self.steps.remove(step);
            self.amends.extend(contrary(step, target));
        }
        // What is to be taken back may be wanted again, or be part of the plan.
        self.amends.retain(|step| !planned.contains(step) && contrary(step, target).is_none());
        if shown {
            self.amends.clear();
        }
        if lane == Lane::Leaver && self.lane == Lane::Regular {
            self.due_at = self.due_at.min(later(now, self.leaver_within));
        }
        self.lane = lane;
        if self.steps.is_empty() && self.amends.is_empty() {
            match shown {
                true => self.verify(Proof::Listing, "", now),
                false => self.withdraw(now),
            }
            return;
        }
        self.take_over(target);
        let asked = |task: &Self| {
            (task.steps.clone(), task.amends.clone(), task.account_state, task.attributes.clone())
        };
        let is_same = asked(self) == asked(&before);
        let missed = shown && self.state == State::Done;
        if !is_same {
            self.begin_anew();
        }
        if missed {
            self.give_back("a list of the application's accounts does not show it");
        }
    }

    fn take_over(&mut self, target: &Target) {
        self.account_state = target.state;
        // What of an account that is closed is not looked after.
        if !target.closes() {
            self.attributes.clone_from(&target.attributes);
        }
    }

    /// Something else is to be done: what was said of it before is worth nothing.
    fn begin_anew(&mut self) {
        self.revision = self.revision.saturating_add(1);
        self.give_back("");
    }
}

/// What has to be seen to when a step that may have been done is against what shall be.
fn contrary(step: &Step, target: &Target) -> Option<Step> {
    let held = target.grants.contains(&step.entitlement);
    let active = target.state == AccountState::Active;
    match step.kind {
        Kind::CreateAccount | Kind::EnableAccount if !active => {
            Some(Step::account(Kind::DisableAccount))
        }
        Kind::DisableAccount if active => Some(Step::account(Kind::EnableAccount)),
        Kind::Grant if !held => Some(Step::revoke(&step.entitlement)),
        Kind::Revoke if held => Some(Step::grant(&step.entitlement)),
        Kind::CreateAccount
        | Kind::UpdateAccount
        | Kind::EnableAccount
        | Kind::DisableAccount
        | Kind::Grant
        | Kind::Revoke => None,
    }
}
