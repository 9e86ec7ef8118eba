//! The sandbox application, seen through HTTP.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod binary;
mod groups;
mod protocol;
mod switches;
mod users;

use clock::Clock;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use testkit::sandbox::{Sandbox, SandboxConfig};

const TOKEN: &str = "sandbox-token";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// An application and a client of it.
struct World {
    sandbox: Sandbox,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let config = SandboxConfig::new("directory", TOKEN, Clock::system());
        Self { sandbox: Sandbox::start(config).await.unwrap(), client: client() }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let url = format!("{}{path}", self.sandbox.base_url());
        let mut request = self.client.request(method, url).bearer_auth(TOKEN);
        if let Some(body) = body {
            request =
                request.header("content-type", "application/scim+json").body(body.to_string());
        }
        request.send().await.unwrap()
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.send(method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::PUT, path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> u16 {
        self.call(Method::DELETE, path, None).await.0
    }

    /// Sends a PATCH with the given operations.
    async fn patch(&self, path: &str, operations: Value) -> (u16, Value) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Lists what a filter leaves.
    async fn filter(&self, path: &str, filter: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox.base_url());
        let request = self.client.get(url).query(&[("filter", filter)]).bearer_auth(TOKEN);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Creates a user and returns its id.
    async fn user(&self, user_name: &str) -> String {
        let (status, user) =
            self.post("/Users", json!({"schemas": [USER], "userName": user_name})).await;
        assert_eq!(status, 201, "{user}");
        user["id"].as_str().unwrap().to_owned()
    }

    /// Creates a group and returns its id.
    async fn group(&self, display_name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": display_name, "members": members});
        let (status, group) = self.post("/Groups", body).await;
        assert_eq!(status, 201, "{group}");
        group["id"].as_str().unwrap().to_owned()
    }

    /// Calls the controlling interface.
    async fn control(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let root = self.sandbox.base_url().trim_end_matches("/scim/v2");
        let mut request = self.client.request(method, format!("{root}{path}")).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

fn client() -> Client {
    // Only the first test of a process installs it; the others find it installed.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder().no_proxy().build().unwrap()
}

#[track_caller]
fn assert_refused((status, body): (u16, Value), expected: u16, scim_type: &str) {
    assert_eq!(status, expected, "{body}");
    assert_eq!(body["scimType"], scim_type, "{body}");
    assert_eq!(body["status"], expected.to_string());
    assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
}
