//! The adapter for applications that speak SCIM 2.0 (RFC 7643, RFC 7644).
//!
//! Servers differ in nearly everything that matters, so nothing they claim is believed before it
//! was read back.

mod accounts;
mod client;
mod dialect;
mod fault;
mod groups;
mod read;
mod search;
mod user;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::permits::Permits;
use super::{Barred, Beat, Budget, Egress, Limits, Secret};
use client::Client;
use groups::Groups;

pub(super) use user::agrees;

/// How long to wait for an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For a whole answer, the connection included.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), request: Duration::from_secs(30) }
    }
}

/// What it takes to reach one application.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The application's name, for traces.
    pub application: String,
    /// The base address, below which `/Users` lies.
    pub url: String,
    /// The bearer token, if the application wants one.
    pub token: Option<Secret>,
    /// How much may be asked at a time.
    pub limits: Limits,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Which addresses may be spoken to.
    pub egress: Egress,
    /// Says when requests may be sent; none: at any time.
    pub budget: Option<Arc<dyn Budget>>,
}

impl Settings {
    /// Settings with the default limits and no token, within reach of the public internet alone.
    pub fn new(application: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            application: application.into(),
            url: url.into(),
            token: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            egress: Egress::default(),
            budget: None,
        }
    }
}

/// Why an application's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read.
    #[error("read the application's address")]
    Url(#[source] <reqwest::Url as std::str::FromStr>::Err),
    /// The address is not one of HTTP.
    #[error("the application's address begins with neither http:// nor https://")]
    Scheme,
    /// The address is one that nothing allows.
    #[error("check the application's address")]
    Egress(#[source] Barred),
    /// The token cannot be sent.
    #[error("the application's token holds characters that a header cannot hold")]
    Token(#[source] http::header::InvalidHeaderValue),
    /// The HTTP client cannot be set up.
    #[error("set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// One application that speaks SCIM 2.0.
#[derive(Debug)]
pub struct Scim {
    client: Client,
    permits: Permits,
    limits: Limits,
    groups: Groups,
    announced_patch: OnceCell<bool>,
    patch_refused: AtomicBool,
}

impl Scim {
    /// Prepares the way to an application; nothing is sent yet.
    pub fn try_new(settings: &Settings) -> Result<Self, ConnectError> {
        Ok(Self {
            client: Client::connect(settings)?,
            permits: Permits::new(settings.limits),
            limits: settings.limits,
            groups: Groups::default(),
            announced_patch: OnceCell::new(),
            patch_refused: AtomicBool::new(false),
        })
    }

    /// What the requests came to so far.
    pub(crate) fn beat(&self) -> Beat {
        self.client.beat()
    }

    /// What says when requests may be sent.
    pub(crate) fn budget(&self) -> Option<&dyn Budget> {
        self.client.budget()
    }

    /// Whether users can be patched: announced, and never refused yet.
    async fn can_patch(&self) -> bool {
        !self.patch_refused.load(Ordering::Relaxed) && self.announces_patch().await
    }

    /// Whether the application says that it can patch: asked once, assumed until it is known.
    async fn announces_patch(&self) -> bool {
        let asked = self.announced_patch.get_or_try_init(|| async {
            let address = self.client.address(&["ServiceProviderConfig"]);
            match self.client.get::<Value>(address).await {
                Ok(config) => Ok(config["patch"]["supported"] != false),
                Err(fault) if fault.refusal().is_some() => Ok(true),
                Err(fault) => Err(fault),
            }
        });
        asked.await.copied().unwrap_or(true)
    }

    /// Remembers that the application cannot patch users, whatever it announced.
    fn forget_patch(&self) {
        self.patch_refused.store(true, Ordering::Relaxed);
    }
}
