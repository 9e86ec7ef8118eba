//! Leases on real PostgreSQL: who gets what, and who may record.

use clock::TestClock;
use domain::{Timestamp, Version};
use jiff::ToSpan as _;
use proto::catalogue::Service;
use proto::common::v1 as common;
use proto::policy::v1::{
    DesiredAccessChanged, DesiredAccount, DesiredGrant, DocumentDigest, DocumentReleased,
    ReleaseActivated,
};
use proto::provisioning::v1::provisioning_service_server::ProvisioningService as _;
use proto::provisioning::v1::{ActionFinished, GetPersonRequest, GetProgressRequest};
use store::Store;
use testkit::{Database, Feed};
use tonic::Request;

use super::*;
use crate::handlers::PlanAccess;

struct World {
    feed: Feed,
    store: Store,
    clock: TestClock,
    shared: Arc<Shared>,
    _database: Database,
}

#[tokio::test]
async fn whoever_lost_a_lease_records_nothing() {
    let world = World::start().await;
    world.feed.deliver(&[desired(1, 1, common::Lane::Regular, &["all-staff"])]).await;
    let (slow, quick) = (Branches::regular(&world.shared), Branches::regular(&world.shared));
    let in_slow_hands = world.lease(&slow).await;
    assert_eq!((in_slow_hands.len(), world.lease(&quick).await.len()), (1, 0));

    world.clock.advance_to(start() + 300.seconds());
    // Meanwhile the entitlement is not wanted any more.
    world.feed.deliver(&[desired(1, 2, common::Lane::Regular, &[])]).await;
    let in_quick_hands = world.lease(&quick).await;
    let outcomes = slow.act(&in_slow_hands).await;
    world.record(&slow, in_slow_hands, outcomes).await;
    assert_eq!(finished(&world).await, ["grant: superseded"]);
    let outcomes = quick.act(&in_quick_hands).await;
    world.record(&quick, in_quick_hands, outcomes).await;

    assert_eq!(finished(&world).await, ["grant: superseded", "create: already"]);
}

#[tokio::test]
async fn an_account_in_hand_is_handed_over_once_nobody_works_on_it() {
    let world = World::start().await;
    world.feed.deliver(&[desired(2, 1, common::Lane::Regular, &["all-staff"])]).await;
    let worker = Branches::regular(&world.shared);
    let in_hand = world.lease(&worker).await;
    let kin = common::Kin {
        merged_person_ids: vec![Uuid::from_u128(2).to_string()],
        ..common::Kin::default()
    };
    let survivor = DesiredAccessChanged {
        kin: Some(kin),
        ..desired(1, 1, common::Lane::Regular, &["all-staff"])
    };
    let merged = world.feed.message(&survivor);

    let outcomes = world.feed.deliver_messages(std::slice::from_ref(&merged)).await;
    assert_eq!(outcomes, [bus::Outcome::Again(Some(start() + 250.milliseconds()))]);
    let done = worker.act(&in_hand).await;
    world.record(&worker, in_hand, done).await;
    let outcomes = world.feed.deliver_messages(&[merged]).await;

    assert_eq!(outcomes, [bus::Outcome::Handled]);
    assert!(world.lease(&worker).await.is_empty(), "nothing is left to be done");
    assert_eq!(finished(&world).await, ["create: done", "grant: done"]);
    let (holder, linked): (Uuid, Option<Uuid>) =
        sqlx::query_as("SELECT person_id, linked_person_id FROM accounts WHERE state = 'active'")
            .fetch_one(world.store.pool())
            .await
            .unwrap();
    assert_eq!((holder, linked), (Uuid::from_u128(1), Some(Uuid::from_u128(2))));
}

#[tokio::test]
async fn a_lease_that_is_kept_lasts_and_one_of_the_dead_is_soon_taken_over() {
    let world = World::start().await;
    world.feed.deliver(&[desired(1, 1, common::Lane::Regular, &["all-staff"])]).await;
    let (holder, other) = (Branches::regular(&world.shared), Branches::regular(&world.shared));
    let in_hand = world.lease(&holder).await;

    for seconds in [10, 20, 30] {
        world.clock.advance_to(start() + seconds.seconds());
        assert!(world.lease(&other).await.is_empty(), "after {seconds} s");
        world.keep(&holder, &in_hand).await;
    }
    // Its holder is killed.
    world.clock.advance_to(start() + 46.seconds());
    let taken_over = world.lease(&other).await;
    assert_eq!(taken_over.len(), 1);

    world.keep(&holder, &in_hand).await;
    let outcomes = other.act(&taken_over).await;
    world.record(&other, taken_over, outcomes).await;
    assert_eq!(finished(&world).await, ["create: done", "grant: done"]);
}

#[tokio::test]
async fn what_changed_while_a_branch_was_in_hand_is_planned_when_it_is_recorded() {
    let world = World::start().await;
    world.feed.deliver(&[desired(1, 1, common::Lane::Regular, &["all-staff"])]).await;
    let worker = Branches::regular(&world.shared);
    let jobs = world.lease(&worker).await;
    let outcomes = worker.act(&jobs).await;
    world.feed.deliver(&[desired(1, 2, common::Lane::Regular, &["police"])]).await;

    world.record(&worker, jobs, outcomes).await;
    let jobs = world.lease(&worker).await;
    let outcomes = worker.act(&jobs).await;
    world.record(&worker, jobs, outcomes).await;

    assert_eq!(
        finished(&world).await,
        ["create: done", "grant: done", "grant: done", "revoke: done"]
    );
}

#[tokio::test]
async fn leavers_are_taken_before_anybody_and_by_a_hand_of_their_own() {
    let world = World::start().await;
    for person in 1..=3 {
        world.feed.deliver(&[desired(person, 1, common::Lane::Regular, &["all-staff"])]).await;
    }
    world.clock.advance_to(start() + 5.seconds());
    world.feed.deliver(&[desired(4, 1, common::Lane::Leaver, &["all-staff"])]).await;
    let (regular, reserved) = (Branches::regular(&world.shared), Branches::leavers(&world.shared));

    let first = world.lease(&regular).await;
    assert_eq!(first.iter().map(|job| job.lane).collect::<Vec<_>>(), [Lane::Leaver]);
    let second = world.lease(&regular).await;
    assert_eq!(second.len(), 3);
    assert!(world.lease(&regular).await.is_empty());

    world.feed.deliver(&[desired(5, 1, common::Lane::Leaver, &["all-staff"])]).await;
    assert!(world.lease(&regular).await.is_empty(), "two batches of the application are in hand");
    assert_eq!(world.lease(&reserved).await.len(), 1);
}

#[tokio::test]
async fn progress_and_people_are_shown() {
    let world = World::start().await;
    world.feed.deliver(&[desired(1, 1, common::Lane::Regular, &["all-staff"])]).await;
    world.feed.deliver(&[desired(2, 1, common::Lane::Leaver, &[])]).await;
    world.clock.advance_to(start() + 2.seconds());
    let worker = Branches::leavers(&world.shared);
    let jobs = world.lease(&worker).await;
    let outcomes = worker.act(&jobs).await;
    world.record(&worker, jobs, outcomes).await;
    let door = crate::rpc::Provisioning::new(world.store.clone());

    let request = Request::new(GetProgressRequest { since: None });
    let progress = door.get_progress(request).await.unwrap().into_inner();
    assert_eq!((progress.release, progress.people, progress.settled), (1, 2, 1));
    assert_eq!((progress.actions_done, progress.actions_open, progress.actions_failed), (1, 2, 0));
    assert!((progress.settle_seconds_p99 - 3.0).abs() < 0.001, "{progress:?}");

    let request = Request::new(GetPersonRequest { person_id: Uuid::from_u128(2).to_string() });
    let person = door.get_person(request).await.unwrap().into_inner();
    assert!(person.settled);
    assert_eq!((person.accounts.len(), person.actions.len()), (1, 1));
    assert_eq!(person.actions[0].state, "done");
    let request = Request::new(GetPersonRequest { person_id: Uuid::from_u128(3).to_string() });
    assert_eq!(door.get_person(request).await.unwrap_err().code(), tonic::Code::NotFound);
}

impl World {
    async fn start() -> Self {
        let database = Database::start().await;
        let clock = TestClock::at(start());
        let store = database.store(Service::Provisioning, &crate::MIGRATIONS, clock.clock()).await;
        let shared = Shared::new(Config::default(), store.clone());
        // Drivers are moved by hand here, so the service has none.
        let app = chassis::App::new(Service::Provisioning)
            .on(PlanAccess::new(
                Config::default().confirmation_wait(),
                Config::default().reference_wait(),
            ))
            .on(crate::handlers::ReceiveDocuments)
            .on(crate::handlers::ActivateRelease);
        let feed = Feed::new(app, store.clone());
        let (document, activated) = release();
        feed.deliver(&[document]).await;
        feed.deliver(&[activated]).await;
        Self { feed, store, clock, shared, _database: database }
    }

    async fn lease(&self, worker: &Branches) -> Vec<Job> {
        let mut tx = self.store.begin().await.unwrap();
        let jobs = worker.lease(&mut tx, Branches::AT_ONCE).await.unwrap();
        tx.commit().await.unwrap();
        jobs
    }

    async fn keep(&self, worker: &Branches, jobs: &[Job]) {
        let mut tx = self.store.begin().await.unwrap();
        worker.keep(&mut tx, jobs).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn record(&self, worker: &Branches, jobs: Vec<Job>, outcomes: Vec<Done>) {
        let done: Vec<(Job, Done)> = jobs.into_iter().zip(outcomes).collect();
        let mut tx = self.store.begin().await.unwrap();
        worker.record(&mut tx, &done).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn finished(world: &World) -> Vec<String> {
    let published = world.feed.published::<ActionFinished>().await;
    let word = |name: &str| name.rsplit('_').next().unwrap_or_default().to_lowercase();
    published
        .iter()
        .map(|action| {
            let kind = action.kind().as_str_name().replace("_ACCOUNT", "");
            format!("{}: {}", word(&kind), word(action.outcome().as_str_name()))
        })
        .collect()
}

fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn desired(
    person: u128,
    counter: i64,
    lane: common::Lane,
    grants: &[&str],
) -> DesiredAccessChanged {
    let version = Some(Version { epoch: 1, counter }.into());
    let login = domain::Value::Text(format!("person{person}"));
    DesiredAccessChanged {
        person_id: Uuid::from_u128(person).to_string(),
        version,
        person_version: version,
        release: 1,
        lane: lane.into(),
        evaluated_at: Some(start().into()),
        accounts: vec![DesiredAccount {
            application: "directory".to_owned(),
            state: common::AccountState::Active.into(),
            attributes: [(rules::USER_NAME.to_owned(), login.into())].into(),
            references: [].into(),
        }],
        grants: grants
            .iter()
            .map(|grant| DesiredGrant {
                application: "directory".to_owned(),
                entitlement: (*grant).to_owned(),
                reasons: Vec::new(),
            })
            .collect(),
        person_recorded_at: Some((start() - 1.second()).into()),
        kin: None,
    }
}

fn release() -> (DocumentReleased, ReleaseActivated) {
    let text = "apiVersion: tenure.dev/v1\nkind: Application\nmetadata: {name: directory}\n\
                spec:\n  connector: {kind: inprocess}\n  account: {login: person.name}\n  \
                reconciliation: {every: never}\n";
    let document = document::load("directory.yaml", text).unwrap().remove(0);
    let version = Some(common::Version { epoch: 1, counter: 1 });
    let (kind, name) = (document.kind().to_string(), document.name().to_owned());
    let digest =
        DocumentDigest { kind: kind.clone(), name: name.clone(), digest: document.digest() };
    let released = DocumentReleased {
        release: 1,
        kind,
        name,
        digest: document.digest(),
        content: document.canonical().into_bytes(),
        version,
    };
    let activated = ReleaseActivated {
        release: 1,
        content_hash: document.digest(),
        documents: vec![digest],
        version,
        activated_at: Some(start().into()),
    };
    (released, activated)
}
