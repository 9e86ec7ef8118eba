//! The breaker: what looks like an accident is held until a second person has looked at it.
//!
//! Pure. A gate counts what it is about to do, group by group, as [`Figures`], and asks [`judge`]
//! before the first action. There is no minimum population: a share is a share, of however few. A limit
//! may leave out a small number, of however many, so that nobody is asked about one or two.

use std::collections::BTreeMap;
use std::fmt;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Grants that are given.
    Gain,
    /// Grants that are taken away.
    Loss,
    /// Accounts that are closed.
    Closing,
    /// People for whom anything changes.
    People,
    /// People whose engagements end.
    Leaving,
    /// People whose engagements end, together with those who left in the days before.
    Departed,
    /// People who begin, or begin again.
    Joining,
    /// People of whom something else changes.
    Changing,
}

/// Within what it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grouping {
    /// The change as a whole: a release, a run.
    Change,
    /// Each source.
    Source,
    /// Each application.
    Application,
    /// Each department.
    Department,
    /// Each class of privilege.
    Privilege,
    /// Each group of people that a source tells apart.
    Group,
}

/// How much of something, per group, is done without a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit {
    /// What is counted.
    pub of: Kind,
    /// Within what.
    pub per: Grouping,
    /// More than so many are held.
    pub count: Option<u64>,
    /// More than this share of what there was, in percent, is held.
    pub percent: Option<u8>,
    /// More than so many percent of the trailing baseline are held: 300 is three times as many.
    /// Where there is no baseline, nothing is held by it.
    pub rate: Option<u32>,
    /// No more than so many are never held by a share or a rate.
    pub above: u64,
}

impl Limit {
    /// A limit that holds nothing yet.
    #[must_use]
    pub const fn of(of: Kind, per: Grouping) -> Self {
        Self { of, per, count: None, percent: None, rate: None, above: 0 }
    }

    /// Holds more than so many.
    #[must_use]
    pub const fn count(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// Holds more than this share of what there was, in percent.
    #[must_use]
    pub const fn percent(self, percent: u8) -> Self {
        Self { percent: Some(percent), ..self }
    }

    /// Holds more than so many percent of the trailing baseline.
    #[must_use]
    pub const fn rate(self, percent: u32) -> Self {
        Self { rate: Some(percent), ..self }
    }

    /// Holds no share and no rate of so many or fewer.
    #[must_use]
    pub const fn above(self, above: u64) -> Self {
        Self { above, ..self }
    }
}

/// One group's figure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figure {
    /// How many it would be.
    pub amount: u64,
    /// Of how many there were.
    pub of: u64,
    /// How many it is as a rule in as much time, if that is known.
    pub baseline: Option<u64>,
    /// Some of those it concerns, by id; at most [`SAMPLE_MAX`].
    pub sample: Vec<String>,
}

/// Those of a group that a verdict names, at most.
pub const SAMPLE_MAX: usize = 5;

/// What is about to be done, counted by kind and group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures(BTreeMap<(Kind, Grouping, String), Figure>);

impl Figures {
    /// Returns the figure of a group, from zero on.
    pub fn of(&mut self, kind: Kind, per: Grouping, group: &str) -> &mut Figure {
        self.0.entry((kind, per, group.to_owned())).or_default()
    }

    /// Counts one more, of which `who` is an example.
    pub fn count(&mut self, kind: Kind, per: Grouping, group: &str, who: &str) {
        let figure = self.of(kind, per, group);
        figure.amount += 1;
        if figure.sample.len() < SAMPLE_MAX && !figure.sample.iter().any(|known| known == who) {
            figure.sample.push(who.to_owned());
        }
    }

    fn groups(&self, limit: &Limit) -> impl Iterator<Item = (&str, &Figure)> {
        let (of, per) = (limit.of, limit.per);
        self.0
            .iter()
            .filter(move |((kind, grouping, _group), _figure)| (*kind, *grouping) == (of, per))
            .map(|((_kind, _grouping, group), figure)| (group.as_str(), figure))
    }
}

/// Whether something may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Passes,
    /// Not before a second person has looked at it: every limit that is exceeded, in order.
    Holds(Vec<Exceeded>),
}

/// A limit that is exceeded, with the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit.
    pub limit: Limit,
    /// The group; empty for the change as a whole.
    pub group: String,
    /// What was counted.
    pub figure: Figure,
}

/// Looks at every limit before anything is done.
#[must_use]
pub fn judge(limits: &[Limit], figures: &Figures) -> Verdict {
    let mut exceeded = Vec::new();
    for limit in limits {
        for (group, figure) in figures.groups(limit) {
            if is_exceeded(limit, figure) {
                let (group, figure) = (group.to_owned(), figure.clone());
                exceeded.push(Exceeded { limit: *limit, group, figure });
            }
        }
    }
    if exceeded.is_empty() { Verdict::Passes } else { Verdict::Holds(exceeded) }
}

fn is_exceeded(limit: &Limit, figure: &Figure) -> bool {
    let Figure { amount, of, baseline, sample: _ } = figure;
    let by_share = |percent: u128, of: u64| u128::from(*amount) * 100 > u128::from(of) * percent;
    // What there was none of cannot be lost in part.
    let over_percent =
        limit.percent.is_some_and(|percent| *of > 0 && by_share(u128::from(percent), *of));
    let over_rate = limit
        .rate
        .zip(*baseline)
        .is_some_and(|(rate, baseline)| by_share(u128::from(rate), baseline));
    let counts = *amount > limit.above;
    limit.count.is_some_and(|count| *amount > count) || (counts && (over_percent || over_rate))
}

impl Kind {
    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gain => "grants given",
            Self::Loss => "grants taken away",
            Self::Closing => "accounts closed",
            Self::People => "people changed",
            Self::Leaving => "people leaving",
            Self::Departed => "people leaving within days",
            Self::Joining => "people joining",
            Self::Changing => "people changing",
        }
    }
}

impl Grouping {
    /// The word for one group.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "in all",
            Self::Source => "source",
            Self::Application => "application",
            Self::Department => "department",
            Self::Privilege => "privilege",
            Self::Group => "group",
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, group, figure: Figure { amount, of, baseline, .. } } = self;
        write!(f, "{amount} {}", limit.of.as_str())?;
        if *of > 0 {
            write!(f, " of {of}")?;
        }
        match limit.per {
            Grouping::Change => write!(f, " in all")?,
            per @ (Grouping::Source
            | Grouping::Application
            | Grouping::Department
            | Grouping::Privilege
            | Grouping::Group) => write!(f, " in {} `{group}`", per.as_str())?,
        }
        let count = limit.count.map(|count| format!("{count}"));
        let percent = limit.percent.map(|percent| format!("{percent} %"));
        let rate = limit
            .rate
            .zip(*baseline)
            .map(|(rate, baseline)| format!("{rate} % of the {baseline} that are usual"));
        let allowed: Vec<String> = count.into_iter().chain(percent).chain(rate).collect();
        write!(f, "; allowed: {}", allowed.join(", "))?;
        match limit.above {
            0 => Ok(()),
            few => write!(f, ", at least {few}"),
        }
    }
}

#[cfg(test)]
mod tests;
