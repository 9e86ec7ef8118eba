//! Humans who are told apart by what is said of them, where no number does it.

use proto::hris::v1::{
    CaseKind, CaseOutcome, CaseState, CaseVerdict, ChangeKind, PersonMatched, PersonUpdated,
    SubmittedState,
};
use serde_json::json;

use crate::cases::{decide, decide_on, listed, shown, the_case};
use crate::pushes::{apply, pushed};
use crate::scim::{self, OKTA, Scim};
use crate::service::{Ingest, Upload, lines, two_at_a_time};

/// A name and a day of birth are a case; a private address decides it.
const SCORED: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: lines}
spec:
  format: jsonl
  key: [id]
  start_date: start
  last_working_day: last
  zone: America/New_York
  match:
    score:
      rules:
        display_name: {as: name, agree: 30, differ: 20}
        born: {as: date, agree: 35, differ: 45}
        private_mail: {as: mail, agree: 40, differ: 15}
    not_rehirable: barred
  fields:
    id: {column: id}
    display_name: {column: name}
    born: {column: born, type: date, optional: true}
    private_mail: {column: mail, optional: true}
    start: {column: start, type: date}
    last: {column: last, type: date, optional: true}
    barred: {column: barred, type: boolean, optional: true}
  attributes: [display_name, worker_id]
";

/// What a line says of somebody who stays.
#[derive(Debug, Clone, Copy)]
struct Human<'a> {
    id: &'a str,
    name: &'a str,
    born: &'a str,
    mail: &'a str,
    start: &'a str,
    last: &'a str,
    barred: bool,
}

const ADA: Human<'_> = Human {
    id: "1",
    name: "Ada Lovelace",
    born: "1985-12-10",
    mail: "ada@home.example",
    start: "2020-01-06",
    last: "",
    barred: false,
};

const GRACE: Human<'_> =
    Human { id: "2", name: "Grace Hopper", born: "1976-12-09", mail: "grace@home.example", ..ADA };

/// Ada once more, under another worker id.
const AGAIN: Human<'_> = Human { id: "9", start: "2026-03-02", ..ADA };

fn text(human: Human<'_>) -> String {
    let Human { id, name, born, mail, start, last, barred } = human;
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "id": id, "name": name, "born": given(born), "mail": given(mail), "start": start,
        "last": given(last), "barred": barred,
    })
    .to_string()
}

fn file(humans: &[Human<'_>]) -> Vec<u8> {
    lines(&humans.iter().copied().map(text).collect::<Vec<_>>())
}

fn full(day: &str, humans: &[Human<'_>]) -> Upload {
    Upload { mapping: SCORED.to_owned(), ..Upload::full(day, file(humans)) }
}

fn partial(day: &str, humans: &[Human<'_>]) -> Upload {
    Upload { mapping: SCORED.to_owned(), ..Upload::partial(day, file(humans)) }
}

/// Ada has left, and Grace stays.
async fn ada_has_left(ingest: &Ingest) -> PersonUpdated {
    let left = Human { last: "2025-11-28", ..ADA };
    ingest.import(full("2026-02-01", &[left, GRACE])).await.unwrap();
    ingest.told_last("1").await
}

fn engagements(event: &PersonUpdated) -> usize {
    event.engagements.len()
}

#[tokio::test]
async fn who_agrees_in_enough_is_the_same_person_under_another_worker_id() {
    let ingest = Ingest::start().await;
    let before = ada_has_left(&ingest).await;

    let written_otherwise = Human { name: "LOVELACE, Áda", mail: "Ada@Home.example", ..AGAIN };
    let again = ingest.import(partial("2026-03-02", &[written_otherwise])).await.unwrap();

    assert_eq!((again.joined, again.rejected), (1, 0));
    let after = ingest.told_last("9").await;
    assert_eq!((&after.person_id, engagements(&after)), (&before.person_id, 2));
    assert_eq!(after.change(), ChangeKind::Rehired);
    let matched = ingest.published::<PersonMatched>().await;
    assert_eq!((matched.len(), matched[0].points), (1, 105));
    assert_eq!(matched[0].agreed, ["born", "display_name", "private_mail"]);
    assert_eq!(matched[0].engagement_ids, [after.engagements[1].engagement_id.clone()]);
    ingest.stop().await;
}

#[tokio::test]
async fn what_is_only_compared_is_neither_told_nor_kept() {
    let ingest = Ingest::start().await;
    ada_has_left(&ingest).await;
    let doubtful = Human { id: "10", mail: "", ..AGAIN };
    ingest.import(partial("2026-03-02", &[AGAIN, doubtful])).await.unwrap();
    the_case(&ingest).await;
    testkit::until("staged rows are cleared away", async || {
        (ingest.staged().await == 0).then_some(())
    })
    .await;

    for value in ["1985-12-10", "ada@home.example", "barred"] {
        let tables = ingest.tables_with(value).await;
        assert!(tables.iter().all(|table| table == "runs"), "{value} is in {tables:?}");
    }
    let told = ingest.told().await;
    assert!(told.iter().flat_map(|event| &event.slices).all(|slice| slice.attributes.len() == 2));
    ingest.stop().await;
}

#[tokio::test]
async fn who_may_be_somebody_waits_until_a_human_says_it_is_the_same() {
    let ingest = Ingest::start().await;
    let before = ada_has_left(&ingest).await;

    let doubtful = Human { mail: "", ..AGAIN };
    let summary = ingest.import(full("2026-03-02", &[doubtful, GRACE])).await.unwrap();

    assert_eq!((summary.joined, summary.rejected, ingest.people().await), (0, 1, 2));
    let case = the_case(&ingest).await;
    assert!(summary.rejects[0].reason.contains(&case.case_id), "{summary:?}");
    assert_eq!((case.kind(), case.key.as_str()), (CaseKind::UncertainMatch, "9"));
    let first_day: domain::Date = "2026-03-02".parse().unwrap();
    assert_eq!(case.needed_by, Some(first_day.into()));
    let side = &shown(&ingest, &case.case_id).await.sides[0];
    assert_eq!((side.points, &side.person_id), (Some(65), &before.person_id));
    let verdicts: Vec<_> = side
        .attributes
        .iter()
        .map(|one| (one.name.as_str(), one.verdict(), one.stated.as_str()))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("born", CaseVerdict::Agrees, ""),
            ("display_name", CaseVerdict::Agrees, "Ada Lovelace"),
            ("private_mail", CaseVerdict::Unknown, ""),
        ]
    );

    let closed = decide(&ingest, &case, CaseOutcome::Same).await.unwrap();

    assert_eq!((closed.outcome(), &closed.person_id), (CaseOutcome::Same, &before.person_id));
    let after = ingest.told_last("9").await;
    assert_eq!((&after.person_id, engagements(&after)), (&before.person_id, 2));
    let again = ingest.import(full("2026-03-03", &[doubtful, GRACE])).await.unwrap();
    assert_eq!((again.joined, again.changed, again.rejected), (0, 0, 0));
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    ingest.stop().await;
}

#[tokio::test]
async fn who_is_said_to_be_nobody_known_is_a_person_of_their_own() {
    let ingest = Ingest::start().await;
    let before = ada_has_left(&ingest).await;
    apply(&ingest, SCORED).await.unwrap();
    let twin = Human { mail: "", ..AGAIN };
    assert_eq!(pushed(&ingest, &[text(twin)]).await, [SubmittedState::Waits]);

    decide(&ingest, &the_case(&ingest).await, CaseOutcome::Other).await.unwrap();

    let after = ingest.told_last("9").await;
    assert_ne!(after.person_id, before.person_id);
    assert_eq!((after.change(), ingest.people().await), (ChangeKind::Joined, 3));
    assert_eq!(pushed(&ingest, &[text(twin)]).await, [SubmittedState::Unchanged]);
    ingest.stop().await;
}

#[tokio::test]
async fn a_name_alone_is_nobody_and_a_contradiction_outweighs_it() {
    let ingest = Ingest::start().await;
    ada_has_left(&ingest).await;

    let namesake = Human { born: "", mail: "", ..AGAIN };
    let other_day = Human { id: "10", born: "1999-01-01", ..AGAIN };
    let summary = ingest.import(partial("2026-03-02", &[namesake, other_day])).await.unwrap();

    assert_eq!((summary.joined, summary.rejected, ingest.people().await), (2, 0, 4));
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    ingest.stop().await;
}

#[tokio::test]
async fn two_rows_of_one_human_in_one_file_meet_within_a_chunk_and_across_chunks() {
    for config in [hris_ingest::Config::default(), two_at_a_time()] {
        let ingest = Ingest::start_with(config).await;
        let ended = Human { last: "2026-02-27", ..ADA };
        let third = Human { id: "3", name: "Alan Turing", born: "1992-06-23", mail: "", ..ADA };

        ingest.import(full("2026-03-02", &[ended, GRACE, third, AGAIN])).await.unwrap();

        assert_eq!(ingest.people().await, 3);
        assert_eq!(ingest.told_last("1").await, ingest.told_last("9").await);
        ingest.stop().await;
    }
}

#[tokio::test]
async fn of_two_who_may_both_be_meant_a_human_names_one() {
    let ingest = Ingest::start().await;
    let twin = Human { id: "2", mail: "other@home.example", ..ADA };
    ingest.import(partial("2026-02-01", &[ADA, twin])).await.unwrap();
    let (ada, other) = (ingest.told_last("1").await, ingest.told_last("2").await);
    assert_ne!(ada.person_id, other.person_id);

    ingest.import(partial("2026-03-02", &[Human { mail: "", ..AGAIN }])).await.unwrap();
    let case = the_case(&ingest).await;
    let nameless = decide(&ingest, &case, CaseOutcome::Same).await.unwrap_err();
    decide_on(&ingest, &case, CaseOutcome::Same, &other.person_id).await.unwrap();

    let mut people: Vec<_> = case.people.iter().map(|one| one.person_id.clone()).collect();
    people.sort();
    let mut both = [ada.person_id, other.person_id.clone()];
    both.sort();
    assert_eq!(people, both);
    assert!(nameless.message().contains("several people"), "{nameless}");
    assert_eq!(ingest.told_last("9").await.person_id, other.person_id);
    ingest.stop().await;
}

#[tokio::test]
async fn who_is_listed_no_more_is_asked_about_no_more() {
    let ingest = Ingest::start().await;
    ada_has_left(&ingest).await;
    let doubtful = Human { mail: "", ..AGAIN };
    ingest.import(full("2026-03-02", &[doubtful, GRACE])).await.unwrap();
    let case = the_case(&ingest).await;
    ingest.import(full("2026-03-03", &[doubtful, GRACE])).await.unwrap();
    assert_eq!(the_case(&ingest).await.case_id, case.case_id);

    ingest.import(full("2026-03-04", &[GRACE])).await.unwrap();

    let closed = listed(&ingest, CaseState::Closed).await;
    assert_eq!(closed[0].outcome(), CaseOutcome::NoLongerApplies);
    ingest.stop().await;
}

#[tokio::test]
async fn a_row_that_is_rejected_leaves_the_question_about_its_worker_open() {
    let ingest = Ingest::start().await;
    ada_has_left(&ingest).await;
    let doubtful = Human { mail: "", ..AGAIN };
    ingest.import(full("2026-03-02", &[doubtful, GRACE])).await.unwrap();
    let case = the_case(&ingest).await;

    let wrong = Human { start: "soon", ..doubtful };
    let summary = ingest.import(full("2026-03-03", &[wrong, GRACE])).await.unwrap();

    assert_eq!(summary.rejected, 1);
    assert_eq!(the_case(&ingest).await.case_id, case.case_id);
    ingest.stop().await;
}

#[tokio::test]
async fn a_worker_id_that_speaks_of_another_human_is_a_case_and_no_rehire() {
    let ingest = Ingest::start().await;
    let before = ada_has_left(&ingest).await;
    let state = ingest.state().await;

    let recycled = Human {
        id: "1",
        name: "Emmy Noether",
        born: "1990-03-23",
        mail: "emmy@home.example",
        start: "2026-03-02",
        ..ADA
    };
    let summary = ingest.import(partial("2026-03-02", &[recycled])).await.unwrap();

    assert_eq!((summary.joined, summary.changed, summary.rejected), (0, 0, 1));
    assert_eq!(ingest.state().await, state);
    let case = the_case(&ingest).await;
    assert_eq!(case.kind(), CaseKind::RecycledWorkerId);
    assert_eq!(case.people[0].person_id, before.person_id);
    assert_eq!(shown(&ingest, &case.case_id).await.sides[0].points, Some(-80));

    decide(&ingest, &case, CaseOutcome::Other).await.unwrap();

    let emmy = ingest.told_last("1").await;
    assert_ne!(emmy.person_id, before.person_id);
    assert_eq!((emmy.change(), engagements(&emmy)), (ChangeKind::Joined, 1));
    let again = ingest.import(partial("2026-03-03", &[recycled])).await.unwrap();
    assert_eq!((again.unchanged, again.rejected), (1, 0));
    ingest.stop().await;
}

#[tokio::test]
async fn a_recycled_worker_id_ends_what_was_open_under_it_once_a_human_says_so() {
    let ingest = Ingest::start().await;
    ingest.import(full("2026-02-01", &[ADA, GRACE])).await.unwrap();
    let ada = ingest.told_last("1").await;
    let emmy = Human { name: "Emmy Noether", born: "1990-03-23", mail: "emmy@home.example", ..ADA };
    ingest.import(partial("2026-03-02", &[emmy])).await.unwrap();
    assert_eq!(ingest.told_last("1").await, ada);

    decide(&ingest, &the_case(&ingest).await, CaseOutcome::Other).await.unwrap();

    let told = ingest.told().await;
    let left = told.iter().rfind(|event| event.person_id == ada.person_id).unwrap();
    let last: domain::Date = "2026-03-01".parse().unwrap();
    assert_eq!(left.change(), ChangeKind::Left);
    assert_eq!(left.engagements[0].last_working_day, Some(last.into()));
    assert_ne!(ingest.told_last("1").await.person_id, ada.person_id);
    ingest.stop().await;
}

#[tokio::test]
async fn a_human_may_say_that_it_is_still_the_same_and_is_not_asked_again() {
    let ingest = Ingest::start().await;
    ingest.import(full("2026-02-01", &[ADA, GRACE])).await.unwrap();
    let ada = ingest.told_last("1").await;
    let renamed = Human { name: "A. King", born: "1985-10-12", mail: "king@home.example", ..ADA };
    ingest.import(partial("2026-03-02", &[renamed])).await.unwrap();

    decide(&ingest, &the_case(&ingest).await, CaseOutcome::Same).await.unwrap();

    let after = ingest.told_last("1").await;
    assert_eq!((&after.person_id, after.change()), (&ada.person_id, ChangeKind::Changed));
    let again = ingest.import(partial("2026-03-03", &[renamed])).await.unwrap();
    assert_eq!((again.unchanged, again.rejected), (1, 0));
    ingest.stop().await;
}

#[tokio::test]
async fn nobody_who_leaves_waits_for_an_answer() {
    let ingest = Ingest::start().await;
    ingest.import(full("2026-02-01", &[ADA, GRACE])).await.unwrap();

    let gone = Human {
        name: "A. King",
        born: "1985-10-12",
        mail: "king@home.example",
        last: "2026-02-27",
        ..ADA
    };
    let summary = ingest.import(partial("2026-03-02", &[gone])).await.unwrap();

    assert_eq!((summary.left, summary.rejected), (1, 0));
    assert_eq!(ingest.told_last("1").await.change(), ChangeKind::Left);
    ingest.stop().await;
}

#[tokio::test]
async fn who_is_not_to_be_hired_again_comes_back_only_when_a_human_allows_it() {
    let ingest = Ingest::start().await;
    let barred = Human { last: "2025-11-28", barred: true, ..ADA };
    ingest.import(full("2026-02-01", &[barred, GRACE])).await.unwrap();
    let before = ingest.told_last("1").await;

    let summary = ingest.import(partial("2026-03-02", &[AGAIN])).await.unwrap();

    assert_eq!((summary.joined, summary.rejected), (0, 1));
    let case = the_case(&ingest).await;
    assert_eq!(case.kind(), CaseKind::NotRehirable);
    assert_eq!(ingest.told_last("1").await, before);
    decide(&ingest, &case, CaseOutcome::Refuse).await.unwrap();
    let refused = ingest.import(partial("2026-03-03", &[AGAIN])).await.unwrap();
    assert!(refused.rejects[0].reason.ends_with("was decided: refuse"), "{refused:?}");

    // Another first day is another question.
    let later = Human { start: "2026-04-06", ..AGAIN };
    ingest.import(partial("2026-03-04", &[later])).await.unwrap();
    decide(&ingest, &the_case(&ingest).await, CaseOutcome::Allow).await.unwrap();

    let after = ingest.told_last("9").await;
    assert_eq!((&after.person_id, after.change()), (&before.person_id, ChangeKind::Rehired));
    ingest.stop().await;
}

#[tokio::test]
async fn another_question_about_a_worker_takes_the_place_of_the_one_before() {
    let ingest = Ingest::start().await;
    let barred = Human { last: "2025-11-28", barred: true, ..ADA };
    ingest.import(full("2026-02-01", &[barred, GRACE])).await.unwrap();
    ingest.import(partial("2026-03-02", &[Human { mail: "", ..AGAIN }])).await.unwrap();
    let uncertain = the_case(&ingest).await;

    ingest.import(partial("2026-03-03", &[AGAIN])).await.unwrap();

    let (asked, before) = (the_case(&ingest).await, listed(&ingest, CaseState::Closed).await);
    assert_eq!(asked.kind(), CaseKind::NotRehirable);
    assert_eq!(before[0].case_id, uncertain.case_id);
    assert_eq!(before[0].outcome(), CaseOutcome::NoLongerApplies);
    ingest.stop().await;
}

#[tokio::test]
async fn a_scim_client_tries_again_until_a_human_has_said_who_it_is() {
    let scored = OKTA.replace(
        "  manager: manager\n  zone",
        "  manager: manager\n  match: {score: {rules: {display_name: {as: name, agree: 30, differ: \
         20}, private_mail: {as: mail, agree: 40, differ: 15}}}}\n  zone",
    );
    let ingest = scim::start().await;
    let client = Scim::new(&ingest, scim::token(&ingest, &scored, "okta").await);
    let user = |number: &str, login: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "externalId": number,
            "userName": login,
            "displayName": "Ada Lovelace",
            "emails": [{"type": "home", "value": "ada@home.example"}],
        })
    };
    client.make(&user("1", "ada")).await;
    let before = ingest.told_last("1").await;

    let (waits, _) = client.send(reqwest::Method::POST, "/Users", &user("9", "lovelace")).await;
    let case = the_case(&ingest).await;
    decide(&ingest, &case, CaseOutcome::Same).await.unwrap();
    let (made, _) = client.send(reqwest::Method::POST, "/Users", &user("9", "lovelace")).await;

    assert_eq!((waits, made), (429, 201));
    assert_eq!(ingest.told_last("9").await.person_id, before.person_id);
    ingest.stop().await;
}
