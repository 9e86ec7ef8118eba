//! One connection to a directory, signed in. Every wait on it has a limit.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Fuse, FusedFuture as _};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, StdStream};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::super::egress::Unresolved;
use super::super::{Egress, Secret};
use super::Timeouts;
use super::fault::{Fault, rc};

/// How a directory is reached.
pub(super) struct Way {
    pub(super) application: String,
    pub(super) url: reqwest::Url,
    pub(super) starttls: bool,
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) bind_dn: String,
    pub(super) password: Secret,
    pub(super) timeouts: Timeouts,
    pub(super) egress: Egress,
}

/// What carries bytes to and fro; it moves only while somebody waits for an answer. It may end beneath the
/// last answer it brings, and is asked afterwards whether it did.
type Driver = Fuse<BoxFuture<'static, Result<(), LdapError>>>;

/// A connection that is signed in.
pub(super) struct Session {
    ldap: Ldap,
    driver: Driver,
    pub(super) used_at: Instant,
}

impl Session {
    /// Connects and signs in.
    pub(super) async fn open(way: &Way) -> Result<Self, Fault> {
        let mut settings = LdapConnSettings::new().set_starttls(way.starttls);
        if let Some(tls) = &way.tls {
            settings = settings.set_config(Arc::clone(tls));
        }
        let connecting = async {
            let settings = settings.set_std_stream(StdStream::Tcp(way.connect().await?));
            let connected = LdapConnAsync::from_url_with_settings(settings, &way.url).await;
            connected.map_err(|error| Fault::unconnected(&error))
        };
        let connected = timeout(way.timeouts.connect, connecting).await;
        let Ok(connected) = connected else {
            return Err(Fault::Unreachable { what: "the directory does not answer" });
        };
        let (connection, ldap) = connected?;
        let driver = connection.drive().boxed().fuse();
        let mut session = Self { ldap, driver, used_at: Instant::now() };
        let mut ldap = session.ldap.clone();
        let binding = async move { ldap.simple_bind(&way.bind_dn, way.password.expose()).await };
        let bound = session.run(way, binding).await?;
        match bound.rc {
            rc::SUCCESS => Ok(session),
            // Whatever else is refused here, it is not what we may do but who we are.
            other => Err(match Fault::of(other).refusal() {
                Some(rc) => Fault::Credentials { rc },
                None => Fault::of(other),
            }),
        }
    }

    /// A handle for one operation, or several at once.
    pub(super) fn handle(&self) -> Ldap {
        self.ldap.clone()
    }

    /// Waits for an operation while carrying its bytes. After an error the session is of no use.
    pub(super) async fn run<T>(
        &mut self,
        way: &Way,
        operation: impl Future<Output = Result<T, LdapError>>,
    ) -> Result<T, Fault> {
        let waited = timeout(way.timeouts.request, async {
            let mut operation = std::pin::pin!(operation);
            tokio::select! {
                biased;
                done = &mut operation => done,
                // What arrived before the end still reaches the operation.
                _ended = &mut self.driver => operation.await,
            }
        });
        match waited.await {
            Ok(Ok(done)) => {
                self.used_at = Instant::now();
                Ok(done)
            }
            Ok(Err(error)) => Err(Fault::lost(&error)),
            Err(_elapsed) => Err(Fault::Broken { what: "the directory did not answer in time" }),
        }
    }

    /// Whether the server has not closed it meanwhile, as far as that can be seen.
    pub(super) fn is_open(&mut self) -> bool {
        !self.driver.is_terminated() && (&mut self.driver).now_or_never().is_none()
    }
}

impl Way {
    /// Connects to an address of the directory that was checked.
    async fn connect(&self) -> Result<std::net::TcpStream, Fault> {
        let host = self.url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
        let standard = if self.url.scheme() == "ldaps" { 636 } else { 389 };
        let port = self.url.port().unwrap_or(standard);
        let unreached = |_error| Fault::Unreachable { what: "the directory cannot be reached" };
        let addresses = match self.egress.resolve(host, port).await {
            Ok(addresses) => addresses,
            Err(Unresolved::Barred(barred)) => return Err(Fault::Barred(barred)),
            Err(Unresolved::Lookup(error)) => return Err(unreached(error)),
        };
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(unreached)?;
        stream.into_std().map_err(unreached)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("used_at", &self.used_at).finish_non_exhaustive()
    }
}

/// Names of accounts stay out of logs, also that of the connector.
impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").field("application", &self.application).finish_non_exhaustive()
    }
}
