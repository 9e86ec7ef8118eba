//! What was said is kept; what was known at an instant can be asked for.

use proto::hris::v1::{EndNowRequest, GetTimelineRequest, PersonUpdated};
use proto::prost::Message as _;
use tonic::{Code, Status};

use crate::service::{FIVE, Ingest, MAPPING, Upload, file};

/// The person as known at an instant, else now.
async fn known(ingest: &Ingest, person: &str, at: Option<&str>) -> Result<PersonUpdated, Status> {
    let known_at = at.map(|at| at.parse::<domain::Timestamp>().unwrap().into());
    let request = GetTimelineRequest { person_id: person.to_owned(), known_at };
    let answer = ingest.client.clone().get_timeline(request).await?.into_inner();
    Ok(PersonUpdated::decode(answer.person_updated.as_slice()).unwrap())
}

/// Engagements as `start..end`, slices as `from job`.
fn told(event: &PersonUpdated) -> Vec<String> {
    let day = |date: Option<proto::common::v1::CivilDate>| {
        let date = proto::convert::date("a date", date.as_ref()).unwrap();
        date.map(|date| date.to_string()).unwrap_or_default()
    };
    let engagements = event.engagements.iter();
    let engagements =
        engagements.map(|one| format!("{}..{}", day(one.start_date), day(one.last_working_day)));
    let slices = event.slices.iter().map(|slice| {
        let job = domain::Value::try_from(slice.attributes["job"].clone()).unwrap();
        format!("{} {job}", day(slice.from))
    });
    engagements.chain(slices).collect()
}

#[tokio::test]
async fn what_was_known_before_a_correction_stays_known_as_it_was() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let person = ingest.told_last("1").await.person_id;
    ingest.advance_to("2026-03-08T09:00:00Z");
    let corrected = FIVE[0].replace("2020-01-06,", "2019-12-02,2026-12-31");
    let rows = [corrected.as_str(), FIVE[1], FIVE[2], FIVE[3], FIVE[4]];
    ingest.import(Upload::full("2026-03-08", file(&rows))).await.unwrap();
    ingest.advance_to("2026-03-09T09:00:00Z");
    let request = EndNowRequest { person_id: person.clone() };
    ingest.client.clone().end_now(request).await.unwrap();

    let at = async |instant: &str| known(&ingest, &person, Some(instant)).await;
    assert_eq!(at("2026-03-02T08:59:59Z").await.unwrap_err().code(), Code::NotFound);
    let first = at("2026-03-02T09:00:00Z").await.unwrap();
    assert_eq!(told(&first), ["2020-01-06..", "2020-01-06 Engineer"]);
    assert_eq!(told(&at("2026-03-08T08:59:59Z").await.unwrap()), told(&first));
    let second = at("2026-03-08T09:00:00Z").await.unwrap();
    assert_eq!(told(&second), ["2019-12-02..2026-12-31", "2019-12-02 Engineer"]);
    assert_eq!(second.engagements[0].ends_at, None);
    let now = at("2026-03-09T09:00:00Z").await.unwrap();
    assert!(now.engagements[0].ends_at.is_some());
    let announced = known(&ingest, &person, None).await.unwrap();
    assert_eq!((now.engagements, now.slices), (announced.engagements, announced.slices));
    ingest.stop().await;
}

/// The same files with the day from which a row holds.
fn with_effective_dates(snapshot_date: &str, rows: &[&str]) -> Upload {
    let mapping = MAPPING
        .replace("Start, LastDay]", "Start, LastDay, From]")
        .replace("  engagement: job\n", "  effective_date: from\n")
        .replace(
            "  attributes:",
            "    from: {column: From, type: date, optional: true}\n  attributes:",
        );
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let content = format!("Id,Name,Job,Start,LastDay,From\n{rows}").into_bytes();
    Upload { mapping, ..Upload::full(snapshot_date, content) }
}

#[tokio::test]
async fn a_change_ahead_is_told_with_its_day_and_taken_back_when_it_is_left_out() {
    let ingest = Ingest::start().await;
    let (now, ahead) = (
        "1,\"Lovelace,Ada\",Engineer,2020-01-06,,2020-01-06",
        "1,\"Lovelace,Ada\",Director,2020-01-06,,2026-06-01",
    );
    let summary = ingest.import(with_effective_dates("2026-03-01", &[ahead, now])).await.unwrap();
    assert_eq!((summary.joined, summary.rejected), (1, 0));
    let armed = ingest.told_last("1").await;
    assert_eq!(told(&armed), ["2020-01-06..", "2020-01-06 Engineer", "2026-06-01 Director"]);

    let same = ingest.import(with_effective_dates("2026-03-02", &[now, ahead])).await.unwrap();
    assert_eq!(same.unchanged, 1);
    let twice =
        ingest.import(with_effective_dates("2026-03-02", &[now, ahead, now])).await.unwrap();
    assert_eq!(twice.rejected, 1, "one row of a day");

    ingest.import(with_effective_dates("2026-03-03", &[now])).await.unwrap();
    assert_eq!(told(&ingest.told_last("1").await), ["2020-01-06..", "2020-01-06 Engineer"]);
    ingest.stop().await;
}

#[tokio::test]
async fn people_known_before_facts_were_kept_have_facts_that_come_to_their_timeline() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let chief =
        FIVE[0].replace("Engineer", "Chief").replace("2020-01-06,", "2020-01-06,2026-12-31");
    let upload = Upload {
        mapping: MAPPING.replace("  engagement: job\n", ""),
        ..Upload::full("2026-03-02", file(&[chief.as_str(), FIVE[1], FIVE[2], FIVE[3]]))
    };
    ingest.import(upload).await.unwrap();
    let people = ["1", "2", "5"];
    let mut before = Vec::new();
    for worker in people {
        before.push(ingest.told_last(worker).await);
    }
    let migration = include_str!("../../migrations/0004_facts.sql");
    let (_schema, backfill) = migration.split_once("-- Who is known already").unwrap();
    let forget = format!("TRUNCATE facts;\n--{backfill}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(forget)).execute(&ingest.owner().await).await.unwrap();

    for (worker, before) in people.iter().zip(before) {
        // The database's clock is not the test's: what it recorded counts from now on.
        let after = known(&ingest, &before.person_id, Some("2100-01-01T00:00:00Z")).await.unwrap();
        assert_eq!(after.engagements, before.engagements, "{worker}");
        assert_eq!(after.slices, before.slices, "{worker}");
    }
    ingest.stop().await;
}
