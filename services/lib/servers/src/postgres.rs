//! A private `PostgreSQL` server.
//!
//! Its folder holds `pgdata`, the superuser's password (`superuser`) and the log.

mod cluster;
mod processes;
mod table;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep, timeout};

use self::table::Strategy;
use crate::child::Child;
use crate::launch::Identity;
use crate::log::Log;
use crate::{Error, Tools, folder, port};

/// Says where a server keeps its data and how much it may take.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// The folder that is the server's own; made when it is not there.
    pub data_dir: PathBuf,
    /// The port; without one a free port is chosen at the first start and kept.
    pub port: Option<u16>,
    /// Whether committed data must survive a power loss; tests need it to survive crashes only.
    pub durable: bool,
    /// How many connections are served at once.
    pub max_connections: u16,
}

impl PostgresConfig {
    /// A server for `tenure up`.
    #[must_use]
    pub fn durable(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), port: None, durable: true, max_connections: 200 }
    }

    /// A server for one test.
    #[must_use]
    pub fn fast(data_dir: impl Into<PathBuf>) -> Self {
        Self { durable: false, ..Self::durable(data_dir) }
    }
}

/// Names a database, the role that owns it and changes its schema, and the role that works in it.
/// Nobody else may connect to it.
#[derive(Clone)]
pub struct DatabaseSpec {
    /// The database.
    pub name: String,
    /// The role that owns it, and everything in it.
    pub owner: Role,
    /// The role that works in it, with what the owner gives it.
    pub worker: Role,
}

/// A role that can sign in.
#[derive(Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for DatabaseSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSpec")
            .field("name", &self.name)
            .field("owner", &self.owner)
            .field("worker", &self.worker)
            .finish()
    }
}

/// A private server; dropping it ends it at once, as a crash would, and keeps its data.
pub struct Postgres {
    tools: Tools,
    config: PostgresConfig,
    port: u16,
    password: String,
    child: Child,
}

const SERVER: &str = "PostgreSQL";
const SUPERUSER: &str = "postgres";
/// The database that is always there.
const MAINTENANCE: &str = "postgres";
/// Recovery after a crash may take this long.
const READY_MAX: Duration = Duration::from_secs(120);
/// How long a port or a folder may still be held by what is just ending.
const BUSY_MAX: Duration = Duration::from_secs(15);
const END_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// Why one attempt to start failed.
enum Failure {
    /// Somebody else has the port.
    PortTaken(Error),
    /// What is left of an earlier run still holds the folder.
    FolderHeld(Error),
    Final(Error),
}

impl Postgres {
    /// Starts a server on the folder, making its data from the template at the first time.
    pub async fn start(tools: &Tools, config: PostgresConfig) -> Result<Self, Error> {
        let config = PostgresConfig { data_dir: folder::own(&config.data_dir)?, ..config };
        let password = cluster::prepare(tools, &config).await?;
        let (port, child) = launch(tools, &config, &password, config.port).await?;
        Ok(Self { tools: tools.clone(), config, port, password, child })
    }

    /// Starts the server again on the same port, stopping it first if it runs.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await;
        let (_, child) = launch(&self.tools, &self.config, &self.password, Some(self.port)).await?;
        self.child = child;
        Ok(())
    }

    /// Makes each role and database that is not there and brings the others up to date.
    ///
    /// Nobody but its two roles and the superuser may connect to a database.
    pub async fn create_databases(&self, databases: &[DatabaseSpec]) -> Result<(), Error> {
        let mut connection = self.connect().await?;
        table::lock(&mut connection).await.map_err(Error::database("lock the databases"))?;
        table::close_maintenance(&mut connection)
            .await
            .map_err(Error::database("close the maintenance databases to services"))?;
        let strategy = if self.config.durable { Strategy::WalLog } else { Strategy::FileCopy };
        ensure(&mut connection, databases, strategy).await?;
        for database in databases {
            let options = options(self.port, &self.password).database(&database.name);
            hand_over(options, database).await?;
        }
        connection.close().await.map_err(Error::database("leave the database"))
    }

    /// Returns the address of a database as whoever works in it sees it; it holds the password.
    #[must_use]
    pub fn url(&self, database: &DatabaseSpec) -> String {
        url(&database.worker.name, &database.worker.password, self.port, &database.name)
    }

    /// Returns the address of a database as its owner sees it; it holds the password.
    #[must_use]
    pub fn owner_url(&self, database: &DatabaseSpec) -> String {
        url(&database.owner.name, &database.owner.password, self.port, &database.name)
    }

    /// Returns the superuser's address of the maintenance database; it holds the password.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.admin_url_of(MAINTENANCE)
    }

    /// Returns the superuser's address of a database; it holds the password.
    #[must_use]
    pub fn admin_url_of(&self, database: &str) -> String {
        url(SUPERUSER, &self.password, self.port, database)
    }

    /// Returns the port, which stays the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the process id of the postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Whether the postmaster has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.child.is_running()
    }

    /// Waits until the postmaster has ended and returns how it did.
    pub async fn ended(&self) -> String {
        self.child.ended().await
    }

    /// Stops the server in order, ending its connections; kills it if that takes too long.
    pub async fn stop(&self) {
        if self.is_running() {
            self.child.end(Signal::SIGINT, END_MAX).await;
        }
        processes::wait_gone(&self.pgdata()).await;
    }

    /// Kills the postmaster as `kill -9` does and waits until its children have left too.
    pub async fn kill(&self) {
        if self.is_running() {
            self.child.end(Signal::SIGKILL, END_MAX).await;
        }
        processes::wait_gone(&self.pgdata()).await;
    }

    async fn connect(&self) -> Result<PgConnection, Error> {
        options(self.port, &self.password)
            .connect()
            .await
            .map_err(Error::database("connect as superuser"))
    }

    fn pgdata(&self) -> PathBuf {
        cluster::pgdata(&self.config)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Immediate shutdown: the postmaster waits for its children, unlike after a kill, so that
        // nobody writes to the folder any more.
        if self.child.is_running() {
            self.child.end_blocking(Signal::SIGQUIT, Duration::from_secs(3));
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("config", &self.config)
            .field("port", &self.port)
            .field("child", &self.child)
            .finish_non_exhaustive()
    }
}

/// Makes roles and databases as [`Postgres::create_databases`] does, on a server that somebody else
/// runs; its other databases are left alone.
///
/// # Errors
/// When the server cannot be reached or refuses; the address must be a superuser's.
pub async fn create_databases(admin_url: &str, databases: &[DatabaseSpec]) -> Result<(), Error> {
    let options = admin_url
        .parse::<PgConnectOptions>()
        .map_err(Error::database("read the address of the database"))?
        .disable_statement_logging();
    create_databases_at(options, databases).await
}

/// The same with options that are read already.
///
/// # Errors
/// When the server cannot be reached or refuses; the role must be a superuser.
pub async fn create_databases_at(
    options: PgConnectOptions,
    databases: &[DatabaseSpec],
) -> Result<(), Error> {
    let mut connection =
        options.connect().await.map_err(Error::database("connect as superuser"))?;
    table::lock(&mut connection).await.map_err(Error::database("lock the databases"))?;
    ensure(&mut connection, databases, Strategy::WalLog).await?;
    for database in databases {
        hand_over(options.clone().database(&database.name), database).await?;
    }
    connection.close().await.map_err(Error::database("leave the database"))
}

/// Makes the owner the owner of everything in the database, also of what whoever works in it made
/// when it still was the owner.
async fn hand_over(options: PgConnectOptions, database: &DatabaseSpec) -> Result<(), Error> {
    let during = || Error::database("hand a database over to its owner");
    let mut connection = options.connect().await.map_err(during())?;
    table::hand_over(&mut connection, database).await.map_err(during())?;
    connection.close().await.map_err(during())
}

async fn ensure(
    connection: &mut PgConnection,
    databases: &[DatabaseSpec],
    strategy: Strategy,
) -> Result<(), Error> {
    for database in databases {
        for role in [&database.owner, &database.worker] {
            table::ensure_role(connection, role).await.map_err(Error::database("make a role"))?;
        }
        table::ensure_database(connection, database, strategy)
            .await
            .map_err(Error::database("make a database"))?;
    }
    Ok(())
}

/// Starts until it works, for as long as what is in the way can be expected to leave.
async fn launch(
    tools: &Tools,
    config: &PostgresConfig,
    password: &str,
    fixed_port: Option<u16>,
) -> Result<(u16, Child), Error> {
    let pgdata = cluster::pgdata(config);
    let give_up = Instant::now() + BUSY_MAX;
    loop {
        processes::remove_stale_lock(&pgdata)?;
        let port = fixed_port.map_or_else(port::free, Ok)?;
        match attempt(tools, config, password, port).await {
            Ok(child) => return Ok((port, child)),
            Err(Failure::PortTaken(error) | Failure::FolderHeld(error)) => {
                if Instant::now() >= give_up {
                    return Err(error);
                }
                tracing::debug!(port, "PostgreSQL has to wait for what was there before it");
                sleep(POLL * 10).await;
            }
            Err(Failure::Final(error)) => return Err(error),
        }
    }
}

async fn attempt(
    tools: &Tools,
    config: &PostgresConfig,
    password: &str,
    port: u16,
) -> Result<Child, Failure> {
    let (log, file) = Log::open(config.data_dir.join("log")).map_err(Failure::Final)?;
    let program = tools.postgres("postgres");
    let mut command = tools.launcher.command(&program, Identity::unprivileged());
    command.args(arguments(config, port));
    let errors = file.try_clone().map_err(Error::io("open", &config.data_dir));
    command.stdout(file).stderr(errors.map_err(Failure::Final)?);
    let spawned = Child::spawn(command).await.map_err(Error::io("start", &program));
    let child = spawned.map_err(Failure::Final)?;
    tokio::select! {
        status = child.ended() => Err(classify(status, &log)),
        ready = timeout(READY_MAX, until_ready(port, password)) => match ready {
            Ok(ready) => ready.map(|()| child).map_err(Failure::Final),
            Err(_) => Err(Failure::Final(Error::NotReady {
                server: SERVER,
                seconds: READY_MAX.as_secs(),
                log: log.tail(),
            })),
        },
    }
}

/// Waits until the superuser can connect.
async fn until_ready(port: u16, password: &str) -> Result<(), Error> {
    loop {
        if port::listens(port).await {
            match options(port, password).connect().await {
                Ok(connection) => {
                    return connection.close().await.map_err(Error::database("connect"));
                }
                Err(error) if refuses_for_good(&error) => {
                    return Err(Error::database("connect as superuser")(error));
                }
                Err(error) => tracing::trace!(%error, "PostgreSQL is not ready"),
            }
        }
        sleep(POLL).await;
    }
}

/// Whether the server answered, and with something else than that it is starting or full.
fn refuses_for_good(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| !code.starts_with("57") && !code.starts_with("53"))
}

fn classify(status: String, log: &Log) -> Failure {
    let log = log.tail();
    let says = |text| log.contains(text);
    let port_taken = says("Address already in use");
    let folder_held = says("pre-existing shared memory block") || says("postmaster.pid");
    let error = Error::Ended { server: SERVER, status, log };
    match (port_taken, folder_held) {
        (true, _) => Failure::PortTaken(error),
        (false, true) => Failure::FolderHeld(error),
        (false, false) => Failure::Final(error),
    }
}

fn arguments(config: &PostgresConfig, port: u16) -> Vec<String> {
    let mut settings =
        vec![("port", port.to_string()), ("max_connections", config.max_connections.to_string())];
    let fixed = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("max_wal_size", "4GB"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("logging_collector", "off"),
        ("log_checkpoints", "off"),
        // Details and statements may hold personal data.
        ("log_error_verbosity", "terse"),
        ("log_min_error_statement", "panic"),
    ];
    let by_purpose: &[(&str, &str)] = if config.durable {
        &[("shared_buffers", "256MB")]
    } else {
        &[
            ("shared_buffers", "64MB"),
            // In the folder, with which they go; in /dev/shm a killed server leaves them behind.
            ("dynamic_shared_memory_type", "mmap"),
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
        ]
    };
    settings
        .extend(fixed.iter().chain(by_purpose).map(|(name, value)| (*name, (*value).to_owned())));
    let mut arguments = vec!["-D".to_owned(), cluster::pgdata(config).display().to_string()];
    arguments.extend(
        settings.into_iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]),
    );
    arguments
}

fn options(port: u16, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(SUPERUSER)
        .password(password)
        .database(MAINTENANCE)
        .ssl_mode(PgSslMode::Disable)
        // The statements that make roles hold passwords.
        .disable_statement_logging()
}

fn url(role: &str, password: &str, port: u16, database: &str) -> String {
    let [role, password, database] = [role, password, database].map(percent_encoded);
    format!("postgres://{role}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
}

fn percent_encoded(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match unreserved(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
