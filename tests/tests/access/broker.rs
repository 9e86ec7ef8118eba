//! Every program's credentials against every subject, stream and consumer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, Event};
use bus::accounts::Holder;
use futures::StreamExt as _;
use futures::future::join_all;
use proto::catalogue::{STREAMS, Service, durables_of};
use proto::upstream;
use servers::{Nats, NatsConfig, Tools};
use testkit::Broker;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::page::{Table, show, table};

const SOURCE: &str = "payroll";
/// How long what must come may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long an answer may take; what is refused is never answered.
const PATIENCE: Duration = Duration::from_millis(400);
/// Under which names the API of JetStream may be asked.
const PREFIXES: [&str; 2] = ["$JS.API", "TENURE.API"];

/// A client, and what the broker reproaches it with.
struct Suspect {
    client: Client,
    errors: UnboundedReceiver<String>,
}

impl Suspect {
    async fn connect(broker: &mut Broker, holder: &Holder) -> Self {
        let (sender, errors) = unbounded_channel();
        let path = broker.write_credentials(holder, Duration::from_secs(3600));
        let mut options = bus::connect::options(Some(&path), None).event_callback(move |event| {
            let sender = sender.clone();
            async move {
                if let Event::ServerError(error) = event {
                    sender.send(error.to_string()).ok();
                }
            }
        });
        if let Holder::Service(service) = holder {
            options = options.custom_inbox_prefix(service.inbox_prefix());
        }
        let client = options.connect(broker.server().url()).await.unwrap();
        Self { client, errors }
    }

    /// Whether the broker has said anything of a subject since it was last asked.
    async fn is_reproached(&mut self, subject: &str) -> bool {
        self.client.flush().await.unwrap();
        let quoted = format!("\"{subject}\"");
        let reproach = async {
            while let Some(error) = self.errors.recv().await {
                if error.to_lowercase().contains(&quoted.to_lowercase()) {
                    return true;
                }
            }
            false
        };
        timeout(PATIENCE, reproach).await.unwrap_or(false)
    }

    /// Whether the broker takes a message for a subject and says so, as a stream does; it does not where
    /// it reproaches the sender.
    async fn may_publish(&mut self, subject: &str) -> bool {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.unwrap();
        let published = self.client.publish_with_reply(subject.to_owned(), inbox, "probe".into());
        published.await.unwrap();
        let quoted = format!("\"{}\"", subject.to_lowercase());
        let judged = async {
            loop {
                tokio::select! {
                    answer = answers.next() => {
                        let status = answer.unwrap().status.map_or(200, |status| status.as_u16());
                        return status != 503;
                    }
                    error = self.errors.recv() => {
                        if error.unwrap().to_lowercase().contains(&quoted) {
                            return false;
                        }
                    }
                }
            }
        };
        timeout(DEADLINE, judged).await.unwrap_or_else(|_late| panic!("nothing comes of {subject}"))
    }

    async fn may_subscribe(&mut self, subject: &str) -> bool {
        let subscription = self.client.subscribe(subject.to_owned()).await.unwrap();
        let may = !self.is_reproached(subject).await;
        drop(subscription);
        may
    }

    /// Asks all of it at once, and returns the names of what was answered.
    async fn answered(
        &self,
        wishes: impl Iterator<Item = (String, String, String)>,
    ) -> BTreeSet<String> {
        let asked = wishes.map(|(name, subject, body)| async move {
            self.ask(subject, &body).await.map(|_answer| name)
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// What is answered to a request of JetStream's API, unless it is that there is no such thing.
    async fn ask(&self, subject: String, body: &str) -> Option<String> {
        // What a stream holds comes under its own subject, by which no request knows its answer.
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.unwrap();
        self.client.publish_with_reply(subject, inbox, body.to_owned().into()).await.unwrap();
        let answer = timeout(PATIENCE, answers.next()).await.ok()??;
        let status = answer.status.map_or(200, |status| status.as_u16());
        let text = String::from_utf8_lossy(&answer.payload).into_owned();
        // 503: nobody listens; 10039, 10076: this account keeps no streams.
        let none = status == 503 || text.contains("10039") || text.contains("10076");
        (!none).then(|| format!("{status} {text}"))
    }
}

/// Subjects of every stream and of every source, of which the first is tried.
fn subjects() -> BTreeMap<String, String> {
    let own = STREAMS
        .iter()
        .map(|row| (row.subjects(), format!("tenure.{}.v1.probe.tried.regular.1", row.token)));
    let intake = domain::Lane::ALL.map(|lane| upstream::intake(SOURCE, lane));
    own.chain(intake.map(|subject| (subject.clone(), subject))).collect()
}

/// How many messages each stream has taken in all.
async fn counts(owner: &Client) -> BTreeMap<String, u64> {
    let context = jetstream::new(owner.clone());
    let mut counts = BTreeMap::new();
    for kept in bus::admin::kept() {
        let stream = context.get_stream(kept.name).await.unwrap();
        counts.insert(kept.name.to_owned(), stream.cached_info().state.last_sequence);
    }
    counts
}

/// Everything that a stream and its consumers are, but for what they hold.
async fn shape(owner: &Client) -> Vec<String> {
    let context = jetstream::new(owner.clone());
    let mut shape = Vec::new();
    for kept in bus::admin::kept() {
        let stream = context.get_stream(kept.name).await.unwrap();
        shape.push(serde_json::to_value(&stream.cached_info().config).unwrap().to_string());
        let mut names = stream.consumer_names();
        while let Some(name) = futures::TryStreamExt::try_next(&mut names).await.unwrap() {
            shape.push(name);
        }
    }
    shape.sort();
    shape
}

async fn observe(broker: &mut Broker, holder: &Holder) -> Vec<BTreeSet<String>> {
    let owner = broker.owner().await;
    let mut suspect = Suspect::connect(broker, holder).await;
    let mut publishes = BTreeSet::new();
    for (listed, subject) in subjects() {
        let before = counts(&owner).await;
        let may = suspect.may_publish(&subject).await;
        assert_eq!(counts(&owner).await != before, may, "what is taken is kept: {subject}");
        if may {
            publishes.insert(listed);
        }
    }
    let request = upstream::request(SOURCE);
    suspect.client.publish(request.clone(), "probe".into()).await.unwrap();
    if !suspect.is_reproached(&request).await {
        publishes.insert(request);
    }
    let pulls = PREFIXES.into_iter().flat_map(|prefix| {
        Service::ALL.into_iter().flat_map(durables_of).map(move |durable| {
            let (stream, name) = (durable.stream, durable.name);
            let pull = format!("{prefix}.CONSUMER.MSG.NEXT.{stream}.{name}");
            (format!("{stream}/{name}"), pull, r#"{"batch":1,"no_wait":true}"#.to_owned())
        })
    });
    let consumes = suspect.answered(pulls).await;
    let looks = PREFIXES.into_iter().flat_map(|prefix| {
        let kept = bus::admin::kept().into_iter();
        kept.map(move |kept| {
            let info = format!("{prefix}.STREAM.INFO.{}", kept.name);
            (kept.name.to_owned(), info, String::new())
        })
    });
    let looks = suspect.answered(looks).await;
    let mut hears = BTreeSet::new();
    for subject in candidates() {
        if suspect.may_subscribe(&subject).await {
            hears.insert(subject);
        }
    }
    vec![publishes, consumes, looks, hears]
}

/// Subjects that somebody may or would like to hear.
fn candidates() -> BTreeSet<String> {
    let inboxes = Service::ALL.map(|service| format!("{}.>", service.inbox_prefix()));
    let streams = STREAMS.iter().map(|row| row.subjects());
    let others = [">", "_INBOX.>", "$SYS.>", "$JS.>", "TENURE.API.>", upstream::REQUESTS];
    let receipts = upstream::receipts(SOURCE);
    inboxes
        .into_iter()
        .chain(streams)
        .chain(others.map(str::to_owned))
        .chain([receipts, upstream::INTAKE.to_owned()])
        .collect()
}

#[tokio::test]
async fn everybody_may_do_at_the_broker_what_is_documented_and_nothing_else() {
    let mut broker = Broker::start().await;
    let sources = [SOURCE.to_owned()];

    let mut observed = Table::new();
    for holder in Holder::all(&sources).filter(|holder| *holder != Holder::Owner) {
        let row = observe(&mut broker, &holder).await;
        observed.insert(holder.user(), row);
    }

    show("| who | publishes | consumes | reads the state of | hears |", &observed);
    assert_eq!(observed, table("At the broker"));
}

#[tokio::test]
async fn nobody_but_set_up_can_make_change_empty_or_read_a_stream_by_position() {
    let mut broker = Broker::start().await;
    let owner = broker.owner().await;
    let told = jetstream::new(owner.clone());
    for row in STREAMS {
        let subject = format!("tenure.{}.v1.probe.kept.regular.1", row.token);
        told.publish(subject, "kept".into()).await.unwrap().await.unwrap();
    }
    let (shape_before, counts_before) = (shape(&owner).await, counts(&owner).await);

    let mut answered = Vec::new();
    let sources = [SOURCE.to_owned()];
    for holder in Holder::all(&sources).filter(|holder| *holder != Holder::Owner) {
        let suspect = Suspect::connect(&mut broker, &holder).await;
        let calls = PREFIXES.into_iter().flat_map(|prefix| {
            wishes().into_iter().map(move |(call, body)| {
                let subject = format!("{prefix}.{call}");
                (subject.clone(), subject, body)
            })
        });
        let user = holder.user();
        answered.extend(
            suspect.answered(calls).await.into_iter().map(|call| format!("{user}: {call}")),
        );
    }

    assert!(answered.is_empty(), "{answered:#?}");
    assert_eq!(shape(&owner).await, shape_before);
    assert_eq!(counts(&owner).await, counts_before);
}

/// Calls of JetStream's API that no service needs.
fn wishes() -> Vec<(String, String)> {
    let mut wishes = vec![
        ("INFO".to_owned(), String::new()),
        ("STREAM.NAMES".to_owned(), "{}".to_owned()),
        ("STREAM.LIST".to_owned(), "{}".to_owned()),
        ("STREAM.CREATE.OWN".to_owned(), r#"{"name":"OWN","subjects":["own.>"]}"#.to_owned()),
    ];
    for row in STREAMS {
        let name = row.name;
        let config =
            format!(r#"{{"name":"{name}","subjects":["{}"],"max_msgs":1}}"#, row.subjects());
        for (call, body) in [
            ("STREAM.UPDATE", config.as_str()),
            ("STREAM.DELETE", ""),
            ("STREAM.PURGE", ""),
            ("STREAM.MSG.GET", r#"{"seq":1}"#),
            ("STREAM.MSG.DELETE", r#"{"seq":1}"#),
            ("STREAM.SNAPSHOT", r#"{"deliver_subject":"own.snapshot"}"#),
            ("STREAM.RESTORE", "{}"),
            ("CONSUMER.NAMES", "{}"),
            ("CONSUMER.LIST", "{}"),
            ("DIRECT.GET", r#"{"seq":1}"#),
        ] {
            wishes.push((format!("{call}.{name}"), body.to_owned()));
        }
        let consumer = format!(r#"{{"stream_name":"{name}","config":{{"durable_name":"own"}}}}"#);
        wishes.push((format!("CONSUMER.CREATE.{name}"), consumer.clone()));
        wishes.push((format!("CONSUMER.CREATE.{name}.own"), consumer.clone()));
        wishes.push((format!("CONSUMER.DURABLE.CREATE.{name}.own"), consumer));
    }
    for durable in Service::ALL.into_iter().flat_map(durables_of) {
        let (stream, name) = (durable.stream, durable.name);
        for call in ["DELETE", "PAUSE", "RESET", "UNPIN"] {
            wishes.push((format!("CONSUMER.{call}.{stream}.{name}"), "{}".to_owned()));
        }
    }
    wishes
}

/// A pull names the subject to which messages go: another publisher's, and the broker would publish
/// there whatever the puller may not.
#[tokio::test]
async fn the_reply_of_a_pull_cannot_name_a_subject_of_a_stream() {
    let mut broker = Broker::start().await;
    let owner = broker.owner().await;
    let told = jetstream::new(owner.clone());
    let forged = [
        "tenure.hris.v1.person.updated.leaver.1",
        "tenure.policy.v1.access.changed.leaver.1",
        "tenure.notification.v1.notice.sent.regular.1",
    ];
    for number in 0..=forged.len() {
        let subject = format!("tenure.policy.v1.access.changed.regular.{number}");
        told.publish(subject, "planted".into()).await.unwrap().await.unwrap();
    }
    let before = counts(&owner).await;
    let holder = Holder::Service(Service::Provisioning);
    let suspect = Suspect::connect(&mut broker, &holder).await;

    let pull = "TENURE.API.CONSUMER.MSG.NEXT.POLICY.provisioning-plan-access-regular";
    let inbox = suspect.client.new_inbox();
    let mut answers = suspect.client.subscribe(inbox.clone()).await.unwrap();
    for reply in forged.map(str::to_owned).into_iter().chain([inbox]) {
        let pulled = suspect.client.publish_with_reply(pull, reply, r#"{"batch":1}"#.into());
        pulled.await.unwrap();
    }
    // Pulls are answered in their order: once the last is, the broker is done with those before it.
    let answer = timeout(DEADLINE, answers.next()).await.expect("the last pull is answered");
    assert_eq!(answer.unwrap().payload, "planted");

    // What was given before is in a stream before this is, if it is to be in one at all.
    for row in STREAMS {
        let subject = format!("tenure.{}.v1.probe.marked.regular.1", row.token);
        told.publish(subject, "marker".into()).await.unwrap().await.unwrap();
    }
    let after = counts(&owner).await;
    for row in STREAMS {
        assert_eq!(after[row.name], before[row.name] + 1, "{} holds the marker alone", row.name);
    }
}

/// What the test above would see if services shared one account and had permissions there.
#[tokio::test]
async fn within_one_account_the_same_pull_is_published() {
    let tools = Tools::locate().await.unwrap();
    let folder = servers::scratch().unwrap();
    let config = "accounts { ONE { jetstream: enabled, users: [
        { user: owner, password: p }
        { user: puller, password: p, permissions: {
            publish: { allow: [\"$JS.API.CONSUMER.MSG.NEXT.POLICY.pull\"] }
            subscribe: { allow: [\"_INBOX_puller.>\"] } } }
    ] } }";
    let store_dir = folder.path().join("nats");
    let config = NatsConfig { store_dir, port: None, config: config.to_owned(), tls: None };
    let nats = Nats::start(&tools, config).await.unwrap();
    let sign_in = |user: &str| {
        async_nats::ConnectOptions::new().user_and_password(user.to_owned(), "p".to_owned())
    };
    let owner = sign_in("owner").connect(nats.url()).await.unwrap();
    let context = jetstream::new(owner.clone());
    for (name, subject) in [("POLICY", "policy.>"), ("HRIS", "hris.>")] {
        let config = jetstream::stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            ..Default::default()
        };
        context.create_stream(config).await.unwrap();
    }
    let policy = context.get_stream("POLICY").await.unwrap();
    let pull = jetstream::consumer::pull::Config {
        durable_name: Some("pull".to_owned()),
        ..Default::default()
    };
    policy.create_consumer(pull).await.unwrap();
    context.publish("policy.access", "planted".into()).await.unwrap().await.unwrap();

    let puller = sign_in("puller").connect(nats.url()).await.unwrap();
    let (call, body) = ("$JS.API.CONSUMER.MSG.NEXT.POLICY.pull", r#"{"batch":1}"#);
    puller.publish_with_reply(call, "hris.forged", body.into()).await.unwrap();
    puller.flush().await.unwrap();

    // The message keeps its own subject in the stream that it does not belong to.
    testkit::until("the forged message is kept", async || {
        let stream = context.get_stream("HRIS").await.unwrap();
        (stream.cached_info().state.messages == 1).then_some(())
    })
    .await;
}
