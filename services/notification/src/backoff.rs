//! How long to wait before a message is tried again. Pure: the spread comes from the message's id.

use jiff::SignedDuration;
use uuid::Uuid;

use crate::config::Config;

/// The pause after a number of attempts: it doubles up to the longest one, and lies between half of
/// it and all of it, so that what failed together does not come back together.
pub(crate) fn pause(config: &Config, attempts: i32, message: Uuid) -> SignedDuration {
    let first = SignedDuration::from_secs(config.backoff_seconds.get().into());
    let longest = SignedDuration::from_secs(config.backoff_max_seconds.get().into());
    let doublings = attempts.saturating_sub(1).clamp(0, 24);
    let whole = first.saturating_mul(1 << doublings).min(longest);
    let spread = i32::from(message.as_bytes()[15]);
    whole / 2 + whole / 512 * spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_one() {
        let config = Config::default();

        for (attempts, whole) in [(1, 10), (2, 20), (3, 40), (9, 2560), (10, 3600), (60, 3600)] {
            let pause = pause(&config, attempts, Uuid::from_u128(7)).as_secs_f64();
            let whole = f64::from(whole);
            assert!((whole / 2.0..=whole).contains(&pause), "{attempts}: {pause}");
        }
    }
}
