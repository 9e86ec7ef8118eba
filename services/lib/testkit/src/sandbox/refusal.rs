//! Why the application says no, and how RFC 7644 words it.

use serde_json::{Value, json};

/// An answer other than the one asked for; its text carries attribute names, never values.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the bearer token is missing or wrong")]
    Unauthorized,
    #[error("no such resource")]
    NotFound,
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    #[error("another resource has the same {0}")]
    Uniqueness(&'static str),
    #[error("the filter is not supported: {0}")]
    InvalidFilter(&'static str),
    #[error("the path names nothing: {0}")]
    InvalidPath(&'static str),
    #[error("the path matches no value of {0}")]
    NoTarget(&'static str),
    #[error("{0} cannot be changed that way")]
    Mutability(&'static str),
    #[error("the value of {0} is not valid")]
    InvalidValue(&'static str),
    #[error("the request is not understood: {0}")]
    InvalidSyntax(&'static str),
    #[error("the resource has another version")]
    PreconditionFailed,
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the content type is not application/scim+json")]
    ContentType,
    #[error("too many requests")]
    TooManyRequests { retry_after_seconds: u32 },
    #[error("a fault was switched on")]
    SwitchedFault,
    #[error("write the answer as JSON")]
    Render(#[from] serde_json::Error),
}

impl Refusal {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::InvalidFilter(_)
            | Self::InvalidPath(_)
            | Self::NoTarget(_)
            | Self::Mutability(_)
            | Self::InvalidValue(_)
            | Self::InvalidSyntax(_) => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Uniqueness(_) => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge(_) => 413,
            Self::ContentType => 415,
            Self::TooManyRequests { .. } => 429,
            Self::SwitchedFault | Self::Render(_) => 500,
        }
    }

    fn scim_type(&self) -> Option<&'static str> {
        match self {
            Self::Uniqueness(_) => Some("uniqueness"),
            Self::InvalidFilter(_) => Some("invalidFilter"),
            Self::InvalidPath(_) => Some("invalidPath"),
            Self::NoTarget(_) => Some("noTarget"),
            Self::Mutability(_) => Some("mutability"),
            Self::InvalidValue(_) => Some("invalidValue"),
            Self::InvalidSyntax(_) => Some("invalidSyntax"),
            Self::Unauthorized
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::PreconditionFailed
            | Self::TooLarge(_)
            | Self::ContentType
            | Self::TooManyRequests { .. }
            | Self::SwitchedFault
            | Self::Render(_) => None,
        }
    }

    /// The error body of RFC 7644, section 3.12.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status().to_string(),
            "detail": self.to_string(),
        });
        if let Some(scim_type) = self.scim_type() {
            body["scimType"] = scim_type.into();
        }
        body
    }
}
