//! What a dossier does about tasks: it hands steps to humans, keeps the tasks in step with the plans, and
//! takes over what was verified.

use std::collections::BTreeSet;

use domain::{Lane, TaskId};
use store::timers::{self, Timer};
use store::{Error, Tx};
use uuid::Uuid;

use super::{Dossier, Key};
use crate::plan::{Step, Target, plan};
use crate::task::{self, Asked, Duty, Refused, State, Task};

impl Dossier {
    /// Adds the tasks of people that stand, in one application or in all.
    pub(super) async fn load_tasks(
        &mut self,
        tx: &mut Tx,
        ids: &[Uuid],
        application: Option<&str>,
    ) -> Result<(), Error> {
        let standing = task::table::standing(tx, ids, application).await?;
        self.before.tasks.extend(standing.clone());
        self.tasks.extend(standing);
        Ok(())
    }

    pub(crate) fn task_mut(&mut self, key: &Key) -> Option<&mut Task> {
        self.tasks.get_mut(key).filter(|task| task.stands())
    }

    /// The steps of a branch that ended just now in a human's hands.
    pub(crate) fn handed(&self, key: &Key) -> BTreeSet<Step> {
        let actions = self.actions.get(key).into_iter().flatten();
        let handed = actions.filter(|action| action.was_handed_just_now());
        handed.map(|action| action.step.clone()).collect()
    }

    /// Hands steps of a branch to humans.
    pub(crate) fn open_task(&mut self, tx: &Tx, key: &Key, asked: Asked<'_>, duty: &Duty<'_>) {
        if let Some(task) = self.task_mut(key) {
            task.take_on(asked, duty, tx.now());
            return;
        }
        if self.tasks.contains_key(key) {
            // It ended just now; what is still to be done is planned again.
            return;
        }
        let id = TaskId(tx.new_id());
        if let Some(task) = Task::open(id, key, asked, duty, tx.now()) {
            self.tasks.insert(key.clone(), task);
        }
    }

    /// Holds a branch's task against its plan, and returns what of the plan is in nobody's hands.
    pub(super) fn beside_task(
        &mut self,
        key: &Key,
        planned: BTreeSet<Step>,
        target: Option<&Target>,
        lane: Lane,
    ) -> BTreeSet<Step> {
        let now = self.now;
        let shown = self.shown.contains(key);
        let Some(task) = self.task_mut(key) else { return planned };
        // Nothing is planned where nobody knows what shall hold.
        let Some(target) = target else { return planned };
        task.follow(&planned, target, lane, shown, now);
        match task.stands() {
            true => planned.difference(&task.steps).cloned().collect(),
            false => planned,
        }
    }

    /// Takes over that a list of the application's accounts showed a branch as it is, if it has a task.
    pub(super) fn is_shown(&mut self, key: &Key, whole: bool) -> bool {
        let has_task = self.task_mut(key).is_some();
        if has_task && whole {
            self.shown.insert(key.clone());
        }
        has_task
    }

    /// Takes over what somebody says of a branch's task. What is verified by it is so.
    pub(crate) fn say(
        &mut self,
        tx: &Tx,
        key: &Key,
        by: &str,
        what: impl FnOnce(&mut Task) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let known = self.accounts.get(key);
        let Some(task) = self.tasks.get_mut(key).filter(|task| task.stands()) else {
            return Err(Refused::Closed);
        };
        what(task)?;
        by.clone_into(&mut task.said_by);
        self.said.insert(key.clone());
        if task.state == State::Verified
            && let Some(account) = task.carried_out(known, self.now)
        {
            self.accounts.insert(key.clone(), account);
        }
        self.plan_branch(tx, key);
        Ok(())
    }

    /// What is planned for a branch, from what is observed to a target.
    pub(super) fn planned(&self, key: &Key, target: Option<&Target>) -> BTreeSet<Step> {
        let steps = target.map(|target| plan(target, self.accounts.get(key)));
        steps.unwrap_or_default().into_iter().collect()
    }

    /// Counts and writes the tasks that changed, and announces them.
    pub(super) async fn write_tasks(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let mut changed: Vec<&mut Task> = Vec::new();
        for (key, task) in &mut self.tasks {
            let before = self.before.tasks.get(key);
            if before == Some(&*task) {
                continue;
            }
            if let Some(person) = self.people.get_mut(&key.0) {
                person.tasks += i32::from(task.stands()) - i32::from(before.is_some());
                person.settled = false;
            }
            if !self.said.contains(key) {
                task.said_by.clear();
            }
            changed.push(task);
        }
        announce(tx, changed).await
    }
}

/// Writes tasks, announces them, and sees to it that they are not forgotten.
async fn announce(tx: &mut Tx, changed: Vec<&mut Task>) -> Result<(), Error> {
    let now = tx.now();
    let mut written: Vec<&Task> = Vec::with_capacity(changed.len());
    for task in changed {
        task.version = tx.next_version(task.version);
        task.changed_at = now;
        tx.publish(&task.changed())?;
        written.push(task);
    }
    let (stand, closed): (Vec<&Task>, Vec<&Task>) = written.iter().partition(|one| one.stands());
    let due: Vec<Timer> = stand.iter().map(|task| task.timer()).collect();
    timers::set(tx, task::OVERDUE, &due).await?;
    let closed: Vec<Uuid> = closed.iter().map(|task| task.id.0).collect();
    timers::clear(tx, task::OVERDUE, &closed).await?;
    task::table::put(tx, &written).await
}
