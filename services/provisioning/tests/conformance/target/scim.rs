//! Service providers that speak SCIM, each behind a proxy.

use provisioning::connectors::{Connector, Scim, Secret, Settings};
use serde_json::{Value, json};
use testkit::{Call, Peer, Proxy};

use super::{Account, GROUP};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The service providers, scim2-server also without what was taken from it on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Scim2Server,
    WithoutPatch,
    WithoutFilters,
    WithCursors,
    Scimmy,
    DjangoScim2,
}

/// A service provider, and the proxy that connectors speak to.
pub(crate) struct Service {
    provider: Provider,
    peer: Peer,
    proxy: Proxy,
}

impl Service {
    pub(super) async fn start(provider: Provider) -> Result<Self, String> {
        let peer = match provider {
            Provider::Scim2Server => Peer::start(&json!({})).await,
            Provider::WithoutPatch => Peer::start(&json!({"patch": {"supported": false}})).await,
            Provider::WithoutFilters => Peer::start(&json!({"filter": {"supported": false}})).await,
            Provider::WithCursors => Peer::start(&json!({"pagination": cursors()})).await,
            Provider::Scimmy => Peer::scimmy().await?,
            Provider::DjangoScim2 => Peer::django().await,
        };
        let proxy = Proxy::before(peer.url()).await;
        Ok(Self { provider, peer, proxy })
    }

    pub(super) fn connector(&self) -> Connector {
        let token = Some(Secret::new(self.peer.token().to_owned()));
        let egress = provisioning::connectors::Egress::loopback();
        let settings = Settings { token, egress, ..Settings::new("directory", self.proxy.url()) };
        Connector::Scim(Box::new(Scim::try_new(&settings).unwrap()))
    }

    pub(super) fn attributes(&self, number: u128) -> Vec<(&'static str, String)> {
        if self.provider == Provider::DjangoScim2 {
            return vec![
                ("givenName", format!("Given {number}")),
                ("familyName", format!("Family {number}")),
                ("email", format!("p{number}@city.example")),
            ];
        }
        vec![
            ("displayName", format!("Person {number}")),
            ("title", "Officer".to_owned()),
            ("department", "Police".to_owned()),
        ]
    }

    pub(super) fn changing(&self) -> &'static str {
        if self.provider == Provider::DjangoScim2 { "familyName" } else { "title" }
    }

    /// Which program it is.
    pub(crate) fn provider(&self) -> Provider {
        self.provider
    }

    /// The path of the only group of the name.
    pub(crate) async fn group(&self) -> String {
        let groups = self.peer.groups().await;
        let mut named = groups.iter().filter(|group| group["displayName"] == GROUP);
        let id = named.next().and_then(|group| group["id"].as_str()).expect("the group is there");
        format!("/Groups/{id}")
    }

    /// The program itself.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What stands before it.
    pub(crate) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Whether it can be asked for a few resources at a time.
    pub(crate) fn pages(&self) -> bool {
        self.provider != Provider::Scimmy
    }

    pub(super) async fn accounts(&self) -> Vec<Account> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let users = self.peer.users().await;
        let account = |user: Value| Account {
            id: text(&user["id"]),
            login: text(&user["userName"]),
            active: user["active"] != false,
            person: text(&user["externalId"]),
        };
        users.into_iter().map(account).collect()
    }

    pub(super) async fn make_stranger(&self, login: &str) {
        let stranger = json!({"schemas": [USER], "userName": login, "active": true});
        self.peer.make("/Users", &stranger).await;
    }
}

/// Pages of two, and no other way to the next one than its cursor.
fn cursors() -> Value {
    json!({
        "cursor": true,
        "index": false,
        "defaultPaginationMethod": "cursor",
        "defaultPageSize": 2,
        "maxPageSize": 2,
        "cursorTimeout": 3600,
    })
}

/// How memberships are taken, in the words of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taking {
    Path,
    Values,
    Put,
}

/// How a call takes memberships; none when it does something else.
pub(crate) fn taking(call: &Call) -> Option<Taking> {
    if !call.path.contains("/Groups/") {
        return None;
    }
    match (call.method.as_str(), &call.body["Operations"][0]) {
        ("PUT", _) => Some(Taking::Put),
        ("PATCH", operation) if operation["op"] == "remove" => {
            let values = operation["path"] == "members";
            Some(if values { Taking::Values } else { Taking::Path })
        }
        _ => None,
    }
}

/// The calls that took memberships, with what was answered: `path 501, values 200`.
pub(crate) fn dialects(calls: &[Call]) -> String {
    let told = calls.iter().filter_map(|call| {
        let name = match taking(call)? {
            Taking::Path => "path",
            Taking::Values => "values",
            Taking::Put => "PUT",
        };
        Some(format!("{name} {}", call.status))
    });
    told.collect::<Vec<_>>().join(", ")
}
