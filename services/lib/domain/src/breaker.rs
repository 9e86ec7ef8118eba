//! What looks like an accident: the one decision behind every gate.
//!
//! A gate counts what a plan would do, by kind and by group, and asks [`judge`] before anything is
//! done. There is no minimum population: one person of two is half of them.

use std::fmt;

/// How much of a kind of change is done unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit<K, G> {
    /// The kind of change.
    pub of: K,
    /// The grouping within which it is counted.
    pub per: G,
    /// More than so many are too many.
    pub count: Option<u64>,
    /// More than this share of what there was, in percent, is too much.
    pub percent: Option<u8>,
    /// More than so many times what is usual is too much; counts only where the usual is known.
    pub times_usual: Option<u16>,
}

/// What a plan would do of one kind in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure<K, G> {
    /// The kind of change.
    pub of: K,
    /// The grouping.
    pub per: G,
    /// The group's name.
    pub group: String,
    /// How many changes.
    pub count: u64,
    /// Of how many.
    pub base: u64,
    /// How many are usual, from what happened before; `None` if that is not known.
    pub usual: Option<u64>,
}

/// A limit that a figure exceeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded<K, G> {
    /// The limit.
    pub limit: Limit<K, G>,
    /// The figure.
    pub figure: Figure<K, G>,
}

/// Returns every limit that a figure exceeds, in the order of the limits; none: nothing is held back.
#[must_use]
pub fn judge<K, G>(limits: &[Limit<K, G>], figures: &[Figure<K, G>]) -> Vec<Exceeded<K, G>>
where
    K: Copy + PartialEq,
    G: Copy + PartialEq,
{
    let mut exceeded = Vec::new();
    for limit in limits {
        let meant = |figure: &&Figure<K, G>| figure.of == limit.of && figure.per == limit.per;
        for figure in figures.iter().filter(meant) {
            if limit.is_exceeded_by(figure) {
                exceeded.push(Exceeded { limit: *limit, figure: figure.clone() });
            }
        }
    }
    exceeded
}

impl<K, G> Limit<K, G> {
    fn is_exceeded_by(&self, figure: &Figure<K, G>) -> bool {
        let above = |most: Option<u64>| most.is_some_and(|most| figure.count > most);
        let share = self.percent.is_some_and(|percent| {
            // 100 of 0 is more than any share.
            u128::from(figure.count) * 100 > u128::from(figure.base) * u128::from(percent)
        });
        let usual = self.times_usual.zip(figure.usual);
        let usual = usual.map(|(times, usual)| usual.saturating_mul(u64::from(times)));
        figure.count > 0 && (above(self.count) || share || above(usual))
    }
}

impl<K: fmt::Display, G: fmt::Display> fmt::Display for Exceeded<K, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figure { of, per, group, count, base, .. } = &self.figure;
        write!(f, "{of} in {per}")?;
        if !group.is_empty() {
            write!(f, " {group}")?;
        }
        write!(f, ": {count} of {base}; the limit is")?;
        let mut several = false;
        let mut part = |f: &mut fmt::Formatter<'_>, text: String| {
            let sign = if std::mem::replace(&mut several, true) { " and" } else { "" };
            write!(f, "{sign} {text}")
        };
        if let Some(count) = self.limit.count {
            part(f, count.to_string())?;
        }
        if let Some(percent) = self.limit.percent {
            part(f, format!("{percent} %"))?;
        }
        if let (Some(times), Some(usual)) = (self.limit.times_usual, self.figure.usual) {
            part(f, format!("{times} times the usual {usual}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit<&str, &str> =
        Limit { of: "loss", per: "application", count: None, percent: None, times_usual: None };

    fn figure(count: u64, base: u64, usual: Option<u64>) -> Figure<&'static str, &'static str> {
        Figure { of: "loss", per: "application", group: "mail".to_owned(), count, base, usual }
    }

    fn exceeds(limit: Limit<&'static str, &'static str>, count: u64, base: u64) -> bool {
        !judge(&[limit], &[figure(count, base, Some(4))]).is_empty()
    }

    #[test]
    fn each_way_of_limiting_counts_for_itself() {
        let count = Limit { count: Some(10), ..LIMIT };
        let percent = Limit { percent: Some(5), ..LIMIT };
        let usual = Limit { times_usual: Some(3), ..LIMIT };

        assert!(!exceeds(count, 10, 10_000) && exceeds(count, 11, 10_000));
        assert!(!exceeds(percent, 5, 100) && exceeds(percent, 6, 100));
        assert!(!exceeds(usual, 12, 10_000) && exceeds(usual, 13, 10_000));
        let unknown = figure(1_000, 10_000, None);
        assert!(judge(&[usual], &[unknown]).is_empty());
    }

    #[test]
    fn few_people_are_no_excuse() {
        let percent = Limit { percent: Some(10), ..LIMIT };

        assert!(exceeds(percent, 1, 2));
        assert!(exceeds(percent, 1, 0));
        assert!(!exceeds(percent, 0, 0));
        assert!(!exceeds(Limit { percent: Some(100), ..LIMIT }, u64::MAX, u64::MAX));
    }

    #[test]
    fn only_figures_of_the_limits_kind_and_grouping_are_looked_at() {
        let limit = Limit { count: Some(0), ..LIMIT };
        let other = Figure { of: "gain", ..figure(5, 10, None) };
        let elsewhere = Figure { per: "department", ..figure(5, 10, None) };

        assert!(judge(&[limit], &[other, elsewhere]).is_empty());
    }

    #[test]
    fn what_is_exceeded_says_by_how_much() {
        let limit = Limit { count: Some(2), percent: Some(10), times_usual: Some(3), ..LIMIT };

        let told = judge(&[limit], &[figure(5, 20, Some(1))]);

        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["loss in application mail: 5 of 20; the limit is 2 and 10 % and 3 times the usual 1"]
        );
    }
}
