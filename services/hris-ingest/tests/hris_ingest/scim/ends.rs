//! How a client ends an engagement, and how it goes on.

use proto::common::v1::Lane;
use proto::hris::v1::{ChangeKind, PersonUpdated};
use serde_json::json;

use super::{OKTA, Scim, person, start, token};

fn deactivate() -> serde_json::Value {
    json!([{"op": "Replace", "path": "active", "value": "False"}])
}

fn activate() -> serde_json::Value {
    json!([{"op": "replace", "value": {"active": true}}])
}

fn ends(event: &PersonUpdated) -> Vec<(Option<String>, bool)> {
    let one = |engagement: &proto::hris::v1::Engagement| {
        let day = engagement.last_working_day.as_ref();
        let day = proto::convert::date("day", day).unwrap().map(|day| day.to_string());
        (day, engagement.ends_at.is_some())
    };
    event.engagements.iter().map(one).collect()
}

#[tokio::test]
async fn who_is_not_active_has_left_at_once_and_goes_on_when_active_the_same_day() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let id = okta.make(&person("1", "Ada")).await;

    okta.patch(&id, deactivate()).await;
    let left = ingest.told_last("1").await;
    okta.patch(&id, json!([{"op": "replace", "path": "title", "value": "Engineer"}])).await;
    let still = ingest.told_last("1").await;
    okta.patch(&id, activate()).await;
    let back = ingest.told_last("1").await;

    assert_eq!((left.change(), left.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(ends(&left), [(Some("2026-03-02".to_owned()), true)]);
    assert_eq!(still.lane(), Lane::Leaver);
    assert_eq!((back.change(), back.lane()), (ChangeKind::Changed, Lane::Regular));
    assert_eq!(ends(&back), [(None, false)]);
    assert_eq!(back.engagements[0].engagement_id, id);
    ingest.stop().await;
}

#[tokio::test]
async fn who_is_active_on_a_later_day_begins_again_as_the_same_person() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let id = okta.make(&person("1", "Ada")).await;
    okta.patch(&id, deactivate()).await;
    let left = ingest.told_last("1").await;
    ingest.advance_to("2026-03-09T09:00:00Z");
    let told = ingest.told().await.len();

    // Nothing but `active` begins anything.
    let put = json!({"userName": "ada@example.com", "externalId": "1", "displayName": "Countess"});
    let (status, user) = okta.send(reqwest::Method::PUT, &format!("/Users/{id}"), &put).await;
    let after_put = ingest.told().await.len();
    okta.patch(&id, activate()).await;
    let back = ingest.told_last("1").await;

    assert_eq!((status, &user["active"], after_put), (200, &false.into(), told));
    assert_eq!(back.person_id, left.person_id);
    assert_eq!((back.change(), back.lane()), (ChangeKind::Rehired, Lane::Regular));
    assert_eq!(ends(&back), [(Some("2026-03-02".to_owned()), true), (None, false)]);
    // And what is written afterwards is said of the second engagement.
    okta.patch(&id, json!([{"op": "replace", "path": "title", "value": "Engineer"}])).await;
    assert_eq!(ends(&ingest.told_last("1").await), ends(&back));
    okta.patch(&id, deactivate()).await;
    let again = ingest.told_last("1").await;
    assert_eq!((again.change(), again.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(ends(&again)[1], (Some("2026-03-09".to_owned()), true));
    ingest.stop().await;
}

#[tokio::test]
async fn who_is_deleted_has_left_and_is_gone_and_may_be_made_again() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let id = okta.make(&person("1", "Ada")).await;

    assert_eq!(okta.delete(&id).await, 204);

    let left = ingest.told_last("1").await;
    assert_eq!((left.change(), left.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(okta.get(&format!("/Users/{id}")).await.0, 404);
    assert_eq!(okta.delete(&id).await, 404);
    assert_eq!(okta.found(r#"externalId eq "1""#).await, 0);
    // On the same day it was a mistake; later it is another engagement of the same person.
    assert_eq!(okta.make(&person("1", "Ada")).await, id);
    assert_eq!(ends(&ingest.told_last("1").await), [(None, false)]);
    assert_eq!(okta.delete(&id).await, 204);
    ingest.advance_to("2026-03-09T09:00:00Z");
    let other = okta.make(&person("1", "Ada")).await;
    assert_ne!(other, id);
    let back = ingest.told_last("1").await;
    assert_eq!((back.change(), back.person_id), (ChangeKind::Rehired, left.person_id));
    ingest.stop().await;
}

#[tokio::test]
async fn a_stated_end_counts_and_not_the_day_on_which_active_was_withdrawn() {
    let ingest = start().await;
    let document = OKTA
        .replace("  manager: manager\n", "  manager: manager\n  last_working_day: last_day\n")
        .replace(
            "    grade:",
            "    last_day: {column: 'urn:example:params:scim:schemas:tenure:2.0:User:lastDay', type: date, optional: true}\n    grade:",
        );
    let token = token(&ingest, &document, "okta").await;
    let okta = Scim::new(&ingest, token);
    let mut ada = person("1", "Ada");
    ada["urn:example:params:scim:schemas:tenure:2.0:User"] = json!({"lastDay": "2026-03-31"});
    let id = okta.make(&ada).await;

    okta.patch(&id, deactivate()).await;

    let told = ingest.told_last("1").await;
    assert_eq!(
        (ends(&told), told.lane()),
        (vec![(Some("2026-03-31".to_owned()), false)], Lane::Regular)
    );
    let (status, error) = okta
        .patch(&id, json!([{"op": "replace", "path": "urn:example:params:scim:schemas:tenure:2.0:User:lastDay", "value": "soon"}]))
        .await;
    assert_eq!((status, &error["scimType"]), (400, &"invalidValue".into()));
    ingest.stop().await;
}

#[tokio::test]
async fn a_wave_of_leavers_is_held_back_and_a_few_flow() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(okta.make(&person(&number.to_string(), &format!("Name{number}"))).await);
    }

    for id in &ids[..5] {
        assert_eq!(okta.patch(id, deactivate()).await.0, 200);
    }
    let (status, error) = okta.patch(&ids[5], deactivate()).await;
    let deleted = okta.delete(&ids[6]).await;

    assert_eq!((status, deleted), (429, 429));
    assert!(
        error["detail"].as_str().unwrap().contains("6 people who leave within 24 hours"),
        "{error}"
    );
    assert_eq!(okta.get(&format!("/Users/{}", ids[5])).await.1["active"], true);
    ingest.stop().await;
}
