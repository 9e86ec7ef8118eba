use std::fmt;

use jiff::Timestamp;

/// What becomes of work that could not be done.
///
/// Lives here so that deciding code can name it without knowing the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Something outside failed for a moment; the same work is tried again soon.
    Retry {
        /// The chain of causes, without personal data.
        reason: String,
    },
    /// The same work is tried again, not before an instant.
    RetryAt {
        /// The earliest next attempt.
        at: Timestamp,
        /// The chain of causes, without personal data.
        reason: String,
    },
    /// It will fail every time: it is put aside for an operator.
    Park {
        /// The chain of causes, without personal data.
        reason: String,
    },
}

impl Rejection {
    /// Rejects for good, keeping the error's whole chain as the reason.
    pub fn park(error: impl std::error::Error) -> Self {
        Self::Park { reason: chain(&error) }
    }

    /// Rejects for a moment, keeping the error's whole chain as the reason.
    pub fn retry(error: impl std::error::Error) -> Self {
        Self::Retry { reason: chain(&error) }
    }

    /// The chain of causes.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason } | Self::RetryAt { reason, .. } | Self::Park { reason } => reason,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Rejection {}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
