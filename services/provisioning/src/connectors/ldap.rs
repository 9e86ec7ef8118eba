//! The adapter for directories that speak LDAP (RFC 4511): OpenLDAP, Active Directory and their kin.
//!
//! An account is known by the id that the server gave it, never by its name (DN), and is ours when it
//! carries the person's id. What a filter returns is compared again here, and what was written is read
//! back.

mod accounts;
mod entry;
mod fault;
mod groups;
mod pool;
mod read;
mod session;

use std::path::PathBuf;
use std::sync::Arc;

use rules::document::{LdapLayout, check_address};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::OnceCell;

use super::permits::Permits;
use super::scim::Timeouts;
use super::{Beat, Budget, Egress, Limits, Secret};
use pool::Pool;

pub(super) use entry::agrees;

/// What it takes to reach one directory.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The application's name, for traces.
    pub application: String,
    /// The address; below `ldap://` nothing but loopback is reached without `starttls`.
    pub url: String,
    /// Whether the connection is secured before anything else is said.
    pub starttls: bool,
    /// The certificates, in PEM, that the directory's own must lead to; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Whom to sign in as.
    pub bind_dn: String,
    /// That one's password.
    pub password: Secret,
    /// What the directory's entries look like.
    pub layout: LdapLayout,
    /// The attributes that the document maps.
    pub managed: Vec<String>,
    /// How much may be asked at a time; also how many connections there are.
    pub limits: Limits,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Which addresses may be spoken to.
    pub egress: Egress,
    /// Says when operations may be sent; none: at any time.
    pub budget: Option<Arc<dyn Budget>>,
}

/// Why a directory's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be used.
    #[error("the directory's address {0}")]
    Address(&'static str),
    /// The address cannot be read.
    #[error("read the directory's address")]
    Url(#[source] <reqwest::Url as std::str::FromStr>::Err),
    /// The certificates cannot be read.
    #[error("read the certificates in {path}")]
    Certificates {
        /// Where they should be.
        path: PathBuf,
        /// Why they cannot be read.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate cannot be used, or there is none.
    #[error("{path} holds no usable certificate")]
    NoCertificate {
        /// Where it should be.
        path: PathBuf,
    },
    /// TLS cannot be set up.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
}

/// One directory that speaks LDAP.
#[derive(Debug)]
pub struct Ldap {
    pool: Pool,
    permits: Permits,
    limits: Limits,
    layout: LdapLayout,
    managed: Vec<String>,
    /// Whether the server knows the attribute that closes accounts; asked once.
    can_close: OnceCell<()>,
}

impl Ldap {
    /// Prepares the way to a directory; nothing is sent yet.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn try_new(settings: Settings) -> Result<Self, ConnectError> {
        check_address(&settings.url, settings.starttls).map_err(ConnectError::Address)?;
        let url = reqwest::Url::parse(&settings.url).map_err(ConnectError::Url)?;
        let tls = settings.ca.map(tls).transpose()?;
        let way = session::Way {
            application: settings.application,
            url,
            starttls: settings.starttls,
            tls,
            bind_dn: settings.bind_dn,
            password: settings.password,
            timeouts: settings.timeouts,
            egress: settings.egress,
        };
        Ok(Self {
            pool: Pool::new(way, settings.budget),
            permits: Permits::new(settings.limits),
            limits: settings.limits,
            layout: settings.layout,
            managed: settings.managed,
            can_close: OnceCell::new(),
        })
    }

    /// What says when operations may be sent.
    pub(super) fn budget(&self) -> Option<&dyn Budget> {
        self.pool.budget()
    }

    /// What the operations came to so far.
    pub(super) fn beat(&self) -> Beat {
        self.pool.beat()
    }
}

/// Trusts the certificates in a file, and nothing else.
fn tls(path: PathBuf) -> Result<Arc<rustls::ClientConfig>, ConnectError> {
    let unread = |source| ConnectError::Certificates { path: path.clone(), source };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&path).map_err(unread)? {
        let added = roots.add(certificate.map_err(unread)?);
        added.map_err(ConnectError::Tls)?;
    }
    if roots.is_empty() {
        return Err(ConnectError::NoCertificate { path });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConnectError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
