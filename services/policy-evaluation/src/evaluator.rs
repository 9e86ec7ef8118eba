//! The one way to an evaluation, whoever asks for it: load, decide, write, announce.

mod active;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{Lane, PersonId, Rejection};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use rules::{Access, Change, Evaluation};
use store::Tx;
use store::timers::{self, Timer};

use crate::lifecycle::Telling;
use crate::person::table as people;
use crate::person::{Before, Due, Evaluated, Person};
use crate::release::{self, Compiled};
use crate::timeline::{Key, Known, table as timelines};
use crate::wire;
use active::Active;

/// The kind of the timers that stand for a person's next boundary.
pub(crate) const BOUNDARY: &str = "boundary";

/// Evaluates people with the active release; clones share what is compiled.
#[derive(Debug, Clone)]
pub(crate) struct Evaluator {
    active: Arc<Active>,
    /// Releases of before, to compare with.
    earlier: Arc<Compiled>,
    zone: TimeZone,
    /// How long what follows an urgent evaluation is urgent, too.
    leaver_span: SignedDuration,
}

/// A version of a timeline that was not known before.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) known: Known,
    /// The lane it came in.
    pub(crate) lane: Lane,
}

/// Which evaluations are announced when the access stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confirm {
    /// All: their timeline or release is newer.
    All,
    /// Those made with a newer release: a boundary alone is no news.
    NewerRelease,
}

/// Why people could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The active release cannot be used.
    #[error("use the active release")]
    Release(#[from] release::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Another transaction stored the same people first.
    #[error("somebody else stored {0} of these people first")]
    Overtaken(u64),
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        match error {
            Error::Release(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Overtaken(_) => Self::retry(error),
        }
    }
}

impl Evaluator {
    pub(crate) fn new(zone: TimeZone, leaver_span: SignedDuration) -> Self {
        Self { active: Arc::default(), earlier: Arc::default(), zone, leaver_span }
    }

    /// Takes over timelines, and evaluates them if a release is active.
    pub(crate) async fn updated(
        &self,
        tx: &mut Tx,
        mut updates: BTreeMap<PersonId, Update>,
    ) -> Result<(), Error> {
        let ids: Vec<PersonId> = updates.keys().copied().collect();
        let mut known = by_id(people::lock(tx, &ids).await?);
        updates.retain(|id, update| {
            known.get(id).is_none_or(|person| person.version < update.known.version)
        });
        if updates.is_empty() {
            return Ok(());
        }
        // Asked after the rows are locked: none of them was evaluated with a later release.
        let Some(release) = self.active.release(tx).await? else {
            let keys: Vec<Key> =
                updates.iter().map(|(id, update)| (*id, update.known.version)).collect();
            let written = people::receive(tx, &keys).await?;
            return complete(keys.len(), written);
        };
        let due = updates
            .into_iter()
            .map(|(id, Update { known: timeline, lane })| Due {
                id,
                known: timeline,
                before: known.remove(&id).into(),
                trigger: lane,
            })
            .collect();
        self.evaluate(tx, &release, due, Confirm::All).await
    }

    /// Evaluates people whose boundary was reached, each in the lane of the timer.
    pub(crate) async fn reached(
        &self,
        tx: &mut Tx,
        timers: &BTreeMap<PersonId, Lane>,
    ) -> Result<(), Error> {
        let ids: Vec<PersonId> = timers.keys().copied().collect();
        let mut due = people::lock(tx, &ids).await?;
        let now = tx.now();
        // Who was evaluated since the timer was leased has another boundary, and another timer.
        due.retain(|person| person.is_due(now));
        let Some(release) = self.active.release(tx).await? else { return Ok(()) };
        let trigger = |id: &PersonId| timers.get(id).copied().unwrap_or(Lane::Regular);
        let due = load(tx, due, trigger).await?;
        self.evaluate(tx, &release, due, Confirm::NewerRelease).await
    }

    /// Returns people to be [`renewed`](Self::renewed), at most `limit`.
    pub(crate) async fn outdated(&self, tx: &mut Tx, limit: u16) -> Result<Vec<PersonId>, Error> {
        match release::table::active(tx).await? {
            None => Ok(Vec::new()),
            Some(release) => Ok(people::outdated(tx, release, limit).await?),
        }
    }

    /// Evaluates those of these people who were not evaluated with the active release.
    pub(crate) async fn renewed(&self, tx: &mut Tx, ids: &[PersonId]) -> Result<(), Error> {
        let Some(release) = self.active.release(tx).await? else { return Ok(()) };
        let due = people::lock_outdated(tx, ids, release.number()).await?;
        let due = load(tx, due, |_id| Lane::Regular).await?;
        let (concerned, others) = self.concerned(tx, &release, due).await?;
        if !others.is_empty() {
            let written = people::carry_over(tx, &others, release.number()).await?;
            complete(others.len(), written)?;
        }
        self.evaluate(tx, &release, concerned, Confirm::All).await
    }

    /// Parts those whom the changes since their last evaluation may concern from all others: of
    /// these nothing changes, and nothing is told.
    async fn concerned(
        &self,
        tx: &mut Tx,
        release: &rules::Release,
        due: Vec<Due>,
    ) -> Result<(Vec<Due>, Vec<PersonId>), Error> {
        let mut by_release: BTreeMap<u64, Vec<Due>> = BTreeMap::new();
        for one in due {
            let known = one.before.desired().map_or(0, |desired| desired.release);
            by_release.entry(known).or_default().push(one);
        }
        let (mut concerned, mut others) = (Vec::new(), Vec::new());
        for (number, people) in by_release {
            let old = self.earlier(tx, number).await?;
            let change = old.as_ref().map(|old| Change::between(old, release));
            for one in people {
                match &change {
                    Some(change) if !change.may_affect(&one.known.timeline) => others.push(one.id),
                    Some(_) | None => concerned.push(one),
                }
            }
        }
        concerned.sort_by_key(|one| one.id);
        Ok((concerned, others))
    }

    /// Returns the release with which people were evaluated; none when there was none, or when this
    /// version of the service cannot read it: then everybody is evaluated.
    async fn earlier(
        &self,
        tx: &mut Tx,
        number: u64,
    ) -> Result<Option<Arc<rules::Release>>, Error> {
        if number == 0 {
            return Ok(None);
        }
        match self.earlier.release(tx, number).await {
            Ok(release) => Ok(Some(release)),
            Err(release::Error::Store(error)) => Err(error.into()),
            Err(error @ (release::Error::Document { .. } | release::Error::Compile { .. })) => {
                let why = Rejection::retry(error);
                tracing::warn!(release = number, "release {number} cannot be compared with: {why}");
                Ok(None)
            }
        }
    }

    async fn evaluate(
        &self,
        tx: &mut Tx,
        release: &rules::Release,
        due: Vec<Due>,
        confirm: Confirm,
    ) -> Result<(), Error> {
        if due.is_empty() {
            return Ok(());
        }
        let now = tx.now();
        let evaluations = self.decide(tx, release, &due).await?;
        let mut evaluated: Vec<Evaluated> = due
            .into_iter()
            .zip(evaluations)
            .map(|(due, evaluation)| {
                due.evaluated(evaluation, &self.zone, now, |version| tx.next_version(version))
            })
            .collect();
        choose_lanes(tx, &mut evaluated).await?;
        for one in &mut evaluated {
            one.follow(now, self.leaver_span);
        }
        let written = people::write(tx, &evaluated, release.number()).await?;
        complete(evaluated.len(), written)?;
        set_timers(tx, &evaluated).await?;
        for one in &evaluated {
            if one.changed {
                tx.publish(&wire::changed(one, release.number(), now))?;
            } else if confirm == Confirm::All || one.release_before() < release.number() {
                tx.publish(&wire::confirmed(one, release.number(), now))?;
            }
            if one.telling.news {
                let key = (one.due.id, one.due.known.version);
                let Telling { told, lifecycle, news: _ } = &one.telling;
                tx.publish(&wire::lifecycle(key, told.version, one.lane, lifecycle, now))?;
            }
        }
        Ok(())
    }

    /// Decides what people shall hold. What they hold now is looked up only of those for whom a
    /// policy cannot answer: they keep what it granted them, under whatever id.
    async fn decide(
        &self,
        tx: &mut Tx,
        release: &rules::Release,
        due: &[Due],
    ) -> Result<Vec<Evaluation>, Error> {
        let now = tx.now();
        let mut evaluations: Vec<Evaluation> = due
            .iter()
            .map(|due| rules::desired(&due.known.timeline, release, &self.zone, now))
            .collect();
        let holders = |due: &Due| -> Vec<PersonId> {
            let own = due.before.desired().map(|_desired| due.id);
            own.into_iter().chain(due.known.timeline.kin.all()).collect()
        };
        let unanswered: BTreeSet<PersonId> = due
            .iter()
            .zip(&evaluations)
            .filter(|(_due, one)| !one.unanswered.is_empty())
            .flat_map(|(due, _one)| holders(due))
            .collect();
        if unanswered.is_empty() {
            return Ok(evaluations);
        }
        let before = people::access_of(tx, &Vec::from_iter(unanswered)).await?;
        for (due, evaluation) in due.iter().zip(&mut evaluations) {
            if evaluation.unanswered.is_empty() {
                continue;
            }
            let holders = holders(due);
            let held: Vec<&Access> =
                holders.iter().filter_map(|holder| before.get(holder)).collect();
            if held.is_empty() {
                continue;
            }
            let grants =
                held.into_iter().flat_map(|access| access.grants.iter().cloned()).collect();
            let before = Access { grants, ..Access::default() };
            let timeline = &due.known.timeline;
            *evaluation = rules::desired_after(&before, timeline, release, &self.zone, now);
        }
        Ok(evaluations)
    }
}

fn by_id(people: Vec<Person>) -> BTreeMap<PersonId, Person> {
    people.into_iter().map(|person| (person.id, person)).collect()
}

/// Brings the newest timelines of people to whom nothing new has come.
async fn load(
    tx: &mut Tx,
    people: Vec<Person>,
    trigger: impl Fn(&PersonId) -> Lane,
) -> Result<Vec<Due>, Error> {
    let keys: Vec<Key> = people.iter().map(Person::key).collect();
    let mut known = timelines::read(tx, &keys).await?;
    Ok(people
        .into_iter()
        .filter_map(|person| {
            let known = known.remove(&person.key())?;
            let (id, trigger) = (person.id, trigger(&person.id));
            Some(Due { id, known, before: Before::from(Some(person)), trigger })
        })
        .collect())
}

async fn choose_lanes(tx: &mut Tx, evaluated: &mut [Evaluated]) -> Result<(), Error> {
    let ids: Vec<PersonId> =
        evaluated.iter().filter(|one| one.may_be_urgent()).map(|one| one.due.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let before = people::access_of(tx, &ids).await?;
    for one in evaluated {
        if let Some(before) = before.get(&one.due.id) {
            one.compare(before);
        }
    }
    Ok(())
}

async fn set_timers(tx: &mut Tx, evaluated: &[Evaluated]) -> Result<(), Error> {
    let mut set = Vec::new();
    let mut clear = Vec::new();
    for one in evaluated {
        let key = one.due.id.0;
        let before = one.due.before.desired().and_then(|desired| desired.next_boundary);
        match one.evaluation.next_boundary {
            Some(due_at) => set.push(Timer { key, lane: one.boundary_lane(due_at), due_at }),
            None if before.is_some() => clear.push(key),
            None => {}
        }
    }
    timers::set(tx, BOUNDARY, &set).await?;
    timers::clear(tx, BOUNDARY, &clear).await?;
    Ok(())
}

fn complete(wanted: usize, written: u64) -> Result<(), Error> {
    let missing = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_sub(written);
    if missing == 0 { Ok(()) } else { Err(Error::Overtaken(missing)) }
}
