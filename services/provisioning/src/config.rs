use std::num::{NonZeroU16, NonZeroU32};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::connectors::Egress;

/// What only provisioning is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Batches of regular work in hand at once.
    pub workers: NonZeroU16,
    /// Batches of leavers in hand at once, besides those: a leaver has accounts in several
    /// applications.
    pub leaver_workers: NonZeroU16,
    /// How long a batch belongs to the worker that took it, unless that worker keeps it. Whoever
    /// is killed is missed for as long.
    pub leased_seconds: NonZeroU32,
    /// How long a batch may be worked at.
    pub worked_seconds_max: NonZeroU32,
    /// How often an action is tried before it has failed for good.
    pub attempts_max: NonZeroU32,
    /// How long after the first attempt the second one follows; every later pause is twice as long.
    pub backoff_seconds: NonZeroU32,
    /// The longest pause.
    pub backoff_max_seconds: NonZeroU32,
    /// How many requests in a row an application leaves unanswered before it is out of reach.
    pub circuit_losses: NonZeroU32,
    /// How long an application that is out of reach is left alone before a few branches try it; every
    /// later pause is twice as long.
    pub circuit_pause_seconds: NonZeroU32,
    /// The longest of these pauses.
    pub circuit_pause_max_seconds: NonZeroU32,
    /// Which addresses connectors may speak to.
    pub egress: EgressConfig,
    /// How long a confirmation waits for the desired access it confirms before it is parked.
    pub confirmation_wait_seconds: NonZeroU32,
    /// How long an account that is to be made waits for those it refers to; then it is made without
    /// what they do not supply.
    pub reference_wait_seconds: NonZeroU32,
}

/// Which addresses connectors may speak to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EgressConfig {
    /// Networks, addresses and hosts outside of the public internet: `10.0.0.0/8`, `ldap.city.example`.
    /// Addresses at which clouds tell a machine its credentials are allowed one by one only.
    pub allow: Egress,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: const { NonZeroU16::new(6).unwrap() },
            leaver_workers: const { NonZeroU16::new(3).unwrap() },
            leased_seconds: const { NonZeroU32::new(15).unwrap() },
            worked_seconds_max: const { NonZeroU32::new(240).unwrap() },
            attempts_max: const { NonZeroU32::new(12).unwrap() },
            backoff_seconds: const { NonZeroU32::new(1).unwrap() },
            backoff_max_seconds: const { NonZeroU32::new(300).unwrap() },
            circuit_losses: const { NonZeroU32::new(5).unwrap() },
            circuit_pause_seconds: const { NonZeroU32::new(10).unwrap() },
            circuit_pause_max_seconds: const { NonZeroU32::new(300).unwrap() },
            egress: EgressConfig::default(),
            confirmation_wait_seconds: const { NonZeroU32::new(900).unwrap() },
            reference_wait_seconds: const { NonZeroU32::new(600).unwrap() },
        }
    }
}

impl Config {
    pub(crate) fn lease(&self) -> SignedDuration {
        seconds(self.leased_seconds)
    }

    pub(crate) fn confirmation_wait(&self) -> SignedDuration {
        seconds(self.confirmation_wait_seconds)
    }

    pub(crate) fn reference_wait(&self) -> SignedDuration {
        seconds(self.reference_wait_seconds)
    }
}

pub(crate) fn seconds(count: NonZeroU32) -> SignedDuration {
    SignedDuration::from_secs(count.get().into())
}
