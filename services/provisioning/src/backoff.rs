//! How long to wait before an action is tried again. Pure: the spread comes from a hash.

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use crate::config::{Config, seconds};
use crate::dossier::Key;

/// Pauses that double up to a longest one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: SignedDuration,
    longest: SignedDuration,
}

impl Backoff {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            first: seconds(config.backoff_seconds),
            longest: seconds(config.backoff_max_seconds),
        }
    }

    /// The pause after a number of attempts: between half of it and all of it, so that what failed
    /// together does not come back together.
    pub(crate) fn pause(self, attempts: u32, key: &Key) -> SignedDuration {
        let doublings = attempts.saturating_sub(1).min(30);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let mut hash = Sha256::new();
        hash.update(key.0.0.as_bytes());
        hash.update(key.1.as_bytes());
        hash.update(attempts.to_be_bytes());
        let spread = i32::from(hash.finalize()[0]);
        whole / 2 + whole / 512 * spread
    }
}

#[cfg(test)]
mod tests {
    use domain::PersonId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_one() {
        let backoff = Backoff::new(&Config::default());
        let key = (PersonId(Uuid::from_u128(7)), "crm".to_owned());

        for (attempts, whole) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (40, 300)] {
            let pause = backoff.pause(attempts, &key).as_secs_f64();
            let whole = f64::from(whole);
            assert!((whole / 2.0..=whole).contains(&pause), "{attempts}: {pause}");
        }
    }

    #[test]
    fn people_who_failed_together_come_back_apart() {
        let backoff = Backoff::new(&Config::default());
        let pause = |person| backoff.pause(5, &(PersonId(Uuid::from_u128(person)), String::new()));

        assert_eq!(pause(1), pause(1));
        assert_ne!(pause(1), pause(2));
    }
}
