use domain::{Date, EngagementId};

use super::slices::{SLICES_MAX, bound, set_from, set_start};
use super::{Change, Contract, Engagement, Listing, Slice, Timeline, Update};
use crate::reader::Row;

/// Compares what is known of a person with what a file says of one worker; `None`: no news.
///
/// - A worker's first engagements begin at their stated start, else at the snapshot date.
/// - A later engagement begins at its stated start if that is after the starts known already. If it
///   is not, it is the day the person was hired and says nothing of this engagement, which then
///   begins at the snapshot date, or at the stated start should that lie ahead.
/// - A worker's only engagement goes on when a full file lists the worker in one row, whatever the key,
///   unless the row states another start: keys tell apart what a worker has at the same time. Another
///   key alone is no news.
/// - Attributes that differ hold from the snapshot date, and replace what began on it.
/// - Dates that differ are corrections. An end that is stated no more is withdrawn.
/// - An engagement that a full file leaves out ends on the day before the snapshot date, the last
///   one on which it can have been listed; before its start, if it had not begun. A file of the same
///   date that lists it withdraws that end.
/// - An engagement listed again after such an end, or with a start after a stated end, is another
///   engagement of the same key, and the history stays.
/// - Attributes of an engagement that is over stay as they were.
///
/// `new_id` makes the ids of engagements that begin.
pub fn compare(
    known: &Timeline,
    listing: &Listing<'_>,
    mut new_id: impl FnMut() -> EngagementId,
) -> Option<Update> {
    let mut timeline = known.clone();
    let newest_start = known
        .engagements
        .iter()
        .filter(|engagement| listing.is_of_worker(engagement))
        .map(|engagement| engagement.start_date)
        .max();
    go_on(&mut timeline, listing);
    for row in listing.rows {
        let latest = timeline.engagements.iter_mut().rfind(|engagement| {
            listing.is_of_worker(engagement) && engagement.key == row.engagement_key
        });
        let predecessor_end = match latest {
            Some(engagement) if !begins_again(engagement, row, listing.snapshot_date) => {
                correct(engagement, row, listing.snapshot_date);
                continue;
            }
            Some(engagement) => engagement.last_working_day,
            None => None,
        };
        let start_date = first_day(row, listing.snapshot_date, newest_start, predecessor_end);
        timeline.engagements.push(begin(new_id(), listing, row, start_date));
    }
    match listing.contract {
        Contract::Full => end_missing(&mut timeline, listing),
        Contract::Partial => {}
    }
    bound(&mut timeline, SLICES_MAX, listing.snapshot_date);
    let change = change(known, &timeline, listing.snapshot_date)?;
    Some(Update { change, timeline })
}

impl Listing<'_> {
    fn is_of_worker(&self, engagement: &Engagement) -> bool {
        engagement.source == self.source && engagement.worker_id == self.worker_id
    }
}

/// Gives the worker's only engagement the key of the worker's only row.
fn go_on(timeline: &mut Timeline, listing: &Listing<'_>) {
    let (Contract::Full, [row]) = (listing.contract, listing.rows) else { return };
    let mut present = timeline.engagements.iter_mut().filter(|engagement| {
        listing.is_of_worker(engagement) && !engagement.over_before(listing.snapshot_date)
    });
    if let (Some(only), None) = (present.next(), present.next())
        && only.key != row.engagement_key
        && row.start_date.is_none_or(|start| only.stated_start == Some(start))
    {
        only.key.clone_from(&row.engagement_key);
    }
}

fn begins_again(engagement: &Engagement, row: &Row, snapshot_date: Date) -> bool {
    let Some(end) = engagement.last_working_day.filter(|end| *end < snapshot_date) else {
        return false;
    };
    if let Some(absent_since) = engagement.absent_since {
        let states_an_end = row.last_working_day.is_some_and(|last| last < snapshot_date);
        return absent_since < snapshot_date && !states_an_end;
    }
    row.start_date.is_some_and(|start| start > end && engagement.stated_start != Some(start))
}

fn first_day(
    row: &Row,
    snapshot_date: Date,
    newest_start: Option<Date>,
    predecessor_end: Option<Date>,
) -> Date {
    let Some(stated) = row.start_date else { return snapshot_date };
    let said_before = newest_start.is_some_and(|newest| stated <= newest);
    let overlaps = predecessor_end.is_some_and(|end| stated <= end);
    if said_before || overlaps { stated.max(snapshot_date) } else { stated }
}

fn begin(id: EngagementId, listing: &Listing<'_>, row: &Row, start_date: Date) -> Engagement {
    Engagement {
        id,
        source: listing.source.to_owned(),
        worker_id: listing.worker_id.to_owned(),
        key: row.engagement_key.clone(),
        start_date,
        stated_start: row.start_date,
        last_working_day: row.last_working_day,
        termination_date: row.termination_date,
        absent_since: None,
        quiet_through: listing.quiet.then_some(listing.snapshot_date),
        ends_at: None,
        zone: row.zone.clone(),
        slices: vec![slice(row, start_date)],
    }
}

fn slice(row: &Row, from: Date) -> Slice {
    let (attributes, manager) = (row.attributes.clone(), row.manager.clone());
    Slice { from, until: None, attributes, manager }
}

fn correct(engagement: &mut Engagement, row: &Row, snapshot_date: Date) {
    if let Some(start) = row.start_date
        && engagement.stated_start != Some(start)
    {
        // A corrected day of hire says nothing of an engagement that began after it.
        let began_later = engagement.stated_start.is_some_and(|was| was < engagement.start_date);
        engagement.stated_start = Some(start);
        if !began_later || start > engagement.start_date {
            engagement.start_date = start;
            set_start(&mut engagement.slices, start);
        }
    }
    engagement.last_working_day = row.last_working_day;
    engagement.termination_date = row.termination_date;
    engagement.absent_since = None;
    if !engagement.over_before(snapshot_date) {
        let from = snapshot_date.max(engagement.start_date);
        set_from(&mut engagement.slices, slice(row, from));
        engagement.zone.clone_from(&row.zone);
    }
}

fn end_missing(timeline: &mut Timeline, listing: &Listing<'_>) {
    let day_before = listing.snapshot_date.yesterday().unwrap_or(Date::MIN);
    for engagement in &mut timeline.engagements {
        let listed = listing.rows.iter().any(|row| row.engagement_key == engagement.key);
        if listing.is_of_worker(engagement)
            && !listed
            && !engagement.over_before(listing.snapshot_date)
        {
            engagement.last_working_day = Some(day_before);
            engagement.absent_since = Some(listing.snapshot_date);
        }
    }
}

/// Says what kind of news it is that a timeline became another; `None`: none.
#[must_use]
pub fn change(before: &Timeline, after: &Timeline, snapshot_date: Date) -> Option<Change> {
    if says_the_same(before, after) {
        return None;
    }
    if before.engagements.is_empty() {
        return Some(Change::Joined);
    }
    let begun = after.engagements.iter().any(|engagement| {
        !engagement.over_before(snapshot_date)
            && before.engagements.iter().all(|known| known.id != engagement.id)
    });
    Some(match (before.reaches(snapshot_date), after.reaches(snapshot_date)) {
        (true, false) => Change::Left,
        (false, true) if begun => Change::Rehired,
        (true, true) | (false, true | false) => Change::Changed,
    })
}

/// Whether nothing differs but what keys engagements.
fn says_the_same(before: &Timeline, after: &Timeline) -> bool {
    let same = |(one, other): (&Engagement, &Engagement)| {
        one == other
            || (one.key != other.key
                && Engagement { key: other.key.clone(), ..one.clone() } == *other)
    };
    before.engagements.len() == after.engagements.len()
        && before.engagements.iter().zip(&after.engagements).all(same)
}
