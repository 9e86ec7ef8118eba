//! How long to wait before something that died is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(5);
/// Who ran this long was well; its next death counts as its first.
const WELL: Duration = Duration::from_secs(30);

/// The deaths of one child in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    deaths: u32,
}

impl Backoff {
    /// Counts a death and returns how long to wait after it.
    pub(crate) fn died_after(&mut self, ran: Duration) -> Duration {
        if ran >= WELL {
            self.deaths = 0;
        }
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(self.deaths)).min(MAX);
        self.deaths = self.deaths.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_cap() {
        let mut backoff = Backoff::default();

        let pauses: Vec<u128> =
            (0..8).map(|_| backoff.died_after(Duration::from_secs(1)).as_millis()).collect();

        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn who_ran_well_is_started_again_at_once() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.died_after(Duration::ZERO);
        }

        assert_eq!(backoff.died_after(WELL), FIRST);
    }
}
