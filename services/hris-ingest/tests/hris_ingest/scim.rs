//! People whom a SCIM client pushes.

mod canary;
mod ends;
mod judges;
mod protocol;
mod tokens;

use hris_ingest::{Config, ScimConfig};
use proto::hris::v1::source_service_client::SourceServiceClient;
use proto::hris::v1::{ApplySourceRequest, CreateTokenRequest};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::service::Ingest;

/// A source whose client writes what most write.
pub(crate) const OKTA: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: okta}
spec:
  format: scim
  key: [number]
  manager: manager
  zone: America/New_York
  fields:
    number: {column: externalId}
    login: {column: userName}
    display_name: {column: displayName}
    given: {column: name.givenName, optional: true}
    family: {column: name.familyName, optional: true}
    mail: {column: emails.work, optional: true}
    private_mail: {column: emails.home, optional: true}
    title: {column: title, optional: true}
    department: {column: department, optional: true}
    manager: {column: manager, optional: true}
    grade: {column: 'urn:example:params:scim:schemas:tenure:2.0:User:grade', type: integer, optional: true}
  attributes: [display_name, mail, title, department, grade, worker_id]
";

/// A client of the door.
#[derive(Debug, Clone)]
pub(crate) struct Scim {
    pub(crate) url: String,
    pub(crate) token: String,
    client: Client,
}

/// A service with the door open.
pub(crate) async fn start() -> Ingest {
    let address = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let scim = ScimConfig { address, url: None };
    Ingest::start_with(Config { scim, ..Config::default() }).await
}

/// Keeps a document and makes a token of its source.
pub(crate) async fn token(ingest: &Ingest, document: &str, source: &str) -> String {
    let mut client = SourceServiceClient::new(ingest.channel());
    let request = ApplySourceRequest { document: document.to_owned() };
    client.apply_source(request).await.unwrap();
    let request = CreateTokenRequest { source: source.to_owned() };
    client.create_token(request).await.unwrap().into_inner().token
}

/// Somebody who writes what [`OKTA`] maps, and more.
pub(crate) fn person(number: &str, name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": number,
        "userName": format!("{name}@example.com"),
        "displayName": name,
        "active": true,
    })
}

impl Scim {
    /// A client of [`OKTA`].
    pub(crate) async fn okta(ingest: &Ingest) -> Self {
        let token = token(ingest, OKTA, "okta").await;
        Self::new(ingest, token)
    }

    pub(crate) fn new(ingest: &Ingest, token: String) -> Self {
        let url = format!("http://{}/scim/v2", ingest.http());
        Self { url, token, client: testkit::http_client() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// Sends a body and returns status and body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.request(method, path).header("content-type", "application/scim+json");
        answer(request.body(body.to_string()).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, body: &Value) -> (u16, Value) {
        self.send(Method::POST, "/Users", body).await
    }

    /// Makes somebody and returns their id.
    pub(crate) async fn make(&self, body: &Value) -> String {
        let (status, made) = self.post(body).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn patch(&self, id: &str, operations: Value) -> (u16, Value) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.send(Method::PATCH, &format!("/Users/{id}"), &body).await
    }

    pub(crate) async fn delete(&self, id: &str) -> u16 {
        self.send(Method::DELETE, &format!("/Users/{id}"), &Value::Null).await.0
    }

    /// Asks with a filter and returns how many fit.
    pub(crate) async fn found(&self, filter: &str) -> u64 {
        let request = self.request(Method::GET, "/Users").query(&[("filter", filter)]);
        let (status, list) = answer(request.send().await.unwrap()).await;
        assert_eq!(status, 200, "{list}");
        list["totalResults"].as_u64().unwrap()
    }
}

pub(crate) async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    (status, body)
}
