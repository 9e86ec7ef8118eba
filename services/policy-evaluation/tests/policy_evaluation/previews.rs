//! What is shown before a release is applied, and what holds it back.

use proto::policy::v1::{ImpactCounts, PreviewReleaseRequest, ReleasePreview};
use tonic::Code;

use crate::fixture::{DOCUMENTS, Fixture, Hire, lines};

const NOW: &str = "2026-03-20T09:00:00Z";

#[tokio::test]
async fn a_preview_counts_exactly_what_the_release_then_changes() {
    let service = company(NOW, 10, 30).await;
    let documents = DOCUMENTS.replace("\"Police\"", "\"Fire\"");

    let preview = service.preview(&documents).await.unwrap();
    let before = service.changed().await.len();
    service.approve(&preview.hash, "grace").await.unwrap();
    service.apply_preview(&preview.hash, "ada").await.unwrap();
    service.feed.drive().await;

    let totals = preview.totals.unwrap();
    assert_eq!((totals.gained, totals.lost, totals.people), (30, 10, 40));
    assert_eq!((preview.people, preview.people_affected), (40, 40));
    let changed = &lines(&service.changed().await)[before..];
    assert_eq!(changed.len(), 40);
    assert_eq!(changed.iter().filter(|line| line.contains("police")).count(), 30);
    let policy = group(&preview, "policy", "police-birthright");
    assert_eq!((policy.gained, policy.lost), (30, 10));
    assert_eq!(group(&preview, "department", "Fire").gained, 30);
    assert_eq!(group(&preview, "department", "Police").lost, 10);
    assert_eq!(group(&preview, "application", "directory").people, 40);
}

#[tokio::test]
async fn a_preview_changes_nothing() {
    let service = company(NOW, 2, 2).await;
    let before = service.feed.outgoing().await.len();

    service.preview(&DOCUMENTS.replace("\"Police\"", "\"Fire\"")).await.unwrap();
    service.feed.drive().await;

    assert_eq!(service.feed.outgoing().await.len(), before);
    assert_eq!(service.progress().await.release, 1);
}

#[tokio::test]
async fn accounts_that_open_close_and_change_are_counted_apart_from_grants() {
    let service = company(NOW, 2, 3).await;

    let mapped =
        service.preview(&DOCUMENTS.replace("department: person.agency", "")).await.unwrap();
    let nobody = service.preview(&DOCUMENTS.replace("\"true\"", "\"false\"")).await.unwrap();

    let totals = mapped.totals.unwrap();
    assert_eq!((totals.accounts_changed, totals.gained, totals.lost), (5, 0, 0));
    let totals = nobody.totals.unwrap();
    assert_eq!((totals.accounts_closed, totals.lost), (3, 5));
}

#[tokio::test]
async fn renaming_what_nobody_holds_says_zero() {
    let service = company(NOW, 2, 3).await;

    let preview =
        service.preview(&DOCUMENTS.replace("== \"Police\"", "in [\"Police\"]")).await.unwrap();

    assert_eq!(preview.totals, Some(ImpactCounts::default()));
    assert_eq!((preview.people_affected, preview.people), (0, 5));
    assert!(preview.held.is_empty() && preview.sample.is_empty());
    assert_eq!(preview.documents.len(), 1);
}

#[tokio::test]
async fn the_hash_does_not_move_with_people_whom_the_change_does_not_concern() {
    let service = company(NOW, 30, 100).await;
    let documents = DOCUMENTS.replace("\"Police\"", "\"Nobody\"");
    let preview = service.preview(&documents).await.unwrap();

    service.feed.deliver(&[Hire::police(999, "2020-01-06").agency("Fire").event()]).await;
    let again = service.preview(&documents).await.unwrap();
    service.feed.deliver(&[Hire::police(998, "2020-01-06").event()]).await;
    let moved = service.preview(&documents).await.unwrap();

    assert_eq!(preview.hash, again.hash);
    assert_ne!(preview.hash, moved.hash);
}

#[tokio::test]
async fn what_has_moved_since_the_preview_is_refused_by_name() {
    let service = company(NOW, 3, 100).await;
    let documents = DOCUMENTS.replace("\"Police\"", "\"Nobody\"");
    let preview = service.preview(&documents).await.unwrap();
    service.feed.deliver(&[Hire::police(998, "2020-01-06").event()]).await;

    let moved = service.apply_preview(&preview.hash, "ada").await.unwrap_err();
    service.apply(&DOCUMENTS.replace("P5D", "P4D")).await.unwrap();
    let base = service.apply_preview(&preview.hash, "ada").await.unwrap_err();
    let unknown = service.apply_preview("0000", "ada").await.unwrap_err();

    assert_eq!(moved.code(), Code::FailedPrecondition);
    let line = "entitlement directory/police: gained 0 (previewed 0), lost 4 (previewed 3)";
    assert!(moved.message().contains(line), "{moved}");
    assert!(base.message().starts_with("release 2 was activated since"), "{base}");
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(service.progress().await.release, 2);
}

#[tokio::test]
async fn above_the_limits_a_second_person_is_needed_and_recorded() {
    let service = company(NOW, 10, 10).await;
    let documents = DOCUMENTS.replace("\"true\"", "person.agency == \"Police\"");

    let held = service.apply_alone(&documents).await.unwrap_err();
    let preview = service.preview(&documents).await.unwrap();
    let own = service.approve(&preview.hash, "ada").await.unwrap_err();
    let nameless = service.approve(&preview.hash, " ").await.unwrap_err();
    let still = service.apply_preview(&preview.hash, "ada").await.unwrap_err();
    service.approve(&preview.hash, "grace").await.unwrap();
    let same = service.apply_preview(&preview.hash, "grace").await.unwrap_err();
    let applied = service.apply_preview(&preview.hash, "ada").await.unwrap();

    assert_eq!(held.code(), Code::FailedPrecondition);
    assert!(held.message().contains("10 grants taken away of 30 in all"), "{held}");
    assert!(held.message().contains(&preview.hash), "{held}");
    assert!(preview.held.iter().any(|line| line.starts_with("10 accounts closed of 20 in all")));
    assert_eq!(own.code(), Code::InvalidArgument);
    assert_eq!(nameless.code(), Code::InvalidArgument);
    assert_eq!(still.code(), Code::FailedPrecondition);
    assert_eq!(same.code(), Code::FailedPrecondition);
    assert_eq!(applied.release, 2);
    let record = service.releases().await.remove(0);
    assert_eq!((record.approved_by.as_str(), record.base_release), ("grace", 1));
    assert_eq!(record.preview_hash, preview.hash);
    let author = record.author.unwrap();
    assert_eq!((author.name.as_str(), author.revision.as_str()), ("ada", "4f2a91c"));
}

#[tokio::test]
async fn an_approval_is_for_one_hash_alone() {
    let service = company(NOW, 10, 10).await;
    let approved = service.preview(&DOCUMENTS.replace("\"true\"", "\"false\"")).await.unwrap();
    service.approve(&approved.hash, "grace").await.unwrap();

    let other = service.apply_alone(&DOCUMENTS.replace("\"Police\"", "\"Nobody\"")).await;

    assert_eq!(other.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_release_cannot_lift_the_limits_it_is_held_by() {
    let service = company(NOW, 10, 10).await;
    let lifted = format!(
        "{}\n---\napiVersion: tenure.dev/v1\nkind: Breaker\nmetadata: {{name: all}}\n\
         spec: {{limits: [{{of: loss, count: 1000000}}]}}\n",
        DOCUMENTS.replace("\"true\"", "\"false\"")
    );

    let held = service.apply_alone(&lifted).await.unwrap_err();

    assert_eq!(held.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn the_limits_are_those_of_the_active_breaker() {
    let service = Fixture::start(NOW).await;
    let breaker = "\n---\napiVersion: tenure.dev/v1\nkind: Breaker\nmetadata: {name: all}\n\
                   spec: {limits: [{of: loss, per: department, count: 4}]}\n";
    service.apply(&format!("{DOCUMENTS}{breaker}")).await.unwrap();
    hire(&service, 5, 1).await;

    let documents = format!("{}{breaker}", DOCUMENTS.replace("\"Police\"", "\"Nobody\""));
    let preview = service.preview(&documents).await.unwrap();

    assert_eq!(preview.held.len(), 1, "{:?}", preview.held);
    let told = "5 grants taken away of 10 in department `Police`; allowed: 4; such as ";
    assert!(preview.held[0].starts_with(told), "{:?}", preview.held);
}

#[tokio::test]
async fn going_back_is_previewed_and_gated_like_any_other_release() {
    let service = company(NOW, 10, 90).await;
    let wider = DOCUMENTS.replace("\"Police\"", "\"Police\" || person.agency == \"Fire\"");
    service.apply(&wider).await.unwrap();
    service.feed.drive().await;

    let request = PreviewReleaseRequest { release: 1, ..PreviewReleaseRequest::default() };
    let preview = service.preview_of(request).await.unwrap();
    let held = service.apply_preview(&preview.hash, "ada").await.unwrap_err();
    service.approve(&preview.hash, "grace").await.unwrap();
    let back = service.apply_preview(&preview.hash, "ada").await.unwrap();
    let nothing = PreviewReleaseRequest { release: 77, ..PreviewReleaseRequest::default() };

    assert_eq!(preview.totals.unwrap().lost, 90);
    assert_eq!(held.code(), Code::FailedPrecondition);
    let releases = service.releases().await;
    assert_eq!(back.release, 3);
    assert_eq!(releases[0].content_hash, releases[2].content_hash);
    assert_eq!(releases.iter().map(|one| one.active).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(service.preview_of(nothing).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_preview_expires() {
    let service = company(NOW, 1, 100).await;
    let preview = service.preview(&DOCUMENTS.replace("P5D", "P4D")).await.unwrap();

    service.advance_to("2026-03-28T09:00:00Z").await;
    let late = service.apply_preview(&preview.hash, "ada").await.unwrap_err();

    assert_eq!(late.code(), Code::NotFound);
}

#[tokio::test]
async fn only_those_whom_a_release_may_concern_are_evaluated_again() {
    let service = company(NOW, 3, 400).await;
    let (changed, confirmed) = (service.changed().await.len(), service.confirmed().await.len());

    service.apply(&DOCUMENTS.replace("P5D", "P5D\n  overlap: P3D")).await.unwrap();
    service.feed.drive().await;

    let progress = service.progress().await;
    assert_eq!((progress.release, progress.evaluated, progress.people), (2, 403, 403));
    assert_eq!(service.changed().await.len(), changed);
    assert_eq!(service.confirmed().await.len(), confirmed + 3);
}

#[tokio::test]
async fn who_missed_several_releases_is_compared_with_the_one_they_know() {
    let service = company(NOW, 2, 100).await;

    service.apply(&DOCUMENTS.replace("\"Police\"", "\"Nobody\"")).await.unwrap();
    service.apply(&DOCUMENTS.replace("P5D", "P5D\n  overlap: P3D")).await.unwrap();
    let before = service.changed().await.len();
    service.feed.drive().await;

    assert_eq!(service.changed().await.len(), before);
    assert_eq!(service.progress().await.evaluated, 102);
}

async fn company(now: &str, police: u32, fire: u32) -> Fixture {
    let service = Fixture::with_release(now).await;
    hire(&service, police, fire).await;
    service
}

async fn hire(service: &Fixture, police: u32, fire: u32) {
    let people: Vec<_> = (0..police)
        .map(|number| Hire::police(number, "2020-01-06"))
        .chain(
            (police..police + fire).map(|number| Hire::police(number, "2020-01-06").agency("Fire")),
        )
        .map(|hire| hire.event())
        .collect();
    for batch in people.chunks(256) {
        service.feed.deliver(batch).await;
    }
}

fn group(preview: &ReleasePreview, grouping: &str, group: &str) -> ImpactCounts {
    let found = preview
        .groups
        .iter()
        .find(|one| (one.grouping.as_str(), one.group.as_str()) == (grouping, group));
    found.and_then(|one| one.counts).unwrap_or_default()
}
