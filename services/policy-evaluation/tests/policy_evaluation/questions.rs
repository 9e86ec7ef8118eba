//! Questions about one person: at other instants, as somebody else, and why.

use std::collections::HashMap;

use domain::Timestamp;
use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationService as _;
use proto::policy::v1::{
    DesiredAccessChanged, EvaluateAccessRequest, EvaluateAccessResponse, ExplainAccessRequest,
    ExplainAccessResponse, PersonAt, PolicyOutcome, Truth,
};
use proto::prost::Message as _;
use tonic::{Code, Request, Status};

use crate::fixture::{DOCUMENTS, Fixture, Hire};

#[tokio::test]
async fn a_past_instant_is_answered_with_what_was_known_and_active_then() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;
    service.advance_to("2026-03-05T09:00:00Z").await;
    service
        .apply(&DOCUMENTS.replace("[{bundle: staff}]", "[{bundle: police-core}]"))
        .await
        .unwrap();
    service.advance_to("2026-03-10T09:00:00Z").await;
    service.feed.deliver(&[ada.clone().version(2).agency("Fire").event()]).await;

    let held = async |as_of: &str, known_at: Option<&str>| {
        let person = PersonAt { known_at: known_at.map(instant), ..at(&ada.id(), as_of) };
        let answer = evaluate(&service, person).await.unwrap();
        let basis = answer.basis.unwrap();
        format!(
            "{} under {} from {}",
            entitlements(&answer),
            basis.release,
            basis.person_version.unwrap().counter
        )
    };

    assert_eq!(held("2026-03-02T00:00:00Z", None).await, "all-staff police under 1 from 1");
    assert_eq!(held("2026-03-07T00:00:00Z", None).await, "police under 2 from 1");
    assert_eq!(held("2026-03-11T00:00:00Z", None).await, "police under 2 from 2");
    // What is known today of a past day: that Ada was no police officer then.
    let known = Some("2026-03-10T09:00:00Z");
    assert_eq!(held("2026-03-02T00:00:00Z", known).await, "police under 2 from 2");
    // What was known then of a later day.
    let known = Some("2026-03-01T10:00:00Z");
    assert_eq!(held("2030-01-01T00:00:00Z", known).await, "all-staff police under 1 from 1");
}

#[tokio::test]
async fn an_instant_before_anything_was_known_is_said_to_be_so() {
    let service = Fixture::start("2026-03-01T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;
    service.advance_to("2026-03-05T09:00:00Z").await;
    service.apply(DOCUMENTS).await.unwrap();

    let early = evaluate(&service, at(&ada.id(), "2026-02-01T00:00:00Z")).await.unwrap_err();
    let without = evaluate(&service, at(&ada.id(), "2026-03-02T00:00:00Z")).await.unwrap_err();

    assert_eq!(early.code(), Code::NotFound);
    assert!(early.message().contains("nothing was known of person"), "{early}");
    assert_eq!(without.code(), Code::FailedPrecondition);
    assert!(without.message().contains("no release was active at"), "{without}");
}

#[tokio::test]
async fn an_assumption_says_what_would_be_gained_and_lost_and_changes_nothing() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;
    let before = service.feed.outgoing().await.len();
    let assume = |name: &str, value: &str| PersonAt {
        person_id: ada.id(),
        assume: HashMap::from([(name.to_owned(), value.to_owned())]).into_iter().collect(),
        ..Default::default()
    };

    let fire = evaluate(&service, assume("agency", "Fire")).await.unwrap();
    let unknown = evaluate(&service, assume("agency", "")).await.unwrap();
    let same = evaluate(&service, assume("display_name", "Augusta")).await.unwrap();
    let wrong = evaluate(&service, assume("agancy", "Fire")).await.unwrap_err();

    assert_eq!(entitlements(&fire), "all-staff");
    let names = |answer: &EvaluateAccessResponse| {
        let name = |one: &proto::policy::v1::EntitlementName| one.entitlement.clone();
        let (gained, lost) = (answer.gained.iter().map(name), answer.lost.iter().map(name));
        (gained.collect::<Vec<_>>(), lost.collect::<Vec<_>>())
    };
    assert_eq!(names(&fire), (vec![], vec!["police".to_owned()]));
    // What cannot be answered takes nothing away.
    assert_eq!(names(&unknown), (vec![], vec![]));
    assert_eq!(names(&same), (vec![], vec![]));
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(wrong.message().contains("`agancy` is not declared"), "{wrong}");
    assert_eq!(service.feed.outgoing().await.len(), before);
}

#[tokio::test]
async fn an_explanation_names_every_policy_conjunct_and_window() {
    let service = Fixture::start("2026-03-01T09:00:00Z").await;
    let documents = DOCUMENTS.replace(
        "person.agency == \"Police\"",
        "|-\n    person.agency == \"Police\" &&\n    person.display_name.startsWith(\"Ada\")",
    );
    service.apply(&documents).await.unwrap();
    let ada = Hire::police(1, "2026-03-10");
    service.feed.deliver(&[ada.event()]).await;

    let early = explain(&service, at(&ada.id(), "2026-03-01T12:00:00Z"), "police").await.unwrap();
    let held = explain(&service, at(&ada.id(), "2026-03-20T12:00:00Z"), "police").await.unwrap();
    let assumed = PersonAt {
        assume: HashMap::from([("agency".to_owned(), "Fire".to_owned())]).into_iter().collect(),
        ..at(&ada.id(), "2026-03-20T12:00:00Z")
    };
    let moved = explain(&service, assumed, "police").await.unwrap();

    assert!(!early.held);
    assert_eq!(early.policies.len(), 1);
    let engagement = &early.policies[0].engagements[0];
    assert_eq!(engagement.outcome(), PolicyOutcome::Later);
    // Five days before the first day, at midnight in New York.
    assert_eq!(engagement.outcome_at, Some(instant("2026-03-05T05:00:00Z")));
    assert!(engagement.changes.is_empty());

    assert!(held.held);
    let engagement = &held.policies[0].engagements[0];
    assert_eq!(engagement.outcome(), PolicyOutcome::Granted);
    assert_eq!(engagement.windows.len(), 1);
    let places: Vec<_> =
        engagement.conjuncts.iter().map(|one| (one.line, one.column, one.truth())).collect();
    assert_eq!(places, [(1, 1, Truth::True), (2, 1, Truth::True)]);

    assert!(!moved.held);
    let engagement = &moved.policies[0].engagements[0];
    assert_eq!(engagement.outcome(), PolicyOutcome::Refused);
    assert_eq!(engagement.truth(), Truth::False);
    assert_eq!(
        engagement.changes,
        ["`person.agency == \"Police\"` has to be true: person.agency is \"Fire\""]
    );
}

#[tokio::test]
async fn duties_that_come_together_are_named_with_what_is_kept_back() {
    let service = Fixture::start("2026-03-01T09:00:00Z").await;
    let documents = DOCUMENTS.to_owned()
        + r#"
---
apiVersion: tenure.dev/v1
kind: SeparationOfDuties
metadata: {name: police-apart}
spec: {left: {bundle: staff}, right: {bundle: police-core}, mode: prevent}
"#;
    service.apply(&documents).await.unwrap();
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;

    let person = PersonAt { person_id: ada.id(), ..Default::default() };
    let staff = explain(&service, person.clone(), "all-staff").await.unwrap();
    let police = explain(&service, person, "police").await.unwrap();

    assert_eq!([staff.held, police.held].iter().filter(|held| **held).count(), 1);
    for answer in [&staff, &police] {
        assert_eq!(answer.conflicts.len(), 1);
        assert_eq!(answer.conflicts[0].separation, "police-apart");
        assert!(answer.conflicts[0].prevented);
        let outcome = answer.policies[0].engagements[0].outcome();
        assert_eq!(outcome, PolicyOutcome::Granted);
    }
}

#[tokio::test]
async fn what_is_kept_for_want_of_an_answer_is_explained_and_kept_in_the_past_as_well() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;
    service.advance_to("2026-03-05T09:00:00Z").await;
    let mut blank = ada.clone().version(2).event();
    blank.slices[0].attributes.remove("agency");
    service.feed.deliver(&[blank]).await;
    service.advance_to("2026-03-10T09:00:00Z").await;

    for as_of in ["2026-03-06T00:00:00Z", "2026-03-10T09:00:00Z"] {
        let kept = explain(&service, at(&ada.id(), as_of), "police").await.unwrap();
        let engagement = &kept.policies[0].engagements[0];
        assert!(kept.held);
        assert_eq!(engagement.outcome(), PolicyOutcome::Kept);
        assert_eq!(
            engagement.changes,
            ["`person.agency == \"Police\"` has to be true: person.agency is unknown"]
        );
    }
}

#[tokio::test]
async fn an_entitlement_that_is_not_there_is_refused_with_a_suggestion() {
    let service = Fixture::with_release("2026-03-01T09:00:00Z").await;
    let ada = Hire::police(1, "2026-03-10");
    service.feed.deliver(&[ada.event()]).await;

    let person = PersonAt { person_id: ada.id(), ..Default::default() };
    let refused = explain(&service, person, "polices").await.unwrap_err();

    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("did you mean `police`?"), "{refused}");
}

fn at(person: &str, as_of: &str) -> PersonAt {
    PersonAt { person_id: person.to_owned(), as_of: Some(instant(as_of)), ..Default::default() }
}

fn instant(text: &str) -> proto::common::v1::Instant {
    text.parse::<Timestamp>().unwrap().into()
}

async fn evaluate(service: &Fixture, person: PersonAt) -> Result<EvaluateAccessResponse, Status> {
    let request = Request::new(EvaluateAccessRequest { person: Some(person) });
    service.rpc.evaluate_access(request).await.map(tonic::Response::into_inner)
}

async fn explain(
    service: &Fixture,
    person: PersonAt,
    entitlement: &str,
) -> Result<ExplainAccessResponse, Status> {
    let request = Request::new(ExplainAccessRequest {
        person: Some(person),
        application: "directory".to_owned(),
        entitlement: entitlement.to_owned(),
    });
    service.rpc.explain_access(request).await.map(tonic::Response::into_inner)
}

fn entitlements(answer: &EvaluateAccessResponse) -> String {
    let access = DesiredAccessChanged::decode(answer.desired_access.as_slice()).unwrap();
    let names: Vec<&str> = access.grants.iter().map(|grant| grant.entitlement.as_str()).collect();
    names.join(" ")
}
