//! An application to provision: a SCIM 2.0 service provider in memory.
//!
//! It does what RFC 7643 and RFC 7644 say, keeps a log of every call, and has switches for what
//! real applications do instead. It runs inside a test or, as the binary `sandbox`, beside a mesh.
//!
//! Outside of SCIM, and with the same token, `/sandbox/calls` and `/sandbox/counters` tell what was
//! called, and `/sandbox/switches` shows and sets the switches.

mod calls;
mod discovery;
mod filter;
mod groups;
mod http;
mod inspect;
mod line;
mod memory;
mod patch;
mod path;
mod refusal;
mod render;
mod requests;
mod route;
mod schema;
mod snapshot;
mod switches;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::calls::{Call, Counter};
use self::http::Shared;
pub use self::inspect::{SandboxGroup, SandboxUser};
use self::line::{Cut, Lines};
use self::memory::Memory;
use self::requests::State;
pub use self::switches::{Filters, Switches};

/// How an application is started.
#[derive(Clone)]
pub struct SandboxConfig {
    /// What the application is called.
    pub name: String,
    /// The bearer token that every call must carry.
    pub token: String,
    /// Where it listens; port 0 lets the system choose.
    pub address: SocketAddr,
    /// What its timestamps and ids are made of.
    pub clock: Clock,
    /// Where its memory is kept between two starts, if it is.
    pub snapshot: Option<PathBuf>,
}

impl SandboxConfig {
    /// Describes an application without a snapshot, on a loopback port that the system chooses.
    #[must_use]
    pub fn new(name: &str, token: &str, clock: Clock) -> Self {
        Self {
            name: name.to_owned(),
            token: token.to_owned(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock,
            snapshot: None,
        }
    }
}

impl fmt::Debug for SandboxConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxConfig")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

/// A running application; dropping it stops it.
pub struct Sandbox {
    name: String,
    snapshot: Option<PathBuf>,
    shared: Arc<Shared>,
    serving: JoinHandle<io::Result<()>>,
    stop: DropGuard,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("name", &self.name)
            .field("base_url", &self.shared.base)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts an application; it answers when this returns.
    pub async fn start(config: SandboxConfig) -> io::Result<Self> {
        let memory = match &config.snapshot {
            Some(file) => snapshot::load(file).await?,
            None => Memory::default(),
        };
        let listener = TcpListener::bind(config.address).await?;
        let base = format!("http://{}{}", listener.local_addr()?, route::ROOT);
        let shared = Arc::new(Shared {
            token: config.token,
            base,
            clock: config.clock,
            state: Mutex::new(State { memory, ..State::default() }),
        });
        let service = http::router(shared.clone()).into_make_service_with_connect_info::<Cut>();
        let stopped = CancellationToken::new();
        let stop = stopped.clone().drop_guard();
        let server =
            axum::serve(Lines(listener), service).with_graceful_shutdown(stopped.cancelled_owned());
        let serving = tokio::spawn(server.into_future());
        Ok(Self { name: config.name, snapshot: config.snapshot, shared, serving, stop })
    }

    /// Lets the calls in flight end, then writes the snapshot if one was asked for.
    pub async fn stop(self) -> io::Result<()> {
        drop(self.stop);
        self.serving.await.map_err(io::Error::other)??;
        if let Some(file) = &self.snapshot {
            let bytes = snapshot::render(&self.shared.state().memory)?;
            snapshot::save(file, bytes).await?;
        }
        Ok(())
    }

    /// What the application is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where SCIM begins: `http://127.0.0.1:<port>/scim/v2`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.shared.base
    }

    /// The bearer token that every call must carry.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Returns every user, in the order of creation.
    #[must_use]
    pub fn users(&self) -> Vec<SandboxUser> {
        let state = self.shared.state();
        state.memory.users().values().map(|user| inspect::user(&state.memory, user)).collect()
    }

    /// Returns every group, in the order of creation.
    #[must_use]
    pub fn groups(&self) -> Vec<SandboxGroup> {
        let state = self.shared.state();
        state.memory.groups().values().map(|group| inspect::group(&state.memory, group)).collect()
    }

    /// Returns the oldest user with that external id.
    #[must_use]
    pub fn find_user_by_external_id(&self, external_id: &str) -> Option<SandboxUser> {
        self.find_user(filter::Column::ExternalId, external_id)
    }

    /// Returns the oldest user with that employee number.
    #[must_use]
    pub fn find_user_by_employee_number(&self, number: &str) -> Option<SandboxUser> {
        self.find_user(filter::Column::EmployeeNumber, number)
    }

    /// Returns the user of that name, whatever its case.
    #[must_use]
    pub fn find_user_by_user_name(&self, user_name: &str) -> Option<SandboxUser> {
        self.find_user(filter::Column::UserName, user_name)
    }

    fn find_user(&self, column: filter::Column, value: &str) -> Option<SandboxUser> {
        let state = self.shared.state();
        let terms = [filter::Term { column, value: column.fold(value) }];
        let key = *state.memory.users_where(&terms).first()?;
        state.memory.users().get(&key).map(|user| inspect::user(&state.memory, user))
    }

    /// Returns the user names of a group's members, sorted; a group that is not there has none.
    #[must_use]
    pub fn members_of(&self, display_name: &str) -> Vec<String> {
        let state = self.shared.state();
        state
            .memory
            .group_named(display_name)
            .map(|group| inspect::members(&state.memory, group))
            .unwrap_or_default()
    }

    /// Creates a group without members unless one of that name is there.
    pub fn ensure_group(&self, display_name: &str) {
        let id = self.shared.clock.new_id().to_string();
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        if state.memory.group_named(display_name).is_none() {
            // The only refusal is a name that is taken, which was just ruled out.
            state.memory.create_group(id, display_name.to_owned(), now).map(drop).unwrap_or(());
        }
    }

    /// Returns the remembered calls, oldest first; the controlling ones are not among them.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().log.after(0).cloned().collect()
    }

    /// Returns how often each kind of call was answered in each way.
    #[must_use]
    pub fn counters(&self) -> Vec<Counter> {
        self.shared.state().log.counters()
    }

    /// Returns the switches with what is left of their countdowns.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.shared.state().switches.clone()
    }

    /// Sets all switches.
    pub fn set_switches(&self, switches: Switches) {
        self.shared.state().switches = switches;
    }
}
