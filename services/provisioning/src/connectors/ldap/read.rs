//! A directory read as a whole: every account, every group with its members.

use std::collections::{BTreeMap, BTreeSet};

use ldap3::Scope;
use tokio::sync::mpsc::Sender;

use super::super::reading::{Group, Groups, RESOURCES_MAX, send};
use super::super::{Completeness, Page, SeenAccount, Unread};
use super::Ldap;
use super::entry::Entry;
use super::fault::{Fault, rc};
use super::pool::Talk;

/// Accounts by what groups call them, in lower case: their name (DN) or their login.
type Members = BTreeMap<String, String>;

impl Ldap {
    /// Reads every account and what it holds.
    pub(in super::super) async fn read(
        &self,
        pages: &Sender<Page>,
    ) -> Result<Completeness, Unread> {
        let mut talk = self.pool.talk();
        let (members, completeness) = self.read_accounts(&mut talk, pages).await?;
        if let Some(base) = &self.layout.groups_base {
            self.read_groups(&mut talk, base, &members).await?.tell(pages).await?;
        }
        Ok(completeness)
    }

    async fn read_accounts(
        &self,
        talk: &mut Talk<'_>,
        pages: &Sender<Page>,
    ) -> Result<(Members, Completeness), Unread> {
        let layout = &self.layout;
        let managed: BTreeSet<String> = self.managed.iter().cloned().collect();
        let own = [&layout.id, &layout.login, &layout.correlation, &layout.switch];
        let attributes: Vec<String> = managed.iter().chain(own).map(ToString::to_string).collect();
        let filter = format!("(objectClass={})", layout.account_class);
        let (mut members, mut completeness) = (Members::new(), Completeness::Whole);
        let mut mark = Vec::new();
        loop {
            let page = talk.page(&layout.accounts_base, &filter, &attributes, &mark).await;
            let (entries, next) = page.map_err(|fault| unread(&fault))?;
            let mut accounts = Vec::with_capacity(entries.len());
            for entry in &entries {
                let Some(account) = entry.observed(layout, &managed) else {
                    let reason = "some entries have no login, or no id that can be read";
                    completeness = completeness.and(Completeness::Partial(reason));
                    continue;
                };
                let called =
                    if layout.holds_logins() { &account.login } else { &entry.dn }.to_lowercase();
                members.insert(called, account.account_id.clone());
                let person = entry.person(layout).and_then(|carried| carried.parse().ok());
                accounts.push(SeenAccount { account, person });
            }
            send(pages, Page::Accounts(accounts)).await?;
            if members.len() > RESOURCES_MAX {
                return Err(Unread::new("the directory holds too many accounts"));
            }
            if next.is_empty() {
                return Ok((members, completeness));
            }
            if next == mark {
                return Err(Unread::new("the directory's pages do not advance"));
            }
            mark = next;
        }
    }

    async fn read_groups(
        &self,
        talk: &mut Talk<'_>,
        base: &str,
        members: &Members,
    ) -> Result<Groups, Unread> {
        let layout = &self.layout;
        let class = layout.group_classes.last().map(String::as_str).unwrap_or_default();
        let filter = format!("(objectClass={class})");
        let attributes = ["cn".to_owned(), layout.member.clone()];
        let mut found: Vec<(Entry, BTreeSet<String>)> = Vec::new();
        let mut mark = Vec::new();
        loop {
            let page = talk.page(base, &filter, &attributes, &mark).await;
            let (entries, next) = page.map_err(|fault| unread(&fault))?;
            for entry in entries {
                let listed =
                    self.list_members(talk, &entry).await.map_err(|fault| unread(&fault))?;
                found.push((entry, listed));
            }
            if found.len() > RESOURCES_MAX {
                return Err(Unread::new("the directory holds too many groups"));
            }
            if next.is_empty() {
                break;
            }
            if next == mark {
                return Err(Unread::new("the directory's pages do not advance"));
            }
            mark = next;
        }
        let called: BTreeSet<String> =
            found.iter().map(|(entry, _listed)| entry.dn.to_lowercase()).collect();
        let mut groups = Groups::default();
        for (entry, listed) in found {
            let Some(name) = entry.name() else { continue };
            let mut group = Group { name: name.to_owned(), ..Group::default() };
            for member in listed {
                if let Some(account) = members.get(&member) {
                    group.accounts.insert(account.clone());
                } else if called.contains(&member) && member != entry.dn.to_lowercase() {
                    group.groups.insert(member);
                }
            }
            groups.insert(entry.dn.to_lowercase(), group);
        }
        Ok(groups)
    }

    /// What a group calls its members, in lower case.
    async fn list_members(
        &self,
        talk: &mut Talk<'_>,
        entry: &Entry,
    ) -> Result<BTreeSet<String>, Fault> {
        let member = &self.layout.member;
        let (first, mut next) = entry.ranged(member);
        let mut members: BTreeSet<String> = first.into_iter().map(str::to_lowercase).collect();
        while let Some(from) = next {
            let attributes = [format!("{member};range={from}-*")];
            let filter = "(objectClass=*)";
            let found = talk.search(&entry.dn, Scope::Base, filter, &attributes).await?;
            let Some(more) = found.first() else { break };
            let (listed, after) = more.ranged(member);
            members.extend(listed.into_iter().map(str::to_lowercase));
            next = after.filter(|after| *after > from);
        }
        Ok(members)
    }
}

fn unread(fault: &Fault) -> Unread {
    match fault {
        Fault::Server { rc: rc::SIZE_LIMIT } => Unread::new(
            "the directory gives only so many entries (sizeLimitExceeded): raise its limit of paged \
             results for the connector's account",
        ),
        Fault::Server { .. }
        | Fault::Unreachable { .. }
        | Fault::Spent { .. }
        | Fault::Barred(_)
        | Fault::Insecure { .. }
        | Fault::Credentials { .. }
        | Fault::Broken { .. }
        | Fault::Refused { .. } => Unread::of(fault.outcome()),
    }
}
