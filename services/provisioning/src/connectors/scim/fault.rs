//! What can go wrong in one request, and what the caller of a connector hears of it.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;

use super::super::{Barred, Outcome, code};

/// Credentials and addresses are mended by people, which takes a while.
const MENDING_DELAY: Duration = Duration::from_mins(5);

/// No application may stop the work for longer than this.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// What is said of an application to which there is no connection.
pub(super) const UNREACHED: &str = "the application cannot be reached";
/// What is said of one that takes too long.
pub(super) const LATE: &str = "the application did not answer in time";
/// What is said of one that does not answer to the end.
pub(super) const CUT: &str = "the connection to the application broke";

/// Why a request has no useful answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// Nothing was done: too much was asked.
    #[error("the application asks for fewer requests")]
    Throttled { after: Duration },
    /// Nothing was done: the application's rates admit no more for some time.
    #[error("what may be asked of the application is spent for {} s", .after.as_secs())]
    Spent { after: Duration },
    /// Nothing was done: the address is not one that may be spoken to.
    #[error("{0}")]
    Barred(#[source] Barred),
    /// Nothing was done: the credentials are not accepted.
    #[error("{code}: the application does not accept the credentials (status {status})", code = code::CREDENTIALS)]
    Credentials { status: u16 },
    /// Nothing is known: no answer, or not a whole one.
    #[error("{what}")]
    Broken { what: &'static str },
    /// Nothing is known: the application failed.
    #[error("the application failed (status {status})")]
    Server { status: u16, after: Duration },
    /// Nothing was done: the request was refused.
    #[error("the application refused the request (status {status}, {kind})", kind = kind.unwrap_or("no scimType"))]
    Refused { status: StatusCode, kind: Option<&'static str> },
}

impl Fault {
    /// Judges an answer that is not a success; only the error's type is taken from its body.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled { after: retry_after(headers) },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Self::Credentials { status: status.as_u16() }
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
                Self::Broken { what: "the application gave up waiting" }
            }
            StatusCode::NOT_IMPLEMENTED => Self::Refused { status, kind: None },
            _ if status.is_server_error() => {
                Self::Server { status: status.as_u16(), after: retry_after(headers) }
            }
            _ => Self::Refused { status, kind: scim_type(body) },
        }
    }

    /// A word for metrics and traces.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Throttled { .. } | Self::Spent { .. } => "throttled",
            Self::Credentials { .. } | Self::Refused { .. } => "refused",
            Self::Barred(_) => "unreachable",
            Self::Broken { .. } => "unreachable",
            Self::Server { .. } => "failed",
        }
    }

    /// How long the application asks to be left alone, when it is the application that is out of order
    /// and not what was asked for.
    pub(super) fn silence(&self) -> Option<Duration> {
        match self {
            Self::Broken { what } => {
                [UNREACHED, LATE, CUT].contains(what).then_some(Duration::ZERO)
            }
            Self::Server { status: 502..=504, after } => Some(*after),
            Self::Server { .. }
            | Self::Throttled { .. }
            | Self::Spent { .. }
            | Self::Barred(_)
            | Self::Credentials { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// Whether a write that ended so may have been carried out.
    pub(super) const fn is_unknown(&self) -> bool {
        match self {
            Self::Broken { .. } | Self::Server { .. } => true,
            Self::Throttled { .. }
            | Self::Spent { .. }
            | Self::Barred(_)
            | Self::Credentials { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// The status of a refusal.
    pub(super) const fn refusal(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Throttled { .. }
            | Self::Spent { .. }
            | Self::Barred(_)
            | Self::Credentials { .. }
            | Self::Broken { .. }
            | Self::Server { .. } => None,
        }
    }

    /// Whether the value of an attribute that must be unique is taken.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Refused { status, kind } => {
                *status == StatusCode::CONFLICT || *kind == Some("uniqueness")
            }
            Self::Throttled { .. }
            | Self::Spent { .. }
            | Self::Barred(_)
            | Self::Credentials { .. }
            | Self::Broken { .. }
            | Self::Server { .. } => false,
        }
    }

    /// Whether the application does not offer this method, or not in this form.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self.refusal(), Some(StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED))
    }

    /// Whether the application does not understand the request.
    pub(super) fn is_malformed(&self) -> bool {
        self.refusal() == Some(StatusCode::BAD_REQUEST)
    }

    /// Whether there is no such resource.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.refusal(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
    }

    /// What the caller of the connector hears.
    ///
    /// Refused credentials and an address that does not answer are tried again, seldom: they are
    /// mended outside, and the work must go on by itself when they are.
    pub(super) fn outcome<T>(&self) -> Outcome<T> {
        let reason = self.to_string();
        match self {
            Self::Spent { after } => Outcome::Wait { after: *after, reason },
            Self::Throttled { after } if !after.is_zero() => {
                Outcome::Wait { after: *after, reason }
            }
            Self::Throttled { after } | Self::Server { after, .. } => {
                Outcome::Retry { after: *after, reason }
            }
            // Nothing was tried, and nothing changes until somebody changes the settings.
            Self::Barred(_) => Outcome::Wait { after: MENDING_DELAY, reason },
            Self::Credentials { .. } => Outcome::Retry { after: MENDING_DELAY, reason },
            Self::Broken { .. } => Outcome::again(reason),
            Self::Refused { status, .. } => match *status {
                StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Outcome::again(reason),
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => not_scim(&reason),
                other if other.is_redirection() => not_scim(&reason),
                _ => Outcome::Failed { code: code::REFUSED, reason },
            },
        }
    }
}

fn not_scim<T>(reason: &str) -> Outcome<T> {
    Outcome::Retry { after: MENDING_DELAY, reason: format!("{}: {reason}", code::NOT_SCIM) }
}

/// The types of RFC 7644; what is not on this list could hold anything, and is dropped.
fn scim_type(body: &[u8]) -> Option<&'static str> {
    const TYPES: [&str; 10] = [
        "invalidFilter",
        "tooMany",
        "uniqueness",
        "mutability",
        "invalidSyntax",
        "invalidPath",
        "noTarget",
        "invalidValue",
        "invalidVers",
        "sensitive",
    ];

    #[derive(Deserialize)]
    struct Error {
        #[serde(rename = "scimType")]
        scim_type: String,
    }

    let error: Error = serde_json::from_slice(body).ok()?;
    TYPES.into_iter().find(|known| *known == error.scim_type)
}

/// Reads `Retry-After`; an HTTP date is taken relative to the answer's own `Date`, so no two clocks
/// are compared.
fn retry_after(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let instant = |text| DateTimeParser::new().parse_timestamp(text).ok();
    let after = text(header::RETRY_AFTER).and_then(|after| {
        after.parse().map(Duration::from_secs).ok().or_else(|| {
            let wait = instant(after)?.duration_since(instant(text(header::DATE)?)?);
            Duration::try_from(wait).ok()
        })
    });
    after.unwrap_or_default().min(RETRY_AFTER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_pause_is_read_as_seconds_and_as_a_date_and_never_exceeds_an_hour() {
        let date = (header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        let after = |text| retry_after(&headers(&[date.clone(), (header::RETRY_AFTER, text)]));

        assert_eq!(after("30"), Duration::from_secs(30));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:00 GMT"), Duration::from_secs(23));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Duration::ZERO);
        assert_eq!(after("86400"), RETRY_AFTER_MAX);
        assert_eq!(after("soon"), Duration::ZERO);
    }

    #[test]
    fn a_refusal_repeats_nothing_but_the_kind_of_error() {
        let body = br#"{"scimType": "invalidValue", "detail": "ada@example.org is not allowed"}"#;
        let fault = Fault::of(StatusCode::BAD_REQUEST, &HeaderMap::new(), body);

        assert_eq!(
            fault.outcome::<()>(),
            Outcome::Failed {
                code: code::REFUSED,
                reason:
                    "the application refused the request (status 400 Bad Request, invalidValue)"
                        .to_owned(),
            }
        );
        let body = br#"{"scimType": "ada@example.org"}"#;
        let fault = Fault::of(StatusCode::BAD_REQUEST, &HeaderMap::new(), body);
        assert!(!fault.to_string().contains("ada"));
    }

    #[test]
    fn an_application_is_silent_only_where_nothing_behind_its_address_answers() {
        for (status, silent) in
            [(400, false), (404, false), (408, false), (429, false), (500, false)]
                .into_iter()
                .chain([(501, false), (502, true), (503, true), (504, true)])
        {
            let fault = Fault::of(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), b"");
            assert_eq!(fault.silence().is_some(), silent, "{status}");
        }
        for what in [UNREACHED, LATE, CUT] {
            assert!(Fault::Broken { what }.silence().is_some(), "{what}");
        }
        let told = headers(&[(header::RETRY_AFTER, "30")]);
        let fault = Fault::of(StatusCode::SERVICE_UNAVAILABLE, &told, b"");
        assert_eq!(fault.silence(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_pause_that_is_asked_for_is_no_failure_and_a_refusal_without_one_is() {
        let outcome = |seconds| {
            let after = Duration::from_secs(seconds);
            Fault::Throttled { after }.outcome::<()>()
        };

        assert!(matches!(outcome(30), Outcome::Wait { after, .. } if after.as_secs() == 30));
        assert!(matches!(outcome(0), Outcome::Retry { after, .. } if after.is_zero()));
    }

    #[test]
    fn only_a_failed_or_silent_application_may_have_carried_a_write_out() {
        for status in [400, 401, 403, 404, 409, 412, 422, 429, 501] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(!Fault::of(status, &HeaderMap::new(), b"").is_unknown(), "{status}");
        }
        for status in [408, 500, 502, 503, 504] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(Fault::of(status, &HeaderMap::new(), b"").is_unknown(), "{status}");
        }
    }

    #[test]
    fn refused_credentials_are_tried_again_seldom() {
        let fault = Fault::of(StatusCode::UNAUTHORIZED, &HeaderMap::new(), b"");

        assert!(matches!(fault.outcome::<()>(), Outcome::Retry { after, reason }
            if after == MENDING_DELAY && reason.starts_with(code::CREDENTIALS)));
    }
}
