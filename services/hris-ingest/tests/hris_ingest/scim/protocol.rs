//! What RFC 7643 and RFC 7644 promise a client.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Scim, answer, person, start};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn a_user_is_what_its_client_wrote_as_far_as_it_is_mapped() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let mut ada = person("7", "Ada");
    ada["title"] = "Engineer".into();
    ada["nickName"] = "dropped".into();
    ada["emails"] = json!([
        {"value": "ada@work.example", "type": "work", "primary": true},
        {"value": "ada@other.example", "type": "other"},
    ]);
    ada[ENTERPRISE] = json!({"department": "Engines", "costCenter": "dropped"});

    let request =
        okta.request(Method::POST, "/Users").header("content-type", "application/scim+json");
    let response = request.body(ada.to_string()).send().await.unwrap();
    let (location, tag) =
        (response.headers()["location"].clone(), response.headers()["etag"].clone());
    let kind = response.headers()["content-type"].clone();
    let (status, made) = answer(response).await;

    assert_eq!((status, kind.to_str().unwrap()), (201, "application/scim+json"));
    let id = made["id"].as_str().unwrap();
    assert_eq!(location.to_str().unwrap(), format!("{}/Users/{id}", okta.url));
    assert_eq!(
        (&made["meta"]["location"], &made["meta"]["version"]),
        (&Value::from(location.to_str().unwrap()), &Value::from(tag.to_str().unwrap()),)
    );
    assert_eq!(made["emails"], json!([{"type": "work", "value": "ada@work.example"}]));
    assert_eq!(made[ENTERPRISE], json!({"department": "Engines"}));
    assert_eq!(made["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]));
    assert_eq!(made["nickName"], Value::Null);
    assert_eq!(okta.get(&format!("/Users/{id}")).await, (200, made.clone()));
    let told = ingest.told_last("7").await;
    assert_eq!(told.engagements[0].engagement_id, id);
    let department: proto::common::v1::Value = domain::Value::Text("Engines".to_owned()).into();
    assert_eq!(told.slices[0].attributes["department"], department);
    ingest.stop().await;
}

#[tokio::test]
async fn users_are_found_by_filter_and_page() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    for number in 1..=5 {
        okta.make(&person(&number.to_string(), &format!("Name{number}"))).await;
    }

    assert_eq!(okta.found(r#"userName eq "NAME3@example.com""#).await, 1);
    assert_eq!(okta.found(r#"externalId eq "4" and active eq true"#).await, 1);
    assert_eq!(okta.found(r#"displayName sw "name""#).await, 5);
    assert_eq!(okta.found(r#"userName eq "nobody""#).await, 0);
    let (_, page) = okta.get("/Users?startIndex=2&count=2").await;
    let names: Vec<_> =
        page["Resources"].as_array().unwrap().iter().map(|one| &one["displayName"]).collect();
    assert_eq!(names, ["Name2", "Name3"]);
    assert_eq!(
        (&page["totalResults"], &page["itemsPerPage"], &page["startIndex"]),
        (&5.into(), &2.into(), &2.into())
    );
    let (_, none) = okta.get("/Users?count=0").await;
    assert_eq!((&none["totalResults"], &none["Resources"]), (&5.into(), &json!([])));
    let (_, some) = okta.get("/Users?attributes=userName&count=1").await;
    let mut members: Vec<_> = some["Resources"][0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["id", "schemas", "userName"]);
    let (_, others) = okta.get("/Users?excludedAttributes=userName,meta&count=1").await;
    assert_eq!(
        (&others["Resources"][0]["userName"], &others["Resources"][0]["meta"]),
        (&Value::Null, &Value::Null)
    );
    let body = json!({"filter": "displayName ew \"5\"", "attributes": ["displayName"]});
    let (status, searched) = okta.send(Method::POST, "/Users/.search", &body).await;
    assert_eq!((status, &searched["totalResults"]), (200, &1.into()));
    for (filter, kind) in
        [("nickName%20pr", "invalidFilter"), ("userName%20is%20x", "invalidFilter")]
    {
        let (status, error) = okta.get(&format!("/Users?filter={filter}")).await;
        assert_eq!(
            (status, &error["scimType"], &error["status"]),
            (400, &kind.into(), &"400".into())
        );
    }
    ingest.stop().await;
}

#[tokio::test]
async fn a_stale_client_and_a_second_user_of_a_name_are_refused() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let id = okta.make(&person("1", "Ada")).await;
    okta.make(&person("2", "Grace")).await;

    let (same_name, error) = okta.post(&person("3", "ada")).await;
    let (same_key, _) = okta.post(&person("1", "Other")).await;
    assert_eq!((same_name, same_key, &error["scimType"]), (409, 409, &"uniqueness".into()));
    let rename = json!([{"op": "replace", "path": "userName", "value": "GRACE@example.com"}]);
    assert_eq!(okta.patch(&id, rename).await.0, 409);
    let (status, changed) =
        okta.patch(&id, json!([{"op": "replace", "path": "title", "value": "Engineer"}])).await;
    assert_eq!((status, &changed["meta"]["version"]), (200, &"W/\"2\"".into()));
    let path = format!("/Users/{id}");
    let put = |tag: &str| {
        let request = okta.request(Method::PUT, &path).header("if-match", tag.to_owned());
        request.header("content-type", "application/scim+json").body(person("1", "Ada").to_string())
    };
    assert_eq!(answer(put("W/\"1\"").send().await.unwrap()).await.0, 412);
    let (status, replaced) = answer(put("W/\"2\"").send().await.unwrap()).await;
    assert_eq!((status, &replaced["title"]), (200, &Value::Null));
    let request = okta.request(Method::GET, &path).header("if-none-match", "W/\"3\"");
    assert_eq!(request.send().await.unwrap().status(), 304);
    ingest.stop().await;
}

#[tokio::test]
async fn what_is_not_offered_says_so_and_errors_are_scims() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;

    for (method, path, status) in [
        (Method::GET, "/Groups", 404),
        (Method::GET, "/Users/nobody", 404),
        (Method::DELETE, "/Users", 405),
        (Method::POST, "/Schemas", 405),
        (Method::PUT, "/ResourceTypes/User", 405),
        (Method::PATCH, "/ServiceProviderConfig", 405),
        (Method::GET, "/Schemas/urn:none", 404),
        (Method::POST, "/Bulk", 501),
        (Method::GET, "/Me", 501),
        (Method::GET, "/Users?startIndex=x", 400),
    ] {
        let (found, error) = okta.send(method.clone(), path, &json!({})).await;
        assert_eq!(
            (found, &error["status"]),
            (status, &status.to_string().into()),
            "{method} {path}"
        );
    }
    let large = json!({"userName": "x".repeat(1 << 20)});
    assert_eq!(okta.post(&large).await.0, 413);
    let (status, error) = okta.post(&json!({"userName": "x"})).await;
    assert_eq!((status, &error["scimType"]), (400, &"invalidValue".into()));
    assert_eq!(error["detail"], "externalId is empty, and number is not optional");
    let many: Vec<_> =
        (0..101).map(|_| json!({"op": "replace", "path": "title", "value": "x"})).collect();
    let id = okta.make(&person("1", "Ada")).await;
    assert_eq!(okta.patch(&id, many.into()).await.0, 413);
    let request = okta.request(Method::POST, "/Users").header("content-type", "text/plain");
    assert_eq!(request.body("{}").send().await.unwrap().status(), 415);
    ingest.stop().await;
}

#[tokio::test]
async fn entra_and_okta_are_understood_as_they_write() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let id = okta.make(&person("1", "Ada")).await;

    let (status, user) = okta
        .patch(
            &id,
            json!([
                {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "ada@work.example"},
                {"op": "Replace", "path": "name.givenName", "value": "Ada"},
                {"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "2"},
                {"op": "Replace", "value": {
                    "name.familyName": "Lovelace",
                    "nickName": "dropped",
                    format!("{ENTERPRISE}:department"): "Engines",
                }},
                {"op": "Replace", "path": "active", "value": "True"},
                {"op": "Add", "path": "photos[type eq \"photo\"].value", "value": "dropped"},
            ]),
        )
        .await;

    assert_eq!(status, 200, "{user}");
    assert_eq!(user["emails"], json!([{"type": "work", "value": "ada@work.example"}]));
    assert_eq!(user["name"], json!({"givenName": "Ada", "familyName": "Lovelace"}));
    assert_eq!(user[ENTERPRISE], json!({"department": "Engines", "manager": {"value": "2"}}));
    okta.make(&person("2", "Boss")).await;
    let boss = ingest.told_last("2").await.person_id;
    assert_eq!(ingest.told_last("1").await.slices.last().unwrap().manager_person_id, boss);
    let (_, user) = okta
        .patch(&id, json!([{"op": "Remove", "path": "emails", "value": [{"value": "other"}]}]))
        .await;
    assert_eq!(user["emails"][0]["value"], "ada@work.example");
    let (_, user) = okta.patch(&id, json!([{"op": "replace", "value": {"active": false}}])).await;
    assert_eq!(user["active"], false);
    let (status, error) = okta.patch(&id, json!([{"op": "remove", "path": "userName"}])).await;
    assert_eq!((status, &error["scimType"]), (400, &"invalidValue".into()));
    let (status, error) =
        okta.patch(&id, json!([{"op": "replace", "path": "id", "value": "x"}])).await;
    assert_eq!((status, &error["scimType"]), (400, &"mutability".into()));
    ingest.stop().await;
}
