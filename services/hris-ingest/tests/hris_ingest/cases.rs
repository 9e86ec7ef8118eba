//! What waits for a human: opened once, shown with both sides, decided by somebody with a name.

use proto::hris::v1::case_service_client::CaseServiceClient;
use proto::hris::v1::{
    Case, CaseClosed, CaseKind, CaseOpened, CaseOutcome, CaseState, CaseVerdict, ChangeKind,
    DecideCaseRequest, GetCaseRequest, GetCaseResponse, ListCasesRequest, SubmittedState,
};
use tonic::{Code, Status};

use crate::identities::numbered;
use crate::pushes::{apply, pushed};
use crate::service::{Ingest, LINES, Upload, lines};

pub(crate) async fn listed(ingest: &Ingest, state: CaseState) -> Vec<Case> {
    let request = ListCasesRequest { state: state.into(), ..ListCasesRequest::default() };
    let mut client = CaseServiceClient::new(ingest.channel());
    client.list_cases(request).await.unwrap().into_inner().cases
}

/// The only open case.
pub(crate) async fn the_case(ingest: &Ingest) -> Case {
    let mut cases = listed(ingest, CaseState::Open).await;
    assert_eq!(cases.len(), 1, "{cases:?}");
    cases.remove(0)
}

pub(crate) async fn shown(ingest: &Ingest, case_id: &str) -> GetCaseResponse {
    let request = GetCaseRequest { case_id: case_id.to_owned() };
    CaseServiceClient::new(ingest.channel()).get_case(request).await.unwrap().into_inner()
}

/// Decides a case as it was looked at.
pub(crate) async fn decide(
    ingest: &Ingest,
    case: &Case,
    answer: CaseOutcome,
) -> Result<Case, Status> {
    decide_on(ingest, case, answer, "").await
}

/// Decides a case upon somebody.
pub(crate) async fn decide_on(
    ingest: &Ingest,
    case: &Case,
    answer: CaseOutcome,
    person_id: &str,
) -> Result<Case, Status> {
    let request = DecideCaseRequest {
        person_id: person_id.to_owned(),
        case_id: case.case_id.clone(),
        hash: case.hash.clone(),
        answer: answer.into(),
        by: "grace".to_owned(),
        note: "asked payroll".to_owned(),
    };
    let answer = CaseServiceClient::new(ingest.channel()).decide_case(request).await?;
    Ok(answer.into_inner().case.unwrap())
}

/// Two workers with numbers, then the second's number under the first's worker id.
async fn a_number_under_anothers_id(ingest: &Ingest) {
    let first =
        lines(&[numbered("E-1", "P1", "2020-01-06", ""), numbered("E-2", "P2", "2020-01-06", "")]);
    ingest.import(Upload::lines("2026-02-01", first)).await.unwrap();
    let second = lines(&[numbered("E-1", "P2", "2020-01-06", "")]);
    ingest.import(Upload::lines_partial("2026-03-01", second)).await.unwrap();
}

#[tokio::test]
async fn a_worker_id_with_anothers_number_is_asked_about_with_both_sides() {
    let ingest = Ingest::start().await;

    a_number_under_anothers_id(&ingest).await;

    let case = the_case(&ingest).await;
    let (holder, other) = (ingest.told_last("E-1").await, ingest.told_last("E-2").await);
    let people: Vec<_> = case.people.iter().map(|one| one.person_id.clone()).collect();
    assert_eq!(people, [holder.person_id.clone(), other.person_id.clone()]);
    assert_eq!((case.kind(), case.key.as_str()), (CaseKind::RecycledWorkerId, "E-1"));
    assert_eq!(case.engagement_ids, [holder.engagements[0].engagement_id.clone()]);
    let shown = shown(&ingest, &case.case_id).await;
    let sides: Vec<_> = shown
        .sides
        .iter()
        .map(|side| {
            let one = &side.attributes[0];
            (one.verdict(), one.stated.as_str(), one.known.as_str())
        })
        .collect();
    assert_eq!(sides, [(CaseVerdict::Differs, "P2", "P1"), (CaseVerdict::Agrees, "P2", "P2")]);
    let opened = ingest.published::<CaseOpened>().await;
    assert_eq!(opened.len(), 1);
    assert_eq!((&opened[0].person_id, &opened[0].case_id), (&holder.person_id, &case.case_id));
    assert_eq!(opened[0].other_person_ids, [other.person_id]);
    ingest.stop().await;
}

#[tokio::test]
async fn the_same_question_is_one_case_until_it_is_decided_and_not_asked_again_after() {
    let ingest = Ingest::start().await;
    a_number_under_anothers_id(&ingest).await;
    let again = lines(&[numbered("E-1", "P2", "2020-01-06", "")]);
    ingest.import(Upload::lines_partial("2026-03-02", again.clone())).await.unwrap();
    let case = the_case(&ingest).await;

    let closed = decide(&ingest, &case, CaseOutcome::Dismiss).await.unwrap();

    assert_eq!((closed.state(), closed.outcome()), (CaseState::Closed, CaseOutcome::Dismiss));
    assert_eq!((closed.closed_by.as_str(), closed.note.as_str()), ("grace", "asked payroll"));
    let summary = ingest.import(Upload::lines_partial("2026-03-03", again)).await.unwrap();
    assert!(summary.rejects[0].reason.ends_with("was decided: dismiss"), "{summary:?}");
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    // Another number is another question.
    let other = lines(&[numbered("E-1", "P3", "2020-01-06", "")]);
    ingest.import(Upload::lines_partial("2026-03-04", other)).await.unwrap();
    assert_ne!(the_case(&ingest).await.case_id, case.case_id);
    let closed = ingest.published::<CaseClosed>().await;
    assert_eq!((closed.len(), closed[0].closed_by.as_str()), (1, "grace"));
    ingest.stop().await;
}

#[tokio::test]
async fn a_worker_id_goes_to_whose_number_it_came_with_when_a_human_says_so() {
    let ingest = Ingest::start().await;
    a_number_under_anothers_id(&ingest).await;
    let case = the_case(&ingest).await;
    let (holder, other) = (ingest.told_last("E-1").await, ingest.told_last("E-2").await);

    let wrong = decide_on(&ingest, &case, CaseOutcome::Same, &holder.person_id).await.unwrap_err();
    decide_on(&ingest, &case, CaseOutcome::Same, &other.person_id).await.unwrap();

    assert!(wrong.message().contains("correct it in the source"), "{wrong}");
    let after = ingest.told_last("E-1").await;
    assert_eq!((&after.person_id, after.engagements.len()), (&other.person_id, 2));
    let told = ingest.told().await;
    let left = told.iter().rfind(|event| event.person_id == holder.person_id).unwrap();
    let last: domain::Date = "2026-02-28".parse().unwrap();
    assert_eq!(left.change(), ChangeKind::Left);
    assert_eq!(left.engagements[0].last_working_day, Some(last.into()));
    ingest.stop().await;
}

#[tokio::test]
async fn a_case_whose_cause_is_gone_closes_itself_and_may_be_opened_again() {
    let ingest = Ingest::start().await;
    a_number_under_anothers_id(&ingest).await;
    let case = the_case(&ingest).await;

    // Pushed as it was before: one core behind every door.
    apply(&ingest, LINES).await.unwrap();
    let right = pushed(&ingest, &[numbered("E-1", "P1", "2020-01-06", "")]).await;

    assert_eq!(right, [SubmittedState::Unchanged]);
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    let closed = &listed(&ingest, CaseState::Closed).await[0];
    assert_eq!((&closed.case_id, closed.outcome()), (&case.case_id, CaseOutcome::NoLongerApplies));
    let wrong = pushed(&ingest, &[numbered("E-1", "P2", "2020-01-06", "")]).await;
    assert_eq!(wrong, [SubmittedState::Waits]);
    assert_ne!(the_case(&ingest).await.case_id, case.case_id);
    ingest.stop().await;
}

#[tokio::test]
async fn a_decision_needs_a_name_an_answer_of_the_kind_and_what_was_looked_at() {
    let ingest = Ingest::start().await;
    a_number_under_anothers_id(&ingest).await;
    let case = the_case(&ingest).await;
    let mut client = CaseServiceClient::new(ingest.channel());
    let right = DecideCaseRequest {
        case_id: case.case_id.clone(),
        hash: case.hash.clone(),
        answer: CaseOutcome::Dismiss.into(),
        by: "grace".to_owned(),
        ..DecideCaseRequest::default()
    };
    let other_number = lines(&[numbered("E-1", "P3", "2020-01-06", "")]);
    ingest.import(Upload::lines_partial("2026-03-02", other_number)).await.unwrap();

    let stale = client.decide_case(right.clone()).await.unwrap_err();
    let hash = the_case(&ingest).await.hash;
    let nobody = DecideCaseRequest { by: " ".to_owned(), hash: hash.clone(), ..right.clone() };
    let nobody = client.decide_case(nobody).await.unwrap_err();
    let allow = DecideCaseRequest {
        answer: CaseOutcome::Allow.into(),
        hash: hash.clone(),
        ..right.clone()
    };
    let allow = client.decide_case(allow).await.unwrap_err();
    client.decide_case(DecideCaseRequest { hash, ..right.clone() }).await.unwrap();
    let twice = client.decide_case(right).await.unwrap_err();

    assert_eq!(
        [stale.code(), nobody.code(), allow.code(), twice.code()],
        [
            Code::FailedPrecondition,
            Code::InvalidArgument,
            Code::InvalidArgument,
            Code::FailedPrecondition
        ]
    );
    assert!(stale.message().contains("look again"), "{}", stale.message());
    ingest.stop().await;
}

#[tokio::test]
async fn values_that_a_case_rests_on_are_forgotten_with_it_and_never_published() {
    let ingest = Ingest::start().await;
    a_number_under_anothers_id(&ingest).await;
    let secret = lines(&[numbered("E-1", "canary-77", "2020-01-06", "")]);
    ingest.import(Upload::lines_partial("2026-03-02", secret)).await.unwrap();
    let case = the_case(&ingest).await;
    assert_eq!(shown(&ingest, &case.case_id).await.sides[0].attributes[0].stated, "canary-77");
    testkit::until("staged rows are cleared away", async || {
        (ingest.staged().await == 0).then_some(())
    })
    .await;
    assert_eq!(ingest.tables_with("canary-77").await, ["cases"]);

    decide(&ingest, &case, CaseOutcome::Dismiss).await.unwrap();

    assert!(ingest.tables_with("canary-77").await.is_empty());
    let side = &shown(&ingest, &case.case_id).await.sides[0];
    assert_eq!(side.attributes[0].verdict(), CaseVerdict::Differs);
    ingest.stop().await;
}

#[tokio::test]
async fn cases_are_listed_page_by_page_by_kind_source_and_person() {
    let ingest = Ingest::start().await;
    let known: Vec<_> =
        (1..=5).map(|n| numbered(&format!("E-{n}"), &format!("P{n}"), "2020-01-06", "")).collect();
    ingest.import(Upload::lines("2026-02-01", lines(&known))).await.unwrap();
    let wrong: Vec<_> =
        (1..=5).map(|n| numbered(&format!("E-{n}"), &format!("Q{n}"), "2020-01-06", "")).collect();
    ingest.import(Upload::lines_partial("2026-03-01", lines(&wrong))).await.unwrap();
    let mut client = CaseServiceClient::new(ingest.channel());

    let (mut keys, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListCasesRequest { page_size: 2, page_token, ..ListCasesRequest::default() };
        let page = client.list_cases(request).await.unwrap().into_inner();
        assert!(page.cases.len() <= 2);
        keys.extend(page.cases.into_iter().map(|case| case.key));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut count = async |request: ListCasesRequest| {
        client.list_cases(request).await.unwrap().into_inner().cases.len()
    };
    let person_id = ingest.told_last("E-3").await.person_id;

    assert_eq!(keys, ["E-1", "E-2", "E-3", "E-4", "E-5"]);
    assert_eq!(count(ListCasesRequest { person_id, ..Default::default() }).await, 1);
    assert_eq!(count(ListCasesRequest { source: "other".into(), ..Default::default() }).await, 0);
    let kind = CaseKind::Conflict.into();
    assert_eq!(count(ListCasesRequest { kind, ..Default::default() }).await, 0);
    ingest.stop().await;
}
