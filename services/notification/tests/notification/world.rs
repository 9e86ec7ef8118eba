//! A notification service fed by hand, and the events that others would send it.

use std::num::{NonZeroU16, NonZeroU32};

use clock::TestClock;
use domain::{AccountState, Date, Lane, PersonId, Timestamp, Version};
use notification::{Config, Smtp, Tls};
use proto::catalogue::Service;
use proto::common::v1 as common;
use proto::policy::v1::{
    DocumentDigest, DocumentReleased, EngagementStanding, LifecycleChanged, PositionChange,
    ReleaseActivated,
};
use proto::provisioning::v1::{AccountChanged, PersonSettled};
use sha2::{Digest as _, Sha256};
use store::Store;
use testkit::{Database, Feed, Mail, MailServer};
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) feed: Feed,
    pub(crate) clock: TestClock,
    pub(crate) store: Store,
    pub(crate) server: Option<MailServer>,
    pub(crate) config: Config,
    pub(crate) database: Database,
}

/// The boss of those who have one: person 7.
pub(crate) const BOSS: u128 = 7;

impl World {
    /// A service without a mail server.
    pub(crate) async fn silent() -> Self {
        Self::start(quick(None), None).await
    }

    /// A service with a mail server, that gathers no notices.
    pub(crate) async fn with_mail() -> Self {
        Self::configured(|_config| {}).await
    }

    /// A service with a mail server and settings of its own.
    pub(crate) async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let server = MailServer::start().await;
        let mut config = quick(Some(&server));
        change(&mut config);
        Self::start(config, Some(server)).await
    }

    async fn start(config: Config, server: Option<MailServer>) -> Self {
        let database = Database::start().await;
        let clock = TestClock::at(at("2026-03-02T09:00:00Z"));
        let store =
            database.store(Service::Notification, &notification::MIGRATIONS, clock.clock()).await;
        let app = notification::start(config.clone(), store.clone()).await.unwrap();
        let feed = Feed::new(app, store.clone());
        Self { feed, clock, store, server, config, database }
    }

    /// Moves the clock, and does what is due then.
    pub(crate) async fn drive_at(&self, instant: &str) {
        self.clock.advance_to(at(instant));
        self.feed.drive().await;
    }

    pub(crate) fn server(&self) -> &MailServer {
        self.server.as_ref().unwrap()
    }

    /// What the mail server has taken over: to whom, and about what.
    pub(crate) fn received(&self) -> Vec<String> {
        let mut received: Vec<String> = self.server().received().iter().map(shown).collect();
        received.sort();
        received
    }

    /// Every notice that was not canceled, in words.
    pub(crate) async fn notices(&self) -> Vec<String> {
        let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(
            "SELECT template, effective_date::text, recipient_kind, recipient, state
               FROM notices WHERE state <> 'canceled'
              ORDER BY effective_date, template, recipient_kind, recipient",
        )
        .fetch_all(self.store.pool())
        .await
        .unwrap();
        rows.into_iter()
            .map(|(template, date, kind, recipient, state)| {
                let recipient = match recipient.parse::<Uuid>() {
                    Ok(id) => id.as_u128().to_string(),
                    Err(_no_id) => recipient,
                };
                format!("{template} on {date} to {kind} {recipient}: {state}")
            })
            .collect()
    }

    /// A person's boss, with an address.
    pub(crate) async fn boss(&self) {
        let boss = Life::of(BOSS, 1).mail("boss@example.org").works("2020-01-01", "Boss", 0);
        self.feed.deliver(&[boss.quiet().changed()]).await;
    }
}

/// Nothing waits for anything, so that tests move time by hand.
fn quick(server: Option<&MailServer>) -> Config {
    Config {
        smtp: server.map(|server| Smtp {
            host: "127.0.0.1".to_owned(),
            port: Some(server.port()),
            tls: Tls::None,
            from: "Tenure <tenure@example.org>".to_owned(),
            timeout_seconds: NonZeroU32::new(10).unwrap(),
            ..Smtp::default()
        }),
        gather_seconds: 0,
        recipient_wait_seconds: 0,
        backoff_seconds: NonZeroU32::new(1).unwrap(),
        digest_threshold: NonZeroU16::new(5).unwrap(),
        ..Config::default()
    }
}

pub(crate) fn shown(mail: &Mail) -> String {
    format!("{}: {}", mail.to.join(" "), mail.subject)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn midnight(date: Date) -> Timestamp {
    at(&format!("{date}T00:00:00Z"))
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

pub(crate) fn version(counter: i64) -> Option<common::Version> {
    Some(Version { epoch: 1, counter }.into())
}

/// Where a person stands.
#[derive(Clone)]
pub(crate) struct Life(LifecycleChanged);

impl Life {
    pub(crate) fn of(number: u128, counter: i64) -> Self {
        Self(LifecycleChanged {
            person_id: person(number).to_string(),
            version: version(counter),
            person_version: version(counter),
            lane: common::Lane::Regular.into(),
            evaluated_at: Some(at("2026-03-01T00:00:00Z").into()),
            display_name: format!("Person {number}"),
            mail: String::new(),
            zone: "UTC".to_owned(),
            engagements: Vec::new(),
            kin: None,
        })
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.display_name);
        self
    }

    pub(crate) fn mail(mut self, mail: &str) -> Self {
        mail.clone_into(&mut self.0.mail);
        self
    }

    pub(crate) fn lane(mut self, lane: Lane) -> Self {
        self.0.lane = common::Lane::from(lane).into();
        self
    }

    pub(crate) fn evaluated(mut self, instant: &str) -> Self {
        self.0.evaluated_at = Some(at(instant).into());
        self
    }

    /// Somebody into whom another was merged.
    pub(crate) fn merged(mut self, other: u128) -> Self {
        self.kin().merged_person_ids.push(person(other).to_string());
        self
    }

    /// Somebody who goes on under another id.
    pub(crate) fn merged_into(mut self, survivor: u128) -> Self {
        self.kin().merged_into_person_id = person(survivor).to_string();
        self
    }

    /// Somebody who was one with another, and is so no more.
    pub(crate) fn split(mut self, other: u128) -> Self {
        self.kin().split_person_ids.push(person(other).to_string());
        self
    }

    fn kin(&mut self) -> &mut common::Kin {
        self.0.kin.get_or_insert_default()
    }

    /// Takes over the engagements of another life.
    pub(crate) fn with(mut self, other: &Self) -> Self {
        self.0.engagements.extend(other.0.engagements.iter().cloned());
        self
    }

    /// Begins an engagement.
    pub(crate) fn works(mut self, from: &str, title: &str, boss: u128) -> Self {
        let number = Uuid::parse_str(&self.0.person_id).unwrap().as_u128() * 100;
        let engagement = number + u128::try_from(self.0.engagements.len()).unwrap();
        self.0.engagements.push(EngagementStanding {
            engagement_id: Uuid::from_u128(engagement).to_string(),
            start_date: Some(date(from).into()),
            starts_at: Some(midnight(date(from)).into()),
            ..EngagementStanding::default()
        });
        self.then(from, title, boss)
    }

    /// Another position in the engagement that was begun last.
    pub(crate) fn then(mut self, from: &str, title: &str, boss: u128) -> Self {
        let manager = if boss == 0 { String::new() } else { person(boss).to_string() };
        self.0.engagements.last_mut().unwrap().positions.push(PositionChange {
            from: Some(date(from).into()),
            from_at: Some(midnight(date(from)).into()),
            title: title.to_owned(),
            department: "Bridges".to_owned(),
            location: String::new(),
            manager_person_id: manager,
        });
        self
    }

    /// Ends the engagement that was begun last.
    pub(crate) fn until(mut self, last: &str) -> Self {
        let engagement = self.0.engagements.last_mut().unwrap();
        engagement.last_working_day = Some(date(last).into());
        engagement.ends_at = Some(midnight(date(last).tomorrow().unwrap()).into());
        self
    }

    /// Everything up to the start of the tests is history that was taken over.
    pub(crate) fn quiet(mut self) -> Self {
        for engagement in &mut self.0.engagements {
            engagement.quiet_through = Some(date("2026-03-01").into());
        }
        self
    }

    pub(crate) fn changed(&self) -> LifecycleChanged {
        self.0.clone()
    }
}

pub(crate) fn account(
    number: u128,
    counter: i64,
    application: &str,
    state: AccountState,
) -> AccountChanged {
    AccountChanged {
        person_id: person(number).to_string(),
        application: application.to_owned(),
        account_id: "1".to_owned(),
        login: format!("login{number}"),
        state: common::AccountState::from(state).into(),
        entitlements: Vec::new(),
        version: version(counter),
        observed_at: Some(at("2026-03-02T08:00:00Z").into()),
        lane: common::Lane::Regular.into(),
    }
}

pub(crate) fn settled(number: u128, counter: i64, person_counter: i64, open: u32) -> PersonSettled {
    PersonSettled {
        person_id: person(number).to_string(),
        person_version: version(person_counter),
        desired_version: version(counter),
        release: 1,
        open,
        failed: 0,
        version: version(counter),
        settled_at: Some(at("2026-03-02T08:00:00Z").into()),
        lane: common::Lane::Regular.into(),
        person_recorded_at: Some(at("2026-03-02T07:00:00Z").into()),
        tasks: 0,
    }
}

/// The events of a release whose applications have these owners.
pub(crate) fn release(
    number: u64,
    owners: &[(&str, &str)],
) -> (Vec<DocumentReleased>, ReleaseActivated) {
    let documents: Vec<DocumentReleased> = owners
        .iter()
        .map(|(application, mail)| {
            let content = format!(
                r#"{{"kind":"Application","metadata":{{"name":"{application}"}},"spec":{{"owner":{{"mail":"{mail}","name":"Owner"}}}}}}"#
            );
            let hash = Sha256::digest(content.as_bytes());
            DocumentReleased {
                release: number,
                kind: "Application".to_owned(),
                name: (*application).to_owned(),
                digest: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
                content: content.into_bytes(),
                version: version(1),
            }
        })
        .collect();
    let activated = ReleaseActivated {
        release: number,
        content_hash: format!("{owners:?}"),
        documents: documents
            .iter()
            .map(|document| DocumentDigest {
                kind: document.kind.clone(),
                name: document.name.clone(),
                digest: document.digest.clone(),
            })
            .collect(),
        version: version(1),
        activated_at: Some(at("2026-03-02T08:00:00Z").into()),
    };
    (documents, activated)
}
