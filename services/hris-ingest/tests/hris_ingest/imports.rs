//! What a good file does.

use std::collections::BTreeSet;

use proto::hris::v1::{
    ChangeKind, FindPeopleRequest, FoundPerson, GetTimelineRequest, PersonUpdated,
    SourceRunFinished,
};
use proto::prost::Message as _;
use tonic::Code;

use crate::service::{FIVE, Ingest, MAPPING, Upload, file};

#[tokio::test]
async fn a_file_is_told_once_for_each_person_and_again_not_at_all() {
    let ingest = Ingest::start().await;

    let upload = Upload::full("2026-03-01", file(&FIVE));
    let (first, progress) = ingest.import_watched(upload.clone()).await.unwrap();
    let state = ingest.state().await;
    let second = ingest.import(upload).await.unwrap();

    let counts = (first.rows, first.people, first.joined, first.unchanged, first.rejected);
    assert_eq!(counts, (5, 5, 5, 0, 0));
    assert_eq!((second.people, second.joined, second.unchanged), (5, 0, 5));
    let told = ingest.told().await;
    assert_eq!(told.len(), 5);
    let people: BTreeSet<_> = told.iter().map(|event| &event.person_id).collect();
    assert_eq!(people.len(), 5);
    for event in &told {
        assert_eq!(event.change(), ChangeKind::Joined);
        assert_eq!(event.zone, "America/New_York");
        assert_eq!(event.version.unwrap().counter, 1);
        assert_eq!((event.engagements.len(), event.slices.len()), (1, 1));
    }
    assert_eq!(ingest.state().await, state);
    let mut stages: Vec<_> = progress.iter().map(|step| step.stage.as_str()).collect();
    stages.dedup();
    assert_eq!(stages, ["receive", "read", "compare", "apply"]);
    let finished: Vec<SourceRunFinished> = ingest.published().await;
    let finished: Vec<_> =
        finished.iter().map(|run| (run.run_id.as_str(), run.joined, run.unchanged)).collect();
    assert_eq!(finished, [(first.run_id.as_str(), 5, 0), (second.run_id.as_str(), 0, 5)]);
    ingest.stop().await;
}

#[tokio::test]
async fn bad_rows_are_listed_with_line_column_and_reason_and_the_others_are_taken() {
    let ingest = Ingest::start().await;
    let rows = [
        FIVE[0],
        "2,\"Hopper,Grace\",Admiral,soon,",
        FIVE[2],
        "4,Emmy,Professor,2020-01-06,,surplus",
        FIVE[2],
        FIVE[4],
    ];

    let summary = ingest.import(Upload::partial("2026-03-01", file(&rows))).await.unwrap();

    let rejects: Vec<_> = summary
        .rejects
        .iter()
        .map(|reject| (reject.line, reject.column.as_str(), reject.reason.as_str()))
        .collect();
    let expected = [
        (3, "Start", "is not a day of the calendar written as YYYY-MM-DD"),
        (5, "", "has 6 columns and should have 5"),
        (6, "Job", "is the same engagement of the same worker as in line 4"),
    ];
    assert_eq!(rejects, expected);
    let counts = (summary.rows, summary.people, summary.joined, summary.rejected);
    assert_eq!(counts, (6, 3, 3, 3));
    assert_eq!(ingest.told().await.len(), 3);
    ingest.stop().await;
}

#[tokio::test]
async fn a_changed_row_is_told_as_a_higher_version_of_the_same_person() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let before = ingest.told_last("3").await;

    let renamed = "3,\"Turing,Alan Mathison\",Analyst,2020-01-06,";
    let upload = Upload::partial("2026-03-01", file(&[FIVE[0], renamed]));
    let summary = ingest.import(upload).await.unwrap();

    assert_eq!((summary.changed, summary.unchanged), (1, 1));
    let after = ingest.told_last("3").await;
    assert_eq!(after.person_id, before.person_id);
    assert_eq!(after.engagements, before.engagements);
    assert_eq!((after.version.unwrap().counter, after.slices.len()), (2, 2));
    assert_eq!(ingest.told().await.len(), 6);
    ingest.stop().await;
}

#[tokio::test]
async fn people_are_found_by_id_by_worker_id_and_by_a_part_of_their_name() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let grace = ingest.told_last("2").await;
    let mut client = ingest.client.clone();
    let mut find = async |query: &str| -> Vec<FoundPerson> {
        let request = FindPeopleRequest { query: query.to_owned(), page_size: 10 };
        client.find_people(request).await.unwrap().into_inner().people
    };

    let expected = FoundPerson {
        person_id: grace.person_id.clone(),
        display_name: "Grace Hopper".to_owned(),
        worker_id: "2".to_owned(),
    };
    for query in [grace.person_id.as_str(), "2", "HOPP", " race h "] {
        assert_eq!(find(query).await, std::slice::from_ref(&expected), "{query}");
    }
    assert_eq!(find("a").await.len(), 4);
    assert_eq!(find("%").await, []);

    let mut client = ingest.client.clone();
    let request = GetTimelineRequest { person_id: grace.person_id.clone(), known_at: None };
    let told = client.get_timeline(request).await.unwrap().into_inner().person_updated;
    assert_eq!(PersonUpdated::decode(told.as_slice()).unwrap(), grace);
    let published = ingest.told().await;
    assert!(published.contains(&grace));
    let stranger =
        GetTimelineRequest { person_id: grace.person_id.replace('0', "1"), known_at: None };
    assert_eq!(client.get_timeline(stranger).await.unwrap_err().code(), Code::NotFound);
    ingest.stop().await;
}

#[tokio::test]
async fn a_person_too_large_for_one_event_is_a_reject_and_the_others_are_taken() {
    let ingest = Ingest::start().await;
    let mapping = MAPPING.replace("engagement: job", "engagement: start");
    let jobs: Vec<String> = (1..=100)
        .map(|day| {
            let start = domain::Date::constant(2020, 1, 1).checked_add(jiff::Span::new().days(day));
            format!("9,Atlas,{},{},", "x".repeat(4_000), start.unwrap())
        })
        .collect();
    let mut rows = FIVE.to_vec();
    rows.extend(jobs.iter().map(String::as_str));

    let upload = Upload { mapping, ..Upload::full("2026-03-01", file(&rows)) };
    let summary = ingest.import(upload).await.unwrap();

    assert_eq!((summary.people, summary.joined, summary.rejected), (6, 5, 100));
    assert_eq!((summary.rejects.len(), summary.rejects[0].line), (1, 7));
    assert_eq!(ingest.told().await.len(), 5);
    ingest.stop().await;
}
