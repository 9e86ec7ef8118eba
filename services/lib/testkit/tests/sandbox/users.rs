//! Users: created, found, paged, changed and deleted.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ENTERPRISE, USER, World, assert_refused};

fn ada() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "Ada.Lovelace",
        "externalId": "person-1",
        "displayName": "Ada Lovelace",
        "emails": [
            {"value": "ada@example.com", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"}
        ],
        "groups": [{"value": "whatever"}],
        ENTERPRISE: {"employeeNumber": "Lovelace,Ada|1986-01-06", "department": "Engines"}
    })
}

#[tokio::test]
async fn a_created_user_is_returned_with_its_location_and_meta() {
    let world = World::new().await;
    let response = world.send(Method::POST, "/Users", Some(ada())).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-type"], "application/scim+json");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    let user: Value = response.json().await.unwrap();

    let id = user["id"].as_str().unwrap();
    assert_eq!(location, format!("{}/Users/{id}", world.sandbox.base_url()));
    assert_eq!(user["meta"]["location"], location);
    assert_eq!(user["meta"]["resourceType"], "User");
    assert_eq!(user["meta"]["version"], etag);
    assert_eq!(user["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(user["active"], true);
    assert_eq!(user.get("groups"), None, "a client cannot write the groups");
    assert_eq!(world.get(&format!("/Users/{id}")).await, (200, user));

    let seen = world.sandbox.find_user_by_external_id("person-1").unwrap();
    assert_eq!(seen.user_name, "Ada.Lovelace");
    assert_eq!(seen.employee_number.as_deref(), Some("Lovelace,Ada|1986-01-06"));
    assert!(seen.active);
    assert_eq!(world.sandbox.users(), [seen]);
}

#[tokio::test]
async fn a_user_name_is_taken_whatever_its_case() {
    let world = World::new().await;
    world.user("ada").await;
    let again = world.post("/Users", json!({"schemas": [USER], "userName": "ADA"})).await;
    assert_refused(again, 409, "uniqueness");

    let grace = world.user("grace").await;
    let path = format!("/Users/{grace}");
    let operations = json!([
        {"op": "replace", "path": "title", "value": "Admiral"},
        {"op": "replace", "path": "userName", "value": "Ada"}
    ]);
    assert_refused(world.patch(&path, operations).await, 409, "uniqueness");
    assert_eq!(world.get(&path).await.1.get("title"), None, "a PATCH is all or nothing");

    let own = json!([{"op": "replace", "path": "userName", "value": "GRACE"}]);
    assert_eq!(world.patch(&path, own).await.0, 200);
}

#[tokio::test]
async fn what_is_not_a_user_is_refused() {
    let world = World::new().await;
    for (body, scim_type) in [
        (json!({"schemas": [USER]}), "invalidValue"),
        (json!({"schemas": [USER], "userName": ""}), "invalidValue"),
        (json!({"userName": "ada"}), "invalidSyntax"),
        (json!({"schemas": [USER], "userName": "ada", "active": "True"}), "invalidValue"),
        (json!({"schemas": [USER], "userName": "ada", "emails": "a@b"}), "invalidValue"),
        (json!({"schemas": [USER], "userName": "ada", "employeeNumber": "7"}), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
    ] {
        assert_refused(world.post("/Users", body).await, 400, scim_type);
    }
    assert_eq!(world.get("/Users/nobody").await.0, 404);
    assert!(world.sandbox.users().is_empty());
}

#[tokio::test]
async fn users_are_found_by_each_indexed_attribute() {
    let world = World::new().await;
    let (_, user) = world.post("/Users", ada()).await;
    world.user("grace").await;
    let id = user["id"].as_str().unwrap();
    for (filter, expected) in [
        (r#"userName eq "ada.lovelace""#.to_owned(), 1),
        (r#"externalId eq "person-1""#.to_owned(), 1),
        (r#"externalId eq "PERSON-1""#.to_owned(), 0),
        (format!(r#"id eq "{id}""#), 1),
        (r#"emails.value eq "ada@home.example""#.to_owned(), 1),
        (format!(r#"{ENTERPRISE}:employeeNumber eq "Lovelace,Ada|1986-01-06""#), 1),
        (r#"userName eq "Ada.Lovelace" and externalId eq "person-1""#.to_owned(), 1),
        (r#"userName eq "grace" and externalId eq "person-1""#.to_owned(), 0),
        (r#"userName eq "nobody""#.to_owned(), 0),
    ] {
        let (status, list) = world.filter("/Users", &filter).await;
        assert_eq!(status, 200, "{filter}: {list}");
        assert_eq!(list["totalResults"], expected, "{filter}");
        assert_eq!(list["Resources"].as_array().unwrap().len(), expected, "{filter}");
    }
    for filter in [r#"userName sw "a""#, r#"title eq "a""#, r#"not (userName eq "a")"#, "userName"]
    {
        assert_refused(world.filter("/Users", filter).await, 400, "invalidFilter");
    }
}

#[tokio::test]
async fn pages_follow_each_other_in_the_order_of_creation() {
    let world = World::new().await;
    for name in ["e", "d", "c", "b", "a"] {
        world.user(name).await;
    }
    let mut names = Vec::new();
    for start in [1, 3, 5, 7] {
        let (_, page) = world.get(&format!("/Users?startIndex={start}&count=2")).await;
        assert_eq!(page["totalResults"], 5);
        assert_eq!(page["startIndex"], start);
        let users = page["Resources"].as_array().unwrap();
        assert_eq!(page["itemsPerPage"], users.len());
        names.extend(users.iter().map(|user| user["userName"].as_str().unwrap().to_owned()));
    }
    assert_eq!(names, ["e", "d", "c", "b", "a"]);

    let (_, none) = world.get("/Users?count=0").await;
    assert_eq!((&none["totalResults"], &none["itemsPerPage"]), (&json!(5), &json!(0)));
    let (_, first) = world.get("/Users?startIndex=-3&count=1&attributes=userName").await;
    assert_eq!(first["startIndex"], 1);
    let user = first["Resources"][0].as_object().unwrap();
    let keys: Vec<&String> = user.keys().collect();
    assert_eq!(keys, ["id", "schemas", "userName"]);
    assert_eq!(world.get("/Users?count=many").await.0, 400);
}

#[tokio::test]
async fn putting_a_user_replaces_everything_that_can_be_written() {
    let world = World::new().await;
    let (_, user) = world.post("/Users", ada()).await;
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let body = json!({"schemas": [USER], "userName": "countess", "active": false});
    let (status, changed) = world.put(&path, body).await;
    assert_eq!(status, 200);
    assert_eq!(changed["id"], user["id"]);
    assert_eq!(changed["active"], false);
    assert_eq!(changed.get("externalId"), None);
    assert_eq!(changed.get(ENTERPRISE), None);
    assert_eq!(world.filter("/Users", r#"userName eq "countess""#).await.1["totalResults"], 1);
    assert_eq!(world.filter("/Users", r#"userName eq "ada.lovelace""#).await.1["totalResults"], 0);
    assert_eq!(world.filter("/Users", r#"externalId eq "person-1""#).await.1["totalResults"], 0);
}

#[tokio::test]
async fn patches_add_replace_and_remove_at_paths_and_without() {
    let world = World::new().await;
    let (_, user) = world.post("/Users", ada()).await;
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let operations = json!([
        {"op": "add", "path": "title", "value": "Analyst"},
        {"op": "Replace", "value": {"active": false, "name": {"givenName": "Ada"}}},
        {"op": "replace", "path": "name.familyName", "value": "Lovelace"},
        {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Numbers"},
        {"op": "add", "value": {ENTERPRISE: {"costCenter": "12"}}},
        {"op": "add", "path": "emails", "value": [{"value": "a@b", "primary": true}]},
        {"op": "replace", "path": r#"emails[type eq "home"].value"#, "value": "new@home.example"},
        {"op": "remove", "path": r#"emails[value eq "ada@example.com"]"#},
        {"op": "remove", "path": "displayName"}
    ]);
    let (status, changed) = world.patch(&path, operations).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["title"], "Analyst");
    assert_eq!(changed["active"], false);
    assert_eq!(changed["name"], json!({"givenName": "Ada", "familyName": "Lovelace"}));
    assert_eq!(
        changed[ENTERPRISE],
        json!({"employeeNumber": "Lovelace,Ada|1986-01-06", "department": "Numbers",
            "costCenter": "12"})
    );
    assert_eq!(
        changed["emails"],
        json!([{"value": "new@home.example", "type": "home"}, {"value": "a@b", "primary": true}])
    );
    assert_eq!(changed.get("displayName"), None);
    assert_eq!(world.get(&path).await, (200, changed));
    assert_eq!(world.filter("/Users", r#"emails.value eq "a@b""#).await.1["totalResults"], 1);

    let (_, bare) = world.patch(&path, json!([{"op": "remove", "path": ENTERPRISE}])).await;
    assert_eq!(bare["schemas"], json!([USER]));
    assert_eq!(world.sandbox.users()[0].employee_number, None);
}

#[tokio::test]
async fn patches_that_mean_nothing_are_refused() {
    let world = World::new().await;
    let path = format!("/Users/{}", world.user("ada").await);
    for (operation, scim_type) in [
        (json!({"op": "replace", "path": "active", "value": "False"}), "invalidValue"),
        (json!({"op": "replace", "value": {"active": 0}}), "invalidValue"),
        (json!({"op": "replace", "path": "shoeSize", "value": "9"}), "invalidPath"),
        (json!({"op": "remove", "path": "userName"}), "mutability"),
        (json!({"op": "add", "path": "groups", "value": [{"value": "x"}]}), "mutability"),
        (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
        (json!({"op": "replace", "path": r#"emails[type eq "x"]"#, "value": {}}), "noTarget"),
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "add", "path": "title"}), "invalidSyntax"),
        (json!({"op": "mend", "path": "title", "value": "x"}), "invalidSyntax"),
    ] {
        let answer = world.patch(&path, json!([operation])).await;
        assert_refused(answer, 400, scim_type);
    }
    let (status, _) = world.call(Method::PATCH, &path, Some(json!({"Operations": []}))).await;
    assert_eq!(status, 400);
    assert_eq!(world.get(&path).await.1["meta"]["version"], "W/\"1\"");
}

#[tokio::test]
async fn a_deleted_user_is_gone_from_its_groups_too() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let grace = world.user("grace").await;
    world.group("police", &[&ada, &grace]).await;
    assert_eq!(world.delete(&format!("/Users/{ada}")).await, 204);
    assert_eq!(world.delete(&format!("/Users/{ada}")).await, 404);
    assert_eq!(world.get(&format!("/Users/{ada}")).await.0, 404);
    assert_eq!(world.sandbox.members_of("police"), ["grace"]);
    world.user("ada").await;
}
