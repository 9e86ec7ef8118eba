//! Renames, managers, rehires and addresses that another account supplies, read in two applications
//! that somebody else wrote. Timelines are announced as hris-ingest announces them.

use std::collections::BTreeMap;

use clock::TestClock;
use domain::{Date, Value};
use mesh_tests::Mesh;
use proto::catalogue::Service;
use proto::common::v1::{Lane, Version};
use proto::hris::v1::{ChangeKind, Engagement, PersonUpdated, Slice};
use proto::policy::v1::DocumentFile;
use serde_json::json;
use testkit::Peer;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct World {
    mesh: Mesh,
    directory: Peer,
    mail: Peer,
    clock: TestClock,
}

/// What is known of somebody.
#[derive(Clone)]
struct Known {
    number: u32,
    version: u64,
    name: &'static str,
    mail: &'static str,
    department: &'static str,
    manager: Option<u32>,
    /// First and last day of each engagement.
    engagements: Vec<(&'static str, Option<&'static str>)>,
}

impl World {
    async fn start(now: &str) -> Self {
        let clock = TestClock::at(now.parse().unwrap());
        let config = json!({});
        let (mesh, directory, mail) =
            tokio::join!(Mesh::start(clock.clock()), Peer::start(&config), Peer::start(&config));
        mesh.client.apply(policies(&directory, &mail)).await.unwrap();
        Self { mesh, directory, mail, clock }
    }

    async fn announce(&self, people: &[&Known]) {
        let mut tx = self.mesh.store(Service::HrisIngest).begin().await.unwrap();
        for known in people {
            tx.publish(&known.event()).unwrap();
        }
        tx.commit().await.unwrap();
        self.mesh.settle().await;
    }

    async fn advance(&self, now: &str) {
        self.clock.advance_to(now.parse().unwrap());
        self.mesh.settle().await;
    }
}

/// The user of a person; there must be exactly one.
async fn user(peer: &Peer, known: &Known) -> serde_json::Value {
    let users = peer.users().await;
    let mut found = users.into_iter().filter(|user| user["externalId"] == id(known.number));
    let user = found.next().unwrap();
    assert!(found.next().is_none(), "two accounts carry the id of one person");
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_changes_name_and_address_everywhere_and_never_the_login_or_the_account() {
    let world = World::start("2026-03-02T15:00:00Z").await;
    let byron = Known::named(1, "Ada Byron", "ada.byron@city.example");
    world.announce(&[&byron]).await;
    let before = user(&world.directory, &byron).await;
    assert_eq!(before["userName"], "ada.byron");
    assert_eq!(before["emails"][0]["value"], "ada.byron@city.example");

    let lovelace = Known {
        version: 2,
        name: "Ada Lovelace",
        mail: "ada.lovelace@city.example",
        ..byron.clone()
    };
    world.announce(&[&lovelace]).await;

    let mail = user(&world.mail, &byron).await;
    assert_eq!(mail["emails"][0]["value"], "ada.lovelace@city.example");
    let after = user(&world.directory, &byron).await;
    assert_eq!(after["displayName"], "Ada Lovelace");
    assert_eq!(after["emails"][0]["value"], "ada.lovelace@city.example", "repaired by itself");
    assert_eq!((&after["id"], &after["userName"]), (&before["id"], &before["userName"]));
    assert_eq!(after["active"], true);
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_shown_under_the_managers_account_and_follows_another_manager() {
    let world = World::start("2026-03-02T15:00:00Z").await;
    let grace = Known::named(2, "Grace Hopper", "grace@city.example");
    let edith = Known::named(3, "Edith Clarke", "edith@city.example");
    let ada = Known { manager: Some(2), ..Known::named(1, "Ada Lovelace", "ada@city.example") };

    // Three people of whom nobody has an account yet, all at once.
    world.announce(&[&ada, &grace, &edith]).await;
    let manager = user(&world.directory, &ada).await[ENTERPRISE]["manager"]["value"].clone();
    assert_eq!(manager, user(&world.directory, &grace).await["id"]);

    world.announce(&[&Known { version: 2, manager: Some(3), ..ada.clone() }]).await;

    let manager = user(&world.directory, &ada).await[ENTERPRISE]["manager"]["value"].clone();
    assert_eq!(manager, user(&world.directory, &edith).await["id"]);
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehire_gets_the_kept_account_back_with_what_todays_policies_give() {
    let world = World::start("2026-03-02T15:00:00Z").await;
    let hired =
        Known { department: "Engineering", ..Known::named(1, "Ada Lovelace", "ada@city.example") };
    world.announce(&[&hired]).await;
    let kept = user(&world.directory, &hired).await["id"].as_str().unwrap().to_owned();
    assert_eq!(world.directory.members("engineers").await, [kept.as_str()]);

    let left = Known {
        version: 2,
        engagements: vec![("2020-01-06", Some("2026-03-01"))],
        ..hired.clone()
    };
    world.announce(&[&left]).await;
    assert_eq!(user(&world.directory, &hired).await["active"], false);
    assert!(world.directory.members("engineers").await.is_empty());

    let again = Known {
        version: 3,
        department: "Sales",
        engagements: vec![("2020-01-06", Some("2026-03-01")), ("2026-04-06", None)],
        ..hired.clone()
    };
    world.announce(&[&again]).await;
    assert_eq!(user(&world.directory, &hired).await["active"], false, "the first day is far off");
    world.advance("2026-04-06T04:00:00Z").await;

    let back = user(&world.directory, &hired).await;
    assert_eq!((&back["id"], &back["active"]), (&json!(kept), &json!(true)));
    assert_eq!(back["userName"], "ada.lovelace");
    assert_eq!(world.directory.members("staff").await, [kept.as_str()]);
    assert!(world.directory.members("engineers").await.is_empty(), "that was the former role");
    world.mesh.stop().await;
}

impl Known {
    fn named(number: u32, name: &'static str, mail: &'static str) -> Self {
        Self {
            number,
            version: 1,
            name,
            mail,
            department: "Sales",
            manager: None,
            engagements: vec![("2020-01-06", None)],
        }
    }

    fn event(&self) -> PersonUpdated {
        let text =
            |name: &str, value: &str| (name.to_owned(), Value::Text(value.to_owned()).into());
        let attributes: BTreeMap<_, _> = [
            text("display_name", self.name),
            text("mail", self.mail),
            text("department", self.department),
        ]
        .into();
        let now: domain::Timestamp = "2026-03-02T14:59:00Z".parse().unwrap();
        let engagement =
            |number: usize| format!("018f0000-0000-7000-9000-{:08x}{number:04x}", self.number);
        let ended = self.engagements.iter().all(|(_first, last)| last.is_some());
        PersonUpdated {
            person_id: id(self.number),
            version: Some(Version { epoch: 1, counter: self.version }),
            lane: if ended { Lane::Leaver } else { Lane::Regular }.into(),
            change: ChangeKind::Changed.into(),
            engagements: self
                .engagements
                .iter()
                .enumerate()
                .map(|(number, (first, last))| Engagement {
                    engagement_id: engagement(number),
                    source: "staff".to_owned(),
                    start_date: Some(date(first)),
                    last_working_day: last.map(date),
                    termination_date: None,
                    quiet_through: None,
                    ends_at: None,
                })
                .collect(),
            slices: self
                .engagements
                .iter()
                .enumerate()
                .map(|(number, (first, _last))| Slice {
                    engagement_id: engagement(number),
                    from: Some(date(first)),
                    until: None,
                    attributes: attributes.clone(),
                    manager_person_id: self.manager.map(id).unwrap_or_default(),
                })
                .collect(),
            zone: "America/New_York".to_owned(),
            recorded_at: Some(now.into()),
            held_since: None,
            kin: None,
        }
    }
}

fn id(number: u32) -> String {
    format!("018f0000-0000-7000-8000-{number:012x}")
}

fn date(text: &str) -> proto::common::v1::CivilDate {
    text.parse::<Date>().unwrap().into()
}

fn policies(directory: &Peer, mail: &Peer) -> Vec<DocumentFile> {
    let content = format!(
        "
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {{name: staff}}
spec:
  attributes:
    display_name: {{type: string}}
    mail: {{type: string}}
    department: {{type: string}}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: directory}}
spec:
  description: The identity provider
  owner: {{name: Identity team, mail: identity@city.example}}
  connector: {{kind: scim, url: \"{}\", token: \"{}\"}}
  account:
    login: slug(person.display_name)
    attributes:
      displayName: person.display_name
      email: accounts.mail.email
      manager: manager.accounts.directory.id
  entitlements:
    - {{name: staff, description: Everybody}}
    - {{name: engineers, description: Engineering}}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: mail}}
spec:
  description: Mailboxes
  connector: {{kind: scim, url: \"{}\", token: \"{}\"}}
  account:
    login: slug(person.display_name)
    attributes: {{email: person.mail}}
  entitlements: [{{name: mailbox, description: A mailbox}}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {{name: everyone}}
spec:
  description: What everybody has
  entitlements:
    - {{application: directory, entitlement: staff}}
    - {{application: mail, entitlement: mailbox}}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {{name: engineering}}
spec:
  description: What engineers have
  entitlements: [{{application: directory, entitlement: engineers}}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {{name: everyone}}
spec:
  description: Everybody who works here
  condition: \"true\"
  grants: [{{bundle: everyone}}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {{name: engineering}}
spec:
  description: Engineers
  condition: person.department == \"Engineering\"
  grants: [{{bundle: engineering}}]
",
        directory.url(),
        directory.token_reference(),
        mail.url(),
        mail.token_reference()
    );
    vec![DocumentFile { path: "policies.yaml".to_owned(), content }]
}
