//! The switches, in process and from outside.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use testkit::sandbox::{Filters, Switches};

use super::{GROUP, TOKEN, USER, World};

#[tokio::test]
async fn latency_holds_every_call_back() {
    let world = World::new().await;
    world.sandbox.set_switches(Switches { latency_ms: 60, ..Switches::default() });
    let started = Instant::now();
    assert_eq!(world.get("/Users").await.0, 200);
    assert!(started.elapsed() >= Duration::from_millis(60));
    assert!(world.sandbox.calls()[0].duration_us >= 60_000);
}

#[tokio::test]
async fn the_next_calls_are_told_to_come_back_later() {
    let world = World::new().await;
    world.sandbox.set_switches(Switches {
        refuse_next: 2,
        retry_after_seconds: 7,
        ..Switches::default()
    });
    for _ in 0..2 {
        let response = world.send(Method::GET, "/Users", None).await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "7");
    }
    assert_eq!(world.get("/Users").await.0, 200);
    assert_eq!(world.sandbox.switches().refuse_next, 0);
}

#[tokio::test]
async fn a_write_can_fail_before_it_is_carried_out() {
    let world = World::new().await;
    world.sandbox.set_switches(Switches { fail_before_next: 1, ..Switches::default() });
    assert_eq!(world.get("/Users").await.0, 200, "only writes fail");
    let body = json!({"schemas": [USER], "userName": "ada"});
    assert_eq!(world.post("/Users", body.clone()).await.0, 500);
    assert!(world.sandbox.users().is_empty());
    assert_eq!(world.post("/Users", body).await.0, 201);
}

#[tokio::test]
async fn a_write_can_fail_after_it_was_carried_out() {
    let world = World::new().await;
    world.sandbox.set_switches(Switches { fail_after_next: 1, ..Switches::default() });
    assert_eq!(world.delete("/Users/nobody").await, 404, "a refused write is not counted");
    let body = json!({"schemas": [USER], "userName": "ada"});
    assert_eq!(world.post("/Users", body.clone()).await.0, 500);
    assert_eq!(world.sandbox.users().len(), 1);
    assert_eq!(world.post("/Users", body).await.0, 409);
}

#[tokio::test]
async fn a_write_can_lose_its_connection_after_it_was_carried_out() {
    let world = World::new().await;
    world.user("grace").await;
    world.sandbox.set_switches(Switches { drop_after_next: 1, ..Switches::default() });
    let request = world.client.post(format!("{}/Users", world.sandbox.base_url()));
    let body = json!({"schemas": [USER], "userName": "ada"}).to_string();
    let request = request.header("content-type", "application/scim+json").body(body);
    let error = request.bearer_auth(TOKEN).send().await.unwrap_err();
    assert!(error.is_request() && !error.is_connect(), "{error:?}");
    assert!(world.sandbox.find_user_by_user_name("ada").is_some());
    assert_eq!(world.sandbox.calls().last().unwrap().status, 0);
    assert_eq!(world.get("/Users").await.1["totalResults"], 2);
}

#[tokio::test]
async fn of_many_writes_some_are_carried_out_and_not_answered_as_a_seed_says() {
    const WRITES: usize = 200;
    let mut answers = Vec::new();
    for seed in [7, 7, 8] {
        let world = World::new().await;
        world.sandbox.set_switches(Switches {
            fail_after_one_in: 5,
            drop_after_one_in: 10,
            seed,
            ..Switches::default()
        });
        for number in 0..WRITES {
            let body = json!({"schemas": [USER], "userName": format!("u{number}")}).to_string();
            let request = world.client.post(format!("{}/Users", world.sandbox.base_url()));
            let request = request.header("content-type", "application/scim+json").body(body);
            // A connection that is lost is an answer of its own.
            request.bearer_auth(TOKEN).send().await.ok();
            assert_eq!(world.get("/Users?count=0").await.0, 200, "only writes fail");
            assert_eq!(world.delete("/Users/nobody").await, 404, "a refusal is no success");
        }
        assert_eq!(world.sandbox.users().len(), WRITES, "every write is carried out");
        let calls = world.sandbox.calls().into_iter().filter(|call| call.method == "POST");
        answers.push(calls.map(|call| call.status).collect::<Vec<u16>>());
    }

    let times = |status| answers[0].iter().filter(|answer| **answer == status).count();
    assert!((20..=60).contains(&times(500)), "{} of {WRITES} failed", times(500));
    assert!((6..=30).contains(&times(0)), "{} of {WRITES} lost their connection", times(0));
    assert_eq!(answers[0], answers[1], "the same seed, the same writes");
    assert_ne!(answers[0], answers[2]);
}

#[tokio::test]
async fn the_log_keeps_requests_while_that_is_asked_for() {
    let world = World::new().await;
    world.user("ada").await;
    world.sandbox.set_switches(Switches { keep_requests: true, ..Switches::default() });
    world.filter("/Users", "active eq true").await;
    world.user("grace").await;
    world.sandbox.set_switches(Switches::default());
    world.user("mary").await;

    let calls = world.sandbox.calls();
    let kept: Vec<_> = calls.iter().map(|call| (call.query.as_deref(), &call.body)).collect();
    assert_eq!((kept[0], kept[3]), ((None, &None), (None, &None)));
    assert!(kept[1].0.is_some_and(|query| query.starts_with("filter=active")), "{kept:?}");
    let body = json!({"schemas": [USER], "userName": "grace"}).to_string();
    assert_eq!(kept[2], (None, &Some(body)));
}

#[tokio::test]
async fn filters_can_be_ignored_or_leave_nothing() {
    let world = World::new().await;
    world.user("ada").await;
    world.user("grace").await;
    let filter = r#"userName eq "ada""#;
    for (filters, expected) in [(Filters::Ignored, 2), (Filters::Empty, 0), (Filters::Honest, 1)] {
        world.sandbox.set_switches(Switches { filters, ..Switches::default() });
        let (status, list) = world.filter("/Users", filter).await;
        assert_eq!((status, &list["totalResults"]), (200, &json!(expected)), "{filters:?}");
    }
    world.sandbox.ensure_group("police");
    world.sandbox.set_switches(Switches { filters: Filters::Empty, ..Switches::default() });
    let (_, groups) = world.filter("/Groups", r#"displayName eq "police""#).await;
    assert_eq!(groups["totalResults"], 0);
    assert_eq!(world.get("/Groups").await.1["totalResults"], 1, "only filtered lists are empty");
}

#[tokio::test]
async fn a_patch_can_be_a_lie() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let group = world.group("police", &[]).await;
    world.sandbox.set_switches(Switches { lie_on_patch: true, ..Switches::default() });
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": ada}]}]);
    let (status, body) = world.patch(&format!("/Groups/{group}"), operations).await;
    assert_eq!((status, &body["schemas"][0]), (200, &json!(GROUP)));
    assert!(world.sandbox.members_of("police").is_empty());
    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(world.patch(&format!("/Users/{ada}"), operations).await.0, 200);
    assert!(world.sandbox.users()[0].active);
    assert_eq!(
        world.patch("/Users/nobody", json!([{"op": "remove", "path": "title"}])).await.0,
        404
    );
}

#[tokio::test]
async fn switches_are_set_one_by_one_from_outside() {
    let world = World::new().await;
    let path = "/sandbox/switches";
    let (status, _) = world
        .control(Method::POST, path, Some(json!({"refuse_next": 3, "filters": "empty"})))
        .await;
    assert_eq!(status, 200);
    let (_, left) = world.control(Method::POST, path, Some(json!({"latency_ms": 5}))).await;
    assert_eq!((&left["refuse_next"], &left["latency_ms"]), (&json!(3), &json!(5)));
    assert_eq!(world.control(Method::GET, path, None).await, (200, left));
    let expected =
        Switches { refuse_next: 3, filters: Filters::Empty, latency_ms: 5, ..Switches::default() };
    assert_eq!(world.sandbox.switches(), expected);
    for unknown in [json!({"refuse": 1}), json!({"refuse_next": -1}), json!([])] {
        assert_eq!(world.control(Method::POST, path, Some(unknown)).await.0, 400);
    }
    assert_eq!(world.sandbox.switches(), expected, "a refused setting changes nothing");
    assert!(world.sandbox.calls().is_empty(), "control is not part of the log");
}
