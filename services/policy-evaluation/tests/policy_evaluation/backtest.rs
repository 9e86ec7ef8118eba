//! Back-tests of drafts over recorded history.

use domain::Date;
use futures::TryStreamExt as _;
use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationService as _;
use proto::policy::v1::{
    BacktestDocumentsRequest, BacktestDocumentsResponse, BacktestFigures, DocumentFile,
};
use tonic::{Code, Request, Status};

use crate::fixture::{DOCUMENTS, Fixture, Hire};

#[tokio::test]
async fn a_draft_is_tested_on_what_was_known_and_active() {
    // Nothing is active in the first week.
    let service = Fixture::start("2026-03-01T00:00:00Z").await;
    let people: Vec<_> = (1..=120).map(|number| Hire::police(number, "2020-01-06")).collect();
    let events: Vec<_> = people.iter().map(Hire::event).collect();
    service.feed.deliver(&events).await;
    service.advance_to("2026-03-07T00:00:00Z").await;
    service.apply(DOCUMENTS).await.unwrap();
    service.advance_to("2026-03-20T00:00:00Z").await;
    service.feed.deliver(&[people[0].clone().version(2).agency("Fire").event()]).await;
    service.advance_to("2026-04-01T00:00:00Z").await;

    // Only officers, and no staff: 120 people lose that.
    let draft = DOCUMENTS.replace("condition: \"true\"", "condition: person.agency == \"Fire\"");
    let messages = backtest(&service, &draft, "2026-03-01", "2026-03-25").await.unwrap();

    let progress: Vec<_> = messages.iter().map(|one| (one.done, one.people)).collect();
    assert_eq!(progress, [(100, 120), (120, 120)]);
    let report = messages[1].report.clone().unwrap();
    assert!(messages[0].report.is_none());
    // The first, eighth, fifteenth and twenty-second of March; the last stands for three days.
    assert_eq!((report.samples, report.people), (4, 120));
    let total = report.total.unwrap();
    // Staff: 120 people for 17 days. Police: 120 for 14 days, 119 for three.
    assert_eq!(total.held_days, 120 * 17 + 120 * 14 + 119 * 3);
    // Police in all four, and staff for the one who moved.
    assert_eq!(total.granted_days, 120 * 21 + 119 * 3 + 3);
    assert_eq!(total.covered_days, 120 * 14 + 119 * 3 + 3);
    assert_eq!(total.excess_days, 120 * 7);
    assert_eq!(total.gap_days, 120 * 14 + 119 * 3);
    let police = named(&report.policies, "police-birthright");
    assert_eq!((police.held_days, police.gap_days), (120 * 14 + 119 * 3, 0));
    assert_eq!((police.revocations, police.regrets), (1, 0));
    assert_eq!(report.applications.len(), 1);
}

#[tokio::test]
async fn a_back_test_that_makes_no_sense_is_refused() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;

    let backwards = backtest(&service, DOCUMENTS, "2026-03-10", "2026-03-10").await.unwrap_err();
    let future = backtest(&service, DOCUMENTS, "2026-03-10", "2026-06-10").await.unwrap_err();
    let long = backtest(&service, DOCUMENTS, "2000-03-10", "2026-03-10").await.unwrap_err();
    let draft = DOCUMENTS.replace("person.agency", "person.agancy");
    let wrong = backtest(&service, &draft, "2026-03-01", "2026-03-10").await.unwrap_err();

    for refused in [&backwards, &future, &long, &wrong] {
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    assert!(backwards.message().contains("ends before it begins"), "{backwards}");
    assert!(future.message().contains("ends in the future"), "{future}");
    assert!(long.message().contains("400 samples"), "{long}");
    assert!(wrong.message().contains("did you mean `agency`?"), "{wrong}");
}

#[tokio::test]
async fn a_third_back_test_at_once_is_refused_until_one_has_ended() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let begin = async || {
        let request = request(DOCUMENTS, "2026-03-01", "2026-03-10");
        service.rpc.backtest_documents(Request::new(request)).await
    };

    let first = begin().await.unwrap();
    let _second = begin().await.unwrap();
    let third = begin().await.err().unwrap();
    drop(first);
    let again = begin().await;

    assert_eq!(third.code(), Code::ResourceExhausted);
    assert!(again.is_ok());
}

async fn backtest(
    service: &Fixture,
    draft: &str,
    from: &str,
    to: &str,
) -> Result<Vec<BacktestDocumentsResponse>, Status> {
    let request = request(draft, from, to);
    let answer = service.rpc.backtest_documents(Request::new(request)).await?;
    answer.into_inner().try_collect().await
}

fn request(draft: &str, from: &str, to: &str) -> BacktestDocumentsRequest {
    let date = |text: &str| Some(text.parse::<Date>().unwrap().into());
    BacktestDocumentsRequest {
        files: vec![DocumentFile { path: "city.yaml".to_owned(), content: draft.to_owned() }],
        from: date(from),
        to: date(to),
        every_days: 0,
        regret_days: 0,
    }
}

fn named(figures: &[BacktestFigures], name: &str) -> BacktestFigures {
    figures.iter().find(|one| one.name == name).unwrap().clone()
}
