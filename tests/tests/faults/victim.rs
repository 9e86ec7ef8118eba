//! Who dies, and how it is killed.

use std::fmt;
use std::path::Path;

use mesh_tests::processes::Tenure;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proto::catalogue::Service;
use serde_json::Value;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    /// hris-ingest, while half of a file has been sent.
    Sending,
    /// A service, at work.
    Service(Service),
    /// The broker.
    Nats,
    /// The broker, and everything it has on disk.
    Store,
    /// One process of PostgreSQL that serves a service; the others then end as well.
    Backend,
    /// PostgreSQL's first process alone.
    Postmaster,
    /// Every process of PostgreSQL at once.
    Postgres,
    /// Every service, one after the other, and only told to end, as a rolling update does.
    Rolling,
}

impl Victim {
    pub(crate) const ALL: [Self; 12] = [
        Self::Sending,
        Self::Service(Service::HrisIngest),
        Self::Service(Service::PolicyEvaluation),
        Self::Service(Service::Provisioning),
        Self::Service(Service::Notification),
        Self::Service(Service::Audit),
        Self::Nats,
        Self::Backend,
        Self::Postmaster,
        Self::Postgres,
        Self::Store,
        Self::Rolling,
    ];

    /// Its name in a status.
    pub(crate) fn process(self) -> &'static str {
        match self {
            Self::Sending | Self::Rolling => Service::HrisIngest.as_str(),
            Self::Service(service) => service.as_str(),
            Self::Nats | Self::Store => "nats-server",
            Self::Backend | Self::Postmaster | Self::Postgres => "postgresql",
        }
    }

    /// Returns its process, so that it can be killed without asking anybody.
    pub(crate) fn find(self, tenure: &Tenure) -> u32 {
        Tenure::pids(&tenure.status().unwrap())[self.process()]
    }

    /// Kills it with a signal that nobody can catch.
    pub(crate) fn kill(self, pid: u32, tenure: &Tenure) {
        match self {
            Self::Sending | Self::Service(_) | Self::Nats | Self::Postmaster => slay(pid),
            Self::Store => {
                // Out of its way first: once it is dead, it is started again at once.
                let store = tenure.state().join("nats/jetstream");
                let lost = tenure.state().join("lost");
                std::fs::rename(&store, &lost).unwrap();
                slay(pid);
                std::fs::remove_dir_all(&lost).ok();
            }
            Self::Rolling => tell_to_end(pid),
            Self::Backend => slay(*backends(pid).first().unwrap()),
            Self::Postgres => {
                let all = children(pid);
                slay(pid);
                for child in all {
                    // It may have ended by itself already.
                    kill(process(child), Signal::SIGKILL).ok();
                }
            }
        }
    }

    /// How often its process was started again.
    pub(crate) fn restarts(self, status: &Value) -> u64 {
        let restarts = match self {
            Self::Sending | Self::Service(_) | Self::Rolling => status["services"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|service| service["name"] == self.process())
                .map(|service| &service["restarts"]),
            Self::Nats | Self::Store => Some(&status["nats"]["restarts"]),
            Self::Backend | Self::Postmaster | Self::Postgres => {
                Some(&status["postgres"]["restarts"])
            }
        };
        restarts.and_then(Value::as_u64).unwrap_or_default()
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sending => "hris-ingest, while it is sent a file",
            Self::Service(service) => service.as_str(),
            Self::Nats => "nats-server",
            Self::Store => "nats-server with JetStream's store",
            Self::Backend => "a backend of PostgreSQL",
            Self::Postmaster => "PostgreSQL's postmaster",
            Self::Postgres => "every process of PostgreSQL",
            Self::Rolling => "every service in turn, told to end",
        })
    }
}

/// Asks a process to end, as Kubernetes does.
pub(crate) fn tell_to_end(pid: u32) {
    kill(process(pid), Signal::SIGTERM).unwrap();
}

/// Whether a process is there.
pub(crate) fn is_there(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn slay(pid: u32) {
    kill(process(pid), Signal::SIGKILL).unwrap();
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap())
}

fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// The processes that serve provisioning; PostgreSQL writes into a process's title whom it serves.
fn backends(postmaster: u32) -> Vec<u32> {
    let serves = |pid: &u32| {
        let title =
            std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("cmdline"));
        title.is_ok_and(|title| title.contains(" provisioning "))
    };
    children(postmaster).into_iter().filter(serves).collect()
}
