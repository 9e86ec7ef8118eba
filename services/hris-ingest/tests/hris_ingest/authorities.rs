//! Several sources that speak of one person, and whose word counts.

use proto::common::v1::Lane;
use proto::hris::v1::{
    CaseKind, CaseOutcome, CaseState, ChangeKind, EndNowRequest, ImportSummary, LiftHoldRequest,
    PersonUpdated,
};

use crate::cases::{listed, shown, the_case};
use crate::service::{Ingest, LINES, Upload, line, lines};

/// Says on which floor people have their desks, and how they are called there.
const DESKS: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: desks}
spec:
  format: jsonl
  columns: [number, floor, name]
  key: [number]
  match: {immutable: number, scope: group}
  zone: America/New_York
  fields:
    number: {column: number}
    floor: {column: floor, optional: true}
    display_name: {column: name, optional: true}
  attributes: [floor, display_name]
  authority: {role: supplement, rank: 200}
";

/// An employer whose word on names has the given rank.
fn employer(name: &str, rank: u16) -> String {
    let document = LINES
        .replace("name: lines", &format!("name: {name}"))
        .replace("{immutable: number}", "{immutable: number, scope: group}");
    format!("{document}  authority: {{rank: {rank}, personal: [display_name]}}\n")
}

/// An employee by number.
fn employee(number: &str, name: &str) -> String {
    line(number, name).replace("\"number\": null", &format!("\"number\": \"{number}\""))
}

fn desk(number: &str, floor: &str, name: &str) -> String {
    format!(r#"{{"number": "{number}", "floor": "{floor}", "name": "{name}"}}"#)
}

async fn import(ingest: &Ingest, mapping: &str, day: &str, rows: &[String]) -> ImportSummary {
    let upload = Upload { mapping: mapping.to_owned(), ..Upload::lines(day, lines(rows)) };
    ingest.import(upload).await.unwrap()
}

/// What somebody was told last to have of an attribute, engagement by engagement.
fn says(event: &PersonUpdated, attribute: &str) -> Vec<Option<String>> {
    let text = |engagement: &proto::hris::v1::Engagement| {
        let of = |slice: &&proto::hris::v1::Slice| slice.engagement_id == engagement.engagement_id;
        let value = event.slices.iter().rfind(of)?.attributes.get(attribute)?.clone();
        Some(domain::Value::try_from(value).unwrap().to_string())
    };
    event.engagements.iter().map(text).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_supplement_adds_what_it_knows_and_is_overruled_by_who_ranks_higher() {
    let ingest = Ingest::start().await;
    import(&ingest, &employer("hr", 10), "2026-02-01", &[employee("P1", "Ada Byron")]).await;
    let rows = [desk("P1", "7", "BYRON ADA"), desk("P9", "8", "Nobody")];
    let summary = import(&ingest, DESKS, "2026-02-02", &rows).await;

    // Who is employed by nobody is nobody, and is looked for again in the next file.
    assert_eq!((summary.changed, summary.joined, summary.rejected), (1, 0, 1));
    assert_eq!(summary.rejects[0].reason, "names nobody whom an employer has named so far");
    let told = ingest.told_last("P1").await;
    assert_eq!(
        (says(&told, "floor"), says(&told, "display_name")),
        (vec![some("7")], vec![some("Ada Byron")])
    );

    import(
        &ingest,
        &employer("hr", 10),
        "2026-02-03",
        &[employee("P1", "Ada Byron"), employee("P9", "Eve")],
    )
    .await;
    let summary = import(&ingest, DESKS, "2026-02-04", &rows).await;
    assert_eq!((summary.changed, summary.unchanged, summary.rejected), (1, 1, 0));
    assert_eq!(says(&ingest.told_last("P9").await, "floor"), [some("8")]);
    ingest.stop().await;
}

#[tokio::test]
async fn a_lower_source_terminates_nobody() {
    let ingest = Ingest::start().await;
    let staff = [employee("P1", "Ada"), employee("P2", "Eve"), employee("P3", "Joan")];
    import(&ingest, &employer("hr", 10), "2026-02-01", &staff).await;
    let desks = [desk("P1", "7", ""), desk("P2", "7", ""), desk("P3", "8", "")];
    import(&ingest, DESKS, "2026-02-02", &desks).await;

    let summary = import(&ingest, DESKS, "2026-02-05", &desks[..2]).await;
    let after = ingest.told_last("P3").await;

    assert_eq!((summary.left, summary.changed), (0, 1));
    assert_eq!((after.change(), after.lane()), (ChangeKind::Changed, Lane::Regular));
    assert_eq!(after.engagements.len(), 1);
    assert_eq!(after.engagements[0].last_working_day, None);
    assert_eq!(says(&after, "floor"), [None]);

    // And it keeps nobody: who leaves their employer has left, whatever desk they still have.
    let summary = import(&ingest, &employer("hr", 10), "2026-02-09", &staff[1..]).await;
    assert_eq!(summary.left, 1);
    let left = ingest.told_last("P1").await;
    assert_eq!((left.change(), left.lane()), (ChangeKind::Left, Lane::Leaver));
    ingest.stop().await;
}

#[tokio::test]
async fn conflicting_sources_of_one_rank_keep_the_last_good_value_and_open_a_case() {
    let ingest = Ingest::start().await;
    import(&ingest, &employer("hr", 10), "2026-02-01", &[employee("P1", "Ada Byron")]).await;
    import(&ingest, &employer("payroll", 10), "2026-02-01", &[employee("P1", "Ada Byron")]).await;
    let agreed = ingest.told_last("P1").await;
    assert_eq!(says(&agreed, "display_name"), [some("Ada Byron"), some("Ada Byron")]);

    let summary =
        import(&ingest, &employer("payroll", 10), "2026-02-10", &[employee("P1", "Ada King")])
            .await;
    let disputed = ingest.told_last("P1").await;
    // It is kept and not told: nothing changes for anybody.
    assert_eq!((summary.changed, summary.unchanged), (0, 1));
    assert_eq!(disputed, agreed);
    let case = the_case(&ingest).await;
    assert_eq!(case.kind(), CaseKind::Conflict);
    assert_eq!(case.key, format!("{} display_name", agreed.person_id));
    let sides = shown(&ingest, &case.case_id).await.sides;
    let said: Vec<_> = sides[0]
        .attributes
        .iter()
        .map(|one| (one.name.as_str(), one.stated.as_str(), one.known.as_str()))
        .collect();
    assert_eq!(said, [("hr", "Ada Byron", "Ada Byron"), ("payroll", "Ada King", "Ada Byron")]);

    // They agree: nobody has to decide anything.
    import(&ingest, &employer("hr", 10), "2026-02-11", &[employee("P1", "Ada King")]).await;
    let settled = ingest.told_last("P1").await;
    assert_eq!(says(&settled, "display_name"), [some("Ada King"), some("Ada King")]);
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    let closed = listed(&ingest, CaseState::Closed).await;
    assert_eq!(closed[0].outcome(), CaseOutcome::NoLongerApplies);
    ingest.stop().await;
}

#[tokio::test]
async fn a_source_of_a_higher_rank_counts_in_the_engagements_of_others() {
    let ingest = Ingest::start().await;
    import(&ingest, &employer("agency", 50), "2026-02-01", &[employee("P1", "Lovelace A.")]).await;
    import(&ingest, &employer("hr", 10), "2026-02-02", &[employee("P1", "Ada Lovelace")]).await;
    let both = ingest.told_last("P1").await;
    assert_eq!(says(&both, "display_name"), [some("Ada Lovelace"), some("Ada Lovelace")]);
    // What is no attribute of the human stays with its engagement.
    assert_eq!(says(&both, "worker_id"), [some("P1"), some("P1")]);

    // A lower source cannot talk over it.
    let rows = [employee("P1", "Somebody Else")];
    let summary = import(&ingest, &employer("agency", 50), "2026-02-03", &rows).await;
    assert_eq!((summary.changed, summary.unchanged), (0, 1));
    assert_eq!(ingest.told_last("P1").await, both);
    ingest.stop().await;
}

#[tokio::test]
async fn an_operators_end_stands_whatever_sources_say_of_the_human() {
    let ingest = Ingest::start().await;
    import(&ingest, &employer("hr", 10), "2026-02-01", &[employee("P1", "Ada")]).await;
    import(&ingest, DESKS, "2026-02-02", &[desk("P1", "7", "")]).await;
    let person_id = ingest.told_last("P1").await.person_id;
    ingest.client.clone().end_now(EndNowRequest { person_id }).await.unwrap();

    import(&ingest, DESKS, "2026-02-03", &[desk("P1", "8", "")]).await;
    let told = ingest.told_last("P1").await;
    assert_eq!(says(&told, "floor"), [some("8")]);
    assert!(told.engagements[0].ends_at.is_some());
    assert_eq!(told.lane(), Lane::Leaver);
    ingest.stop().await;
}

/// An identity provider, which says how an account stands there.
const LOGINS: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: logins}
spec:
  format: jsonl
  columns: [number, status]
  key: [number]
  match: {immutable: number, scope: group}
  zone: America/New_York
  fields:
    number: {column: number}
    status: {column: status}
  attributes: [worker_id]
  authority: {role: supplement, attributes: {worker_id: 1000}}
  security_hold: {field: status, values: [LOCKED_OUT]}
";

fn login(status: &str) -> [String; 1] {
    [format!(r#"{{"number": "P1", "status": "{status}"}}"#)]
}

#[tokio::test]
async fn who_is_locked_out_in_the_identity_provider_is_held_until_an_operator_lifts_it() {
    let ingest = Ingest::start().await;
    let hr = employer("hr", 10);
    import(&ingest, &hr, "2026-02-01", &[employee("P1", "Ada")]).await;
    import(&ingest, LOGINS, "2026-02-02", &login("ACTIVE")).await;
    assert_eq!(ingest.told_last("P1").await.held_since, None);

    let summary = import(&ingest, LOGINS, "2026-02-03", &login("LOCKED_OUT")).await;
    let held = ingest.told_last("P1").await;
    assert_eq!(summary.changed, 1);
    assert!(held.held_since.is_some());
    // It goes with the leavers, and nothing of the engagement has ended.
    assert_eq!((held.change(), held.lane()), (ChangeKind::Changed, Lane::Leaver));
    assert_eq!(held.engagements[0].ends_at, None);

    // Neither HR nor what became of the account there lifts it.
    import(&ingest, &hr, "2026-02-04", &[employee("P1", "Ada Byron")]).await;
    import(&ingest, LOGINS, "2026-02-04", &login("SUSPENDED")).await;
    assert_eq!(ingest.told_last("P1").await.held_since, held.held_since);

    let request = LiftHoldRequest { person_id: held.person_id.clone() };
    let lifted = ingest.client.clone().lift_hold(request.clone()).await.unwrap().into_inner();
    assert_eq!(lifted.held_since, held.held_since);
    let free = ingest.told_last("P1").await;
    assert_eq!((free.held_since, free.lane()), (None, Lane::Regular));
    let again = ingest.client.clone().lift_hold(request).await.unwrap().into_inner();
    assert_eq!((again.held_since, ingest.told_last("P1").await), (None, free));

    import(&ingest, LOGINS, "2026-02-05", &login("LOCKED_OUT")).await;
    assert!(ingest.told_last("P1").await.held_since.is_some());
    ingest.stop().await;
}
