//! Tasks whose time is over, and tasks of people who have left: whoever is next in line gets them. Tasks of
//! applications that are manual no longer are withdrawn, and their work goes on without humans.

use std::collections::{BTreeMap, BTreeSet};

use chassis::Driver;
use domain::{PersonId, Rejection};
use jiff::SignedDuration;
use rules::document::Application;
use store::Tx;
use store::timers::{self, Timer};
use uuid::Uuid;

use crate::dossier::{Dossier, Key};
use crate::duty;
use crate::release;
use crate::task::{self, Duty, Task};

/// Escalates tasks that were not done in time.
pub(crate) struct Overdue;

/// Hands on the tasks of people who have left.
pub(crate) struct Departures;

/// How long nobody else takes a timer; handing tasks on takes milliseconds.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

impl Driver for Overdue {
    type Job = Timer;
    type Outcome = ();

    const NAME: &'static str = "provisioning.overdue_tasks";
    const AT_ONCE: u16 = 256;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Timer>, Rejection> {
        Ok(timers::lease(tx, task::OVERDUE, LEASE, limit).await?)
    }

    async fn act(&self, jobs: &[Timer]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(Timer, ())]) -> Result<(), Rejection> {
        let ids: Vec<Uuid> = done.iter().map(|(timer, ())| timer.key).collect();
        let now = tx.now();
        let keys = task::table::keys(tx, &ids).await?;
        let mut hands = Hands::load(tx, &keys).await?;
        timers::clear(tx, task::OVERDUE, &ids).await?;
        let mut early = Vec::new();
        hands.each(&keys, |task, duty| {
            if task.due_at > now {
                // It was moved after it had been leased.
                early.push(task.timer());
            } else {
                task.escalate(duty, now);
            }
        });
        timers::set(tx, task::OVERDUE, &early).await?;
        hands.withdraw(tx, &keys).await?;
        hands.dossier.write(tx).await?;
        Ok(())
    }
}

impl Driver for Departures {
    type Job = Timer;
    type Outcome = ();

    const NAME: &'static str = "provisioning.departures";
    const AT_ONCE: u16 = 64;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Timer>, Rejection> {
        Ok(timers::lease(tx, duty::TIMER, LEASE, limit).await?)
    }

    async fn act(&self, jobs: &[Timer]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(Timer, ())]) -> Result<(), Rejection> {
        let people: Vec<Uuid> = done.iter().map(|(timer, ())| timer.key).collect();
        let addresses = duty::table::of_departed(tx, &people).await?;
        let keys = task::table::keys_of_assignees(tx, &addresses).await?;
        timers::clear(tx, duty::TIMER, &people).await?;
        if keys.is_empty() {
            return Ok(());
        }
        let mut hands = Hands::load(tx, &keys).await?;
        let departed = hands.departed.clone();
        hands.each(&keys, |task, duty| {
            if departed.contains(&task.assignee.mail.to_lowercase()) && !task.leave(duty) {
                tracing::warn!(
                    task.id = %task.id,
                    application = task.key.1,
                    code = crate::code::NOBODY_LEFT,
                    "nobody whom {} names for its tasks is here ({})",
                    task.key.1,
                    crate::code::NOBODY_LEFT
                );
            }
        });
        hands.dossier.write(tx).await?;
        Ok(())
    }
}

/// Tasks, locked together with their people, and who may be asked.
struct Hands {
    dossier: Dossier,
    applications: BTreeMap<String, Application>,
    departed: BTreeSet<String>,
}

impl Hands {
    async fn load(tx: &mut Tx, keys: &[Key]) -> Result<Self, Rejection> {
        let people: BTreeSet<PersonId> = keys.iter().map(|key| key.0).collect();
        let dossier = Dossier::load(tx, &people).await?;
        let applications = release::applications(tx).await?;
        let named: Vec<String> =
            applications.values().flat_map(task::chain).map(|o| o.mail.to_lowercase()).collect();
        let departed = duty::table::departed(tx, &named).await?;
        Ok(Self { dossier, applications, departed })
    }

    /// Withdraws those of these tasks whose application is manual no longer, and plans their work anew.
    async fn withdraw(&mut self, tx: &mut Tx, keys: &[Key]) -> Result<(), Rejection> {
        let is_manual = |application: &String| {
            self.applications.get(application).is_some_and(|spec| spec.connector.manual.is_some())
        };
        let others: Vec<&Key> = keys.iter().filter(|key| !is_manual(&key.1)).collect();
        // Without any release nothing is known of any application.
        if others.is_empty() || self.applications.is_empty() {
            return Ok(());
        }
        let people = others.iter().map(|key| key.0).collect();
        self.dossier.load_access(tx, &people).await?;
        self.dossier.load_referred(tx).await?;
        for key in others {
            if let Some(task) = self.dossier.task_mut(key) {
                task.withdraw(tx.now());
            }
            self.dossier.plan_branch(tx, key);
        }
        Ok(())
    }

    /// Does something to each of these tasks that stands still and whose document says who does it.
    fn each(&mut self, keys: &[Key], mut f: impl FnMut(&mut Task, &Duty<'_>)) {
        for key in keys {
            let duty = self.applications.get(&key.1);
            let duty = duty.and_then(|spec| Duty::of(spec, &self.departed));
            if let (Some(task), Some(duty)) = (self.dossier.task_mut(key), duty) {
                f(task, &duty);
            }
        }
    }
}
