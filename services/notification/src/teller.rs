//! The one way to notices, whoever asks for it: load, decide, write.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Lane, PersonId, Rejection};
use jiff::SignedDuration;
use store::timers::{self, Timer};
use store::{Error, Tx};

use crate::account::{self, Account};
use crate::config::Config;
use crate::milestone::{Decision, Facts, Held, milestones};
use crate::notice::{self, New};
use crate::person::{self, Person};
use crate::release;

/// The kind of the timers that stand for the instant at which a person is looked at again.
pub(crate) const BOUNDARY: &str = "boundary";

/// Compares people with what was told of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teller {
    lead: SignedDuration,
    gather: SignedDuration,
}

impl Teller {
    pub(crate) fn new(config: &Config) -> Self {
        Self { lead: config.lead(), gather: config.gather() }
    }

    /// Writes people who are locked, and what is to be told of them now.
    pub(crate) async fn tell(
        self,
        tx: &mut Tx,
        people: BTreeMap<PersonId, Person>,
    ) -> Result<(), Rejection> {
        if people.is_empty() {
            return Ok(());
        }
        let now = tx.now();
        let ids: Vec<PersonId> = people.keys().copied().collect();
        let kin = kin(tx, &people).await?;
        release::table::share(tx).await?;
        let owners = release::table::owners(tx).await?;
        let accounts = account::table::of(tx, &ids).await?;
        let told = notice::table::told(tx, &ids).await?;
        let (none, nothing) = (BTreeMap::new(), Vec::new());
        let (mut new, mut canceled) = (Vec::new(), Vec::new());
        let (mut set, mut clear) = (Vec::new(), Vec::new());
        let mut written = Vec::with_capacity(people.len());
        for (id, mut person) in people {
            let decision = match person.told_standing(&kin) {
                None => Decision::default(),
                Some(standing) => {
                    let held = accounts.get(&id).unwrap_or(&none).iter();
                    let held = held.map(|(application, account)| {
                        (application.clone(), held_of(account, owners.contains_key(application)))
                    });
                    let facts = Facts {
                        standing: &standing,
                        settlement: person.settlement.as_ref(),
                        accounts: &held.collect(),
                    };
                    milestones(facts, told.get(&id).unwrap_or(&nothing), now, self.lead)
                }
            };
            match decision.next {
                Some(due_at) => set.push(Timer { key: id.0, lane: Lane::Regular, due_at }),
                None => clear.push(id.0),
            }
            canceled.extend(decision.canceled);
            let due_at = now.saturating_add(self.gather).unwrap_or(now);
            let due = decision.due.into_iter();
            new.extend(due.map(|due| New { id: tx.new_id().into(), person: id, due, due_at }));
            person.watched_until = decision.watched_until;
            written.push(person);
        }
        person::table::update(tx, &written.iter().collect::<Vec<_>>()).await?;
        notice::table::cancel(tx, &canceled).await?;
        notice::table::insert(tx, &new).await?;
        timers::set(tx, BOUNDARY, &set).await?;
        timers::clear(tx, BOUNDARY, &clear).await?;
        Ok(())
    }
}

/// Reads those whom the kin of people names; of nearly everybody there are none.
async fn kin(
    tx: &mut Tx,
    people: &BTreeMap<PersonId, Person>,
) -> Result<BTreeMap<PersonId, Person>, Error> {
    let named: BTreeSet<PersonId> =
        people.values().filter_map(Person::kin).flat_map(domain::Kin::all).collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (known, unread): (Vec<PersonId>, Vec<PersonId>) =
        named.into_iter().partition(|id| people.contains_key(id));
    let mut kin = person::table::read(tx, &unread).await?;
    kin.extend(known.into_iter().filter_map(|id| Some((id, people.get(&id)?.clone()))));
    Ok(kin)
}

/// Looks again at everybody of whom an owner who became known would be told.
pub(crate) async fn owners_changed(tx: &mut Tx) -> Result<(), Error> {
    /// More people than start and leave within a lead in one installation.
    const PEOPLE_MAX: i64 = 100_000;
    let now = tx.now();
    let people = person::table::watched(tx, now, PEOPLE_MAX).await?;
    let mut keys: Vec<uuid::Uuid> = people.into_iter().map(|person| person.0).collect();
    keys.sort_unstable();
    let due: Vec<Timer> =
        keys.into_iter().map(|key| Timer { key, lane: Lane::Regular, due_at: now }).collect();
    timers::set(tx, BOUNDARY, &due).await
}

fn held_of(account: &Account, owned: bool) -> Held {
    Held { closed_at: account.closed_at(), owned }
}
