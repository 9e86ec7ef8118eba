use domain::breaker::{Grouping, Kind, Limit};

/// What a full file may do without being asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Above these it is held.
    pub holds: Vec<Limit>,
    /// Beyond these it is refused: it is no read of the whole source.
    pub completeness: Completeness,
    /// The published attribute whose values are the groups in which people are counted.
    pub group_by: Option<String>,
    /// Over how many days departures are counted together.
    pub window_days: u8,
    /// How many days a held run waits.
    pub held_days: u8,
}

/// What a full file must at least have of what the last good one had, in percent. Without a share it is
/// not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completeness {
    /// Of its rows.
    pub rows_percent: Option<u8>,
    /// Of the people who are present, or of the people in the file if these are fewer.
    pub overlap_percent: Option<u8>,
    /// Of the share of rows in which an attribute says something.
    pub filled_percent: Option<u8>,
}

/// More than half of the people in a source are asked about, of however few.
const MOST: u8 = 50;

impl Limits {
    /// Adds a limit that has a share.
    pub(super) fn hold(&mut self, of: Kind, per: Grouping, percent: Option<u8>, above: u64) {
        self.holds.extend(percent.map(|percent| Limit::of(of, per).percent(percent).above(above)));
    }

    /// Adds the limits on who leaves a source: a share of those who are not just a few, and most of
    /// however few.
    pub(super) fn hold_leavers(&mut self, percent: Option<u8>, above: u64) {
        self.hold(Kind::Leaving, Grouping::Source, percent, above);
        if above > 0 {
            let most = percent.map(|percent| percent.max(MOST));
            self.hold(Kind::Leaving, Grouping::Source, most, 0);
        }
    }
}
