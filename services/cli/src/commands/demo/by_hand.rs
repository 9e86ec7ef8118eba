//! The people of a demonstration who do by hand what no program can do: they get tasks, keep a register of what
//! they did, say so, and attest each other's work.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use domain::Value;
use proto::provisioning::v1::{
    ActionKind, FinishTaskRequest, GetProgressRequest, ListApplicationsRequest, ListTasksRequest,
    Task, TaskChanged, TaskProof, TaskState, UploadListingRequest, VerifyTaskRequest,
};
use tokio::time::{Duration, Instant, sleep};

use super::report::ByHand;
use crate::client::Mesh;

/// The application that is worked by hand.
const APPLICATION: &str = "evidence-vault";
/// Who does what is to be done, and who attests it.
const CUSTODIAN: &str = "ada";
const WITNESS: &str = "grace";
/// How often it is asked whether a list was read, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const READ_WITHIN: Duration = Duration::from_mins(5);

/// Who has a key: the register at the vault's desk.
#[derive(Debug, Default)]
pub(super) struct Register(BTreeMap<String, Entry>);

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    struck: bool,
    entitlements: BTreeSet<String>,
}

/// Works through what is to be done. Of ten tasks one stays open, one is done and not verified yet, four are
/// attested, and four are verified by a list.
pub(super) async fn work(mesh: &Mesh, register: &mut Register) -> anyhow::Result<ByHand> {
    let tasks = standing(mesh).await?;
    // What was done before is attested first.
    for task in tasks.iter().filter(|task| state(task) == TaskState::Done) {
        attest(mesh, task).await?;
    }
    let open: Vec<&Task> = tasks.iter().filter(|task| state(task) == TaskState::Open).collect();
    let of = |places: std::ops::RangeInclusive<usize>| {
        open.iter().enumerate().filter(move |(at, _)| places.contains(&(at % 10)))
    };
    for (_at, task) in of(6..=9) {
        finish(mesh, register, task).await?;
    }
    upload(mesh, register).await?;
    for (at, task) in of(1..=5) {
        finish(mesh, register, task).await?;
        if at % 10 != 1 {
            attest(mesh, task).await?;
        }
    }
    let progress = mesh.provisioning()?.get_progress(GetProgressRequest::default()).await?;
    let progress = progress.into_inner();
    let verified = verified(mesh).await?;
    let by = |proof: TaskProof| {
        let count = verified.iter().filter(|task| changed(task).proof() == proof).count();
        u64::try_from(count)
    };
    Ok(ByHand {
        attested: by(TaskProof::Attestation)?,
        listed: by(TaskProof::Listing)?,
        unverified: progress.tasks_unverified,
        open: progress.tasks_open,
        late: progress.tasks_overdue,
    })
}

async fn standing(mesh: &Mesh) -> anyhow::Result<Vec<Task>> {
    list(mesh, TaskState::Unspecified).await
}

async fn verified(mesh: &Mesh) -> anyhow::Result<Vec<Task>> {
    list(mesh, TaskState::Verified).await
}

async fn list(mesh: &Mesh, state: TaskState) -> anyhow::Result<Vec<Task>> {
    let mut request = ListTasksRequest { state: state.into(), ..ListTasksRequest::default() };
    let mut found = Vec::new();
    loop {
        let page = mesh.tasks()?.list_tasks(request.clone()).await?.into_inner();
        found.extend(page.tasks);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(found);
        }
    }
}

async fn finish(mesh: &Mesh, register: &mut Register, task: &Task) -> anyhow::Result<()> {
    register.enter(task);
    let told = changed(task);
    let request = FinishTaskRequest {
        task_id: told.task_id.clone(),
        revision: told.revision,
        evidence: format!("KEY-{}", told.task_id),
        by: CUSTODIAN.to_owned(),
        login: String::new(),
    };
    mesh.tasks()?.finish_task(request).await.context("say that a task was done")?;
    Ok(())
}

async fn attest(mesh: &Mesh, task: &Task) -> anyhow::Result<()> {
    let told = changed(task);
    let request = VerifyTaskRequest {
        task_id: told.task_id.clone(),
        revision: told.revision,
        rejected: false,
        note: String::new(),
        by: WITNESS.to_owned(),
    };
    mesh.tasks()?.verify_task(request).await.context("attest a task")?;
    Ok(())
}

/// Uploads the whole register, and waits until it was read.
async fn upload(mesh: &Mesh, register: &Register) -> anyhow::Result<()> {
    let before = read_at(mesh).await?;
    let request = UploadListingRequest {
        application: APPLICATION.to_owned(),
        csv: register.csv().into_bytes(),
        by: CUSTODIAN.to_owned(),
    };
    mesh.tasks()?.upload_listing(request).await.context("upload the register")?;
    let begin = Instant::now();
    while read_at(mesh).await? == before {
        anyhow::ensure!(begin.elapsed() < READ_WITHIN, "the register is not read");
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// When a list was read to its end, in microseconds; none while one is being read.
async fn read_at(mesh: &Mesh) -> anyhow::Result<Option<i64>> {
    let answer = mesh.drift()?.list_applications(ListApplicationsRequest {}).await?.into_inner();
    let mut watched = answer.applications.into_iter();
    let watched = watched.find(|one| one.application == APPLICATION && one.doing.is_empty());
    Ok(watched.and_then(|one| one.read_at).map(|at| at.unix_micros))
}

fn changed(task: &Task) -> TaskChanged {
    task.task.clone().unwrap_or_default()
}

fn state(task: &Task) -> TaskState {
    changed(task).state()
}

impl Register {
    /// Does what a task asks for.
    fn enter(&mut self, task: &Task) {
        let text = |value: &proto::common::v1::Value| Value::try_from(value.clone()).ok();
        let name = task.attributes.get("displayName").and_then(text);
        for step in &changed(task).steps {
            if step.kind() == ActionKind::CreateAccount {
                self.0.insert(task.login.clone(), Entry::default());
            }
            let Some(entry) = self.0.get_mut(&task.login) else { continue };
            match step.kind() {
                ActionKind::CreateAccount | ActionKind::UpdateAccount => {
                    entry.name = name.as_ref().map(ToString::to_string).unwrap_or_default();
                }
                ActionKind::EnableAccount => entry.struck = false,
                ActionKind::DisableAccount => entry.struck = true,
                ActionKind::Grant => {
                    entry.entitlements.insert(step.entitlement.clone());
                }
                ActionKind::Revoke => {
                    entry.entitlements.remove(&step.entitlement);
                }
                ActionKind::Unspecified => {}
            }
        }
    }

    fn csv(&self) -> String {
        let mut text = "login,state,entitlements,displayName\n".to_owned();
        for (login, entry) in &self.0 {
            let state = if entry.struck { "suspended" } else { "active" };
            let held = entry.entitlements.iter().cloned().collect::<Vec<_>>().join(";");
            let name = entry.name.replace('"', "\"\"");
            text += &format!("{login},{state},{held},\"{name}\"\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proto::provisioning::v1::TaskStep;

    use super::*;

    fn task(kinds: &[(ActionKind, &str)]) -> Task {
        let steps = kinds.iter().map(|(kind, entitlement)| TaskStep {
            kind: (*kind).into(),
            entitlement: (*entitlement).to_owned(),
        });
        let changed = TaskChanged { steps: steps.collect(), ..TaskChanged::default() };
        let name = Value::Text("Ada \"A\" King".to_owned());
        Task {
            task: Some(changed),
            login: "ada.king".to_owned(),
            attributes: BTreeMap::from([("displayName".to_owned(), name.into())]),
            ..Task::default()
        }
    }

    #[test]
    fn the_register_says_what_was_done() {
        let mut register = Register::default();
        register.enter(&task(&[(ActionKind::CreateAccount, ""), (ActionKind::Grant, "vault-key")]));
        let header = "login,state,entitlements,displayName\n";
        let line = "ada.king,active,vault-key,\"Ada \"\"A\"\" King\"\n";
        assert_eq!(register.csv(), format!("{header}{line}"));

        register
            .enter(&task(&[(ActionKind::DisableAccount, ""), (ActionKind::Revoke, "vault-key")]));
        assert_eq!(register.csv(), format!("{header}ada.king,suspended,,\"Ada \"\"A\"\" King\"\n"));
    }
}
