//! What becomes of documents, and of people when a release is activated.

use proto::policy::v1::{DocumentReleased, ReleaseActivated};
use tonic::Code;

use crate::fixture::{DOCUMENTS, Fixture, Hire, lines};

#[tokio::test]
async fn a_release_is_announced_document_by_document_and_then_as_a_whole() {
    let service = Fixture::start("2026-03-20T09:00:00Z").await;

    let applied = service.apply(DOCUMENTS).await.unwrap();

    assert_eq!((applied.release, applied.activated, applied.documents), (1, true, 6));
    let documents: Vec<DocumentReleased> = service.feed.published().await;
    let activated: Vec<ReleaseActivated> = service.feed.published().await;
    assert_eq!(activated.len(), 1);
    assert_eq!(activated[0].content_hash, applied.content_hash);
    let digests = |index: usize| {
        let digest = &activated[0].documents[index];
        (digest.kind.clone(), digest.name.clone(), digest.digest.clone())
    };
    assert_eq!(documents.len(), 6);
    for (index, document) in documents.iter().enumerate() {
        let rebuilt = rules::Document::from_json(&document.content).unwrap();
        assert_eq!(rebuilt.digest(), document.digest);
        assert_eq!(
            digests(index),
            (document.kind.clone(), document.name.clone(), document.digest.clone())
        );
    }
}

#[tokio::test]
async fn the_same_documents_twice_change_nothing() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    service.feed.deliver(&[Hire::police(1, "2020-01-06").event()]).await;
    let before = service.feed.outgoing().await.len();

    let again = service.apply(&format!("# another comment\n{DOCUMENTS}")).await.unwrap();
    service.feed.drive().await;

    assert_eq!((again.release, again.activated), (1, false));
    assert_eq!(service.feed.outgoing().await.len(), before);
}

#[tokio::test]
async fn bad_documents_are_refused_with_every_place_and_the_active_release_stays() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let before = service.feed.outgoing().await.len();

    let bad = DOCUMENTS
        .replace("person.agency == \"Police\"", "person.agancy == \"Police\"")
        .replace("grants: [{bundle: staff}]", "grants: [{bundle: stuff}]");
    let refused = service.apply(&bad).await.unwrap_err();
    let unknown_key = service.apply(&DOCUMENTS.replace("lead:", "led:")).await.unwrap_err();
    let nothing = service.apply("").await.unwrap_err();

    assert_eq!(refused.code(), Code::InvalidArgument);
    let lines: Vec<&str> = refused.message().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "2 problems; nothing was changed");
    assert!(lines[1].starts_with("city.yaml:"), "{lines:?}");
    assert!(lines[1].contains("AccessPolicy everybody: spec.grants[0].bundle"), "{lines:?}");
    assert!(lines[1].contains("did you mean `staff`?"), "{lines:?}");
    assert!(lines[2].contains("did you mean `agency`?"), "{lines:?}");
    assert_eq!(unknown_key.code(), Code::InvalidArgument);
    assert!(unknown_key.message().contains("city.yaml:"), "{unknown_key}");
    assert!(nothing.message().contains("there is no AttributeSchema"), "{nothing}");
    assert_eq!(service.progress().await.release, 1);
    assert_eq!(service.feed.outgoing().await.len(), before);
}

#[tokio::test]
async fn a_list_of_problems_too_long_for_a_status_is_cut_and_says_so() {
    let service = Fixture::start("2026-03-20T09:00:00Z").await;

    let bad: String = (0..200)
        .map(|number| {
            format!(
                "---\napiVersion: tenure.dev/v1\nkind: AccessPolicy\n\
                 metadata: {{name: policy-{number}}}\n\
                 spec: {{condition: \"true\", grants: [{{bundle: gone}}]}}\n"
            )
        })
        .collect();
    let refused = service.apply(&format!("{DOCUMENTS}{bad}")).await.unwrap_err();

    assert!(refused.message().starts_with("200 problems"));
    assert!(refused.message().len() < 4200);
    assert!(refused.message().lines().last().unwrap().starts_with("and "));
}

#[tokio::test]
async fn a_release_confirms_who_keeps_everything_and_changes_who_does_not() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let (ada, bob) = (Hire::police(1, "2020-01-06"), Hire::police(2, "2020-01-06").agency("Fire"));
    service.feed.deliver(&[ada.event(), bob.event()]).await;

    let applied = service.apply(&DOCUMENTS.replace("\"Police\"", "\"Fire\"")).await.unwrap();
    let behind = service.progress().await;
    service.feed.drive().await;

    assert_eq!((applied.release, behind.people, behind.evaluated), (2, 2, 0));
    assert_eq!(service.progress().await.evaluated, 2);
    let mut changed = lines(&service.changed().await)[2..].to_vec();
    changed.sort();
    assert_eq!(
        changed,
        ["1.2 regular [all-staff police] [active]", "1.2 regular [all-staff] [active]"]
    );

    service.apply(&DOCUMENTS.replace("== \"Police\"", " == \"Fire\"")).await.unwrap();
    service.feed.drive().await;

    assert_eq!(service.progress().await.evaluated, 2);
    assert_eq!(service.changed().await.len(), 4);
    assert!(service.confirmed().await.is_empty(), "another way to write the same concerns nobody");

    service
        .apply(&DOCUMENTS.replace("\"Police\"", "\"Fire\"").replace("P5D", "P5D\n  overlap: P3D"))
        .await
        .unwrap();
    service.feed.drive().await;

    assert_eq!(service.progress().await.evaluated, 2);
    let confirmed = service.confirmed().await;
    let releases: Vec<u64> = confirmed.iter().map(|event| event.release).collect();
    assert_eq!(releases, [4], "only who holds it by the policy that changed");
}

#[tokio::test]
async fn a_roll_back_is_another_number_with_an_old_hash() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;

    let first = service.apply(DOCUMENTS).await.unwrap();
    let other = service.apply(&DOCUMENTS.replace("P5D", "P3D")).await.unwrap();
    let back = service.apply(DOCUMENTS).await.unwrap();

    assert_eq!([first.release, other.release, back.release], [1, 2, 3]);
    assert_eq!(first.content_hash, back.content_hash);
}

#[tokio::test]
async fn every_replica_evaluates_with_the_release_that_is_active() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    service.feed.deliver(&[Hire::police(1, "2020-01-06").event()]).await;
    service.replica.deliver(&[Hire::police(2, "2020-01-06").event()]).await;

    service.apply(&DOCUMENTS.replace("\"Police\"", "\"Fire\"")).await.unwrap();
    service.feed.deliver(&[Hire::police(3, "2020-01-06").event()]).await;
    service.replica.deliver(&[Hire::police(4, "2020-01-06").event()]).await;

    let changed = service.changed().await;
    assert_eq!(changed.iter().map(|event| event.release).collect::<Vec<_>>(), [1, 1, 2, 2]);
    assert_eq!(lines(&changed)[3], "1.1 regular [all-staff] [active]");
}

#[tokio::test]
async fn two_replicas_share_a_re_evaluation_and_announce_each_person_once() {
    let service = Fixture::start("2026-03-20T09:00:00Z").await;
    let people: Vec<_> =
        (0..600).map(|number| Hire::police(number, "2020-01-06").event()).collect();
    for batch in people.chunks(256) {
        service.feed.deliver(batch).await;
    }

    service.apply(DOCUMENTS).await.unwrap();
    tokio::join!(service.feed.drive(), service.replica.drive());

    assert_eq!(service.changed().await.len(), 600);
    assert!(service.confirmed().await.is_empty());
    assert_eq!(service.progress().await.evaluated, 600);
}
