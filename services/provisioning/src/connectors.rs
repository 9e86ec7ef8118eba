//! Adapters for applications: what the rest of the service may ask of one, and what it may hear.
//!
//! Invariants:
//! - an answer of [`Outcome::Done`] or [`Outcome::Already`] was read back from the application;
//! - an unknown outcome is looked up again before it is answered, and never counts as done;
//! - nothing is sent but to the host that a document names, at an address that was checked when it was
//!   connected to;
//! - a record is adopted only when it carries the person's id, whatever filter it was found by;
//! - reasons hold no personal data and no secrets.

pub mod code;
mod egress;
mod in_process;
mod ldap;
mod pace;
mod permits;
mod pulse;
mod reading;
mod scim;
mod secret;

use std::fmt;
use std::time::Duration;

use domain::{AccountState, Attributes, Lane, PersonId, Value};
use tokio::sync::mpsc::Sender;

pub use egress::{Barred, Egress};
pub use in_process::InProcess;
pub use ldap::{ConnectError as LdapConnectError, Ldap, Settings as LdapSettings};
pub use pace::{Budget, Turn};
pub use permits::Limits;
pub use pulse::Beat;
pub use reading::{Completeness, Holding, Page, SeenAccount, Unread};
pub use scim::{ConnectError, Scim, Settings, Timeouts};
pub use secret::{ReferenceError, Secret, resolve};

/// The adapter for one application.
#[derive(Debug)]
pub enum Connector {
    /// Speaks SCIM 2.0 over HTTP.
    Scim(Box<Scim>),
    /// Speaks LDAP.
    Ldap(Box<Ldap>),
    /// Nothing can be asked of it: every change is a human's.
    Manual,
    /// Answers from memory, for measurements without a network.
    InProcess(InProcess),
}

/// One account as it shall be.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose id the account carries, or shall carry when it is made.
    pub person: PersonId,
    /// How urgent it is.
    pub lane: Lane,
    /// The application's own id of the account, when it is known.
    pub account_id: Option<String>,
    /// The name the person signs in with.
    pub login: String,
    /// Active or suspended; nothing else can be asked for.
    pub state: AccountState,
    /// Attributes by the application's names for them, without the login.
    pub attributes: Attributes,
    /// When false, an account that is gone is not made anew.
    pub create: bool,
}

/// One entitlement an account shall hold, or hold no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    /// Whose account it is.
    pub person: PersonId,
    /// How urgent it is.
    pub lane: Lane,
    /// The application's own id of the account.
    pub account_id: String,
    /// The entitlement's name.
    pub entitlement: String,
    /// True to give, false to take away.
    pub held: bool,
}

/// One account as the application says it is.
#[derive(Clone, PartialEq, Eq)]
pub struct ObservedAccount {
    /// The application's own id of the account.
    pub account_id: String,
    /// The name the person signs in with.
    pub login: String,
    /// Whether it can be used.
    pub state: AccountState,
    /// Every attribute that a connector can manage and that has a value.
    pub attributes: Attributes,
}

/// How one change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was changed, and read back.
    Done(T),
    /// It was so before; nothing was written.
    Already(T),
    /// There is no such account, and the change did not ask for one to be made.
    Gone,
    /// Somebody else in the application has that login.
    LoginTaken,
    /// A human has to do it.
    Manual,
    /// Nothing was done, whatever was asked for: the application asks to be left alone for some time.
    Wait {
        /// For how long; never zero.
        after: Duration,
        /// Why.
        reason: String,
    },
    /// It may succeed later, or its outcome is unknown.
    Retry {
        /// The application's wish, or zero when the caller's own backoff decides.
        after: Duration,
        /// What went wrong, beginning with a code when an operator can mend it.
        reason: String,
    },
    /// It will fail every time.
    Failed {
        /// One of [`code`].
        code: &'static str,
        /// What went wrong.
        reason: String,
    },
}

impl Connector {
    /// Makes accounts be as they shall be, concurrently within the limits; answers in the same order.
    pub async fn ensure_accounts(
        &self,
        changes: &[AccountChange],
    ) -> Vec<Outcome<ObservedAccount>> {
        match self {
            Self::Scim(scim) => scim.ensure_accounts(changes).await,
            Self::Ldap(ldap) => ldap.ensure_accounts(changes).await,
            Self::Manual => vec![Outcome::Manual; changes.len()],
            Self::InProcess(memory) => memory.ensure_accounts(changes),
        }
    }

    /// Gives and takes entitlements with few requests; answers in the same order.
    pub async fn change_memberships(&self, changes: &[MembershipChange]) -> Vec<Outcome<()>> {
        match self {
            Self::Scim(scim) => scim.change_memberships(changes).await,
            Self::Ldap(ldap) => ldap.change_memberships(changes).await,
            Self::Manual => vec![Outcome::Manual; changes.len()],
            Self::InProcess(memory) => memory.change_memberships(changes),
        }
    }

    /// Reads every account and what it holds, page by page, and says whether that is all there is.
    ///
    /// # Errors
    /// When the application does not answer, or its lists do not end. Pages that were sent before stand.
    pub async fn read(&self, pages: &Sender<Page>) -> Result<Completeness, Unread> {
        match self {
            Self::Scim(scim) => scim.read(pages).await,
            Self::Ldap(ldap) => ldap.read(pages).await,
            Self::Manual => Err(Unread::new("nobody uploaded a list of its accounts")),
            Self::InProcess(memory) => memory.read(pages).await,
        }
    }

    /// What the requests of this process to the application came to so far.
    #[must_use]
    pub fn beat(&self) -> Beat {
        match self {
            Self::Scim(scim) => scim.beat(),
            Self::Ldap(ldap) => ldap.beat(),
            Self::Manual | Self::InProcess(_) => Beat::default(),
        }
    }

    /// How long no change of a lane can be begun within the application's rates.
    #[must_use]
    pub fn waits(&self, lane: Lane) -> Duration {
        let budget = match self {
            Self::Scim(scim) => scim.budget(),
            Self::Ldap(ldap) => ldap.budget(),
            Self::Manual | Self::InProcess(_) => None,
        };
        budget.map(|budget| budget.waits(lane)).unwrap_or_default()
    }

    /// Whether an attribute that was read has the value that it shall have: an application may spell a
    /// value in its own way.
    #[must_use]
    pub fn agrees(&self, attribute: &str, wanted: &Value, observed: Option<&Value>) -> bool {
        match self {
            Self::Scim(_scim) => scim::agrees(attribute, wanted, observed),
            Self::Ldap(_ldap) => ldap::agrees(wanted, observed),
            Self::Manual | Self::InProcess(_) => observed == Some(wanted),
        }
    }
}

impl<T> Outcome<T> {
    /// Leaves the moment of the next attempt to the caller.
    fn again(reason: impl Into<String>) -> Self {
        Self::Retry { after: Duration::ZERO, reason: reason.into() }
    }
}

/// Logins and attributes are personal data and stay out of logs.
impl fmt::Debug for AccountChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountChange")
            .field("person", &self.person)
            .field("lane", &self.lane)
            .field("account_id", &self.account_id)
            .field("state", &self.state)
            .field("create", &self.create)
            .finish_non_exhaustive()
    }
}

/// Logins and attributes are personal data and stay out of logs.
impl fmt::Debug for ObservedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedAccount")
            .field("account_id", &self.account_id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
