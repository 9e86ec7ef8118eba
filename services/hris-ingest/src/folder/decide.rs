//! Which file of a folder is taken, and which has to wait. Pure.

use std::collections::BTreeMap;

use domain::{Date, Timestamp};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::mapping::{Complete, Folder};

/// A file that two looks at least so far apart have found the same is complete.
pub(crate) const SETTLE: SignedDuration = SignedDuration::from_secs(5);
/// What stands beside a file that is marked as complete.
pub(crate) const MARK: &str = ".done";

/// A file as a look found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) print: Print,
    /// Whether a file of its name and [`MARK`] stands beside it.
    pub(crate) marked: bool,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Print {
    pub(crate) inode: u64,
    pub(crate) bytes: u64,
    pub(crate) changed_at: Timestamp,
}

/// What looks remember of files that were not complete, by name: how each was, and since when.
pub(crate) type Seen = BTreeMap<String, (Print, Timestamp)>;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// The file to be taken, and the day for which it speaks; none if its name should say it and does not.
    pub(crate) take: Option<(Found, Option<Date>)>,
    /// What is to be remembered of those that wait.
    pub(crate) seen: Seen,
}

/// Decides; of several files that are complete, the one of the earliest day is taken first.
pub(crate) fn decide(
    folder: &Folder,
    zone: &TimeZone,
    found: Vec<Found>,
    before: &Seen,
    now: Timestamp,
) -> Decision {
    let (mut complete, mut seen) = (Vec::new(), Seen::new());
    for file in found.into_iter().filter(|file| folder.files.matches(&file.name)) {
        let since = match before.get(&file.name) {
            Some((print, since)) if *print == file.print => *since,
            Some(_) | None => now,
        };
        let is_complete = match folder.complete {
            Complete::Settled => now.duration_since(since) >= SETTLE,
            Complete::Marked => file.marked,
        };
        seen.insert(file.name.clone(), (file.print, since));
        if is_complete {
            let day = folder.files.day(&file.name, file.print.changed_at, zone);
            complete.push((day, file.print.changed_at, file));
        }
    }
    complete.sort_by(|(one, at, file), (other, then, next)| {
        (one, at, &file.name).cmp(&(other, then, &next.name))
    });
    let take = complete.into_iter().next().map(|(day, _at, file)| (file, day));
    if let Some((file, _day)) = &take {
        seen.remove(&file.name);
    }
    Decision { take, seen }
}

#[cfg(test)]
mod tests;
