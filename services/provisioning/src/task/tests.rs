use std::collections::BTreeMap;

use domain::{PersonId, Value};
use jiff::ToSpan as _;
use rules::document::{Document, Spec, load};
use uuid::Uuid;

use super::*;

const BADGES: &str = "
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: badges}
spec:
  owner: {name: Desk, mail: desk@example.org}
  connector:
    kind: manual
    manual:
      deputy: {name: Deputy, mail: deputy@example.org}
      escalation: {name: Head, mail: head@example.org}
      evidence: ticket
  account: {login: person.name}
";

fn spec() -> Application {
    let document: Document = load("badges.yaml", BADGES).unwrap().remove(0);
    let Spec::Application(spec) = document.spec else { panic!("an application") };
    *spec
}

fn at(minute: i64) -> Timestamp {
    "2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap() + minute.minutes()
}

fn key() -> Key {
    (PersonId(Uuid::from_u128(1)), "badges".to_owned())
}

fn target(state: AccountState, grants: &[&str]) -> Target {
    Target {
        state,
        attributes: BTreeMap::from([("name".to_owned(), Value::Text("Ada".to_owned()))]),
        grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
    }
}

fn create_and_grant() -> BTreeSet<Step> {
    [Step::account(Kind::CreateAccount), Step::grant("door")].into()
}

fn task(duty: &Duty<'_>) -> Task {
    let target = target(AccountState::Active, &["door"]);
    let (steps, lane) = (create_and_grant(), Lane::Regular);
    let asked = Asked { steps, login: "Ada", target: &target, lane };
    Task::open(TaskId(Uuid::from_u128(9)), &key(), asked, duty, at(0)).unwrap()
}

fn with<T>(departed: &[&str], f: impl FnOnce(&Duty<'_>) -> T) -> T {
    let (spec, departed) = (spec(), departed.iter().map(|one| (*one).to_owned()).collect());
    f(&Duty::of(&spec, &departed).unwrap())
}

fn follow(task: &mut Task, planned: &[Step], target: &Target, lane: Lane) {
    task.follow(&planned.iter().cloned().collect(), target, lane, false, at(1));
}

fn told(task: &Task) -> Vec<String> {
    let step = |step: &Step| format!("{} {}", step.kind.as_str(), step.entitlement);
    task.all_steps().map(|one| step(one).trim().to_owned()).collect()
}

fn finish(task: &mut Task, revision: u32, evidence: &str) -> Result<(), Refused> {
    task.finish(&Said { revision, evidence, by: "ada", login: "" }, Evidence::Ticket)
}

#[test]
fn a_task_goes_to_the_owner_and_whoever_has_left_is_passed_over() {
    with(&[], |duty| {
        let task = task(duty);
        assert_eq!((task.assignee.name.as_str(), task.reason), ("Desk", Reason::Owner));
        assert_eq!(task.due_at, at(3 * 24 * 60));
    });
    with(&["desk@example.org"], |duty| {
        let task = task(duty);
        assert_eq!((task.assignee.name.as_str(), task.reason), ("Deputy", Reason::Left));
    });
    with(&["desk@example.org", "deputy@example.org", "head@example.org"], |duty| {
        assert_eq!(task(duty).assignee.name, "Head", "the last in line stays");
    });
}

#[test]
fn what_is_not_done_in_time_goes_down_the_line_and_ends_with_the_last_one() {
    with(&["deputy@example.org"], |duty| {
        let mut task = task(duty);
        for _time in 0..3 {
            task.escalate(duty, task.due_at);
        }
        assert_eq!((task.assignee.name.as_str(), task.escalations), ("Head", 3));
        assert_eq!(task.due_at, at(4 * 3 * 24 * 60));
    });
}

#[test]
fn done_means_waiting_for_somebody_else_who_attests_it() {
    with(&[], |duty| {
        let mut task = task(duty);
        let attest = |task: &mut Task, by: &str| task.attest(0, by, Proof::Attestation, at(2));

        assert_eq!(attest(&mut task, "grace"), Err(Refused::NotDone));
        for evidence in ["", "a whole sentence"] {
            let finished = finish(&mut task, 0, evidence);
            assert_eq!(finished, Err(Refused::Ticket));
        }
        finish(&mut task, 0, "FAC-17").unwrap();
        assert_eq!(finish(&mut task, 0, "FAC-18"), Err(Refused::Done));
        assert_eq!(attest(&mut task, "ada"), Err(Refused::SamePerson));
        assert_eq!(task.attest(0, "grace", Proof::Listing, at(2)), Err(Refused::NeedsListing));
        attest(&mut task, "grace").unwrap();

        assert_eq!((task.state, task.proof), (State::Verified, Some(Proof::Attestation)));
        assert_eq!(task.reject(0, ""), Err(Refused::Closed));
        let account = task.carried_out(None, at(2)).unwrap();
        assert_eq!((account.login.as_str(), account.state), ("Ada", AccountState::Active));
        assert_eq!(account.account_id.as_deref(), Some("ada"));
        assert_eq!(account.entitlements, ["door".to_owned()].into());
    });
}

#[test]
fn an_account_has_the_login_that_it_was_made_with() {
    with(&[], |duty| {
        let mut task = task(duty);
        let said = Said { revision: 0, evidence: "FAC-17", by: "ada", login: "4711" };
        let mut changed = Task { steps: [Step::grant("door")].into(), ..task.clone() };
        assert_eq!(changed.finish(&said, Evidence::Ticket), Err(Refused::NothingMade));
        task.finish(&said, Evidence::Ticket).unwrap();

        assert_eq!(task.carried_out(None, at(1)).unwrap().login, "4711");
    });
}

#[test]
fn what_was_rejected_is_open_again_and_says_why() {
    with(&[], |duty| {
        let mut task = task(duty);
        finish(&mut task, 1, "FAC-17").unwrap();
        task.reject(1, "the door stays shut").unwrap();

        assert_eq!((task.state, task.note.as_str()), (State::Open, "the door stays shut"));
        assert_eq!((task.evidence.as_str(), task.done_by.as_str()), ("", ""));
    });
}

#[test]
fn whoever_leaves_before_a_task_is_done_gets_a_task_that_undoes_what_may_have_been_done() {
    with(&[], |duty| {
        let mut task = task(duty);
        finish(&mut task, 0, "FAC-17").unwrap();
        follow(&mut task, &[], &target(AccountState::Suspended, &[]), Lane::Leaver);

        assert_eq!(told(&task), ["disable", "revoke door"]);
        assert_eq!((task.state, task.revision), (State::Open, 2), "it was done for nothing");
        assert_eq!(task.due_at, at(1 + 4 * 60), "a leaver's time is shorter");
        assert_eq!(finish(&mut task, 0, "FAC-18"), Err(Refused::Changed));
        finish(&mut task, 2, "FAC-18").unwrap();
        task.attest(2, "grace", Proof::Attestation, at(3)).unwrap();
        assert!(task.carried_out(None, at(3)).is_none(), "there is no account");
    });
}

#[test]
fn what_is_to_be_undone_no_more_is_planned_anew() {
    with(&[], |duty| {
        let mut task = task(duty);
        follow(&mut task, &[], &target(AccountState::Suspended, &[]), Lane::Leaver);
        let back = target(AccountState::Active, &["door"]);
        let planned: Vec<Step> = create_and_grant().into_iter().collect();
        follow(&mut task, &planned, &back, Lane::Regular);

        assert_eq!((told(&task), task.state), (Vec::new(), State::Withdrawn));
    });
}

#[test]
fn what_is_planned_besides_is_taken_on() {
    with(&[], |duty| {
        let mut task = task(duty);
        let more = target(AccountState::Active, &["door", "garage"]);
        let steps: BTreeSet<Step> = [Step::grant("garage")].into();
        let asked = Asked { steps, login: "Ada", target: &more, lane: Lane::Regular };
        task.take_on(asked, duty, at(2));

        assert_eq!(told(&task), ["create", "grant door", "grant garage"]);
        assert_eq!((task.revision, task.due_at), (2, at(2 + 3 * 24 * 60)));
    });
}

#[test]
fn a_task_of_which_nothing_is_left_is_withdrawn_and_one_that_a_list_shows_is_verified() {
    with(&[], |duty| {
        let shall = target(AccountState::Active, &["door"]);
        let mut renamed = Task { steps: [Step::account(Kind::UpdateAccount)].into(), ..task(duty) };
        follow(&mut renamed, &[], &shall, Lane::Regular);
        assert_eq!((renamed.state, renamed.closed_at), (State::Withdrawn, Some(at(1))));

        let mut done = task(duty);
        finish(&mut done, 0, "FAC-17").unwrap();
        let mut missed = done.clone();
        done.follow(&BTreeSet::new(), &shall, Lane::Regular, true, at(1));
        assert_eq!((done.state, done.proof), (State::Verified, Some(Proof::Listing)));

        let mut partly = missed.clone();
        missed.follow(&create_and_grant(), &shall, Lane::Regular, true, at(1));
        assert_eq!((missed.state, missed.revision), (State::Open, 1));
        assert!(missed.note.contains("does not show it"));
        partly.follow(&[Step::grant("door")].into(), &shall, Lane::Regular, true, at(1));
        assert_eq!((partly.state, partly.revision), (State::Open, 2));
        assert!(partly.note.contains("does not show it"));
    });
}

#[test]
fn other_values_are_another_revision() {
    with(&[], |duty| {
        let mut task = task(duty);
        let mut other = target(AccountState::Active, &["door"]);
        let planned: Vec<Step> = create_and_grant().into_iter().collect();
        follow(&mut task, &planned, &other, Lane::Regular);
        assert_eq!(task.revision, 1);
        other.attributes.insert("name".to_owned(), Value::Text("Ada King".to_owned()));
        follow(&mut task, &planned, &other, Lane::Regular);

        assert_eq!((task.revision, task.attributes == other.attributes), (2, true));
    });
}
