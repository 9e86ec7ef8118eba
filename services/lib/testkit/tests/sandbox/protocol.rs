//! What holds for every request: tokens, media types, versions, discovery, and the log.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{USER, World, assert_refused, client};

#[tokio::test]
async fn without_the_right_token_nothing_is_answered() {
    let world = World::new().await;
    let root = world.sandbox.base_url().trim_end_matches("/scim/v2").to_owned();
    let client = client();
    for path in ["/scim/v2/Users", "/scim/v2/Schemas", "/sandbox/calls", "/sandbox/counters"] {
        let url = format!("{root}{path}");
        assert_eq!(client.get(&url).send().await.unwrap().status(), 401, "{path}");
        let wrong = client.get(&url).bearer_auth("other").send().await.unwrap();
        assert_eq!(wrong.status(), 401, "{path}");
        assert_eq!(wrong.headers()["www-authenticate"], "Bearer");
        assert_eq!(wrong.json::<Value>().await.unwrap()["status"], "401");
    }
}

#[tokio::test]
async fn bodies_must_be_json_and_bounded() {
    let world = World::new().await;
    let url = format!("{}/Users", world.sandbox.base_url());
    let post = |kind: &'static str, body: String| {
        let request = world.client.post(&url).bearer_auth(super::TOKEN);
        request.header("content-type", kind).body(body).send()
    };
    assert_eq!(post("text/plain", "{}".to_owned()).await.unwrap().status(), 415);
    assert_eq!(post("application/json", "{".to_owned()).await.unwrap().status(), 400);
    let padding = " ".repeat(5 * 1024 * 1024);
    assert_eq!(post("application/json", padding).await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let world = World::new().await;
    let id = world.user("ada").await;
    let url = format!("{}/Users/{id}", world.sandbox.base_url());
    let put = |version: &'static str, name: &str| {
        let body = json!({"schemas": [USER], "userName": name}).to_string();
        let request = world.client.put(&url).bearer_auth(super::TOKEN);
        let request = request.header("content-type", "application/scim+json");
        request.header("if-match", version).body(body).send()
    };
    assert_eq!(put("W/\"1\"", "ada2").await.unwrap().status(), 200);
    assert_eq!(put("W/\"1\"", "ada3").await.unwrap().status(), 412);
    assert_eq!(put("*", "ada4").await.unwrap().status(), 200);
    assert_eq!(world.sandbox.users()[0].user_name, "ada4");
}

#[tokio::test]
async fn the_application_describes_itself() {
    let world = World::new().await;
    let (status, config) = world.get("/ServiceProviderConfig").await;
    assert_eq!(status, 200);
    assert_eq!(config["patch"]["supported"], true);
    assert_eq!(config["filter"]["maxResults"], 1000);
    let (_, types) = world.get("/ResourceTypes").await;
    assert_eq!(types["totalResults"], 2);
    assert_eq!(world.get("/ResourceTypes/Group").await.1["endpoint"], "/Groups");
    assert_eq!(world.get("/Schemas").await.1["totalResults"], 3);
    let (_, user) = world.get(&format!("/Schemas/{USER}")).await;
    assert_eq!(user["attributes"][0]["name"], "userName");
    assert_eq!(world.get("/Schemas/none").await.0, 404);
    assert_eq!(world.get("/Nothing").await.0, 404);
    assert_eq!(world.post("/Schemas", json!({})).await.0, 405);
    assert_eq!(world.delete("/Users").await, 405);
    let patched = world.patch("/Users", json!([])).await;
    assert_refused(patched, 400, "invalidSyntax");
}

#[tokio::test]
async fn every_call_is_logged_and_counted() {
    let world = World::new().await;
    let id = world.user("ada").await;
    world.get(&format!("/Users/{id}")).await;
    world.get("/Users/nobody").await;
    world.get("/Users?count=1").await;
    world.get("/Users?count=2").await;

    let calls = world.sandbox.calls();
    let seen: Vec<_> =
        calls.iter().map(|call| (call.number, call.method, call.template, call.status)).collect();
    assert_eq!(
        seen,
        [
            (1, "POST", "/Users", 201),
            (2, "GET", "/Users/{id}", 200),
            (3, "GET", "/Users/{id}", 404),
            (4, "GET", "/Users", 200),
            (5, "GET", "/Users", 200),
        ]
    );
    assert_eq!(calls[0].resource.as_ref(), Some(&id), "a creation names what it created");
    assert_eq!(calls[1].resource.as_ref(), Some(&id));
    assert!(calls.iter().all(|call| call.duration_us > 0));
    assert_eq!(world.sandbox.counters().len(), 4);

    let (status, log) = world.control(Method::GET, "/sandbox/calls?after=3&limit=1", None).await;
    assert_eq!(status, 200);
    assert_eq!(log["total"], 5);
    assert_eq!(log["calls"].as_array().unwrap().len(), 1);
    assert_eq!(log["calls"][0]["number"], 4);
    let (_, counters) = world.control(Method::GET, "/sandbox/counters", None).await;
    assert_eq!((&counters["total"], &counters["users"]), (&json!(5), &json!(1)));
    let lists = json!({"method": "GET", "template": "/Users", "status": 200, "count": 2});
    assert!(counters["counters"].as_array().unwrap().contains(&lists), "{counters}");
}

#[tokio::test]
async fn a_stopped_application_no_longer_answers() {
    let world = World::new().await;
    let url = format!("{}/Users", world.sandbox.base_url());
    world.user("ada").await;
    world.sandbox.stop().await.unwrap();
    assert!(client().get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn dropping_an_application_stops_it() {
    let world = World::new().await;
    let url = format!("{}/Users", world.sandbox.base_url());
    drop(world.sandbox);
    let closed = async { while world.client.get(&url).send().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap();
}
