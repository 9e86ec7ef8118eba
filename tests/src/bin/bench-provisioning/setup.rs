//! The service as a process, its servers, and the applications it works in.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clock::Clock;
use domain::Timestamp;
use mesh_tests::processes::Applications;
use mesh_tests::stage::{Desired, Reached, Replica, Stage};
use proto::catalogue::Service;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::Database;
use tokio::time::{Instant, interval};

const LOOK: Duration = Duration::from_millis(100);
const DEADLINE: Duration = Duration::from_secs(900);

/// Everything that runs.
pub(crate) struct Setup {
    pub(crate) stage: Stage,
    pub(crate) service: Replica,
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
}

impl Setup {
    /// Starts the servers and the service, which knows no application yet.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let stage = Stage::start(Database::durable().await).await?;
        let mut service = stage.replica(Service::Provisioning, "provisioning", &[])?;
        service.start()?;
        service.ready().await?;
        let url = stage.database.url(Service::Provisioning);
        let pool = PgPoolOptions::new().max_connections(4).connect(&url).await?;
        Ok(Self { stage, service, pool, clock: Clock::system() })
    }

    /// Tells the service where these applications are. They are not read as a whole: what is
    /// measured is the work.
    pub(crate) async fn release(
        &self,
        all: &[&Applications],
        names: &[String],
    ) -> anyhow::Result<()> {
        let mut reached = Vec::new();
        for name in names {
            let way = all.iter().find_map(|some| Some((some.base(name).ok()?, some.token_file())));
            let (url, token_file) = way.with_context(|| format!("nobody serves {name}"))?;
            let (url, token_file) = (url.to_owned(), token_file.to_owned());
            reached.push(Reached { name: name.clone(), url, token_file, every: "never" });
        }
        self.stage.release(&reached).await
    }

    /// Says what shall hold, and returns when that began.
    pub(crate) async fn desire(&self, desired: &[Desired]) -> anyhow::Result<Timestamp> {
        let began = self.clock.now();
        self.stage.desire(desired).await?;
        Ok(began)
    }

    /// A figure that the service's database tells.
    pub(crate) async fn figure(&self, query: &'static str) -> anyhow::Result<u64> {
        let figure: i64 = sqlx::query_scalar(query).fetch_one(&self.pool).await?;
        Ok(u64::try_from(figure)?)
    }

    /// Waits until a figure is right.
    pub(crate) async fn until(
        &self,
        what: &str,
        query: &'static str,
        is_right: impl Fn(u64) -> bool,
    ) -> anyhow::Result<u64> {
        let began = Instant::now();
        let mut look = interval(LOOK);
        loop {
            look.tick().await;
            let figure = self.figure(query).await?;
            if is_right(figure) {
                return Ok(figure);
            }
            if began.elapsed() > DEADLINE {
                bail!("waited in vain until {what}: {figure}\n{}", self.service.told());
            }
        }
    }
}

/// Actions that were carried out, and those that are open, of everybody.
pub(crate) const DONE: &str = "SELECT coalesce(sum(done), 0)::bigint FROM people";
pub(crate) const OPEN: &str = "SELECT coalesce(sum(open), 0)::bigint FROM people";

/// Names for so many applications.
pub(crate) fn names(count: u32) -> Vec<String> {
    (1..=count).map(|number| format!("application-{number:02}")).collect()
}

/// Milliseconds between two instants.
pub(crate) fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1_000.0
}
