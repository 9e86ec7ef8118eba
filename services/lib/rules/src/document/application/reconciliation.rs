use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Days, Finding, minutes};
use super::Application;
use crate::access::USER_NAME;

/// How an application is watched: it is read as a whole, and held against what it shall hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reconciliation {
    /// How often it is read as a whole. Before its first reading nothing is done in it, so that accounts
    /// which are there already are taken over and not made again.
    #[serde(skip_serializing_if = "Every::is_default")]
    pub every: Every,
    /// Account attributes by which an account that carries nobody's id is taken for a person's, the surest
    /// first; `userName` is the login. The first that fits one person alone decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Logins of accounts that are never looked at and never touched; `*` stands for any text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    /// How long a grant that nobody asked for stays before it is taken back, where that is the response;
    /// what is more than standard is taken back at once.
    #[serde(skip_serializing_if = "Days::is_zero")]
    pub grace: Days,
    /// What is done about each kind of drift; of a kind that is not named, the cautious thing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub drift: BTreeMap<DriftKind, Response>,
}

/// How often: `PT24H`, `PT30M`, or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Every {
    /// Only when somebody asks for it; then nothing waits for a first reading either.
    Never,
    /// After so many minutes.
    Minutes(u32),
}

/// A way in which an application differs from what it shall hold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// Somebody has an account who shall have none.
    UnmanagedAccount,
    /// An account is gone that somebody shall have.
    MissingAccount,
    /// An account can be used that shall be closed.
    WronglyEnabled,
    /// An account is closed that shall be usable.
    WronglyDisabled,
    /// One person has several accounts.
    SeveralAccounts,
    /// One account is several people's.
    SeveralPeople,
    /// An account is nobody's.
    OrphanedAccount,
    /// An account holds what nobody asked for.
    UnmanagedGrant,
    /// An account does not hold what it shall.
    MissingGrant,
    /// An attribute has another value.
    AttributeDiffers,
}

/// What is done about drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// Nothing, and nobody is told.
    Ignore,
    /// It is listed, and left as it is until somebody decides.
    Report,
    /// It is made to be as it shall be.
    Repair,
}

impl DriftKind {
    /// Every kind, in the order of their names in the rules.
    pub const ALL: [Self; 10] = [
        Self::UnmanagedAccount,
        Self::MissingAccount,
        Self::WronglyEnabled,
        Self::WronglyDisabled,
        Self::SeveralAccounts,
        Self::SeveralPeople,
        Self::OrphanedAccount,
        Self::UnmanagedGrant,
        Self::MissingGrant,
        Self::AttributeDiffers,
    ];

    /// The kind as it is written in documents, in SQL and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnmanagedAccount => "unmanaged_account",
            Self::MissingAccount => "missing_account",
            Self::WronglyEnabled => "wrongly_enabled",
            Self::WronglyDisabled => "wrongly_disabled",
            Self::SeveralAccounts => "several_accounts",
            Self::SeveralPeople => "several_people",
            Self::OrphanedAccount => "orphaned_account",
            Self::UnmanagedGrant => "unmanaged_grant",
            Self::MissingGrant => "missing_grant",
            Self::AttributeDiffers => "attribute_differs",
        }
    }

    /// Returns the kind that `as_str` gave this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What is done about it where a document does not say.
    ///
    /// What only restores what policies say is done. Accounts and grants that somebody made on purpose,
    /// and accounts that somebody closed, are left to a human.
    #[must_use]
    pub const fn response(self) -> Response {
        match self {
            Self::MissingAccount
            | Self::WronglyEnabled
            | Self::MissingGrant
            | Self::AttributeDiffers => Response::Repair,
            Self::UnmanagedAccount
            | Self::WronglyDisabled
            | Self::SeveralAccounts
            | Self::SeveralPeople
            | Self::OrphanedAccount
            | Self::UnmanagedGrant => Response::Report,
        }
    }
}

impl Reconciliation {
    /// What is done about a kind of drift.
    #[must_use]
    pub fn response(&self, kind: DriftKind) -> Response {
        self.drift.get(&kind).copied().unwrap_or_else(|| kind.response())
    }

    /// Whether an account of this login is never touched; case does not matter.
    #[must_use]
    pub fn protects(&self, login: &str) -> bool {
        let login = login.to_lowercase();
        self.protected.iter().any(|pattern| fits(&pattern.to_lowercase(), &login))
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn problems(&self, application: &Application) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, key) in self.keys.iter().enumerate() {
            let field = format!("spec.reconciliation.keys[{index}]");
            if !seen.insert(key) {
                found.push((field, format!("`{key}` is listed twice; remove one")));
            } else if key != USER_NAME && !application.account.attributes.contains_key(key) {
                let message = format!(
                    "`{key}` is no attribute of these accounts; write {USER_NAME} or one of \
                     spec.account.attributes"
                );
                found.push((field, message));
            }
        }
        for (index, pattern) in self.protected.iter().enumerate() {
            if pattern.trim_matches('*').is_empty() {
                let field = format!("spec.reconciliation.protected[{index}]");
                let message = "would protect every account; write for instance svc-*";
                found.push((field, message.to_owned()));
            }
        }
        if self.drift.get(&DriftKind::SeveralPeople) == Some(&Response::Repair) {
            let message = "cannot be repaired: only a human knows whose account it is";
            found.push(("spec.reconciliation.drift.several_people".to_owned(), message.to_owned()));
        }
        found
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl Every {
    /// A week.
    const MINUTES_MAX: u32 = 7 * 24 * 60;

    /// The time between two readings, if there is one.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Minutes(minutes) => Some(Duration::from_secs(minutes as u64 * 60)),
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Every {
    fn default() -> Self {
        Self::Minutes(24 * 60)
    }
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        minutes::read(&text, Self::MINUTES_MAX).map(Self::Minutes).ok_or_else(|| {
            format!(
                "`{text}` does not say how often; write for instance PT24H or PT30M, at most \
                     PT{}H, or never",
                Self::MINUTES_MAX / 60
            )
        })
    }
}

impl From<Every> for String {
    fn from(every: Every) -> Self {
        match every {
            Every::Never => "never".to_owned(),
            Every::Minutes(count) => minutes::write(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fit) in [
            ("root", "root", true),
            ("root", "rooted", false),
            ("svc-*", "svc-", true),
            ("svc-*", "svc-backup", true),
            ("svc-*", "a-svc-backup", false),
            ("*-admin", "ada-admin", true),
            ("*-admin", "ada-admin2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn the_case_of_a_protected_login_does_not_matter() {
        let watched =
            Reconciliation { protected: vec!["SVC-*".to_owned()], ..Reconciliation::default() };

        assert!(watched.protects("svc-Backup"));
        assert!(!watched.protects("ada"));
    }

    #[test]
    fn how_often_is_said_in_hours_or_minutes() {
        for (text, minutes) in [("PT24H", 1440), ("PT90M", 90), ("PT168H", 10_080)] {
            let every = Every::try_from(text.to_owned()).unwrap();
            assert_eq!(every.duration(), Some(Duration::from_secs(minutes * 60)));
        }
        assert_eq!(Every::try_from("never".to_owned()), Ok(Every::Never));
        for text in ["", "PT", "PT0H", "P1D", "PT1.5H", "PT-1H", "PT169H", "24", "PT99999999999H"] {
            assert!(Every::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in ["PT24H", "PT90M", "never"] {
            let every = Every::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(every), text);
        }
    }

    #[test]
    fn every_kind_has_its_name() {
        for kind in DriftKind::ALL {
            assert_eq!(DriftKind::from_name(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
