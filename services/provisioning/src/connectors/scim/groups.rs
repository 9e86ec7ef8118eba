//! Memberships: many changes of one group in few requests, and one reading back for all of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use domain::Lane;
use futures::future::join_all;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;
use tracing::warn;

use super::super::{MembershipChange, Outcome, code};
use super::fault::Fault;
use super::search::{Depth, Search};
use super::{Scim, user};

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// After so many refusals in one group the rest waits: the application refuses more than single
/// changes.
const REFUSALS_MAX: usize = 32;

/// The groups' ids, by name. Whoever holds a group's lock looks it up, makes it or replaces it.
#[derive(Debug, Default)]
pub(super) struct Groups {
    known: Mutex<BTreeMap<String, Known>>,
}

type Known = Arc<AsyncMutex<Option<String>>>;

impl Groups {
    fn known(&self, name: &str) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(name.to_owned()).or_default())
    }

    async fn forget(&self, name: &str) {
        *self.known(name).lock().await = None;
    }
}

/// A group as far as memberships go; applications leave the list out when it is empty.
#[derive(Debug, Deserialize)]
struct Group {
    members: Option<Vec<Member>>,
}

#[derive(Debug, Deserialize)]
struct Member {
    value: String,
}

/// The changes of one group that travel together, and what became of each.
struct Batch<'a> {
    entitlement: &'a str,
    changes: Vec<&'a MembershipChange>,
    results: Vec<Result<(), Fault>>,
}

impl Scim {
    /// Gives and takes entitlements; answers in the same order.
    ///
    /// Leavers' changes of a group travel apart from the others and do not wait for them.
    pub(crate) async fn change_memberships(
        &self,
        changes: &[MembershipChange],
    ) -> Vec<Outcome<()>> {
        let mut batches: BTreeMap<(Lane, &str), Vec<usize>> = BTreeMap::new();
        for (at, change) in changes.iter().enumerate() {
            batches.entry((change.lane, &change.entitlement)).or_default().push(at);
        }
        let ended = batches.into_iter().map(|((lane, entitlement), places)| {
            let batch = places.iter().map(|at| &changes[*at]).collect();
            Box::pin(async move {
                let _permit = self.permits.acquire(lane).await;
                let outcomes = self.change_group(entitlement, batch).await;
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
        changes: Vec<&MembershipChange>,
    ) -> Vec<Outcome<()>> {
        let count = changes.len();
        let gives = changes.iter().any(|change| change.held);
        let group = match self.group_id(entitlement, gives).await {
            Ok(Some(group)) => group,
            Ok(None) => return vec![Outcome::Already(()); count],
            Err(outcome) => return vec![outcome; count],
        };
        let unsent = Fault::Broken { what: "an earlier change of the same group failed" };
        let mut batch = Batch { entitlement, changes, results: vec![Err(unsent); count] };
        self.write(&group, &mut batch).await;
        if !batch.is_worth_reading() {
            return batch.results.iter().map(unwritten).collect();
        }
        match self.client.get::<Group>(self.client.address(&["Groups", &group])).await {
            Ok(read) => batch.judge(&read),
            Err(fault) => {
                if is_missing(&fault) {
                    self.groups.forget(entitlement).await;
                    return vec![Outcome::again("the group is gone"); count];
                }
                vec![fault.outcome(); count]
            }
        }
    }

    /// Sends the changes in chunks, revocations first; a refused chunk is halved until the refused
    /// change stands alone.
    async fn write(&self, group: &str, batch: &mut Batch<'_>) {
        let size = self.limits.changes_per_request.get();
        let mut chunks: VecDeque<Vec<usize>> = VecDeque::new();
        for held in [false, true] {
            let places = batch.places(held);
            chunks.extend(places.chunks(size).map(<[usize]>::to_vec));
        }
        if !self.can_patch().await {
            return self.replace(group, batch, chunks.into_iter().flatten().collect()).await;
        }
        let mut refusals = 0;
        while let Some(mut chunk) = chunks.pop_front() {
            let address = self.client.address(&["Groups", group]);
            match self.client.patch(address, &batch.patch(&chunk)).await {
                Ok(_) => batch.record(&chunk, &Ok(())),
                Err(fault) if fault.is_unsupported() => {
                    chunk.extend(chunks.into_iter().flatten());
                    return self.replace(group, batch, chunk).await;
                }
                Err(fault) if fault.refusal().is_some() && refusals < REFUSALS_MAX => {
                    refusals += 1;
                    if chunk.len() == 1 {
                        batch.record(&chunk, &Err(fault));
                        continue;
                    }
                    let rest = chunk.split_off(chunk.len() / 2);
                    chunks.push_front(rest);
                    chunks.push_front(chunk);
                }
                Err(fault) => {
                    let fault = match fault.refusal() {
                        Some(_) => {
                            Fault::Broken { what: "too many changes of the group are refused" }
                        }
                        None => fault,
                    };
                    chunk.extend(chunks.into_iter().flatten());
                    return batch.record(&chunk, &Err(fault));
                }
            }
        }
    }

    /// Writes the whole group, for applications that cannot patch it.
    ///
    /// Never a value array on the members' path instead: many applications empty the group then.
    async fn replace(&self, group: &str, batch: &mut Batch<'_>, places: Vec<usize>) {
        let known = self.groups.known(batch.entitlement);
        let _alone = known.lock().await;
        let address = self.client.address(&["Groups", group]);
        let result = match self.client.get::<Value>(address.clone()).await {
            Ok(read) => {
                let body = batch.merged_into(&read, &places);
                self.client.put(address, &read, &body).await.map(drop)
            }
            Err(fault) => Err(fault),
        };
        batch.record(&places, &result);
    }

    /// The id of the entitlement's group; makes the group when something is to be given.
    async fn group_id(&self, name: &str, make: bool) -> Result<Option<String>, Outcome<()>> {
        let known = self.groups.known(name);
        let mut known = known.lock().await;
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

impl Batch<'_> {
    fn places(&self, held: bool) -> Vec<usize> {
        let changes = self.changes.iter().enumerate();
        changes.filter(|(_, change)| change.held == held).map(|(at, _)| at).collect()
    }

    fn record(&mut self, places: &[usize], result: &Result<(), Fault>) {
        for at in places {
            self.results[*at].clone_from(result);
        }
    }

    /// One request for changes that all give or all take.
    fn patch(&self, places: &[usize]) -> Value {
        let changes: Vec<_> = places.iter().map(|at| self.changes[*at]).collect();
        let operations: Vec<Value> = if changes.iter().all(|change| change.held) {
            let members: Vec<_> =
                changes.iter().map(|change| json!({ "value": change.account_id })).collect();
            vec![json!({ "op": "add", "path": "members", "value": members })]
        } else {
            let path = |id: &str| format!("members[value eq {}]", Value::from(id));
            changes
                .iter()
                .map(|change| json!({ "op": "remove", "path": path(&change.account_id) }))
                .collect()
        };
        json!({ "schemas": [PATCH], "Operations": operations })
    }

    /// The whole group with these changes made.
    fn merged_into(&self, group: &Value, places: &[usize]) -> Value {
        let mut group = group.clone();
        let mut members = group["members"].as_array().cloned().unwrap_or_default();
        for change in places.iter().map(|at| self.changes[*at]) {
            members.retain(|member| member["value"] != change.account_id.as_str());
            if change.held {
                members.push(json!({ "value": change.account_id }));
            }
        }
        group["members"] = Value::Array(members);
        if let Value::Object(group) = &mut group {
            group.remove("meta");
        }
        group
    }

    /// Whether anything may have been changed, or was refused because it is so already.
    fn is_worth_reading(&self) -> bool {
        self.results.iter().any(|result| match result {
            Ok(()) => true,
            Err(fault) => fault.is_unknown() || fault.refusal().is_some(),
        })
    }

    /// What was read decides; how the writing ended only tells why something is missing.
    fn judge(&self, read: &Group) -> Vec<Outcome<()>> {
        let members = read.members.as_deref().unwrap_or_default();
        let members: BTreeSet<_> = members.iter().map(|member| member.value.as_str()).collect();
        let pairs = self.changes.iter().zip(&self.results);
        pairs
            .map(|(change, result)| {
                let as_wanted = members.contains(change.account_id.as_str()) == change.held;
                match (as_wanted, result) {
                    (true, Ok(())) => Outcome::Done(()),
                    (true, Err(fault)) if fault.is_unknown() => Outcome::Done(()),
                    (true, Err(_)) => Outcome::Already(()),
                    (false, result) => unwritten(result),
                }
            })
            .collect()
    }
}

fn unwritten(result: &Result<(), Fault>) -> Outcome<()> {
    match result {
        Ok(()) => {
            let code = code::NOT_AS_WRITTEN;
            Outcome::again(format!("{code}: read back, the membership is unchanged"))
        }
        // The account or the group may be gone, which the account's own change finds out.
        Err(fault) if is_missing(fault) => Outcome::again(fault.to_string()),
        Err(fault) => fault.outcome(),
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

fn is_missing(fault: &Fault) -> bool {
    matches!(fault.refusal(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
}

#[cfg(test)]
mod tests;
