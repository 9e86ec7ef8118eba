//! What holds by state alone, whoever was told of it.

use domain::{Date, EngagementId, Timestamp};
use jiff::SignedDuration;

use super::{Facts, Key, LEAVING_AGAIN, Milestone, Recipient, State, Told};
use crate::standing::{End, Engagement, Position, Standing};

/// A milestone that holds.
pub(super) struct Wanted {
    engagement: EngagementId,
    milestone: Milestone,
    date: Date,
    /// The instant of its date.
    pub(super) at: Timestamp,
    /// Managers first.
    pub(super) recipients: Vec<Recipient>,
    /// It took effect in history that was taken over.
    pub(super) quiet: bool,
    pub(super) exposed_until: Option<Timestamp>,
    /// Owners of applications are told, too.
    owners: bool,
}

/// Engagements that follow each other within this time are one stay.
const GAP: SignedDuration = SignedDuration::from_hours(3 * 24);
/// An end that was recorded this long after it is late.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// An account that was closed this long before its holder left was closed because of it.
const CLOSING: SignedDuration = SignedDuration::from_hours(24);

/// Returns every milestone that holds at an instant.
pub(super) fn wanted(
    facts: Facts<'_>,
    told: &[Told],
    now: Timestamp,
    lead: SignedDuration,
) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for engagement in &facts.standing.engagements {
        let announced = before(engagement.starts_at, lead) <= now;
        // History is recorded whether or not its end is known already, so that the order in which
        // the two became known does not matter.
        let counts = !engagement.is_over(now) || engagement.is_quiet(engagement.start_date);
        if announced && counts {
            wanted.push(joining(facts, engagement, told));
            wanted.extend(access_ready(facts, engagement));
        }
        wanted.extend(moves(engagement, now));
        match engagement.end {
            Some(end) if end.ends_at <= now => wanted.push(left(facts, engagement, end, told)),
            Some(end) if announced => wanted.push(leaving(facts, engagement, end)),
            Some(_) => {}
            None => wanted.extend(withdrawn(engagement, told, now)),
        }
    }
    wanted
}

/// Returns the next instant at which something else may hold.
pub(super) fn next(standing: &Standing, now: Timestamp, lead: SignedDuration) -> Option<Timestamp> {
    let instants = standing.engagements.iter().filter(|one| !one.is_over(now)).flat_map(|one| {
        let moves = one.positions.iter().map(|position| position.from_at);
        moves.chain([before(one.starts_at, lead)]).chain(one.end.map(|end| end.ends_at))
    });
    instants.filter(|instant| *instant > now).min()
}

/// Returns until when an owner who becomes known would be told of something.
pub(super) fn watched_until(
    wanted: &[Wanted],
    now: Timestamp,
    lead: SignedDuration,
) -> Option<Timestamp> {
    let watched = wanted.iter().filter(|one| one.owners && !one.quiet);
    watched.map(|one| after(one.at, lead)).filter(|until| *until > now).max()
}

pub(super) fn after(instant: Timestamp, time: SignedDuration) -> Timestamp {
    instant.saturating_add(time).unwrap_or(Timestamp::MAX)
}

fn before(instant: Timestamp, time: SignedDuration) -> Timestamp {
    instant.saturating_sub(time).unwrap_or(Timestamp::MIN)
}

impl Wanted {
    /// Whether a notice is about this milestone, whoever it went to.
    pub(super) fn is_of(&self, key: &Key) -> bool {
        key.engagement == self.engagement
            && key.milestone.family() == self.milestone.family()
            && key.date == self.date
    }

    /// What a notice of it to a recipient is known by.
    pub(super) fn key(&self, recipient: &Recipient, told: &[Told]) -> Key {
        let template = match self.milestone {
            Milestone::Leaving if self.returned(recipient, told) => LEAVING_AGAIN,
            Milestone::Joining
            | Milestone::Rehired
            | Milestone::AccessReady
            | Milestone::Moved
            | Milestone::Leaving
            | Milestone::Left
            | Milestone::LeavingWithdrawn => self.milestone.as_str(),
        };
        Key {
            engagement: self.engagement,
            milestone: self.milestone,
            date: self.date,
            recipient: recipient.clone(),
            template,
        }
    }

    /// Whether the recipient was told of this last working day, and of something else since; or has
    /// been told of the return.
    fn returned(&self, recipient: &Recipient, told: &[Told]) -> bool {
        let sent = |told: &&Told| {
            told.state == State::Sent
                && told.key.engagement == self.engagement
                && told.key.recipient == *recipient
        };
        let known = told.iter().filter(sent).any(|told| self.is_of(&told.key));
        let last = told
            .iter()
            .filter(sent)
            .filter(|told| match told.key.milestone {
                Milestone::Leaving | Milestone::LeavingWithdrawn => true,
                Milestone::Joining
                | Milestone::Rehired
                | Milestone::AccessReady
                | Milestone::Moved
                | Milestone::Left => false,
            })
            .max_by_key(|told| (told.at, told.id));
        known
            && last.is_some_and(|last| !self.is_of(&last.key) || last.key.template == LEAVING_AGAIN)
    }
}

fn joining(facts: Facts<'_>, engagement: &Engagement, told: &[Told]) -> Wanted {
    let mut wanted = Wanted {
        engagement: engagement.id,
        milestone: if returns(facts.standing, engagement) {
            Milestone::Rehired
        } else {
            Milestone::Joining
        },
        date: engagement.start_date,
        at: engagement.starts_at,
        recipients: vec![manager(engagement.position(engagement.starts_at))],
        quiet: engagement.is_quiet(engagement.start_date),
        exposed_until: None,
        owners: true,
    };
    // Under the name it was told by, should more of the person's history become known since.
    if let Some(told) = told.iter().find(|told| wanted.is_of(&told.key)) {
        wanted.milestone = told.key.milestone;
    }
    let held = facts.accounts.iter().filter(|(_name, held)| held.owned && held.closed_at.is_none());
    wanted
        .recipients
        .extend(held.map(|(application, _held)| Recipient::Owner(application.clone())));
    wanted
}

fn access_ready(facts: Facts<'_>, engagement: &Engagement) -> Option<Wanted> {
    let settlement = facts.settlement?;
    let current = settlement.person_version >= facts.standing.person_version;
    (current && settlement.open == 0 && settlement.tasks == 0).then(|| Wanted {
        engagement: engagement.id,
        milestone: Milestone::AccessReady,
        date: engagement.start_date,
        at: engagement.starts_at,
        recipients: vec![manager(engagement.position(engagement.starts_at))],
        quiet: engagement.is_quiet(engagement.start_date),
        exposed_until: None,
        owners: false,
    })
}

fn moves(engagement: &Engagement, now: Timestamp) -> impl Iterator<Item = Wanted> {
    let pairs = engagement.positions.iter().zip(engagement.positions.iter().skip(1));
    let held = pairs.filter(move |(_before, after)| {
        after.from_at <= now
            && after.from_at > engagement.starts_at
            && !engagement.is_over(after.from_at)
    });
    held.filter(|(before, after)| differs(before, after)).map(|(before, after)| {
        let managers = [before.manager, after.manager].into_iter().flatten();
        let mut recipients: Vec<Recipient> =
            managers.map(|id| Recipient::Manager(Some(id))).collect();
        recipients.dedup();
        if recipients.is_empty() {
            recipients.push(Recipient::Manager(None));
        }
        Wanted {
            engagement: engagement.id,
            milestone: Milestone::Moved,
            date: after.from,
            at: after.from_at,
            recipients,
            quiet: engagement.is_quiet(after.from),
            exposed_until: None,
            owners: false,
        }
    })
}

fn leaving(facts: Facts<'_>, engagement: &Engagement, end: End) -> Wanted {
    let mut recipients = vec![manager(engagement.position_before(end.ends_at))];
    recipients.extend(owners_left(facts, engagement, end));
    Wanted {
        engagement: engagement.id,
        milestone: Milestone::Leaving,
        date: end.last_working_day,
        at: end.ends_at,
        recipients,
        quiet: engagement.is_quiet(end.last_working_day),
        exposed_until: None,
        owners: true,
    }
}

fn left(facts: Facts<'_>, engagement: &Engagement, end: End, told: &[Told]) -> Wanted {
    let mut wanted = leaving(facts, engagement, end);
    let foretold = told.iter().any(|told| told.state != State::Canceled && wanted.is_of(&told.key));
    wanted.milestone = Milestone::Left;
    let recorded = facts.standing.evaluated_at;
    let late = !foretold && recorded >= after(end.ends_at, LATE);
    wanted.exposed_until = late.then_some(recorded);
    wanted
}

/// An end that somebody was told of, of an engagement that has none.
fn withdrawn(engagement: &Engagement, told: &[Told], now: Timestamp) -> Option<Wanted> {
    let told: Vec<&Told> = told
        .iter()
        .filter(|told| told.state == State::Sent && told.key.engagement == engagement.id)
        .filter(|told| match told.key.milestone {
            Milestone::Leaving | Milestone::Left => true,
            Milestone::Joining
            | Milestone::Rehired
            | Milestone::AccessReady
            | Milestone::Moved
            | Milestone::LeavingWithdrawn => false,
        })
        .collect();
    let last = told.iter().max_by_key(|told| (told.at, told.id))?;
    let mut recipients: Vec<Recipient> = told
        .iter()
        .filter(|told| told.key.date == last.key.date)
        .map(|told| told.key.recipient.clone())
        .collect();
    recipients.sort_unstable();
    recipients.dedup();
    Some(Wanted {
        engagement: engagement.id,
        milestone: Milestone::LeavingWithdrawn,
        date: last.key.date,
        at: now,
        recipients,
        quiet: false,
        exposed_until: None,
        owners: false,
    })
}

/// The owners of what somebody held to the end; none, when another engagement goes on.
fn owners_left<'a>(
    facts: Facts<'a>,
    engagement: &Engagement,
    end: End,
) -> impl Iterator<Item = Recipient> + 'a {
    let stays = facts.standing.engagements.iter().any(|other| {
        other.id != engagement.id
            && other.starts_at <= after(end.ends_at, GAP)
            && !other.is_over(end.ends_at)
    });
    let held = move |closed_at: Option<Timestamp>| {
        !stays && closed_at.is_none_or(|closed_at| closed_at >= before(end.ends_at, CLOSING))
    };
    facts
        .accounts
        .iter()
        .filter(move |(_application, account)| account.owned && held(account.closed_at))
        .map(|(application, _account)| Recipient::Owner(application.clone()))
}

/// Whether everything the person did here before has ended a while before this engagement begins.
fn returns(standing: &Standing, engagement: &Engagement) -> bool {
    let mut earlier = standing
        .engagements
        .iter()
        .filter(|other| other.id != engagement.id && other.starts_at < engagement.starts_at)
        .peekable();
    earlier.peek().is_some()
        && earlier.all(|other| {
            other.end.is_some_and(|end| after(end.ends_at, GAP) < engagement.starts_at)
        })
}

fn differs(one: &Position, other: &Position) -> bool {
    one.title != other.title || one.department != other.department || one.manager != other.manager
}

fn manager(position: Option<&Position>) -> Recipient {
    Recipient::Manager(position.and_then(|position| position.manager))
}
