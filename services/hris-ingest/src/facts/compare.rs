use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, EngagementId, Value};

use super::slices::{SLICES_MAX, bound};
use super::{
    Change, Claim, Contract, Engagement, Fact, Known, Listing, Slice, Timeline, Update, fold,
    next_number, sequence_at,
};
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
/// - Attributes that differ hold from the day the row states, else from the snapshot date, and replace
///   what began on it. What is known to begin later stays, unless a full file that states such days
///   leaves it out, or the row corrects the start.
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
    known: &Known,
    listing: &Listing<'_>,
    mut new_id: impl FnMut() -> EngagementId,
) -> Option<Update> {
    let mut news = News {
        known,
        listing,
        timeline: known.timeline.clone(),
        facts: Vec::new(),
        next: next_number(&known.facts),
    };
    let newest_start = known
        .timeline
        .engagements
        .iter()
        .filter(|engagement| listing.is_of_worker(engagement))
        .map(|engagement| engagement.start_date)
        .max();
    let said = go_on(&news);
    news.say(said);
    let mut rows: Vec<&Row> = listing.rows.iter().collect();
    rows.sort_by_key(|row| row.effective_date);
    for row in rows {
        let latest = news.timeline.engagements.iter().rfind(|engagement| {
            listing.is_of_worker(engagement) && engagement.key == row.engagement_key
        });
        let predecessor_end = match latest {
            Some(engagement) if !begins_again(engagement, row, listing.snapshot_date) => {
                let (id, was_locked) = (engagement.id, engagement.locked);
                let said = correct(engagement, row, listing.snapshot_date);
                news.say([said]);
                news.lock(id, was_locked, row.locked);
                continue;
            }
            Some(engagement) => engagement.last_working_day,
            None => None,
        };
        let start_date = first_day(row, listing.snapshot_date, newest_start, predecessor_end);
        let id = new_id();
        news.say([(id, begin(listing, row, start_date))]);
        news.lock(id, false, row.locked);
    }
    match listing.contract {
        Contract::Full => {
            let left_out = left_out(&news);
            news.say(left_out);
            let missing = missing(&news);
            news.say(missing);
        }
        Contract::Partial => {}
    }
    let News { mut timeline, facts, .. } = news;
    bound(&mut timeline, SLICES_MAX, listing.snapshot_date);
    let change = change(&known.timeline, &timeline, listing.snapshot_date)?;
    Some(Update { change, timeline, facts })
}

/// What is said of an engagement.
type Said = (EngagementId, Vec<Claim>);

/// What is known, and what is said beyond that.
struct News<'a> {
    known: &'a Known,
    listing: &'a Listing<'a>,
    timeline: Timeline,
    facts: Vec<Fact>,
    /// The number of the next fact.
    next: i64,
}

impl News<'_> {
    fn say(&mut self, said: impl IntoIterator<Item = Said>) {
        self.say_as(self.listing.sequence, said);
    }

    /// Whoever has to be held is so from the instant at which that becomes known, whatever day the file
    /// speaks for: what an operator said before it has been overtaken. That the source says it no more lifts
    /// nothing: it may be because of what the hold itself did there.
    fn lock(&mut self, engagement: EngagementId, was: bool, is: bool) {
        if was != is {
            self.say([(engagement, vec![Claim::Locked(is)])]);
        }
        if is && !was {
            let recorded_at = self.listing.recorded_at;
            let since = vec![Claim::HeldSince(Some(recorded_at))];
            self.say_as(sequence_at(recorded_at), [(engagement, since)]);
        }
    }

    fn say_as(&mut self, sequence: i64, said: impl IntoIterator<Item = Said>) {
        let Listing { recorded_at, .. } = *self.listing;
        let before = self.facts.len();
        for (engagement, claims) in said.into_iter().filter(|(_, claims)| !claims.is_empty()) {
            let number = self.next;
            self.next += 1;
            self.facts.push(Fact { engagement, sequence, recorded_at, number, claims });
        }
        if self.facts.len() > before {
            self.timeline = fold(self.known.facts.iter().chain(&self.facts));
        }
    }
}

impl Listing<'_> {
    fn is_of_worker(&self, engagement: &Engagement) -> bool {
        engagement.source == self.source && engagement.worker_id == self.worker_id
    }

    fn lists(&self, engagement: &Engagement) -> bool {
        self.rows.iter().any(|row| row.engagement_key == engagement.key)
    }
}

/// Gives the worker's only engagement the key of the worker's only row.
fn go_on(news: &News<'_>) -> Option<Said> {
    let listing = news.listing;
    let (Contract::Full, [row]) = (listing.contract, listing.rows) else { return None };
    let mut present = news.timeline.engagements.iter().filter(|engagement| {
        listing.is_of_worker(engagement) && !engagement.over_before(listing.snapshot_date)
    });
    let (Some(only), None) = (present.next(), present.next()) else { return None };
    let goes_on = only.key != row.engagement_key
        && row.start_date.is_none_or(|start| only.stated_start == Some(start));
    goes_on.then(|| (only.id, vec![Claim::Key(row.engagement_key.clone())]))
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
    let Some(stated) = row.start_date else { return row.effective_date.unwrap_or(snapshot_date) };
    let said_before = newest_start.is_some_and(|newest| stated <= newest);
    let overlaps = predecessor_end.is_some_and(|end| stated <= end);
    if said_before || overlaps { stated.max(snapshot_date) } else { stated }
}

fn begin(listing: &Listing<'_>, row: &Row, start_date: Date) -> Vec<Claim> {
    let mut claims = vec![
        Claim::Begun {
            source: listing.source.to_owned(),
            worker_id: listing.worker_id.to_owned(),
            quiet_through: listing.quiet.then_some(listing.snapshot_date),
            supplement: listing.supplement,
        },
        Claim::Key(row.engagement_key.clone()),
        Claim::Start { date: start_date, stated: row.start_date },
        end(row),
        Claim::Zone(row.zone.clone()),
    ];
    let from = row.effective_date.unwrap_or(start_date).max(start_date);
    let attributes =
        row.attributes.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
    claims.push(Claim::Profile { from, attributes });
    claims.extend(
        row.manager.clone().map(|manager| Claim::Manager { from, worker_id: Some(manager) }),
    );
    claims
}

fn end(row: &Row) -> Claim {
    Claim::End {
        last_working_day: row.last_working_day,
        termination_date: row.termination_date,
        absent_since: None,
    }
}

fn correct(engagement: &Engagement, row: &Row, snapshot_date: Date) -> Said {
    let mut claims = Vec::new();
    let mut start_date = engagement.start_date;
    if let Some(stated) = row.start_date
        && engagement.stated_start != Some(stated)
    {
        // A corrected day of hire says nothing of an engagement that began after it.
        let began_later = engagement.stated_start.is_some_and(|was| was < engagement.start_date);
        if !began_later || stated > engagement.start_date {
            start_date = stated;
        }
        claims.push(Claim::Start { date: start_date, stated: row.start_date });
    }
    let known_end = (engagement.last_working_day, engagement.termination_date);
    if known_end != (row.last_working_day, row.termination_date)
        || engagement.absent_since.is_some()
    {
        claims.push(end(row));
    }
    if row.last_working_day.is_none_or(|last| last >= snapshot_date) {
        if engagement.zone != row.zone {
            claims.push(Claim::Zone(row.zone.clone()));
        }
        let from = row.effective_date.unwrap_or(snapshot_date).max(start_date);
        let on = |slice: &&Slice| slice.from <= from;
        let known = engagement.slices.iter().rfind(on).or(engagement.slices.first());
        claims.extend(differences(known, from, &row.attributes, row.manager.as_ref()));
        if start_date != engagement.start_date && row.effective_date.is_none() {
            // What was said to begin with the wrong start, or after it, was said of it.
            for later in engagement.slices.iter().filter(|slice| slice.from > from) {
                claims.extend(differences(
                    Some(later),
                    later.from,
                    &row.attributes,
                    row.manager.as_ref(),
                ));
            }
        }
    }
    (engagement.id, claims)
}

/// What has to be said for something else to hold from a day on than what is known to.
fn differences(
    known: Option<&Slice>,
    from: Date,
    attributes: &domain::Attributes,
    manager: Option<&String>,
) -> Vec<Claim> {
    let was = |name: &String| known.and_then(|known| known.attributes.get(name));
    let names = attributes.keys().chain(known.iter().flat_map(|known| known.attributes.keys()));
    let changed: BTreeMap<String, Option<Value>> = names
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|name| was(name) != attributes.get(*name))
        .map(|name| (name.clone(), attributes.get(name).cloned()))
        .collect();
    let mut claims = Vec::new();
    if !changed.is_empty() {
        claims.push(Claim::Profile { from, attributes: changed });
    }
    if known.and_then(|known| known.manager.as_ref()) != manager {
        claims.push(Claim::Manager { from, worker_id: manager.cloned() });
    }
    claims
}

/// A change ahead that a full file states no more does not come: what holds before it goes on.
fn left_out(news: &News<'_>) -> Vec<Said> {
    let listing = news.listing;
    let of_worker = |engagement: &&Engagement| listing.is_of_worker(engagement);
    let of_engagement = |engagement: &Engagement| {
        let rows = listing.rows.iter().filter(|row| row.engagement_key == engagement.key);
        let stated: BTreeSet<Date> = rows.filter_map(|row| row.effective_date).collect();
        let mut claims = Vec::new();
        let mut kept: Option<&Slice> = None;
        for slice in &engagement.slices {
            let is_ahead = slice.from > listing.snapshot_date && !stated.is_empty();
            match kept {
                Some(kept) if is_ahead && !stated.contains(&slice.from) => {
                    let manager = kept.manager.as_ref();
                    claims.extend(differences(Some(slice), slice.from, &kept.attributes, manager));
                }
                Some(_) | None => kept = Some(slice),
            }
        }
        (engagement.id, claims)
    };
    news.timeline.engagements.iter().filter(of_worker).map(of_engagement).collect()
}

/// Who is listed no more worked until the day before.
fn missing(news: &News<'_>) -> Vec<Said> {
    let listing = news.listing;
    let day_before = listing.snapshot_date.yesterday().unwrap_or(Date::MIN);
    let is_missing = |engagement: &&Engagement| {
        listing.is_of_worker(engagement)
            && !listing.lists(engagement)
            && !engagement.over_before(listing.snapshot_date)
    };
    let ended = |engagement: &Engagement| {
        let end = Claim::End {
            last_working_day: Some(day_before),
            termination_date: engagement.termination_date,
            absent_since: Some(listing.snapshot_date),
        };
        (engagement.id, vec![end])
    };
    news.timeline.engagements.iter().filter(is_missing).map(ended).collect()
}

/// Says what kind of news it is that a timeline became another; `None`: none.
#[must_use]
pub fn change(before: &Timeline, after: &Timeline, snapshot_date: Date) -> Option<Change> {
    if says_the_same(before, after) {
        return None;
    }
    if before.employments().next().is_none() {
        return Some(Change::Joined);
    }
    let begun = after.employments().any(|engagement| {
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
    before.held_since == after.held_since
        && before.engagements.len() == after.engagements.len()
        && before.engagements.iter().zip(&after.engagements).all(same)
}
