//! What can go wrong in one operation, and what the caller of a connector hears of it.

use std::time::Duration;

use ldap3::LdapError;

use super::super::{Barred, Outcome, code};

/// Credentials, addresses and certificates are mended by people, which takes a while.
const MENDING_DELAY: Duration = Duration::from_mins(5);

/// What is said of a connection that ended before the answer.
pub(super) const LOST: &str = "the connection to the directory was lost";

/// Result codes of RFC 4511 that decide something here.
pub(super) mod rc {
    pub(in super::super) const SUCCESS: u32 = 0;
    pub(in super::super) const SIZE_LIMIT: u32 = 4;
    pub(in super::super) const COMPARE_FALSE: u32 = 5;
    pub(in super::super) const COMPARE_TRUE: u32 = 6;
    pub(in super::super) const NO_SUCH_ATTRIBUTE: u32 = 16;
    pub(in super::super) const UNDEFINED_TYPE: u32 = 17;
    pub(in super::super) const VALUE_EXISTS: u32 = 20;
    pub(in super::super) const NO_SUCH_OBJECT: u32 = 32;
    pub(in super::super) const CLASS_VIOLATION: u32 = 65;
    pub(in super::super) const ENTRY_EXISTS: u32 = 68;
}

/// Why an operation has no useful answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// Nothing was done: there is no connection to be had.
    #[error("{what}")]
    Unreachable { what: &'static str },
    /// Nothing was done: the connection cannot be made safe, or is not safe enough for the server.
    #[error("{code}: {what}", code = code::DIRECTORY_TLS)]
    Insecure { what: &'static str },
    /// Nothing was done: the directory's rates admit no more for some time.
    #[error("what may be asked of the directory is spent for {} s", .after.as_secs())]
    Spent { after: Duration },
    /// Nothing was done: the address is not one that may be spoken to.
    #[error("{0}")]
    Barred(#[source] Barred),
    /// Nothing was done: the credentials are not accepted.
    #[error(
        "{code}: the directory does not accept the credentials ({name})",
        code = code::CREDENTIALS, name = name(*.rc)
    )]
    Credentials { rc: u32 },
    /// Nothing is known: no answer, or the connection was lost.
    #[error("{what}")]
    Broken { what: &'static str },
    /// Nothing is known: the server could not do it just then.
    #[error("the directory could not do it ({name})", name = name(*.rc))]
    Server { rc: u32 },
    /// Nothing was done: the operation was refused.
    #[error("the directory refused ({name})", name = name(*.rc))]
    Refused { rc: u32 },
}

impl Fault {
    /// What kind of answer it is, as requests to applications are measured.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. }
            | Self::Insecure { .. }
            | Self::Barred(_)
            | Self::Broken { .. } => "unreachable",
            Self::Spent { .. } => "throttled",
            Self::Credentials { .. } | Self::Refused { .. } => "refused",
            Self::Server { .. } => "failed",
        }
    }

    /// Judges a result code that is not a success. What the server says beside it may hold names, and
    /// is dropped.
    pub(super) const fn of(rc: u32) -> Self {
        match rc {
            8 | 13 => Self::Insecure { what: "the directory asks for a secure connection" },
            48 | 49 => Self::Credentials { rc },
            1 | 3 | 4 | 11 | 51 | 52 | 80 => Self::Server { rc },
            _ => Self::Refused { rc },
        }
    }

    /// Judges an operation that brought no result.
    pub(super) fn lost(error: &LdapError) -> Self {
        if is_tls(error) {
            return Self::Insecure { what: "the directory's certificate is not trusted" };
        }
        if let LdapError::LdapResult { result } = error {
            return Self::of(result.rc);
        }
        if matches!(error, LdapError::FilterParsing | LdapError::AddNoValues) {
            return Self::Refused { rc: PROTOCOL_ERROR };
        }
        Self::Broken { what: LOST }
    }

    /// Judges a connection that could not be made.
    pub(super) fn unconnected(error: &LdapError) -> Self {
        let fault = Self::lost(error);
        if fault.is_unknown() {
            return Self::Unreachable { what: "the directory cannot be reached" };
        }
        if fault.refusal().is_some() {
            return Self::Insecure { what: "the directory does not offer StartTLS" };
        }
        fault
    }

    /// Whether a write that ended so may have been carried out.
    pub(super) const fn is_unknown(&self) -> bool {
        match self {
            Self::Broken { .. } | Self::Server { .. } => true,
            Self::Unreachable { .. }
            | Self::Spent { .. }
            | Self::Barred(_)
            | Self::Insecure { .. }
            | Self::Credentials { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// Whether it is the directory that is out of order, and not what was asked for.
    pub(super) const fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Server { rc: 51 | 52 } => true,
            Self::Server { .. }
            | Self::Spent { .. }
            | Self::Barred(_)
            | Self::Insecure { .. }
            | Self::Credentials { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// The result code of a refusal.
    pub(super) const fn refusal(&self) -> Option<u32> {
        match self {
            Self::Refused { rc } => Some(*rc),
            Self::Unreachable { .. }
            | Self::Spent { .. }
            | Self::Barred(_)
            | Self::Insecure { .. }
            | Self::Credentials { .. }
            | Self::Broken { .. }
            | Self::Server { .. } => None,
        }
    }

    /// Whether it was refused because it is so already: a value that is there, or is not.
    pub(super) const fn is_so_already(&self) -> bool {
        matches!(self.refusal(), Some(rc::NO_SUCH_ATTRIBUTE | rc::VALUE_EXISTS))
    }

    /// What the caller of the connector hears.
    ///
    /// Refused credentials, an untrusted certificate and a base that is not there are tried again,
    /// seldom: they are mended outside, and the work must go on by itself when they are.
    pub(super) fn outcome<T>(&self) -> Outcome<T> {
        let reason = self.to_string();
        match self {
            Self::Spent { after } => Outcome::Wait { after: *after, reason },
            // Nothing was tried, and nothing changes until somebody changes the settings.
            Self::Barred(_) => Outcome::Wait { after: MENDING_DELAY, reason },
            Self::Insecure { .. } | Self::Credentials { .. } => {
                Outcome::Retry { after: MENDING_DELAY, reason }
            }
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Server { .. } => {
                Outcome::again(reason)
            }
            Self::Refused { rc } => match *rc {
                rc::NO_SUCH_ATTRIBUTE | rc::VALUE_EXISTS => Outcome::again(reason),
                rc::NO_SUCH_OBJECT => Outcome::Retry {
                    after: MENDING_DELAY,
                    reason: format!("{}: {reason}", code::DIRECTORY_BASE),
                },
                50 => Outcome::Failed { code: code::DIRECTORY_ACCESS, reason },
                17..=19 | 21 | 64 | rc::CLASS_VIOLATION | 67 | 69 => {
                    Outcome::Failed { code: code::DIRECTORY_SCHEMA, reason }
                }
                _ => Outcome::Failed { code: code::REFUSED, reason },
            },
        }
    }
}

const PROTOCOL_ERROR: u32 = 2;

fn is_tls(error: &LdapError) -> bool {
    if let LdapError::Io { source } = error {
        return source.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    }
    matches!(error, LdapError::Rustls { .. } | LdapError::DNSName { .. })
}

/// The name of a result code, as RFC 4511 has it.
const fn name(rc: u32) -> &'static str {
    match rc {
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        13 => "confidentialityRequired",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        18 => "inappropriateMatching",
        19 => "constraintViolation",
        20 => "attributeOrValueExists",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        64 => "namingViolation",
        65 => "objectClassViolation",
        67 => "notAllowedOnRDN",
        68 => "entryAlreadyExists",
        69 => "objectClassModsProhibited",
        80 => "other",
        _ => "a result code of its own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_code_has_its_consequence() {
        let mut table = String::new();
        for rc in [1, 3, 8, 10, 13, 16, 17, 19, 20, 21, 32, 49, 50, 51, 52, 53, 65, 68, 80] {
            let told = match Fault::of(rc).outcome::<()>() {
                Outcome::Retry { after, .. } if after.is_zero() => "again".to_owned(),
                Outcome::Retry { .. } | Outcome::Wait { .. } => "again, seldom".to_owned(),
                Outcome::Failed { code, .. } => code.to_owned(),
                Outcome::Done(_)
                | Outcome::Already(_)
                | Outcome::Gone
                | Outcome::LoginTaken
                | Outcome::Manual => String::from("no fault"),
            };
            table.push_str(&format!("{}: {told}\n", name(rc)));
        }

        let expected = "\
operationsError: again
timeLimitExceeded: again
strongerAuthRequired: again, seldom
referral: PROV-104
confidentialityRequired: again, seldom
noSuchAttribute: again
undefinedAttributeType: PROV-111
constraintViolation: PROV-111
attributeOrValueExists: again
invalidAttributeSyntax: PROV-111
noSuchObject: again, seldom
invalidCredentials: again, seldom
insufficientAccessRights: PROV-110
busy: again
unavailable: again
unwillingToPerform: PROV-104
objectClassViolation: PROV-111
entryAlreadyExists: PROV-104
other: again
";
        assert_eq!(table, expected);
    }

    #[test]
    fn what_the_server_says_beside_its_code_is_not_repeated() {
        let result = ldap3::LdapResult {
            rc: 19,
            matched: "uid=ada,dc=example".to_owned(),
            text: "mail: value ada@example.org already exists".to_owned(),
            refs: Vec::new(),
            ctrls: Vec::new(),
        };

        let fault = Fault::lost(&LdapError::LdapResult { result });

        assert_eq!(fault.to_string(), "the directory refused (constraintViolation)");
    }
}
