//! Applications that nothing can be asked of: humans get tasks, and what they say is verified.

use proto::provisioning::v1::task_service_client::TaskServiceClient;
use proto::provisioning::v1::{
    AssignTaskRequest, DriftFound, FinishTaskRequest, ListTasksRequest, PersonSettled, Task,
    TaskChanged, TaskProof, TaskReason, TaskState, UploadListingRequest, VerifyTaskRequest,
};
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::world::{Desired, IN_PROCESS, World, person};

const HOUR: i64 = 3_600;

const BADGES: &str = "
    kind: manual
    manual:
      deputy: {name: Deputy, mail: deputy@example.org}
      escalation: {name: Head, mail: head@example.org}
      due: PT48H
      evidence: ticket
  owner: {name: Desk, mail: desk@example.org}";

type Client = TaskServiceClient<Routes>;

async fn world() -> World {
    World::with(&[("badges", BADGES), ("directory", IN_PROCESS)]).await
}

fn client(world: &World) -> Client {
    TaskServiceClient::new(world.feed.requests())
}

fn hire(counter: i64) -> Desired {
    Desired::of(person(1), counter).active("directory", "ada", &[]).active(
        "badges",
        "Ada",
        &["door"],
    )
}

fn leaver(counter: i64) -> Desired {
    Desired::of(person(1), counter).closed("directory", "ada").closed("badges", "Ada")
}

async fn deliver(world: &World, desired: Desired) {
    world.feed.deliver(&[desired.changed()]).await;
    world.feed.drive().await;
}

async fn standing(world: &World) -> Vec<Task> {
    client(world).list_tasks(ListTasksRequest::default()).await.unwrap().into_inner().tasks
}

async fn only(world: &World) -> TaskChanged {
    let mut tasks = standing(world).await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    tasks.remove(0).task.unwrap()
}

async fn finish(world: &World, task: &TaskChanged, by: &str) -> Result<Task, Status> {
    let request = FinishTaskRequest {
        task_id: task.task_id.clone(),
        revision: task.revision,
        evidence: "FAC-17".to_owned(),
        by: by.to_owned(),
        login: String::new(),
    };
    let answer = client(world).finish_task(request).await?;
    Ok(answer.into_inner().task.unwrap())
}

async fn verify(
    world: &World,
    task: &TaskChanged,
    by: &str,
    rejected: bool,
) -> Result<Task, Status> {
    let request = VerifyTaskRequest {
        task_id: task.task_id.clone(),
        revision: task.revision,
        rejected,
        note: String::new(),
        by: by.to_owned(),
    };
    let answer = client(world).verify_task(request).await?;
    Ok(answer.into_inner().task.unwrap())
}

async fn upload(world: &World, csv: &str) -> Result<(u64, u64), Status> {
    let request = UploadListingRequest {
        application: "badges".to_owned(),
        csv: csv.into(),
        by: "grace".to_owned(),
    };
    let answer = client(world).upload_listing(request).await?.into_inner();
    world.feed.drive().await;
    Ok((answer.accounts, answer.holdings))
}

fn steps(task: &TaskChanged) -> Vec<String> {
    let step = |step: &proto::provisioning::v1::TaskStep| {
        let kind = step.kind().as_str_name().trim_start_matches("ACTION_KIND_").to_lowercase();
        format!("{kind} {}", step.entitlement).trim().to_owned()
    };
    task.steps.iter().map(step).collect()
}

#[tokio::test]
async fn done_means_waiting_for_verification_by_somebody_else() {
    let world = world().await;
    deliver(&world, hire(1)).await;

    let task = only(&world).await;
    assert_eq!(steps(&task), ["create_account", "grant door"]);
    assert_eq!((task.state(), task.assignee.as_str()), (TaskState::Open, "Desk"));
    let told = |ended: &[String]| ended.iter().filter(|one| one.starts_with("badges")).count();
    assert_eq!(told(&world.ended().await), 2);
    assert!(world.ended().await.contains(&"badges create account: manual".to_owned()));
    assert!(world.account(person(1), "directory").await.is_some(), "nothing waits for a human");
    assert!(world.account(person(1), "badges").await.is_none());
    let settled = world.feed.published::<PersonSettled>().await;
    assert_eq!(settled.last().map(|settled| settled.tasks), Some(1));

    finish(&world, &task, "ada").await.unwrap();
    assert!(world.account(person(1), "badges").await.is_none(), "it is said, and not verified");
    let refused = verify(&world, &task, "ada", false).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let verified = verify(&world, &task, "grace", false).await.unwrap().task.unwrap();
    world.feed.drive().await;

    assert_eq!(verified.proof(), TaskProof::Attestation);
    let account = world.account(person(1), "badges").await.unwrap();
    assert_eq!((account.state.as_str(), account.login.as_str()), ("active", "Ada"));
    assert_eq!(account.entitlements, ["door"]);
    assert!(standing(&world).await.is_empty());
    let settled = world.feed.published::<PersonSettled>().await;
    assert_eq!(settled.last().map(|settled| settled.tasks), Some(0));
    let states: Vec<TaskState> =
        world.feed.published::<TaskChanged>().await.iter().map(TaskChanged::state).collect();
    assert_eq!(states, [TaskState::Open, TaskState::Done, TaskState::Verified]);
    // The same desired access again asks nobody for anything.
    deliver(&world, hire(1)).await;
    assert!(standing(&world).await.is_empty());
}

#[tokio::test]
async fn an_account_that_was_made_with_another_login_has_it_alone() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    deliver(&world, Desired::of(person(2), 1).active("badges", "bob", &[])).await;
    let mut tasks = standing(&world).await.into_iter().map(|task| task.task.unwrap());
    let (first, second) = (tasks.next().unwrap(), tasks.next().unwrap());
    let finish = |task: &TaskChanged, login: &str| FinishTaskRequest {
        task_id: task.task_id.clone(),
        revision: 0,
        evidence: "FAC-17".to_owned(),
        by: "ada".to_owned(),
        login: login.to_owned(),
    };

    client(&world).finish_task(finish(&first, "4711")).await.unwrap();
    for taken in ["4711", "Ada"] {
        let refused = client(&world).finish_task(finish(&second, taken)).await.unwrap_err();
        assert!(refused.message().starts_with("login: somebody else"), "{taken}: {refused}");
    }
    client(&world).finish_task(finish(&second, "4712")).await.unwrap();
    verify(&world, &first, "grace", false).await.unwrap();

    assert_eq!(world.account(person(1), "badges").await.unwrap().login, "4711");
}

#[tokio::test]
async fn what_is_rejected_is_open_again() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let task = only(&world).await;

    assert_eq!(
        verify(&world, &task, "grace", true).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    finish(&world, &task, "ada").await.unwrap();
    verify(&world, &task, "grace", true).await.unwrap();

    let task = only(&world).await;
    assert_eq!((task.state(), task.done_by.as_str()), (TaskState::Open, ""));
    assert_eq!(task.said_by, "grace", "who gave it back is on record");
    assert!(world.account(person(1), "badges").await.is_none());
}

#[tokio::test]
async fn a_leaver_has_one_task_that_ends_what_may_have_been_given() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let before = only(&world).await;
    world.at_second(HOUR);
    deliver(&world, leaver(2)).await;

    let task = only(&world).await;
    assert_eq!((task.task_id.clone(), task.revision), (before.task_id.clone(), 2));
    assert_eq!(steps(&task), ["disable_account", "revoke door"]);
    let due = |task: &TaskChanged| task.due_at.unwrap().unix_micros;
    assert!(due(&task) < due(&before), "a leaver's time is shorter");
    assert_eq!(finish(&world, &before, "ada").await.unwrap_err().code(), Code::FailedPrecondition);
    finish(&world, &task, "ada").await.unwrap();
    verify(&world, &task, "grace", false).await.unwrap();
    world.feed.drive().await;

    assert!(standing(&world).await.is_empty());
    assert!(world.account(person(1), "badges").await.is_none());
}

#[tokio::test]
async fn whoever_has_left_is_closed_when_that_was_verified_and_not_before() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let task = only(&world).await;
    finish(&world, &task, "ada").await.unwrap();
    verify(&world, &task, "grace", false).await.unwrap();
    deliver(&world, leaver(2)).await;

    let task = only(&world).await;
    assert_eq!(steps(&task), ["disable_account", "revoke door"]);
    assert_eq!(world.account(person(1), "directory").await.unwrap().state, "suspended");
    assert_eq!(world.account(person(1), "badges").await.unwrap().state, "active");
    finish(&world, &task, "ada").await.unwrap();
    assert_eq!(world.account(person(1), "badges").await.unwrap().state, "active");
    verify(&world, &task, "grace", false).await.unwrap();

    let account = world.account(person(1), "badges").await.unwrap();
    assert_eq!((account.state.as_str(), account.entitlements.len()), ("suspended", 0));
}

#[tokio::test]
async fn what_is_not_done_in_time_goes_to_the_deputy_and_then_further() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let mut assignees = Vec::new();
    for hours in [47, 48, 96, 144] {
        world.at_second(hours * HOUR);
        world.feed.drive().await;
        let task = only(&world).await;
        assignees.push((task.assignee, task.escalations));
    }

    let expected = [("Desk", 0), ("Deputy", 1), ("Head", 2), ("Head", 3)];
    assert_eq!(assignees, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[tokio::test]
async fn a_task_of_somebody_who_leaves_goes_to_the_next_in_line_and_so_do_later_ones() {
    let world = world().await;
    let desk = |counter| Desired::of(person(7), counter);
    deliver(&world, desk(1).active("directory", "Desk@example.org", &[])).await;
    deliver(&world, hire(1)).await;
    assert_eq!(only(&world).await.assignee, "Desk");

    deliver(&world, desk(2).closed("directory", "Desk@example.org")).await;

    let task = only(&world).await;
    assert_eq!((task.assignee.as_str(), task.reason()), ("Deputy", TaskReason::Left));
    let other = Desired::of(person(2), 1).active("badges", "bob", &[]);
    deliver(&world, other).await;
    let assignees: Vec<String> =
        standing(&world).await.into_iter().map(|task| task.task.unwrap().assignee).collect();
    assert_eq!(assignees, ["Deputy", "Deputy"]);

    // What is told of them later changes nothing of it, until they come back.
    deliver(&world, desk(3).suspended("directory", "Desk@example.org", &[])).await;
    deliver(&world, Desired::of(person(4), 1).active("badges", "kim", &[])).await;
    assert_eq!(standing(&world).await[2].task.as_ref().unwrap().assignee, "Deputy");
    deliver(&world, desk(4).active("directory", "Desk@example.org", &[])).await;
    deliver(&world, Desired::of(person(3), 1).active("badges", "eve", &[])).await;
    assert_eq!(standing(&world).await[3].task.as_ref().unwrap().assignee, "Desk");
}

#[tokio::test]
async fn a_list_verifies_what_it_shows_and_gives_back_what_it_does_not() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    deliver(&world, Desired::of(person(2), 1).active("badges", "bob", &["door"])).await;
    for task in standing(&world).await {
        finish(&world, task.task.as_ref().unwrap(), "ada").await.unwrap();
    }
    world.at_second(10);

    let counted = upload(&world, "login,entitlements\nada,door\nbob,\n").await.unwrap();

    assert_eq!(counted, (2, 1));
    let task = only(&world).await;
    assert_eq!(task.person_id, person(2).to_string());
    assert_eq!((task.state(), steps(&task)), (TaskState::Open, vec!["grant door".to_owned()]));
    let ada = world.account(person(1), "badges").await.unwrap();
    assert_eq!((ada.state.as_str(), ada.entitlements), ("active", vec!["door".to_owned()]));
    let ended = world.feed.published::<TaskChanged>().await;
    let verified = ended.iter().find(|task| task.state() == TaskState::Verified).unwrap();
    assert_eq!(verified.proof(), TaskProof::Listing);
    assert!(world.feed.published::<DriftFound>().await.is_empty(), "it is on its way");
}

#[tokio::test]
async fn what_a_list_shows_beside_what_shall_be_is_drift() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let task = only(&world).await;
    finish(&world, &task, "ada").await.unwrap();
    verify(&world, &task, "grace", false).await.unwrap();
    world.at_second(10);

    upload(&world, "login,entitlements\nada,door;vault\n").await.unwrap();

    let found: Vec<String> = world
        .feed
        .published::<DriftFound>()
        .await
        .iter()
        .map(|drift| format!("{} {}", drift.kind().as_str_name(), drift.entitlement))
        .collect();
    assert_eq!(found, ["DRIFT_KIND_UNMANAGED_GRANT vault"]);
    world.at_second(10 * 24 * HOUR);
    world.feed.drive().await;
    let read = world.feed.published::<proto::provisioning::v1::ApplicationRead>().await;
    let lists = read.iter().filter(|read| read.application == "badges").count();
    assert_eq!(lists, 1, "a list is read once");
}

#[tokio::test]
async fn a_list_is_no_evidence_against_what_was_verified_after_it() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let task = only(&world).await;
    finish(&world, &task, "ada").await.unwrap();
    let request = UploadListingRequest {
        application: "badges".to_owned(),
        csv: "login\n".into(),
        by: "grace".to_owned(),
    };
    client(&world).upload_listing(request).await.unwrap();
    world.at_second(10);
    verify(&world, &task, "grace", false).await.unwrap();
    world.at_second(20);
    world.feed.drive().await;

    assert!(world.feed.published::<DriftFound>().await.is_empty());
    assert_eq!(world.account(person(1), "badges").await.unwrap().state, "active");
}

#[tokio::test]
async fn somebody_else_may_be_given_a_task() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let task = only(&world).await;
    let assign = |mail: &str| AssignTaskRequest {
        task_id: task.task_id.clone(),
        assignee: "Eve".to_owned(),
        assignee_mail: mail.to_owned(),
        note: "has the key".to_owned(),
        by: "grace".to_owned(),
    };

    let refused = client(&world).assign_task(assign("nowhere")).await.unwrap_err();
    assert!(refused.message().starts_with("assignee.mail: "), "{refused}");
    client(&world).assign_task(assign("eve@example.org")).await.unwrap();

    let task = only(&world).await;
    assert_eq!((task.assignee.as_str(), task.reason()), ("Eve", TaskReason::Handed));
    assert_eq!((task.note.as_str(), task.said_by.as_str()), ("has the key", "grace"));
    world.at_second(50 * HOUR);
    world.feed.drive().await;
    assert_eq!(only(&world).await.said_by, "", "nobody said that it is late");
}

#[tokio::test]
async fn a_bad_list_changes_nothing_and_says_where_it_is_bad() {
    let world = world().await;

    let refused = upload(&world, "login\nada\nada\n").await.unwrap_err();
    assert!(refused.message().contains("line 3"), "{refused}");
    let request = UploadListingRequest {
        application: "directory".to_owned(),
        csv: "login\n".into(),
        by: "grace".to_owned(),
    };
    let refused = client(&world).upload_listing(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn an_application_that_is_manual_no_longer_goes_on_without_people() {
    let world = world().await;
    deliver(&world, hire(1)).await;
    let task = only(&world).await;

    world.release(2, &[("badges", IN_PROCESS), ("directory", IN_PROCESS)]).await;
    world.feed.drive().await;

    assert!(standing(&world).await.is_empty());
    let ended = world.feed.published::<TaskChanged>().await;
    let last = ended.iter().rfind(|one| one.task_id == task.task_id).unwrap();
    assert_eq!(last.state(), TaskState::Withdrawn);
    let account = world.account(person(1), "badges").await.unwrap();
    assert_eq!((account.state.as_str(), account.entitlements.len()), ("active", 1));
}
