//! `tenure task`: what humans are to do, and how it is known that they did.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use domain::Value as Attribute;
use proto::provisioning::v1::{
    ActionKind, AssignTaskRequest, FinishTaskRequest, GetTaskRequest, ListTasksRequest, Task,
    TaskChanged, TaskProof, TaskReason, TaskState, TaskStep, UploadListingRequest,
    VerifyTaskRequest,
};
use serde_json::{Value, json};

use super::answers::{at, refused, time};
use crate::arguments::{
    Task as Asked, TaskAssign, TaskDone, TaskList, TaskListing, TaskReject, TaskVerify, name,
};
use crate::client::Mesh;
use crate::launcher::StateDir;
use crate::output::{Output, table};

/// Tasks asked for at once, and tasks that are listed at most.
const PAGE_SIZE: u32 = 1_000;
const LISTED_MAX: usize = 10_000;
/// The longest list that provisioning takes.
const LISTING_BYTES_MAX: u64 = 3 * 1024 * 1024;

pub(crate) async fn run(
    asked: Asked,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let task = match asked {
        Asked::List(asked) => return list(&asked, &mesh, output).await,
        Asked::Listing(listing) => return upload(&listing, &mesh, output).await,
        Asked::Show { task } => {
            let request = GetTaskRequest { task_id: task.to_string() };
            mesh.tasks()?.get_task(request).await.map_err(refused)?.into_inner().task
        }
        Asked::Done(TaskDone { task, evidence, login, said }) => {
            let request = FinishTaskRequest {
                task_id: task.to_string(),
                revision: said.revision,
                evidence,
                by: name(said.name.as_deref()),
                login,
            };
            mesh.tasks()?.finish_task(request).await.map_err(refused)?.into_inner().task
        }
        Asked::Verify(TaskVerify { task, said }) => {
            let request = VerifyTaskRequest {
                task_id: task.to_string(),
                revision: said.revision,
                rejected: false,
                note: String::new(),
                by: name(said.name.as_deref()),
            };
            mesh.tasks()?.verify_task(request).await.map_err(refused)?.into_inner().task
        }
        Asked::Reject(TaskReject { task, note, said }) => {
            let request = VerifyTaskRequest {
                task_id: task.to_string(),
                revision: said.revision,
                rejected: true,
                note,
                by: name(said.name.as_deref()),
            };
            mesh.tasks()?.verify_task(request).await.map_err(refused)?.into_inner().task
        }
        Asked::Assign(TaskAssign { task, to, mail, note, name: by }) => {
            let request = AssignTaskRequest {
                task_id: task.to_string(),
                assignee: to,
                assignee_mail: mail,
                note,
                by: name(by.as_deref()),
            };
            mesh.tasks()?.assign_task(request).await.map_err(refused)?.into_inner().task
        }
    };
    let Some(task) = task else { bail!("provisioning answered without the task") };
    output.print(&told(&task), |_json| shown(&task))?;
    Ok(ExitCode::SUCCESS)
}

async fn list(asked: &TaskList, mesh: &Mesh, output: &Output) -> anyhow::Result<ExitCode> {
    let mut request = ListTasksRequest {
        application: asked.application.clone().unwrap_or_default(),
        state: asked.standing.map_or(TaskState::Unspecified, Into::into).into(),
        person_id: asked.person.map(|person| person.to_string()).unwrap_or_default(),
        assignee_mail: asked.assignee.clone().unwrap_or_default(),
        overdue: asked.overdue,
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let mut found = Vec::new();
    loop {
        let page = mesh.tasks()?.list_tasks(request.clone()).await.map_err(refused)?.into_inner();
        found.extend(page.tasks);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= LISTED_MAX {
            break;
        }
    }
    let json: Vec<Value> = found.iter().map(told).collect();
    output.print(&json, |_json| listed(&found))?;
    Ok(ExitCode::SUCCESS)
}

async fn upload(listing: &TaskListing, mesh: &Mesh, output: &Output) -> anyhow::Result<ExitCode> {
    let request = UploadListingRequest {
        application: listing.application.clone(),
        csv: read(&listing.file)?,
        by: name(listing.name.as_deref()),
    };
    let answer = mesh.tasks()?.upload_listing(request).await.map_err(refused)?.into_inner();
    let json = json!({ "accounts": answer.accounts, "entitlements": answer.holdings });
    output.print(&json, |_json| {
        format!(
            "{} accounts with {} entitlements were taken over; see what follows with\n\
             tenure task list --application {}\ntenure drift list --application {}",
            answer.accounts, answer.holdings, listing.application, listing.application
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut source: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("open {}", file.display()))?)
    };
    source
        .by_ref()
        .take(LISTING_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .with_context(|| format!("read {}", file.display()))?;
    let long = u64::try_from(text.len()).unwrap_or(u64::MAX) > LISTING_BYTES_MAX;
    anyhow::ensure!(!long, "{} is longer than {LISTING_BYTES_MAX} bytes", file.display());
    Ok(text)
}

const fn standing(state: TaskState) -> &'static str {
    match state {
        TaskState::Unspecified => "unknown",
        TaskState::Open => "open",
        TaskState::Done => "done",
        TaskState::Verified => "verified",
        TaskState::Withdrawn => "withdrawn",
    }
}

const fn reason(reason: TaskReason) -> &'static str {
    match reason {
        TaskReason::Unspecified | TaskReason::Owner => "",
        TaskReason::Escalated => "the one before was late",
        TaskReason::Left => "the one before has left",
        TaskReason::Handed => "handed over",
    }
}

const fn proof(proof: TaskProof) -> &'static str {
    match proof {
        TaskProof::Unspecified => "",
        TaskProof::Attestation => "attestation",
        TaskProof::Listing => "listing",
    }
}

fn step(step: &TaskStep) -> String {
    let kind = match step.kind() {
        ActionKind::Unspecified => "unknown",
        ActionKind::CreateAccount => "make the account",
        ActionKind::UpdateAccount => "change the account's attributes",
        ActionKind::EnableAccount => "open the account",
        ActionKind::DisableAccount => "close the account",
        ActionKind::Grant => "give",
        ActionKind::Revoke => "take away",
    };
    format!("{kind} {}", step.entitlement).trim().to_owned()
}

fn attributes(task: &Task) -> Vec<(String, String)> {
    let read = |(name, value): (&String, &proto::common::v1::Value)| {
        let value = Attribute::try_from(value.clone()).ok()?;
        Some((name.clone(), value.to_string()))
    };
    task.attributes.iter().filter_map(read).collect()
}

/// A task for programs.
fn told(task: &Task) -> Value {
    let changed = task.task.clone().unwrap_or_default();
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "task": changed.task_id,
        "application": changed.application,
        "person": changed.person_id,
        "state": standing(changed.state()),
        "revision": changed.revision,
        "steps": changed.steps.iter().map(step).collect::<Vec<_>>(),
        "login": given(&task.login),
        "attributes": attributes(task).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "assignee": changed.assignee,
        "assignee_mail": changed.assignee_mail,
        "reason": given(reason(changed.reason())),
        "due_at": time(changed.due_at.as_ref()),
        "escalations": changed.escalations,
        "evidence": given(&changed.evidence),
        "evidence_wanted": given(&task.evidence_wanted),
        "done_by": given(&changed.done_by),
        "proof": given(proof(changed.proof())),
        "verified_by": given(&changed.verified_by),
        "note": given(&changed.note),
        "opened_at": time(changed.opened_at.as_ref()),
    })
}

fn listed(found: &[Task]) -> String {
    if found.is_empty() {
        return "nothing is to be done".to_owned();
    }
    let row = |task: &TaskChanged, login: &str| {
        let late = if task.escalations > 0 { ", late" } else { "" };
        vec![
            task.task_id.clone(),
            task.application.clone(),
            login.to_owned(),
            task.steps.iter().map(step).collect::<Vec<_>>().join(", "),
            task.assignee.clone(),
            at(task.due_at.as_ref()),
            format!("{}{late}", standing(task.state())),
        ]
    };
    let rows = found.iter().filter_map(|task| Some(row(task.task.as_ref()?, &task.login)));
    table(&["task", "application", "login", "what", "who", "due", ""], rows)
}

fn shown(task: &Task) -> String {
    let changed = task.task.clone().unwrap_or_default();
    let id = &changed.task_id;
    let mut lines = vec![
        format!("task {id} in {}: {}", changed.application, standing(changed.state())),
        format!("revision {}, for login {}", changed.revision, task.login),
    ];
    lines.extend(changed.steps.iter().map(|one| format!("  {}", step(one))));
    let of_account = changed.steps.iter().any(|step| match step.kind() {
        ActionKind::CreateAccount | ActionKind::UpdateAccount => true,
        ActionKind::Unspecified
        | ActionKind::EnableAccount
        | ActionKind::DisableAccount
        | ActionKind::Grant
        | ActionKind::Revoke => false,
    });
    if of_account {
        let values = attributes(task).into_iter();
        lines.extend(values.map(|(name, value)| format!("    {name}: {value}")));
    }
    if !task.instructions.is_empty() {
        lines.extend(task.instructions.lines().map(|line| format!("  | {line}")));
    }
    let why = match reason(changed.reason()) {
        "" => String::new(),
        why => format!(" ({why})"),
    };
    lines.push(format!("by {}, {}{why}", changed.assignee, changed.assignee_mail));
    lines.push(format!("due {}", at(changed.due_at.as_ref())));
    if !changed.note.is_empty() {
        lines.push(format!("note: {}", changed.note));
    }
    match changed.state() {
        TaskState::Open => {
            let wanted = match task.evidence_wanted.as_str() {
                "ticket" => "TICKET",
                "link" => "https://...",
                _note => "'what was done'",
            };
            lines.push(format!("when it is done, say so with\ntenure task done {id}{} --evidence {wanted} --as NAME", revision(&changed)));
        }
        TaskState::Done => {
            lines.push(format!("{} did it: {}", changed.done_by, changed.evidence));
            lines.push(match task.verification() {
                TaskProof::Listing => format!(
                    "a list of the accounts verifies it\ntenure task listing {} FILE --as NAME",
                    changed.application
                ),
                TaskProof::Unspecified | TaskProof::Attestation => format!(
                    "somebody else verifies it\ntenure task verify {id}{} --as NAME",
                    revision(&changed)
                ),
            });
        }
        TaskState::Verified => {
            let by = match changed.verified_by.as_str() {
                "" => String::new(),
                by => format!(" by {by}"),
            };
            lines.push(format!(
                "{} did it; verified{by}: {}",
                changed.done_by,
                proof(changed.proof())
            ));
        }
        TaskState::Withdrawn | TaskState::Unspecified => {}
    }
    lines.join("\n")
}

/// What never changed needs no revision to be named.
fn revision(task: &TaskChanged) -> String {
    if task.revision > 1 { format!(" --revision {}", task.revision) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(state: TaskState, revision: u32) -> Task {
        let steps = [(ActionKind::CreateAccount, ""), (ActionKind::Grant, "door")];
        let changed = TaskChanged {
            task_id: "17".to_owned(),
            application: "badges".to_owned(),
            state: state.into(),
            revision,
            steps: steps
                .map(|(kind, entitlement)| TaskStep {
                    kind: kind.into(),
                    entitlement: entitlement.to_owned(),
                })
                .into(),
            done_by: "ada".to_owned(),
            evidence: "FAC-17".to_owned(),
            ..TaskChanged::default()
        };
        Task {
            task: Some(changed),
            login: "grace".to_owned(),
            evidence_wanted: "ticket".to_owned(),
            instructions: "Go down.\nPrint it.".to_owned(),
            ..Task::default()
        }
    }

    #[test]
    fn a_task_ends_with_the_next_command() {
        let open = shown(&task(TaskState::Open, 2));
        assert!(open.contains("  make the account\n  give door\n"), "{open}");
        assert!(open.contains("  | Go down.\n  | Print it.\n"), "{open}");
        assert!(
            open.ends_with("tenure task done 17 --revision 2 --evidence TICKET --as NAME"),
            "{open}"
        );

        let done = shown(&task(TaskState::Done, 1));
        assert!(done.contains("ada did it: FAC-17"), "{done}");
        assert!(done.ends_with("tenure task verify 17 --as NAME"), "{done}");
    }

    #[test]
    fn a_list_names_what_is_to_be_done() {
        assert!(listed(&[task(TaskState::Open, 1)]).contains("make the account, give door"));
        assert_eq!(listed(&[]), "nothing is to be done");
    }
}
