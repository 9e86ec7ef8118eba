use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use proto::catalogue::Service;
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::watch;

use crate::epochs;
use crate::error::Error;
use crate::partitions::Partitions;
use crate::schema;
use crate::tx::Tx;

/// How long a connection has rested that may have died meanwhile.
const RESTED: Duration = Duration::from_millis(200);

/// How a service uses its database.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the database is, and who asks.
    pub connect: PgConnectOptions,
    /// Connections at most.
    pub connections_max: u32,
    /// Raised only when the service's whole state is published again; lives outside of backups.
    pub epoch: i64,
}

/// One service's database.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) pool: PgPool,
    pub(crate) connect: PgConnectOptions,
    pub(crate) clock: Clock,
    pub(crate) service: Service,
    pub(crate) epoch: i64,
    pub(crate) partitions: Partitions,
    pub(crate) committed: watch::Sender<u64>,
}

impl Store {
    /// Connects to a database whose schema [`migrate`](crate::migrate) has brought up to date.
    ///
    /// # Errors
    /// When the database is out of reach or its schema is behind.
    pub async fn connect(
        service: Service,
        options: Options,
        migrations: &Migrator,
        clock: Clock,
    ) -> Result<Self, Error> {
        let connect = options.connect.application_name(service.as_str()).options([
            // A session that hangs must not hold locks for ever.
            ("idle_in_transaction_session_timeout", "30s"),
            ("statement_timeout", "60s"),
            ("lock_timeout", "10s"),
            ("timezone", "UTC"),
            // Statements find rows by their keys. A plan that was kept from the day on which the
            // tables were empty would read them from end to end for ever: a sequential scan is
            // left for what has no index.
            ("enable_seqscan", "off"),
            ("random_page_cost", "1.1"),
            // A statement costs a millisecond or two; compiling one costs far more.
            ("jit", "off"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(Duration::from_secs(10))
            // Whoever has just used a connection has found it sound: only one that rested is asked.
            .test_before_acquire(false)
            .before_acquire(|connection, rested| {
                Box::pin(async move {
                    if rested.idle_for >= RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(connect.clone())
            .await
            .map_err(Error::during("connect to PostgreSQL"))?;
        schema::check(&pool, migrations).await?;
        let partitions = Partitions::new(service);
        let (committed, _) = watch::channel(0);
        let epoch = epochs::enter(&pool, options.epoch, clock.now()).await?;
        if epoch > options.epoch {
            tracing::warn!(
                "the settings name epoch {} and the database is in {epoch}: it stays there",
                options.epoch
            );
        }
        let inner = Inner { pool, connect, clock, service, epoch, partitions, committed };
        let store = Self { inner: Arc::new(inner) };
        store.maintain().await?;
        Ok(store)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn begin(&self) -> Result<Tx, Error> {
        self.inner.partitions.ensure_around(&self.inner.pool, self.inner.clock.now()).await?;
        Tx::begin(Arc::clone(&self.inner)).await
    }

    /// Makes the partitions of the days to come and drops those past their retention.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn maintain(&self) -> Result<(), Error> {
        let now = self.inner.clock.now();
        self.inner.partitions.ensure_around(&self.inner.pool, now).await?;
        self.inner.partitions.drop_old(&self.inner.pool, now).await
    }

    /// The pool, for reads that need no transaction.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    /// How to open a connection of one's own, outside of the pool.
    #[must_use]
    pub fn connect_options(&self) -> &PgConnectOptions {
        &self.inner.connect
    }

    /// The clock the service was given.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Whose database it is.
    #[must_use]
    pub fn service(&self) -> Service {
        self.inner.service
    }

    /// The epoch of the versions that are written.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.inner.epoch
    }

    /// Tells of every commit of this process: relay and drivers look for work when it changes.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner.committed.subscribe()
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }
}
