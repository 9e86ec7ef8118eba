//! Memberships: many changes of one group in few requests, read before and after.
//!
//! What is so already is not written: some applications keep a member twice that is added twice. What
//! is not so afterwards is written in another dialect, while there is one.

mod batch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Lane;
use futures::future::join_all;
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, RwLock};
use tracing::{error, warn};

use super::super::pace;
use super::super::{MembershipChange, Outcome, code};
use super::dialect::{Attempt, Dialect, Learned};
use super::fault::Fault;
use super::search::{Depth, Search};
use super::{Scim, user};
use batch::{Batch, Effect, Group};

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// After so many refusals in one group the rest is not sent: the application refuses more than single
/// changes.
const REFUSALS_MAX: usize = 32;

/// The groups by name, and how the application lets them be written.
#[derive(Debug, Default)]
pub(super) struct Groups {
    known: Mutex<BTreeMap<String, Arc<Known>>>,
    learned: Mutex<Learned>,
}

/// One group.
#[derive(Debug, Default)]
struct Known {
    /// Its id. Whoever holds the lock looks it up or makes the group.
    id: AsyncMutex<Option<String>>,
    /// Shared by who writes without danger to others, exclusive for who might take their membership.
    writing: RwLock<()>,
    /// Those whose membership was endangered by a write that is not read back yet.
    endangered: Mutex<BTreeSet<String>>,
}

/// The dialects in which one group's changes travel next, and the changes.
#[derive(Debug)]
struct Round {
    take: Option<Dialect>,
    takes: Vec<usize>,
    give: Option<Dialect>,
    gives: Vec<usize>,
}

/// The dialects that were tried for the changes in hand.
#[derive(Debug, Default)]
struct Tried {
    take: BTreeSet<Dialect>,
    give: BTreeSet<Dialect>,
}

impl Groups {
    fn known(&self, name: &str) -> Arc<Known> {
        Arc::clone(lock(&self.known).entry(name.to_owned()).or_default())
    }

    async fn forget(&self, name: &str) {
        *self.known(name).id.lock().await = None;
    }
}

impl Scim {
    /// Gives and takes entitlements; answers in the same order.
    ///
    /// Leavers' changes of a group travel apart from the others and do not wait for them, unless
    /// somebody writes in a dialect that endangers the other members.
    pub(crate) async fn change_memberships(
        &self,
        changes: &[MembershipChange],
    ) -> Vec<Outcome<()>> {
        let mut batches: BTreeMap<(Lane, &str), Vec<usize>> = BTreeMap::new();
        for (at, change) in changes.iter().enumerate() {
            batches.entry((change.lane, &change.entitlement)).or_default().push(at);
        }
        let ended = batches.into_iter().map(|((lane, entitlement), places)| {
            let batch: Vec<_> = places.iter().map(|at| &changes[*at]).collect();
            Box::pin(async move {
                let _permit = self.permits.acquire(lane).await;
                let outcomes = pace::within(lane, self.change_group(entitlement, &batch)).await;
                places.into_iter().zip(outcomes).collect::<Vec<_>>()
            })
        });
        let mut outcomes: Vec<_> = join_all(ended).await.into_iter().flatten().collect();
        outcomes.sort_by_key(|(at, _)| *at);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn change_group(
        &self,
        entitlement: &str,
        changes: &[&MembershipChange],
    ) -> Vec<Outcome<()>> {
        let count = changes.len();
        let gives = changes.iter().any(|change| change.held);
        let group = match self.group_id(entitlement, gives).await {
            Ok(Some(group)) => group,
            Ok(None) => return vec![Outcome::Already(()); count],
            Err(outcome) => return vec![outcome; count],
        };
        let mut batch = Batch::new(changes);
        let ended = self.converge_group(&self.groups.known(entitlement), &group, &mut batch).await;
        let lost = batch.lost();
        if lost > 0 {
            error!(group.id = group, lost, "an application emptied a group, and not all are back");
        }
        match ended {
            Ok(()) => batch.outcomes(),
            Err(fault) if fault.is_missing() => {
                self.groups.forget(entitlement).await;
                batch.end(&Outcome::again("the group is gone"))
            }
            Err(fault) => batch.end(&fault.outcome()),
        }
    }

    /// Writes in one dialect after the other until everything is as it shall be, or none is left.
    async fn converge_group(
        &self,
        known: &Known,
        group: &str,
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        let patches = self.announces_patch().await;
        let mut shared = Some(known.writing.read().await);
        let mut alone = None;
        let mut tried = Tried::default();
        let mut members = self.read_group(group).await?;
        self.give_back(known, batch, &members);
        batch.settle(&members, self.is_believed(patches));
        while let Some(round) = self.next_round(batch, &tried, patches) {
            if round.endangers_others() && alone.is_none() {
                drop(shared.take());
                alone = Some(known.writing.write().await);
                members = self.read_group(group).await?;
                batch.settle(&members, self.is_believed(patches));
                continue;
            }
            tried.take.extend(round.take);
            tried.give.extend(round.give);
            if round.take == Some(Dialect::Values) {
                *lock(&known.endangered) = batch.others(&members);
            }
            self.write(group, batch, &round).await;
            if !batch.may_be_carried_out(&round.takes) {
                lock(&known.endangered).clear();
            }
            if !batch.is_worth_reading(&round.takes) && !batch.is_worth_reading(&round.gives) {
                return Ok(());
            }
            members = self.read_group(group).await?;
            let nobody_else = lock(&known.endangered).is_empty();
            self.learn(batch, &round, &members, nobody_else);
            if self.give_back(known, batch, &members) {
                tried.give.clear();
            }
        }
        Ok(())
    }

    /// Whether members that are left out are taken for none: nobody can be taken from a group, without
    /// danger to the others, where members are not listed and cannot be patched.
    fn is_believed(&self, patches: bool) -> bool {
        !patches || lock(&self.groups.learned).lists()
    }

    /// What to write next, and how; none when nothing is open, or no dialect is left.
    fn next_round(&self, batch: &Batch, tried: &Tried, patches: bool) -> Option<Round> {
        let learned = lock(&self.groups.learned);
        let next = |held, tried| {
            let open = batch.open(held);
            let dialect = if open.is_empty() { None } else { learned.next(held, patches, tried) };
            (dialect, open)
        };
        let ((take, takes), (give, gives)) = (next(false, &tried.take), next(true, &tried.give));
        (take.is_some() || give.is_some()).then_some(Round { take, takes, give, gives })
    }

    /// Remembers of each dialect what the reading back shows.
    ///
    /// Taking by values from a group without others proves nothing: there was nobody to lose.
    fn learn(&self, batch: &mut Batch, round: &Round, members: &Group, nobody_else: bool) {
        let mut learned = lock(&self.groups.learned);
        for (held, dialect, places) in round.parts() {
            match batch.judge(members, places) {
                Effect::Seen if !held && dialect == Dialect::Values && nobody_else => {}
                Effect::Seen => learned.prove(held, dialect),
                Effect::None => learned.doubt(held, dialect),
                Effect::Unknown => {}
            }
        }
    }

    /// Gives those back whom the application took unasked, and says whether there are any.
    ///
    /// Single ones may have been taken by somebody else meanwhile; an application that misunderstands
    /// empties the group.
    fn give_back(&self, known: &Known, batch: &mut Batch, members: &Group) -> bool {
        let endangered = std::mem::take(&mut *lock(&known.endangered));
        if endangered.is_empty() || endangered.iter().any(|account| members.has(account)) {
            return false;
        }
        warn!(lost = endangered.len(), "an application emptied a group of which some were to go");
        lock(&self.groups.learned).bar_values();
        batch.give_back(&endangered);
        true
    }

    async fn read_group(&self, group: &str) -> Result<Group, Fault> {
        let read: Group = self.client.get(self.client.address(&["Groups", group])).await?;
        if read.is_listed() {
            lock(&self.groups.learned).see_members();
        }
        Ok(read)
    }

    async fn write(&self, group: &str, batch: &mut Batch, round: &Round) {
        let mut whole = Vec::new();
        for (held, dialect, places) in round.parts() {
            match dialect {
                Dialect::Whole => whole.extend(places),
                Dialect::Paths | Dialect::Values => {
                    self.patch_group(group, batch, (dialect, held), places).await;
                }
            }
        }
        if !whole.is_empty() {
            let attempt = self.replace_group(group, batch, &whole).await;
            batch.record(&whole, &attempt);
        }
    }

    /// Sends changes in chunks; a refused chunk is halved until the refused change stands alone.
    async fn patch_group(
        &self,
        group: &str,
        batch: &mut Batch,
        (dialect, held): (Dialect, bool),
        places: &[usize],
    ) {
        let size = self.limits.changes_per_request.get();
        let mut chunks: VecDeque<Vec<usize>> = places.chunks(size).map(<[usize]>::to_vec).collect();
        let mut refusals = 0;
        while let Some(mut chunk) = chunks.pop_front() {
            let address = self.client.address(&["Groups", group]);
            let body = batch.patch(dialect, held, &chunk);
            let fault = match self.client.patch(address, &body).await {
                Ok(_) => {
                    batch.record(&chunk, &Attempt::Accepted);
                    continue;
                }
                Err(fault) => fault,
            };
            let of_the_form = fault.is_unsupported() || fault.refusal().is_none();
            if of_the_form || refusals == REFUSALS_MAX {
                let attempt = match fault.refusal() {
                    None => Attempt::Failed(fault),
                    Some(_) if of_the_form => Attempt::Refused(fault),
                    Some(_) => Attempt::Crowded,
                };
                chunk.extend(chunks.into_iter().flatten());
                return batch.record(&chunk, &attempt);
            }
            refusals += 1;
            if chunk.len() == 1 {
                batch.record(&chunk, &Attempt::Refused(fault));
            } else {
                let rest = chunk.split_off(chunk.len() / 2);
                chunks.push_front(rest);
                chunks.push_front(chunk);
            }
        }
    }

    /// Writes the whole group, only if it still has the version that was read, where there is one.
    async fn replace_group(&self, group: &str, batch: &Batch, places: &[usize]) -> Attempt {
        let address = self.client.address(&["Groups", group]);
        let written = match self.client.get_versioned(address.clone()).await {
            Ok(read) => {
                let body = batch.merged_into(&read, places);
                self.client.put(address, &read, &body).await.map(drop)
            }
            Err(fault) => Err(fault),
        };
        match written {
            Ok(()) => Attempt::Accepted,
            Err(fault) if fault.refusal().is_some() => Attempt::Refused(fault),
            Err(fault) => Attempt::Failed(fault),
        }
    }

    /// The id of the entitlement's group; makes the group when something is to be given.
    async fn group_id(&self, name: &str, make: bool) -> Result<Option<String>, Outcome<()>> {
        let known = self.groups.known(name);
        let mut known = known.id.lock().await;
        if known.is_some() {
            return Ok(known.clone());
        }
        *known = match self.find_group(name, Depth::Exhaustive).await? {
            None if make => Some(self.make_group(name).await?),
            found => found,
        };
        Ok(known.clone())
    }

    async fn make_group(&self, name: &str) -> Result<String, Outcome<()>> {
        let body = json!({ "schemas": [SCHEMA], "displayName": name });
        let made = match self.client.post(self.client.address(&["Groups"]), &body).await {
            Ok(answer) => answer.created_id(),
            Err(fault) if fault.is_unknown() || fault.is_conflict() => {
                let found = self.find_group(name, Depth::Exhaustive).await?;
                return found.ok_or_else(|| fault.outcome());
            }
            Err(fault) => return Err(fault.outcome()),
        };
        let found = self.groups_named(name, Depth::IfIgnored).await?;
        let Some(made) = made else {
            return only(found)?.ok_or_else(|| Outcome::again("the group cannot be read back yet"));
        };
        // Two replicas may make one group at the same time. Each withdraws its own, still empty,
        // when it sees the other's; so at most one is ever used.
        if found.iter().any(|other| *other != made) {
            if self.client.delete(self.client.address(&["Groups", &made])).await.is_err() {
                warn!(group.id = made, "a group was made twice, and one could not be deleted");
            }
            return Err(Outcome::again("the group was made by somebody else at the same time"));
        }
        Ok(made)
    }

    async fn find_group(&self, name: &str, depth: Depth) -> Result<Option<String>, Outcome<()>> {
        only(self.groups_named(name, depth).await?)
    }

    async fn groups_named(&self, name: &str, depth: Depth) -> Result<Vec<String>, Outcome<()>> {
        let search = Search { kind: "Groups", attribute: "displayName", value: name, depth };
        let found = search.run(&self.client, |group| group["displayName"] == name).await;
        let found = found.map_err(|fault| fault.outcome())?;
        Ok(found.iter().filter_map(user::id).map(str::to_owned).collect())
    }
}

impl Round {
    /// Revocations first.
    fn parts(&self) -> impl Iterator<Item = (bool, Dialect, &[usize])> {
        let take = self.take.map(|dialect| (false, dialect, self.takes.as_slice()));
        let give = self.give.map(|dialect| (true, dialect, self.gives.as_slice()));
        take.into_iter().chain(give)
    }

    fn endangers_others(&self) -> bool {
        self.parts().any(|(held, dialect, _places)| dialect.endangers_others(held))
    }
}

fn only(mut found: Vec<String>) -> Result<Option<String>, Outcome<()>> {
    let first = found.pop();
    if found.is_empty() {
        return Ok(first);
    }
    let (code, count) = (code::GROUP_AMBIGUOUS, found.len() + 1);
    Err(Outcome::again(format!("{code}: {count} groups have the entitlement's name")))
}

/// Every change leaves the value whole, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
