use serde_json::{Value, json};

/// Why a request is refused. No text repeats a value of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Error {
    pub(crate) status: u16,
    /// RFC 7644's word for it, where it has one.
    pub(crate) kind: Option<&'static str>,
    pub(crate) detail: String,
    /// Whether what the request wrote stays: a question to a human.
    pub(crate) keeps: bool,
}

impl Error {
    pub(crate) fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into(), keeps: false }
    }

    /// The request waits for a human, who is asked: the client tries again.
    pub(crate) fn waits(detail: impl Into<String>) -> Self {
        Self { keeps: true, ..Self::new(429, detail) }
    }

    fn bad(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 400, kind: Some(kind), detail: detail.into(), keeps: false }
    }

    pub(crate) fn filter(detail: impl Into<String>) -> Self {
        Self::bad("invalidFilter", detail)
    }

    pub(crate) fn path(detail: impl Into<String>) -> Self {
        Self::bad("invalidPath", detail)
    }

    pub(crate) fn syntax(detail: impl Into<String>) -> Self {
        Self::bad("invalidSyntax", detail)
    }

    pub(crate) fn value(detail: impl Into<String>) -> Self {
        Self::bad("invalidValue", detail)
    }

    pub(crate) fn no_target(detail: impl Into<String>) -> Self {
        Self::bad("noTarget", detail)
    }

    pub(crate) fn mutability(detail: impl Into<String>) -> Self {
        Self::bad("mutability", detail)
    }

    pub(crate) fn uniqueness(detail: impl Into<String>) -> Self {
        Self { status: 409, kind: Some("uniqueness"), detail: detail.into(), keeps: false }
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let Some(kind) = self.kind {
            body["scimType"] = kind.into();
        }
        body
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let transient = error.is_transient();
        tracing::error!("a request failed: {}", domain::Rejection::park(error));
        if transient {
            Self::new(503, "the service is busy: try again")
        } else {
            Self::new(500, "the service failed; its log says how")
        }
    }
}
