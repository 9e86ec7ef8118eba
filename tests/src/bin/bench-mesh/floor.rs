//! The same amount of work by hand: nothing is decided, nothing is traced, everything is batched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::Config;
use clock::Clock;
use futures::StreamExt as _;
use futures::future::join_all;
use mesh_tests::processes::{self, Applications};
use servers::{Nats, NatsConfig, Postgres, PostgresConfig, Tools};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::mesh::{Calls, Load, own_cpu_seconds, usage};

const BATCH: usize = 256;

/// What a part of the floor took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    /// Of this process and of the servers it worked with.
    pub(crate) cpu_seconds: f64,
}

/// Measures a part of the floor from now on.
struct Watch {
    started: tokio::time::Instant,
    servers: Vec<u32>,
    cpu_before: f64,
}

impl Watch {
    fn start(servers: Vec<u32>) -> Self {
        let cpu_before = cpu_seconds(&servers);
        Self { started: tokio::time::Instant::now(), servers, cpu_before }
    }

    fn taken(&self) -> Taken {
        let seconds = self.started.elapsed().as_secs_f64();
        Taken { seconds, cpu_seconds: cpu_seconds(&self.servers) - self.cpu_before }
    }
}

/// CPU time so far of some servers and of this process. What this process has started is counted
/// by the servers' ids alone, so that nothing counts twice.
fn cpu_seconds(servers: &[u32]) -> f64 {
    let servers = servers.iter().map(|pid| usage(*pid).cpu_seconds).sum::<f64>();
    servers + own_cpu_seconds()
}

/// Every message once: a row in an outbox, published, taken by a consumer that keeps an inbox and a
/// state row, and by one that appends it to a log.
pub(crate) async fn messages(loads: &[Load]) -> anyhow::Result<Taken> {
    let folder = servers::scratch()?;
    let tools = Tools::locate().await?;
    let config = PostgresConfig::durable(folder.path().join("postgres"));
    let postgres = Postgres::start(&tools, config).await?;
    let config = NatsConfig {
        store_dir: folder.path().join("nats"),
        port: None,
        config: String::new(),
        tls: None,
    };
    let nats = Nats::start(&tools, config).await?;
    let pool = PgPoolOptions::new().max_connections(8).connect(&postgres.admin_url()).await?;
    sqlx::raw_sql(
        "CREATE TABLE outbox (id uuid PRIMARY KEY, subject text, payload bytea);
         CREATE TABLE inbox (id uuid PRIMARY KEY);
         CREATE TABLE states (id uuid PRIMARY KEY, payload bytea);
         CREATE TABLE log_inbox (id uuid PRIMARY KEY);
         CREATE TABLE log (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                           id uuid, payload bytea)",
    )
    .execute(&pool)
    .await?;
    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    let stream = context
        .create_stream(Config {
            name: "FLOOR".to_owned(),
            subjects: vec!["floor.>".to_owned()],
            duplicate_window: Duration::from_secs(120),
            ..Config::default()
        })
        .await?;
    let mut consumers = Vec::new();
    for name in ["state", "log"] {
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            ack_policy: AckPolicy::Explicit,
            max_ack_pending: 4096,
            ..pull::Config::default()
        };
        consumers.push((name, stream.create_consumer(config).await?));
    }
    let total = u64::try_from(loads.iter().map(|load| load.count).sum::<usize>())?;

    let watch = Watch::start(vec![postgres.pid(), nats.pid()]);
    let mut work = JoinSet::new();
    let (sizes, publisher, rows) = (loads.to_vec(), context.clone(), pool.clone());
    work.spawn(async move { publish(&sizes, &publisher, &rows).await });
    for (name, consumer) in consumers {
        let rows = pool.clone();
        work.spawn(async move { consume(name, &consumer, &rows, total).await });
    }
    while let Some(done) = work.join_next().await {
        done.context("a part of the floor broke")??;
    }
    let taken = watch.taken();
    pool.close().await;
    nats.stop().await;
    postgres.stop().await;
    Ok(taken)
}

async fn publish(
    loads: &[Load],
    context: &jetstream::Context,
    pool: &PgPool,
) -> anyhow::Result<()> {
    let clock = Clock::system();
    for load in loads {
        let payload = vec![7_u8; load.bytes_each];
        let mut left = load.count;
        while left > 0 {
            let count = left.min(BATCH);
            left -= count;
            let ids: Vec<Uuid> = (0..count).map(|_| clock.new_id()).collect();
            let payloads: Vec<&[u8]> = ids.iter().map(|_| payload.as_slice()).collect();
            sqlx::query(
                "INSERT INTO outbox (id, subject, payload)
                 SELECT id, 'floor.message', payload
                   FROM UNNEST($1::uuid[], $2::bytea[]) AS o (id, payload)",
            )
            .bind(&ids)
            .bind(payloads)
            .execute(pool)
            .await?;
            let mut acks = Vec::with_capacity(count);
            for id in ids {
                let mut headers = async_nats::HeaderMap::new();
                headers.insert(async_nats::header::NATS_MESSAGE_ID, id.to_string().as_str());
                let payload = payload.clone().into();
                acks.push(context.publish_with_headers("floor.message", headers, payload).await?);
            }
            for ack in join_all(acks.into_iter().map(IntoFuture::into_future)).await {
                ack?;
            }
        }
    }
    Ok(())
}

async fn consume(
    name: &str,
    consumer: &PullConsumer,
    pool: &PgPool,
    total: u64,
) -> anyhow::Result<()> {
    let (inbox, write) = match name {
        "state" => (
            "INSERT INTO inbox (id) SELECT * FROM UNNEST($1::uuid[]) ON CONFLICT DO NOTHING",
            "INSERT INTO states (id, payload) SELECT * FROM UNNEST($1::uuid[], $2::bytea[])
             ON CONFLICT (id) DO UPDATE SET payload = excluded.payload",
        ),
        _ => (
            "INSERT INTO log_inbox (id) SELECT * FROM UNNEST($1::uuid[]) ON CONFLICT DO NOTHING",
            "INSERT INTO log (id, payload) SELECT * FROM UNNEST($1::uuid[], $2::bytea[])",
        ),
    };
    let mut messages = consumer.stream().max_messages_per_batch(BATCH).messages().await?;
    let mut done = 0;
    while done < total {
        let Some(first) = messages.next().await else { break };
        let mut batch = vec![first?];
        while batch.len() < BATCH {
            match futures::poll!(messages.next()) {
                std::task::Poll::Ready(Some(message)) => batch.push(message?),
                std::task::Poll::Ready(None) | std::task::Poll::Pending => break,
            }
        }
        let ids: Vec<Uuid> = batch
            .iter()
            .filter_map(|message| message.headers.as_ref())
            .filter_map(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID))
            .filter_map(|id| id.as_str().parse().ok())
            .collect();
        let payloads: Vec<&[u8]> = batch.iter().map(|message| message.payload.as_ref()).collect();
        let mut tx = pool.begin().await?;
        sqlx::query(inbox).bind(&ids).execute(&mut *tx).await?;
        sqlx::query(write).bind(&ids).bind(payloads).execute(&mut *tx).await?;
        tx.commit().await?;
        for message in &batch {
            message.ack().await.map_err(|error| anyhow::anyhow!("acknowledge: {error}"))?;
        }
        done += u64::try_from(batch.len())?;
    }
    Ok(())
}

/// As many calls of each kind as the mesh made, by a bare client with eight calls at once.
pub(crate) async fn http(calls: &Calls) -> anyhow::Result<Taken> {
    let folder = servers::scratch()?;
    let applications = Applications::start(folder.path())?;
    let base = applications.base("directory")?.to_owned();
    let client = Arc::new(client()?);
    let count = |kind: &str| calls.by_kind.get(kind).copied().unwrap_or(0);
    let accounts = count("POST /Users");
    let rest = Rest {
        lookups: count("GET /Users").saturating_sub(accounts),
        reads: count("GET /Users/{id}").saturating_sub(accounts),
        patches: count("PATCH /Groups/{id}"),
        groups: count("GET /Groups/{id}"),
    };

    let watch = Watch::start(vec![applications.pid()]);
    let next = Arc::new(AtomicU64::new(0));
    let mut work = JoinSet::new();
    for _worker in 0..8 {
        let (client, base, next) = (Arc::clone(&client), base.clone(), Arc::clone(&next));
        work.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= accounts {
                    return anyhow::Ok(());
                }
                account(&client, &base, number).await?;
            }
        });
    }
    while let Some(done) = work.join_next().await {
        done.context("a part of the floor broke")??;
    }
    rest.make(&client, &base, accounts).await?;
    Ok(watch.taken())
}

/// Calls beyond one look-up, one creation and one read-back per account.
struct Rest {
    lookups: u64,
    reads: u64,
    patches: u64,
    groups: u64,
}

impl Rest {
    async fn make(&self, client: &Client, base: &str, accounts: u64) -> anyhow::Result<()> {
        let group = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "floor",
        });
        let made = client.send("POST", &format!("{base}/Groups"), Some(&group)).await?;
        let group = made["id"].as_str().context("a group has no id")?.to_owned();
        let listed = client.send("GET", &format!("{base}/Users?count=100"), None).await?;
        let members: Vec<serde_json::Value> = listed["Resources"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|user| serde_json::json!({ "value": user["id"] }))
            .collect();
        let patch = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "add", "path": "members", "value": members }],
        });
        for _ in 0..self.patches {
            client.send("PATCH", &format!("{base}/Groups/{group}"), Some(&patch)).await?;
        }
        for _ in 0..self.groups {
            client.send("GET", &format!("{base}/Groups/{group}"), None).await?;
        }
        for number in 0..self.lookups + self.reads {
            let filter = format!("externalId%20eq%20%22floor-{}%22", number % accounts.max(1));
            client.send("GET", &format!("{base}/Users?filter={filter}"), None).await?;
        }
        Ok(())
    }
}

async fn account(client: &Client, base: &str, number: u64) -> anyhow::Result<()> {
    let filter = format!("externalId%20eq%20%22floor-{number}%22");
    client.send("GET", &format!("{base}/Users?filter={filter}"), None).await?;
    let user = serde_json::json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "userName": format!("floor.{number}"),
        "externalId": format!("floor-{number}"),
        "displayName": format!("Floor {number}"),
        "active": true,
        "title": "MEASURE",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": format!("floor|{number}"), "department": "Measures",
        },
    });
    let made = client.send("POST", &format!("{base}/Users"), Some(&user)).await?;
    let id = made["id"].as_str().context("a user has no id")?;
    client.send("GET", &format!("{base}/Users/{id}"), None).await?;
    Ok(())
}

/// A bare client.
struct Client(reqwest::Client);

fn client() -> anyhow::Result<Client> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("a TLS provider is installed already");
    }
    Ok(Client(reqwest::Client::builder().build()?))
}

impl Client {
    async fn send(
        &self,
        method: &str,
        url: &str,
        body: Option<&serde_json::Value>,
    ) -> anyhow::Result<serde_json::Value> {
        let mut request = self.0.request(method.parse()?, url).bearer_auth(processes::TOKEN);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/scim+json")
                .body(serde_json::to_vec(body)?);
        }
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        if answer.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}
