//! Why nothing of an event was taken over: what its publisher is told. Each has a page in docs/errors.

use proto::hris::v1 as wire;

/// Holds nothing of what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It is no event.
    #[error("this is no CloudEvents 1.0 event: {0}")]
    Unreadable(String),
    /// The source takes no events.
    #[error("{0}")]
    Closed(String),
    /// It is larger than events may be.
    #[error("{0}")]
    TooLarge(String),
    /// Its data are not records.
    #[error("{0}")]
    Data(String),
    /// Too many would leave by it.
    #[error("a worker {0}")]
    Leavers(String),
    /// Too many requests are in hand.
    #[error("too many requests of the source are waiting: send it again in a moment")]
    Busy,
    /// The service failed.
    #[error("the service failed, and its log says how: send it again later")]
    Failed,
}

impl Refusal {
    /// The name of its page.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "HRIS-101",
            Self::Closed(_) => "HRIS-102",
            Self::TooLarge(_) => "HRIS-103",
            Self::Data(_) => "HRIS-104",
            Self::Leavers(_) => "HRIS-105",
            Self::Busy => "HRIS-106",
            Self::Failed => "HRIS-107",
        }
    }

    /// Whether the same event may be taken over at another time.
    pub(crate) const fn again(&self) -> bool {
        match self {
            Self::Unreadable(_) | Self::TooLarge(_) | Self::Data(_) => false,
            Self::Closed(_) | Self::Leavers(_) | Self::Busy | Self::Failed => true,
        }
    }
}

impl From<&Refusal> for wire::EventRefusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code().to_owned(),
            reason: refusal.to_string(),
            again: refusal.again(),
        }
    }
}

impl From<&Refusal> for wire::EventAnswer {
    fn from(refusal: &Refusal) -> Self {
        Self { outcomes: Vec::new(), refusal: Some(refusal.into()) }
    }
}
