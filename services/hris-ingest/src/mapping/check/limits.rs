use domain::breaker::{Grouping, Kind};

use super::Problems;
use crate::mapping::document::Limits as Document;
use crate::mapping::{Completeness, Limits};

/// The attributes that tell groups of people apart unless a mapping names another.
const GROUPS: [&str; 2] = ["department", "agency"];
/// Runs that are looked at together, and the longest wait.
const DAYS: std::ops::RangeInclusive<u8> = 1..=90;

/// Checks the limits of a source that publishes these attributes.
pub(super) fn check(document: Document, attributes: &[String], problems: &mut Problems) -> Limits {
    let shares = [
        ("leavers_percent", document.leavers_percent),
        ("group_leavers_percent", document.group_leavers_percent),
        ("window_percent", document.window_percent),
        ("changed_percent", document.changed_percent),
        ("rows_percent", document.rows_percent),
        ("overlap_percent", document.overlap_percent),
        ("filled_percent", document.filled_percent),
    ];
    for (name, share) in shares {
        if share.is_some_and(|share| share > 100) {
            problems.add(&format!("spec.limits.{name}"), "must be at most 100");
        }
    }
    for (name, days) in [("window_days", document.window_days), ("held_days", document.held_days)] {
        if !DAYS.contains(&days) {
            let problem = format_args!("must be {} to {}", DAYS.start(), DAYS.end());
            problems.add(&format!("spec.limits.{name}"), problem);
        }
    }
    let is_published = |name: &str| attributes.iter().any(|attribute| attribute == name);
    if let Some(name) = document.group_by.as_deref().filter(|name| !is_published(name)) {
        problems.add("spec.limits.group_by", format_args!("{name:?} is not among the attributes"));
    }
    let usual = GROUPS.into_iter().find(|name| is_published(name)).map(str::to_owned);
    let mut limits = Limits {
        holds: Vec::new(),
        completeness: Completeness {
            rows_percent: document.rows_percent,
            overlap_percent: document.overlap_percent,
            filled_percent: document.filled_percent,
        },
        group_by: document.group_by.or(usual),
        window_days: document.window_days,
        held_days: document.held_days,
    };
    limits.hold_leavers(document.leavers_percent, document.leavers_above);
    let (source, group) = (Grouping::Source, Grouping::Group);
    let (share, above) = (document.group_leavers_percent, document.group_leavers_above);
    limits.hold(Kind::Leaving, group, share, above);
    limits.hold(Kind::Departed, source, document.window_percent, document.window_above);
    limits.hold(Kind::Joining, source, document.joiners_percent, document.joiners_above);
    limits.hold(Kind::Changing, source, document.changed_percent, document.changed_above);
    limits
}
