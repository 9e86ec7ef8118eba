//! A provisioning service fed by hand, and the events that policy-evaluation would send it.

use std::collections::BTreeMap;

use clock::TestClock;
use domain::{AccountState, Lane, PersonId, Timestamp, Value, Version};
use jiff::ToSpan;
use proto::catalogue::Service;
use proto::common::v1 as common;
use proto::policy::v1::{
    DesiredAccessChanged, DesiredAccessConfirmed, DesiredAccount, DesiredGrant, DocumentDigest,
    DocumentReleased, ReleaseActivated,
};
use provisioning::connectors::Egress;
use provisioning::{Config, EgressConfig};
use rules::Document;
use store::Store;
use testkit::{Database, Feed};
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) feed: Feed,
    pub(crate) clock: TestClock,
    pub(crate) store: Store,
    _database: Database,
}

/// An application whose connector answers from memory.
pub(crate) const IN_PROCESS: &str = "{kind: inprocess}";

/// An application that is not read before its work begins.
pub(crate) fn unread(connector: &str) -> String {
    format!("{connector}\n  reconciliation: {{every: never}}")
}

/// Settings for applications beside the service.
pub(crate) fn beside(config: Config) -> Config {
    Config { egress: EgressConfig { allow: Egress::loopback() }, ..config }
}

impl World {
    /// A service that knows no release yet.
    pub(crate) async fn empty(config: Config) -> Self {
        let database = Database::start().await;
        let clock = TestClock::at(at(0));
        let store =
            database.store(Service::Provisioning, &provisioning::MIGRATIONS, clock.clock()).await;
        let app = provisioning::start(beside(config), store.clone()).await.unwrap();
        Self { feed: Feed::new(app, store.clone()), clock, store, _database: database }
    }

    /// A service that holds a release with these applications.
    pub(crate) async fn with(applications: &[(&str, &str)]) -> Self {
        let world = Self::empty(Config::default()).await;
        world.release(1, applications).await;
        world
    }

    pub(crate) async fn release(&self, number: u64, applications: &[(&str, &str)]) {
        let (documents, activated) = release(number, applications);
        self.feed.deliver(&documents).await;
        self.feed.deliver(&[activated]).await;
    }

    /// Moves the clock to so many seconds after the start.
    pub(crate) fn at_second(&self, second: i64) {
        self.clock.advance_to(at(second));
    }

    /// The state, login and entitlements of a person's account, as provisioning last read it.
    pub(crate) async fn account(&self, person: PersonId, application: &str) -> Option<Account> {
        let row: Option<(String, String, serde_json::Value)> = sqlx::query_as(
            "SELECT state, login, entitlements FROM accounts
              WHERE person_id = $1 AND application = $2",
        )
        .bind(person.0)
        .bind(application)
        .fetch_optional(self.store.pool())
        .await
        .unwrap();
        row.map(|(state, login, entitlements)| Account {
            state,
            login,
            entitlements: serde_json::from_value(entitlements).unwrap(),
        })
    }

    /// An attribute of a person's account, as provisioning last read it.
    pub(crate) async fn attribute(
        &self,
        person: PersonId,
        application: &str,
        name: &str,
    ) -> Option<String> {
        sqlx::query_scalar(
            "SELECT attributes -> $3 ->> 'text' FROM accounts
              WHERE person_id = $1 AND application = $2",
        )
        .bind(person.0)
        .bind(application)
        .bind(name)
        .fetch_optional(self.store.pool())
        .await
        .unwrap()
        .flatten()
    }

    /// The kinds, entitlements and outcomes of all actions that ended, in the order in which they did.
    pub(crate) async fn ended(&self) -> Vec<String> {
        let published = self.feed.published::<proto::provisioning::v1::ActionFinished>().await;
        published.iter().map(shown).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) state: String,
    pub(crate) login: String,
    pub(crate) entitlements: Vec<String>,
}

fn shown(action: &proto::provisioning::v1::ActionFinished) -> String {
    let words = |name: &str| {
        let name = name.trim_start_matches("ACTION_KIND_").trim_start_matches("ACTION_OUTCOME_");
        name.to_lowercase().replace('_', " ")
    };
    let kind = words(action.kind().as_str_name());
    let outcome = words(action.outcome().as_str_name());
    let entitlement = &action.entitlement;
    let space = if entitlement.is_empty() { "" } else { " " };
    format!("{} {kind}{space}{entitlement}: {outcome}", action.application)
}

pub(crate) fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    start + second.seconds()
}

pub(crate) fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

fn version(counter: i64) -> Option<common::Version> {
    Some(Version { epoch: 1, counter }.into())
}

/// What shall hold for a person.
#[derive(Clone)]
pub(crate) struct Desired {
    person: PersonId,
    counter: i64,
    release: u64,
    lane: Lane,
    accounts: BTreeMap<String, (AccountState, BTreeMap<String, Value>)>,
    references: BTreeMap<(String, String), common::AccountReference>,
    grants: Vec<(String, String)>,
    kin: common::Kin,
}

impl Desired {
    pub(crate) fn of(person: PersonId, counter: i64) -> Self {
        let (accounts, references, grants) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self {
            person,
            counter,
            release: 1,
            lane: Lane::Regular,
            accounts,
            references,
            grants,
            kin: common::Kin::default(),
        }
    }

    /// Somebody into whom another was merged.
    pub(crate) fn merged(mut self, other: PersonId) -> Self {
        self.kin.merged_person_ids.push(other.to_string());
        self
    }

    /// Somebody who goes on under another id.
    pub(crate) fn merged_into(mut self, survivor: PersonId) -> Self {
        self.kin.merged_into_person_id = survivor.to_string();
        self
    }

    /// Somebody who was one with another, and is so no more.
    pub(crate) fn split(mut self, other: PersonId) -> Self {
        self.kin.split_person_ids.push(other.to_string());
        self
    }

    pub(crate) fn active(self, application: &str, login: &str, grants: &[&str]) -> Self {
        self.account(application, AccountState::Active, login, grants)
    }

    /// Somebody who is to come.
    pub(crate) fn suspended(self, application: &str, login: &str, grants: &[&str]) -> Self {
        self.account(application, AccountState::Suspended, login, grants)
    }

    /// Somebody who left an application.
    pub(crate) fn closed(self, application: &str, login: &str) -> Self {
        Self { lane: Lane::Leaver, ..self }.account(
            application,
            AccountState::Suspended,
            login,
            &[],
        )
    }

    pub(crate) fn under(self, release: u64) -> Self {
        Self { release, ..self }
    }

    pub(crate) fn attribute(mut self, application: &str, name: &str, value: &str) -> Self {
        let (_state, attributes) = self.accounts.get_mut(application).unwrap();
        attributes.insert(name.to_owned(), Value::Text(value.to_owned()));
        self
    }

    /// An attribute that another of the person's accounts supplies: `<application>.<attribute>`.
    pub(crate) fn refers(self, application: &str, name: &str, to: &str) -> Self {
        self.refers_to(application, name, "", to)
    }

    /// An attribute that the account of a manager supplies.
    pub(crate) fn reports(
        self,
        application: &str,
        name: &str,
        manager: PersonId,
        to: &str,
    ) -> Self {
        self.refers_to(application, name, &manager.to_string(), to)
    }

    fn refers_to(mut self, application: &str, name: &str, person: &str, to: &str) -> Self {
        let (to, attribute) = to.split_once('.').unwrap();
        let reference = common::AccountReference {
            person_id: person.to_owned(),
            application: to.to_owned(),
            attribute: attribute.to_owned(),
        };
        self.references.insert((application.to_owned(), name.to_owned()), reference);
        self
    }

    fn account(
        mut self,
        application: &str,
        state: AccountState,
        login: &str,
        grants: &[&str],
    ) -> Self {
        let login = (rules::USER_NAME.to_owned(), Value::Text(login.to_owned()));
        self.accounts.insert(application.to_owned(), (state, BTreeMap::from([login])));
        let grants = grants.iter().map(|grant| (application.to_owned(), (*grant).to_owned()));
        self.grants.extend(grants);
        self
    }

    /// The event that announces it; timelines have the same counters as desired access.
    pub(crate) fn changed(&self) -> DesiredAccessChanged {
        DesiredAccessChanged {
            person_id: self.person.to_string(),
            version: version(self.counter),
            person_version: version(self.counter),
            release: self.release,
            lane: common::Lane::from(self.lane).into(),
            evaluated_at: Some(at(0).into()),
            accounts: self
                .accounts
                .iter()
                .map(|(application, (state, attributes))| DesiredAccount {
                    application: application.clone(),
                    state: common::AccountState::from(*state).into(),
                    attributes: proto::convert::wire_attributes(attributes),
                    references: self
                        .references
                        .iter()
                        .filter(|((of, _name), _reference)| of == application)
                        .map(|((_of, name), reference)| (name.clone(), reference.clone()))
                        .collect(),
                })
                .collect(),
            grants: self
                .grants
                .iter()
                .map(|(application, entitlement)| DesiredGrant {
                    application: application.clone(),
                    entitlement: entitlement.clone(),
                    reasons: Vec::new(),
                })
                .collect(),
            person_recorded_at: Some(at(-2).into()),
            kin: (self.kin != common::Kin::default()).then(|| self.kin.clone()),
        }
    }

    /// The event that says it also holds for a newer timeline and release.
    pub(crate) fn confirmed(&self, person_counter: i64, release: u64) -> DesiredAccessConfirmed {
        DesiredAccessConfirmed {
            person_id: self.person.to_string(),
            version: version(self.counter),
            person_version: version(person_counter),
            release,
            lane: common::Lane::from(self.lane).into(),
            evaluated_at: Some(at(0).into()),
            person_recorded_at: Some(at(-1).into()),
        }
    }
}

/// The events of a release with applications, each given by its name and connector.
pub(crate) fn release(
    number: u64,
    applications: &[(&str, &str)],
) -> (Vec<DocumentReleased>, ReleaseActivated) {
    let documents: Vec<Document> = applications
        .iter()
        .flat_map(|(name, connector)| {
            let text = format!(
                "apiVersion: tenure.dev/v1\n\
                 kind: Application\n\
                 metadata: {{name: {name}}}\n\
                 spec:\n  connector: {connector}\n  account: {{login: person.name}}\n"
            );
            rules::document::load("application.yaml", &text).unwrap()
        })
        .collect();
    announced(number, &documents)
}

/// The events of a release of these documents.
pub(crate) fn announced(
    number: u64,
    documents: &[Document],
) -> (Vec<DocumentReleased>, ReleaseActivated) {
    let released = documents
        .iter()
        .map(|document| DocumentReleased {
            release: number,
            kind: document.kind().to_string(),
            name: document.name().to_owned(),
            digest: document.digest(),
            content: document.canonical().into_bytes(),
            version: version(1),
        })
        .collect();
    let activated = ReleaseActivated {
        release: number,
        content_hash: format!("hash of {}", documents.len()),
        documents: documents
            .iter()
            .map(|document| DocumentDigest {
                kind: document.kind().to_string(),
                name: document.name().to_owned(),
                digest: document.digest(),
            })
            .collect(),
        version: version(1),
        activated_at: Some(at(0).into()),
    };
    (released, activated)
}
