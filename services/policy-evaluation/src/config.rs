use std::num::{NonZeroU16, NonZeroU32};

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What only this service is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// IANA name of the zone in which dates are meant when neither person nor source names one.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub zone: TimeZone,
    /// People evaluated in one transaction when a release was activated; more than 256 count as 256.
    pub chunk_size: NonZeroU16,
    /// For how long after an urgent evaluation of a person the following ones are urgent, too.
    pub leaver_seconds: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        let chunk_size = NonZeroU16::new(256).expect("256 is not zero");
        // Within an hour every action of provisioning has ended, with all its attempts.
        let leaver_seconds = NonZeroU32::new(3600).expect("3600 is not zero");
        Self { zone: TimeZone::UTC, chunk_size, leaver_seconds }
    }
}

impl Config {
    pub(crate) fn leaver_span(&self) -> SignedDuration {
        SignedDuration::from_secs(self.leaver_seconds.get().into())
    }
}
