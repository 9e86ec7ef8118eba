//! Memberships: many changes of one group in few operations, and the members concerned read back.
//!
//! The members of a group are never listed: of each person concerned the directory is asked whether
//! it is a member, which costs the same in a group of ten and of a hundred thousand.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::Lane;
use futures::future::join_all;
use ldap3::{Mod, Scope, dn_escape, ldap_escape};

use super::super::pace;
use super::super::{MembershipChange, Outcome, code};
use super::Ldap;
use super::entry::id_filter;
use super::fault::{Fault, rc};
use super::pool::Talk;

/// Accounts looked up by one search; servers limit what one may return.
const ACCOUNTS_PER_SEARCH: usize = 100;

/// What a group holds of a member, by the account's id: its name (DN) or its login.
type Members = BTreeMap<String, String>;

/// One person's membership in the group in hand.
struct Change<'a> {
    asked: &'a MembershipChange,
    member: &'a str,
    /// How it ended; none while it has not.
    ended: Option<Outcome<()>>,
    /// Why the last attempt to write it failed.
    fault: Option<Fault>,
}

impl Ldap {
    /// Gives and takes entitlements; answers in the same order.
    ///
    /// Leavers' changes of a group travel apart from the others and do not wait for them.
    pub(in super::super) async fn change_memberships(
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
                let mut talk = self.pool.talk();
                let changing = self.change_group(&mut talk, entitlement, &batch);
                let outcomes = pace::within(lane, changing).await;
                let outcomes = outcomes.unwrap_or_else(|outcome| vec![outcome; batch.len()]);
                places.into_iter().zip(outcomes).collect::<Vec<_>>()
            })
        });
        let mut outcomes: Vec<_> = join_all(ended).await.into_iter().flatten().collect();
        outcomes.sort_by_key(|(at, _)| *at);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn change_group(
        &self,
        talk: &mut Talk<'_>,
        entitlement: &str,
        asked: &[&MembershipChange],
    ) -> Result<Vec<Outcome<()>>, Outcome<()>> {
        let gives = asked.iter().any(|change| change.held);
        let Some(group) = self.group(talk, entitlement, gives).await? else {
            return Ok(vec![Outcome::Already(()); asked.len()]);
        };
        let members = self.members(talk, asked).await?;
        let mut changes: Vec<Change<'_>> = asked
            .iter()
            .map(|asked| {
                let member = members.get(&asked.account_id);
                Change {
                    asked,
                    member: member.map(String::as_str).unwrap_or_default(),
                    ended: member.is_none().then_some(Outcome::Gone),
                    fault: None,
                }
            })
            .collect();
        self.judge(talk, &group, &mut changes, Outcome::Already(())).await?;
        for held in [false, true] {
            self.write(talk, &group, &mut changes, held).await;
        }
        self.judge(talk, &group, &mut changes, Outcome::Done(())).await?;
        Ok(changes.into_iter().map(Change::outcome).collect())
    }

    /// Ends those that are as they shall be.
    async fn judge(
        &self,
        talk: &mut Talk<'_>,
        group: &str,
        changes: &mut [Change<'_>],
        outcome: Outcome<()>,
    ) -> Result<(), Outcome<()>> {
        let mut open: Vec<_> = changes.iter_mut().filter(|change| change.ended.is_none()).collect();
        let members: Vec<_> = open.iter().map(|change| change.member).collect();
        let held = match talk.has(group, &self.layout.member, &members).await {
            Ok(held) => held,
            Err(fault) if fault.refusal() == Some(rc::NO_SUCH_OBJECT) => {
                return Err(Outcome::again("the group is gone"));
            }
            Err(fault) => return Err(fault.outcome()),
        };
        for (change, held) in open.iter_mut().zip(held) {
            if held == change.asked.held {
                // What was refused as done already was done by somebody else.
                let already = change.fault.as_ref().is_some_and(Fault::is_so_already);
                change.ended = Some(if already { Outcome::Already(()) } else { outcome.clone() });
            }
        }
        Ok(())
    }

    /// Writes in chunks; a chunk of which the directory says that some of it is so already is halved.
    async fn write(
        &self,
        talk: &mut Talk<'_>,
        group: &str,
        changes: &mut [Change<'_>],
        held: bool,
    ) {
        let mut open: Vec<_> = changes
            .iter_mut()
            .filter(|change| change.ended.is_none() && change.asked.held == held)
            .collect();
        let mut chunks: Vec<&mut [&mut Change<'_>]> =
            open.chunks_mut(self.limits.changes_per_request.get()).collect();
        // The last one is taken first, so that both halves of a chunk come next.
        chunks.reverse();
        while let Some(chunk) = chunks.pop() {
            let members: HashSet<&str> = chunk.iter().map(|change| change.member).collect();
            match self.send(talk, group, &members, held).await {
                Ok(()) => {}
                Err(fault) if fault.is_so_already() && chunk.len() > 1 => {
                    let (one, other) = chunk.split_at_mut(chunk.len() / 2);
                    chunks.extend([other, one]);
                }
                Err(fault) => {
                    for change in chunk {
                        change.fault = Some(fault.clone());
                    }
                }
            }
        }
    }

    /// One operation for members that are all added or all removed.
    ///
    /// A group that must have a member keeps a placeholder in place of its last one.
    async fn send(
        &self,
        talk: &mut Talk<'_>,
        group: &str,
        members: &HashSet<&str>,
        held: bool,
    ) -> Result<(), Fault> {
        let name = || self.layout.member.clone().into_bytes();
        let members: HashSet<Vec<u8>> =
            members.iter().map(|member| member.as_bytes().to_vec()).collect();
        if held {
            return talk.modify(group, &[Mod::Add(name(), members)]).await;
        }
        let taken = Mod::Delete(name(), members);
        match talk.modify(group, std::slice::from_ref(&taken)).await {
            Err(fault)
                if fault.refusal() == Some(rc::CLASS_VIOLATION) && self.layout.never_empty =>
            {
                let placeholder = HashSet::from([self.placeholder(group).into_bytes()]);
                talk.modify(group, &[Mod::Add(name(), placeholder), taken]).await
            }
            ended => ended,
        }
    }

    fn placeholder(&self, group: &str) -> String {
        self.layout.placeholder.clone().unwrap_or_else(|| group.to_owned())
    }

    /// The name (DN) of the entitlement's group; makes the group when something is to be given.
    async fn group(
        &self,
        talk: &mut Talk<'_>,
        name: &str,
        make: bool,
    ) -> Result<Option<String>, Outcome<()>> {
        let Some(base) = &self.layout.groups_base else {
            let reason = "the document names no entry below which groups lie".to_owned();
            return Err(Outcome::Failed { code: code::GROUP_MISSING, reason });
        };
        if let Some(found) = self.find_group(talk, base, name).await? {
            return Ok(Some(found));
        }
        match (make, self.layout.create_groups) {
            (false, _) => Ok(None),
            (true, true) => self.make_group(talk, base, name).await.map(Some),
            (true, false) => Err(Outcome::Failed {
                code: code::GROUP_MISSING,
                reason: "the directory has no group of the entitlement's name".to_owned(),
            }),
        }
    }

    async fn find_group(
        &self,
        talk: &mut Talk<'_>,
        base: &str,
        name: &str,
    ) -> Result<Option<String>, Outcome<()>> {
        let class = self.layout.group_classes.last().map(String::as_str).unwrap_or_default();
        let filter = format!("(&(objectClass={class})(cn={}))", ldap_escape(name));
        let found = talk.search(base, Scope::Subtree, &filter, &["cn".to_owned()]).await;
        let mut found = found.map_err(|fault| fault.outcome())?;
        found.retain(|entry| entry.is("cn", name));
        let first = found.pop();
        if found.is_empty() {
            return Ok(first.map(|entry| entry.dn));
        }
        let (code, count) = (code::GROUP_AMBIGUOUS, found.len() + 1);
        Err(Outcome::again(format!("{code}: {count} groups have the entitlement's name")))
    }

    /// Two replicas may make one group at the same time: its name (DN) is one, so one of them finds
    /// that it is there.
    async fn make_group(
        &self,
        talk: &mut Talk<'_>,
        base: &str,
        name: &str,
    ) -> Result<String, Outcome<()>> {
        let dn = format!("cn={},{base}", dn_escape(name));
        let one = |text: &str| HashSet::from([text.as_bytes().to_vec()]);
        let classes = self.layout.group_classes.iter().map(|class| class.clone().into_bytes());
        let mut entry =
            vec![(b"objectClass".to_vec(), classes.collect()), (b"cn".to_vec(), one(name))];
        if self.layout.never_empty {
            let member = self.layout.member.clone().into_bytes();
            entry.push((member, one(&self.placeholder(&dn))));
        }
        match talk.add(&dn, &entry).await {
            Err(fault) if !fault.is_unknown() && fault.refusal() != Some(rc::ENTRY_EXISTS) => {
                Err(fault.outcome())
            }
            Ok(()) | Err(_) => {
                let found = self.find_group(talk, base, name).await?;
                found.ok_or_else(|| Outcome::again("the group cannot be read back yet"))
            }
        }
    }

    /// What groups hold of the accounts concerned; one that is not there is left out.
    async fn members(
        &self,
        talk: &mut Talk<'_>,
        asked: &[&MembershipChange],
    ) -> Result<Members, Outcome<()>> {
        let layout = &self.layout;
        let ids: BTreeSet<&str> = asked.iter().map(|change| change.account_id.as_str()).collect();
        let filters: Vec<String> = ids.iter().filter_map(|id| id_filter(layout, id)).collect();
        let attributes = [layout.id.clone(), layout.login.clone()];
        let mut members = Members::new();
        for chunk in filters.chunks(ACCOUNTS_PER_SEARCH) {
            let filter = format!("(|{})", chunk.concat());
            let found =
                talk.search(&layout.accounts_base, Scope::Subtree, &filter, &attributes).await;
            for entry in found.map_err(|fault| fault.outcome())? {
                let Some(id) = entry.id(layout).filter(|id| ids.contains(id.as_str())) else {
                    continue;
                };
                let member = match entry.login(layout) {
                    Some(login) if layout.holds_logins() => login.to_owned(),
                    None if layout.holds_logins() => continue,
                    Some(_) | None => entry.dn,
                };
                members.insert(id, member);
            }
        }
        Ok(members)
    }
}

impl Change<'_> {
    /// What is not as it shall be after all: why, as far as is known.
    fn outcome(self) -> Outcome<()> {
        match (self.ended, self.fault) {
            (Some(ended), _) => ended,
            (None, Some(fault)) if fault.refusal() == Some(rc::NO_SUCH_OBJECT) => {
                Outcome::again("the group is gone")
            }
            (None, Some(fault)) => fault.outcome(),
            (None, None) => {
                let code = code::NOT_AS_WRITTEN;
                Outcome::again(format!("{code}: read back, the membership is unchanged"))
            }
        }
    }
}
