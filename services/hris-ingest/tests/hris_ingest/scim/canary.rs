//! What is not mapped is nowhere.

use serde_json::json;

use super::{Scim, person, start};

const CANARY: &str = "canary-8f2d1c";

#[tokio::test]
async fn what_is_not_mapped_is_never_stored_and_a_token_neither() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let mut ada = person("1", "Ada");
    ada["title"] = "kept-8f2d1c".into();
    ada["nickName"] = CANARY.into();
    ada["password"] = CANARY.into();
    ada["name"] = json!({"givenName": "Ada", "middleName": CANARY});
    ada["emails"] =
        json!([{"value": format!("{CANARY}@x.example"), "type": "other", "display": CANARY}]);
    ada["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] =
        json!({"costCenter": CANARY, "manager": {"value": "2", "displayName": CANARY}});
    ada["urn:unknown:2.0:User"] = json!({"salary": CANARY});
    ada[CANARY] = CANARY.into();

    let id = okta.make(&ada).await;
    ada["title"] = "kept-8f2d1c-too".into();
    okta.send(reqwest::Method::PUT, &format!("/Users/{id}"), &ada).await;
    okta.patch(
        &id,
        json!([
            {"op": "add", "path": "nickName", "value": CANARY},
            {"op": "add", "path": "emails[type eq \"other\"].value", "value": CANARY},
            {"op": "replace", "value": {CANARY: CANARY, "ims": [{"value": CANARY}]}},
            {"op": "replace", "path": "displayName", "value": "Countess"},
        ]),
    )
    .await;

    assert_eq!(ingest.tables_with(CANARY).await, Vec::<String>::new());
    assert_eq!(ingest.tables_with(&okta.token[4..]).await, Vec::<String>::new());
    let kept = ingest.tables_with("kept-8f2d1c").await;
    assert!(
        kept.contains(&"resources".to_owned()) && kept.contains(&"people".to_owned()),
        "{kept:?}"
    );
    assert_eq!(okta.delete(&id).await, 204);
    assert!(!ingest.tables_with("kept-8f2d1c").await.contains(&"resources".to_owned()));
    ingest.stop().await;
}
