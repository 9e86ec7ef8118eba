//! Questions about everybody, answered from memory that follows the tables.

use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationService as _;
use proto::policy::v1::{
    ListValuesRequest, MatchPeopleRequest, MatchPeopleResponse, ObservePoliciesRequest,
};
use testkit::until;
use tonic::{Code, Request, Status};

use crate::fixture::{DOCUMENTS, Fixture, Hire};

const POLICE: &str = "person.agency == \"Police\"";

#[tokio::test]
async fn a_condition_is_matched_against_those_employed_as_they_are_now() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let (ada, bob) = (Hire::police(1, "2020-01-06"), Hire::police(2, "2020-01-06"));
    let coming = Hire::police(3, "2026-03-10");
    let gone = Hire::police(4, "2020-01-06").leaves("2026-02-01");
    let people = [&ada, &bob, &coming, &gone].map(Hire::event);
    service.feed.deliver(&people).await;

    let first = matching(&service, POLICE).await.unwrap();
    service.feed.deliver(&[bob.version(2).agency("Fire").event()]).await;
    let moved = matching(&service, POLICE).await.unwrap();
    service.advance_to("2026-03-10T05:00:00Z").await;
    let begun = matching(&service, POLICE).await.unwrap();

    assert_eq!((first.people, first.matched, first.unknown), (2, 2, 0));
    assert_eq!((moved.people, moved.matched), (2, 1));
    assert_eq!(moved.sample_person_ids, [ada.id()]);
    assert_eq!((begun.people, begun.matched), (3, 2));
    let sequence = |answer: &MatchPeopleResponse| answer.freshness.unwrap().sequence;
    assert!(sequence(&first) < sequence(&moved) && sequence(&moved) < sequence(&begun));
    assert_eq!(begun.freshness.unwrap().age_micros, 0);
}

#[tokio::test]
async fn a_condition_that_is_wrong_is_answered_with_every_place() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;

    let wrong =
        matching(&service, "has(person.agency) &&\n person.agancy == \"Fire\"").await.unwrap();
    let parse = matching(&service, "person.agency ==").await.unwrap();

    assert_eq!((wrong.problems[0].line, wrong.problems[0].column), (2, 2));
    assert!(wrong.problems[0].message.contains("did you mean `agency`?"));
    assert_eq!(wrong.matched, 0);
    assert_eq!(parse.problems[0].line, 1);
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_not_missed() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let (ada, bob) = (Hire::police(1, "2020-01-06"), Hire::police(2, "2020-01-06"));
    service.feed.deliver(&[ada.event(), bob.event()]).await;
    assert_eq!(matching(&service, POLICE).await.unwrap().matched, 2);

    // Ada moves in a transaction that stays open while Bob moves in a later one.
    let mut open = service.feed.store().begin().await.unwrap();
    sqlx::query(
        "WITH moved AS (
             INSERT INTO timelines
             SELECT person_id, epoch, counter + 1, recorded_at, received_at,
                    replace(timeline::text, 'Police', 'Fire')::jsonb
               FROM timelines WHERE person_id = $1 RETURNING person_id)
         UPDATE people p SET person_counter = person_counter + 1
           FROM moved WHERE p.person_id = moved.person_id",
    )
    .bind(ada.id().parse::<uuid::Uuid>().unwrap())
    .execute(open.connection())
    .await
    .unwrap();
    service.feed.deliver(&[bob.version(2).agency("Fire").event()]).await;
    let between = matching(&service, POLICE).await.unwrap();
    let again = matching(&service, POLICE).await.unwrap();
    open.commit().await.unwrap();
    let after = matching(&service, POLICE).await.unwrap();

    assert_eq!((between.matched, again.matched, after.matched), (1, 1, 0));
    assert_eq!(between.sample_person_ids, [ada.id()]);
    // Nothing above the transaction that was open counts as read.
    let sequence = |answer: &MatchPeopleResponse| answer.freshness.unwrap().sequence;
    assert_eq!(sequence(&between), sequence(&again));
    assert!(sequence(&after) > sequence(&again));
}

#[tokio::test]
async fn a_replica_that_lags_answers_for_five_seconds_and_then_refuses() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    service.feed.deliver(&[Hire::police(1, "2020-01-06").event()]).await;
    matching(&service, POLICE).await.unwrap();

    let mut blocking = service.feed.store().pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *blocking)
        .await
        .unwrap();
    service.clock.advance_to("2026-03-01T09:00:04Z".parse().unwrap());
    let late = matching(&service, POLICE).await.unwrap();
    service.clock.advance_to("2026-03-01T09:00:06Z".parse().unwrap());
    let refused = matching(&service, POLICE).await.unwrap_err();
    blocking.rollback().await.unwrap();
    let again =
        until("the replica has caught up", async || matching(&service, POLICE).await.ok()).await;

    assert_eq!((late.matched, late.freshness.unwrap().age_micros), (1, 4_000_000));
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("6000 ms behind the tables"), "{refused}");
    assert_eq!(again.freshness.unwrap().age_micros, 0);
}

#[tokio::test]
async fn everybody_is_read_a_page_after_the_other() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let people: Vec<_> =
        (1..=2100).map(|number| Hire::police(number, "2020-01-06").event()).collect();
    for some in people.chunks(256) {
        service.feed.deliver(some).await;
    }

    let found = until("everybody is read", async || matching(&service, POLICE).await.ok()).await;

    assert_eq!((found.people, found.matched), (2100, 2100));
    assert_eq!(found.sample_person_ids.len(), 10);
}

#[tokio::test]
async fn values_are_listed_with_how_many_people_have_them() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let agencies = ["Fire", "Police", "Police"].into_iter().zip(1..);
    let people: Vec<_> = agencies
        .map(|(agency, number)| Hire::police(number, "2020-01-06").agency(agency).event())
        .collect();
    service.feed.deliver(&people).await;

    let list = async |attributes: &[&str]| {
        let attributes = attributes.iter().map(|name| (*name).to_owned()).collect();
        let request = ListValuesRequest { attributes, limit: 0 };
        service.rpc.list_values(Request::new(request)).await.map(tonic::Response::into_inner)
    };
    let all = list(&[]).await.unwrap();
    let agency = list(&["agency"]).await.unwrap();
    let none = list(&["agancy"]).await.unwrap_err();

    let names: Vec<&str> = all.attributes.iter().map(|one| one.attribute.as_str()).collect();
    assert_eq!(names, ["agency", "display_name"]);
    let counts: Vec<_> = agency.attributes[0]
        .values
        .iter()
        .map(|one| {
            let value = one.value.clone().unwrap();
            (domain::Value::try_from(value).unwrap().to_string(), one.people)
        })
        .collect();
    assert_eq!(counts, [("Police".to_owned(), 2), ("Fire".to_owned(), 1)]);
    assert_eq!(none.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn agreement_is_told_by_department_with_what_would_be_gained() {
    let documents = DOCUMENTS.to_owned()
        + r#"
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: uniforms}
spec:
  condition: person.agency in ["Fire", "Police"]
  observe: {}
  grants: [{bundle: police-core}]
"#;
    let service = Fixture::start("2026-03-01T09:00:00Z").await;
    service.apply(&documents).await.unwrap();
    let agencies = ["Fire", "Police", "Police", "Parks"].into_iter().zip(1..);
    let people: Vec<_> = agencies
        .map(|(agency, number)| Hire::police(number, "2020-01-06").agency(agency).event())
        .collect();
    service.feed.deliver(&people).await;

    let observe = async |policies: &[&str]| {
        let policies = policies.iter().map(|name| (*name).to_owned()).collect();
        let request = ObservePoliciesRequest { policies, attribute: String::new() };
        service.rpc.observe_policies(Request::new(request)).await.map(tonic::Response::into_inner)
    };
    let found = observe(&[]).await.unwrap();
    let itself = observe(&["police-birthright"]).await.unwrap();
    let none = observe(&["uniform"]).await.unwrap_err();

    assert_eq!(found.policies.len(), 1);
    let policy = &found.policies[0];
    assert!(policy.observed);
    let groups: Vec<_> = policy
        .groups
        .iter()
        .map(|group| (group.value.as_str(), group.matched, group.agreeing))
        .collect();
    assert_eq!(groups, [("Fire", 1, 0), ("Police", 2, 2)]);
    let total = policy.total.clone().unwrap();
    assert_eq!((total.matched, total.agreeing, total.unknown), (3, 2, 0));
    let gains: Vec<_> =
        policy.gains.iter().map(|gain| (gain.entitlement.as_str(), gain.people)).collect();
    assert_eq!(gains, [("police", 1)]);
    // What is enforced and held through nothing else rests on it alone.
    let total = itself.policies[0].total.clone().unwrap();
    assert_eq!((total.matched, total.agreeing), (2, 0));
    assert_eq!(none.code(), Code::InvalidArgument);
}

async fn matching(service: &Fixture, condition: &str) -> Result<MatchPeopleResponse, Status> {
    let request = MatchPeopleRequest { condition: condition.to_owned(), sample_size: 0 };
    service.rpc.match_people(Request::new(request)).await.map(tonic::Response::into_inner)
}
