//! What sources push: in which order it counts, and how many may leave by it.
//!
//! Invariants:
//! - one transaction at a time changes the workers of a source, whichever door it came by;
//! - a worker's older message changes nothing;
//! - what was pushed is answered only after it is committed.

pub(crate) mod records;
pub(crate) mod table;
pub(crate) mod told;

use std::fmt;

use domain::Date;
use jiff::SignedDuration;
use store::{Error, Tx};

use crate::mapping::Source;
use crate::roster;
use crate::run;

/// For how long a leaver counts.
pub(crate) const LEAVERS_WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// As many may always leave within the window: somebody ends each of them by name.
const LEAVERS_FREE: u64 = 5;

/// Those whom a push would end, beside whom pushes ended recently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Leavers {
    pub(crate) leaving: u64,
    pub(crate) recent: u64,
    pub(crate) present: u64,
    pub(crate) percent: u8,
}

impl Leavers {
    /// Whether they may leave.
    pub(crate) fn pass(self) -> bool {
        let all = self.leaving + self.recent;
        all <= LEAVERS_FREE
            || u128::from(all) * 100 <= u128::from(self.present) * u128::from(self.percent)
    }
}

impl fmt::Display for Leavers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "would be one of {} people who leave within 24 hours, of {} who are present: more than \
             {LEAVERS_FREE} and more than the {} percent that the source's document allows; if they \
             have left, raise limits.pushed_leavers_percent and apply the document",
            self.leaving + self.recent,
            self.present,
            self.percent,
        )
    }
}

/// Locks a source and returns the day for which what it pushes speaks: today in its zone, and never
/// before a day for which it spoke already.
pub(crate) async fn begin(tx: &mut Tx, source: &Source) -> Result<Date, Error> {
    roster::table::lock_source(tx, source.name()).await?;
    let today = source.zone().to_datetime(tx.now()).date();
    let last = run::table::snapshot_date(tx, source.name()).await?;
    let day = last.map_or(today, |last| last.max(today));
    run::table::take_over(tx, source.name(), day, source.format().as_str()).await?;
    Ok(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leavers(leaving: u64, recent: u64, present: u64) -> Leavers {
        Leavers { leaving, recent, present, percent: 10 }
    }

    #[test]
    fn a_few_may_always_leave_and_many_only_of_many() {
        assert!(leavers(5, 0, 5).pass());
        assert!(leavers(1, 4, 5).pass());
        assert!(!leavers(6, 0, 59).pass());
        assert!(!leavers(1, 5, 59).pass());
        assert!(leavers(1, 5, 60).pass());
        assert!(!leavers(u64::from(u32::MAX), 0, 6).pass());
    }
}
