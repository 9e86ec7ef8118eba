//! Groups and who is in them.

use serde_json::{Value, json};

use super::{GROUP, World, assert_refused};

fn values(members: &Value) -> Vec<&str> {
    members.as_array().into_iter().flatten().map(|one| one["value"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_membership_shows_on_both_sides() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let group = world.group("police", &[&ada, &ada]).await;

    let (status, seen) = world.get(&format!("/Groups/{group}")).await;
    assert_eq!(status, 200);
    assert_eq!(values(&seen["members"]), [&ada]);
    assert_eq!(seen["members"][0]["$ref"], format!("{}/Users/{ada}", world.sandbox.base_url()));
    let (_, user) = world.get(&format!("/Users/{ada}")).await;
    assert_eq!(user["groups"][0]["value"], group);
    assert_eq!(user["groups"][0]["display"], "police");

    let (_, slim) = world.get(&format!("/Groups/{group}?excludedAttributes=members")).await;
    assert_eq!(slim.get("members"), None);
    assert_eq!(slim["displayName"], "police");
    assert_eq!(world.sandbox.groups()[0].members, ["ada"]);
    assert_eq!(world.sandbox.users()[0].groups, ["police"]);
}

#[tokio::test]
async fn a_display_name_is_taken_once() {
    let world = World::new().await;
    world.group("police", &[]).await;
    world.sandbox.ensure_group("police");
    world.sandbox.ensure_group("fire");
    assert_eq!(world.sandbox.groups().len(), 2);
    let again = world.post("/Groups", json!({"schemas": [GROUP], "displayName": "Police"})).await;
    assert_refused(again, 409, "uniqueness");
    let fire = world.sandbox.groups()[1].id.clone();
    let operations = json!([{"op": "replace", "path": "displayName", "value": "police"}]);
    assert_refused(world.patch(&format!("/Groups/{fire}"), operations).await, 409, "uniqueness");
    let nameless = world.post("/Groups", json!({"schemas": [GROUP]})).await;
    assert_refused(nameless, 400, "invalidValue");
}

#[tokio::test]
async fn groups_are_found_by_name_id_and_member() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let grace = world.user("grace").await;
    let police = world.group("police", &[&ada, &grace]).await;
    let fire = world.group("fire", &[&ada]).await;
    for (filter, expected) in [
        (r#"displayName eq "POLICE""#.to_owned(), vec![&police]),
        (format!(r#"id eq "{fire}""#), vec![&fire]),
        (format!(r#"members.value eq "{ada}""#), vec![&police, &fire]),
        (format!(r#"id eq "{fire}" and members.value eq "{grace}""#), vec![]),
        (format!(r#"members.value eq "{grace}" and id eq "{police}""#), vec![&police]),
        (r#"members.value eq "nobody""#.to_owned(), vec![]),
    ] {
        let (status, list) = world.filter("/Groups", &filter).await;
        assert_eq!(status, 200, "{filter}: {list}");
        let found: Vec<&str> = list["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["id"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{filter}");
    }
    let (_, page) = world.get("/Groups?startIndex=2&count=1&excludedAttributes=members,meta").await;
    assert_eq!(page["totalResults"], 2);
    let expected = json!([{"schemas": [GROUP], "id": fire, "displayName": "fire"}]);
    assert_eq!(page["Resources"], expected);
    let unsupported = world.filter("/Groups", r#"displayName co "p""#).await;
    assert_refused(unsupported, 400, "invalidFilter");
}

#[tokio::test]
async fn members_come_and_go_by_every_form_of_patch() {
    let world = World::new().await;
    let (ada, grace, mary) =
        (world.user("ada").await, world.user("grace").await, world.user("mary").await);
    let path = format!("/Groups/{}", world.group("police", &[]).await);
    let value = |ids: &[&String]| -> Value { ids.iter().map(|id| json!({"value": id})).collect() };
    for (operation, expected) in [
        (
            json!({"op": "add", "path": "members", "value": value(&[&ada, &grace, &ada])}),
            vec!["ada", "grace"],
        ),
        (json!({"op": "add", "path": "members", "value": value(&[&ada])}), vec!["ada", "grace"]),
        (json!({"op": "remove", "path": format!(r#"members[value eq "{ada}"]"#)}), vec!["grace"]),
        (json!({"op": "remove", "path": format!(r#"members[value eq "{ada}"]"#)}), vec!["grace"]),
        (
            json!({"op": "add", "value": {"members": value(&[&ada, &mary])}}),
            vec!["ada", "grace", "mary"],
        ),
        (json!({"op": "Remove", "path": "members", "value": value(&[&ada, &mary])}), vec!["grace"]),
        (json!({"op": "replace", "path": "members", "value": value(&[&mary])}), vec!["mary"]),
        (json!({"op": "replace", "path": "members", "value": []}), vec![]),
        (json!({"op": "add", "path": "members", "value": value(&[&ada])}), vec!["ada"]),
        (json!({"op": "remove", "path": "members"}), vec![]),
    ] {
        let (status, body) = world.patch(&path, json!([operation.clone()])).await;
        assert_eq!((status, body), (204, Value::Null), "{operation}");
        assert_eq!(world.sandbox.members_of("police"), expected, "{operation}");
    }
}

#[tokio::test]
async fn a_patch_with_an_unknown_member_changes_nothing() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let path = format!("/Groups/{}", world.group("police", &[]).await);
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "fire"},
        {"op": "add", "path": "members", "value": [{"value": ada}]},
        {"op": "add", "path": "members", "value": [{"value": "nobody"}]}
    ]);
    assert_refused(world.patch(&path, operations).await, 400, "invalidValue");
    assert_eq!(world.sandbox.groups()[0].display_name, "police");
    assert!(world.sandbox.members_of("police").is_empty());
    let created = json!({"schemas": [GROUP], "displayName": "x", "members": [{"value": "nobody"}]});
    assert_refused(world.post("/Groups", created).await, 400, "invalidValue");
    assert_eq!(world.sandbox.groups().len(), 1);
}

#[tokio::test]
async fn a_group_is_replaced_and_deleted_as_a_whole() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let grace = world.user("grace").await;
    let path = format!("/Groups/{}", world.group("police", &[&ada]).await);
    let body = json!({"schemas": [GROUP], "displayName": "fire", "externalId": "g1",
        "members": [{"value": grace}]});
    let (status, changed) = world.put(&path, body).await;
    assert_eq!(status, 200);
    assert_eq!(values(&changed["members"]), [&grace]);
    assert_eq!(changed["externalId"], "g1");
    assert_eq!(world.sandbox.members_of("fire"), ["grace"]);
    assert!(world.sandbox.members_of("police").is_empty());

    assert_eq!(world.delete(&path).await, 204);
    assert_eq!(world.get(&path).await.0, 404);
    assert!(world.sandbox.users().iter().all(|user| user.groups.is_empty()));
}
