mod ldap;
mod manual;
mod rate;
mod reconciliation;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, Owner, SecretReference, Setting};
use crate::access::USER_NAME;

pub use ldap::{Ldap, LdapDisable, LdapDisabled, LdapLayout, LdapSchema, check_address};
pub use manual::{Evidence, Manual, Verification, Within};
pub use rate::{Rate, Window};
pub use reconciliation::{DriftKind, Every, Reconciliation, Response};

/// A target system: how it is reached, what its accounts look like, what they may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// How it is reached.
    pub connector: Connector,
    /// How hard it may be worked.
    #[serde(default, skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    /// How it is watched.
    #[serde(default, skip_serializing_if = "Reconciliation::is_default")]
    pub reconciliation: Reconciliation,
    /// What its accounts look like.
    pub account: AccountRules,
    /// What its accounts may hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<Entitlement>,
}

/// How an application is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// The adapter.
    pub kind: ConnectorKind,
    /// The base address; needed by `scim` and `ldap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Setting>,
    /// Where the token is kept that the application asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretReference>,
    /// What else it takes to work in a directory; needed by `ldap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap: Option<Ldap>,
    /// Who does the work, and how; needed by `manual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<Manual>,
}

/// The adapters there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorKind {
    /// SCIM 2.0 over HTTP.
    Scim,
    /// A directory that speaks LDAP, such as OpenLDAP or Active Directory.
    Ldap,
    /// Nothing can be asked of it: humans get tasks.
    Manual,
    /// An application inside the process, for measurements.
    InProcess,
}

/// How hard an application may be worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests under way at once.
    pub concurrency: u16,
    /// How many of them are kept free for leavers.
    pub leaver_reserve: u16,
    /// Changes of one group carried by one request.
    pub changes_per_request: u16,
    /// Requests that all replicas together may send in some time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
}

/// What the accounts of an application look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRules {
    /// CEL for the wished login.
    pub login: String,
    /// CEL by account attribute, or a reference to what another account supplies:
    /// `accounts.<application>.<attribute>`, `manager.accounts.<application>.<attribute>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Something an account may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entitlement {
    /// Its name in the application.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How much harm whoever holds it could do.
    #[serde(default, skip_serializing_if = "Privilege::is_default")]
    pub privilege: Privilege,
}

/// How much harm whoever holds an entitlement could do.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Privilege {
    /// What everybody's work takes.
    #[default]
    Standard,
    /// Other people's data, money, or production.
    Elevated,
    /// The application itself, and with it what others may do.
    Admin,
}

impl Privilege {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The class as it is written in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Elevated => "elevated",
            Self::Admin => "admin",
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 8, leaver_reserve: 2, changes_per_request: 100, rates: Vec::new() }
    }
}

impl Limits {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

const ENTITLEMENT_LENGTH_MAX: usize = 255;

impl Application {
    pub(super) fn problems(&self) -> Vec<Finding> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        match self.connector.kind {
            ConnectorKind::Scim if self.connector.url.is_none() => {
                found.push(("spec.connector.url", "missing; scim needs the application's address"));
            }
            ConnectorKind::Ldap if self.connector.token.is_some() => {
                found.push((
                    "spec.connector.token",
                    "is for scim; ldap signs in with ldap.password",
                ));
            }
            ConnectorKind::Manual if self.connector.url.is_some() => {
                found.push(("spec.connector.url", "nothing is asked of a manual application"));
            }
            ConnectorKind::Manual if self.connector.token.is_some() => {
                found.push(("spec.connector.token", "nothing is asked of a manual application"));
            }
            ConnectorKind::Scim
            | ConnectorKind::Ldap
            | ConnectorKind::Manual
            | ConnectorKind::InProcess => {}
        }
        if self.limits.concurrency == 0 {
            found.push(("spec.limits.concurrency", "must be at least 1"));
        } else if self.limits.leaver_reserve >= self.limits.concurrency {
            found.push((
                "spec.limits.leaver_reserve",
                "must be less than concurrency, or nothing but leavers would ever be served",
            ));
        }
        if self.limits.changes_per_request == 0 {
            found.push(("spec.limits.changes_per_request", "must be at least 1"));
        }
        if self.account.login.trim().is_empty() {
            found.push(("spec.account.login", "empty; write for instance slug(person.name)"));
        }
        if self.account.attributes.contains_key(USER_NAME) {
            found.push((
                "spec.account.attributes.userName",
                "is the login; write it under spec.account.login",
            ));
        }
        let mut found: Vec<Finding> = found
            .into_iter()
            .map(|(field, message)| (field.to_owned(), message.to_owned()))
            .collect();
        found.extend(self.owner.iter().flat_map(|owner| owner.problems("spec.owner")));
        found.extend(self.directory_problems());
        found.extend(self.manual_problems());
        found.extend(self.rate_problems());
        found.extend(self.entitlement_problems());
        found.extend(self.reconciliation.problems(self));
        found
    }

    fn directory_problems(&self) -> Vec<Finding> {
        let field = "spec.connector.ldap".to_owned();
        match (self.connector.kind, &self.connector.ldap) {
            (ConnectorKind::Ldap, Some(ldap)) => {
                let url = self.connector.url.as_ref();
                ldap.problems(url, &self.account, !self.entitlements.is_empty())
            }
            (ConnectorKind::Ldap, None) => {
                let needs = "missing; ldap needs bind_dn, password and accounts_base";
                vec![(field, needs.to_owned())]
            }
            (ConnectorKind::Scim | ConnectorKind::Manual | ConnectorKind::InProcess, Some(_)) => {
                vec![(field, "is for connectors of kind ldap; remove it".to_owned())]
            }
            (ConnectorKind::Scim | ConnectorKind::Manual | ConnectorKind::InProcess, None) => {
                Vec::new()
            }
        }
    }

    fn manual_problems(&self) -> Vec<Finding> {
        let field = "spec.connector.manual".to_owned();
        match (self.connector.kind, &self.connector.manual) {
            (ConnectorKind::Manual, Some(manual)) => manual.problems(self.owner.as_ref()),
            (ConnectorKind::Manual, None) => {
                vec![(field, "missing; manual needs a deputy".to_owned())]
            }
            (ConnectorKind::Scim | ConnectorKind::Ldap | ConnectorKind::InProcess, Some(_)) => {
                vec![(field, "is for connectors of kind manual; remove it".to_owned())]
            }
            (ConnectorKind::Scim | ConnectorKind::Ldap | ConnectorKind::InProcess, None) => {
                Vec::new()
            }
        }
    }

    fn entitlement_problems(&self) -> Vec<Finding> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for (index, entitlement) in self.entitlements.iter().enumerate() {
            let name = &entitlement.name;
            let message = if name.is_empty()
                || name.len() > ENTITLEMENT_LENGTH_MAX
                || name.trim() != name
                || name.chars().any(char::is_control)
            {
                format!(
                    "not a name; use 1 to {ENTITLEMENT_LENGTH_MAX} bytes without white space \
                     around them"
                )
            } else if seen.insert(name) {
                continue;
            } else {
                format!("`{name}` is listed twice; remove one")
            };
            found.push((format!("spec.entitlements[{index}].name"), message));
        }
        found
    }
}
