//! What a human is to do in an application that nothing can be asked of: done means waiting for verification.
//!
//! A branch has one task that stands at most. Its steps are the part of the branch's plan that was handed to
//! humans: nothing of it is planned again while it stands. Pure, but for `table`.

mod follow;
pub(crate) mod table;
mod wire;

use std::collections::BTreeSet;

use domain::{AccountState, Attributes, Lane, TaskId, Timestamp, Version};
use jiff::SignedDuration;
use rules::document::{Application, Evidence, Manual, Owner};
use store::timers::Timer;

use crate::account::Account;
use crate::dossier::Key;
use crate::listing;
use crate::plan::{Kind, Step, Target};

pub(crate) use wire::state_from_wire;

/// The kind of the timers that stand for tasks that are to be done.
pub(crate) const OVERDUE: &str = "provisioning.task";

/// One task.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) key: Key,
    pub(crate) lane: Lane,
    pub(crate) state: State,
    /// What is to be done by the plan.
    pub(crate) steps: BTreeSet<Step>,
    /// What has to be seen to because the task asked for the contrary before, and nobody knows how much of
    /// that was done.
    pub(crate) amends: BTreeSet<Step>,
    /// Counts from 1 each time that something else is to be done.
    pub(crate) revision: u32,
    /// What the account shall look like.
    pub(crate) login: String,
    pub(crate) account_state: AccountState,
    pub(crate) attributes: Attributes,
    pub(crate) assignee: Owner,
    pub(crate) reason: Reason,
    pub(crate) due_at: Timestamp,
    /// Within what time a leaver's task is done.
    pub(crate) leaver_within: SignedDuration,
    /// How often it was not done in time.
    pub(crate) escalations: u32,
    pub(crate) evidence: String,
    pub(crate) done_by: String,
    pub(crate) proof: Option<Proof>,
    pub(crate) verified_by: String,
    pub(crate) note: String,
    /// Who said what changed it last; empty: a plan or time changed it.
    pub(crate) said_by: String,
    pub(crate) opened_at: Timestamp,
    /// When anything was last said of it.
    pub(crate) changed_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) version: Version,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Open,
    /// It waits for verification.
    Done,
    Verified,
    Withdrawn,
}

/// How it is known that it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    Attestation,
    Listing,
}

/// Why it was given to whoever has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Owner,
    Escalated,
    Left,
    Handed,
}

/// What an application's document says of its tasks, and who of those it names has left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duty<'a> {
    pub(crate) spec: &'a Application,
    pub(crate) manual: &'a Manual,
    /// Addresses of people who have left, in lower case.
    pub(crate) departed: &'a BTreeSet<String>,
}

/// What is asked for of one account.
pub(crate) struct Asked<'a> {
    pub(crate) steps: BTreeSet<Step>,
    pub(crate) login: &'a str,
    pub(crate) target: &'a Target,
    pub(crate) lane: Lane,
}

/// What somebody says who did a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// What was done.
    pub(crate) revision: u32,
    pub(crate) evidence: &'a str,
    pub(crate) by: &'a str,
    /// The login that the account was made with; empty: the one that was asked for.
    pub(crate) login: &'a str,
}

/// Why something cannot be said of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it stands no longer")]
    Closed,
    #[error("nobody said yet that it was done; whoever did it says so with `tenure task done`")]
    NotDone,
    #[error("it was said to be done already; it waits for verification")]
    Done,
    #[error(
        "something else is to be done by now; look at it with `tenure task show`, and name its revision"
    )]
    Changed,
    #[error("whoever did it cannot attest it; somebody else has to")]
    SamePerson,
    #[error("only a list of the application's accounts verifies it: `tenure task listing`")]
    NeedsListing,
    #[error("login: the task makes no account")]
    NothingMade,
    #[error("evidence: name the ticket, in one word")]
    Ticket,
    #[error("evidence: a link begins with https:// or http://")]
    Link,
    #[error("evidence: say in a sentence what was done")]
    Note,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Done, Self::Verified, Self::Withdrawn];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Verified => "verified",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl Proof {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::Listing => "listing",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Attestation, Self::Listing].into_iter().find(|proof| proof.as_str() == name)
    }
}

impl Reason {
    const ALL: [Self; 4] = [Self::Owner, Self::Escalated, Self::Left, Self::Handed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Escalated => "escalated",
            Self::Left => "left",
            Self::Handed => "handed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

impl<'a> Duty<'a> {
    /// Reads what a document says; none: humans have nothing to do there.
    pub(crate) fn of(spec: &'a Application, departed: &'a BTreeSet<String>) -> Option<Self> {
        spec.connector.manual.as_ref().map(|manual| Self { spec, manual, departed })
    }

    /// Whoever may be asked, in order: owner, deputy, and whom it is escalated to.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &'a Owner> {
        chain(self.spec)
    }

    /// Who is asked first, or after somebody: whoever has left is passed over, and the last in line stays.
    fn next(&self, after: Option<&Owner>) -> Option<&'a Owner> {
        let is_here = |owner: &&Owner| !self.departed.contains(&owner.mail.to_lowercase());
        let same = |owner: &Owner, other: &Owner| owner.mail.eq_ignore_ascii_case(&other.mail);
        let place = after.and_then(|after| self.chain().position(|owner| same(owner, after)));
        let behind = place.map_or(0, |place| place + 1);
        self.chain().skip(behind).find(is_here)
    }

    fn within(&self, lane: Lane) -> SignedDuration {
        match lane {
            Lane::Leaver => self.manual.due_leaver.duration(),
            Lane::Regular => self.manual.due.duration(),
        }
    }
}

/// Everybody whom an application's document names for its tasks.
pub(crate) fn chain(spec: &Application) -> impl Iterator<Item = &Owner> {
    let manual = spec.connector.manual.as_ref();
    let deputy = manual.map(|manual| &manual.deputy);
    let last = manual.and_then(|manual| manual.escalation.as_ref());
    spec.owner.iter().filter(move |_| manual.is_some()).chain(deputy).chain(last)
}

impl Task {
    /// Opens a task; none: the document names nobody.
    pub(crate) fn open(
        id: TaskId,
        key: &Key,
        asked: Asked<'_>,
        duty: &Duty<'_>,
        now: Timestamp,
    ) -> Option<Self> {
        let first = duty.next(None);
        let reason = match first {
            Some(assignee) if duty.chain().next() == Some(assignee) => Reason::Owner,
            Some(_) | None => Reason::Left,
        };
        let assignee = first.or_else(|| duty.chain().last())?.clone();
        Some(Self {
            id,
            key: key.clone(),
            lane: asked.lane,
            state: State::Open,
            steps: asked.steps,
            amends: BTreeSet::new(),
            revision: 1,
            login: asked.login.to_owned(),
            account_state: asked.target.state,
            attributes: asked.target.attributes.clone(),
            assignee,
            reason,
            due_at: later(now, duty.within(asked.lane)),
            leaver_within: duty.within(Lane::Leaver),
            escalations: 0,
            evidence: String::new(),
            done_by: String::new(),
            proof: None,
            verified_by: String::new(),
            note: String::new(),
            said_by: String::new(),
            opened_at: now,
            changed_at: now,
            closed_at: None,
            version: Version::default(),
        })
    }

    pub(crate) fn stands(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Falls due when its time is over.
    pub(crate) fn timer(&self) -> Timer {
        Timer { key: self.id.0, lane: self.lane, due_at: self.due_at }
    }

    /// Everything that is to be done, in order.
    pub(crate) fn all_steps(&self) -> impl Iterator<Item = &Step> {
        let all: BTreeSet<&Step> = self.steps.iter().chain(&self.amends).collect();
        all.into_iter()
    }

    /// Takes over that somebody did it.
    pub(crate) fn finish(&mut self, done: &Said<'_>, wanted: Evidence) -> Result<(), Refused> {
        match self.state {
            State::Open => {}
            State::Done => return Err(Refused::Done),
            State::Verified | State::Withdrawn => return Err(Refused::Closed),
        }
        self.is_of(done.revision)?;
        check_evidence(wanted, done.evidence)?;
        if !done.login.is_empty() && self.steps.iter().all(|s| s.kind != Kind::CreateAccount) {
            return Err(Refused::NothingMade);
        }
        if !done.login.is_empty() {
            done.login.clone_into(&mut self.login);
        }
        self.state = State::Done;
        done.evidence.clone_into(&mut self.evidence);
        done.by.clone_into(&mut self.done_by);
        self.note.clear();
        Ok(())
    }

    /// Takes over that somebody else attests it.
    pub(crate) fn attest(
        &mut self,
        revision: u32,
        by: &str,
        wanted: Proof,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.is_done(revision)?;
        if wanted == Proof::Listing {
            return Err(Refused::NeedsListing);
        }
        if self.done_by == by {
            return Err(Refused::SamePerson);
        }
        self.verify(Proof::Attestation, by, now);
        Ok(())
    }

    /// Gives it back: it was not done.
    pub(crate) fn reject(&mut self, revision: u32, note: &str) -> Result<(), Refused> {
        self.is_done(revision)?;
        self.give_back(note);
        Ok(())
    }

    /// Gives it to somebody else.
    pub(crate) fn assign(&mut self, to: Owner, note: &str) -> Result<(), Refused> {
        if !self.stands() {
            return Err(Refused::Closed);
        }
        self.assignee = to;
        self.reason = Reason::Handed;
        note.clone_into(&mut self.note);
        Ok(())
    }

    /// Takes over that its time is over: the next in line is asked, and has as much time.
    pub(crate) fn escalate(&mut self, duty: &Duty<'_>, now: Timestamp) {
        self.escalations = self.escalations.saturating_add(1);
        self.due_at = later(now, duty.within(self.lane));
        if self.state == State::Open
            && let Some(next) = duty.next(Some(&self.assignee))
        {
            self.assignee = next.clone();
            self.reason = Reason::Escalated;
        }
    }

    /// Takes over that the application is manual no longer: its work goes on without humans.
    pub(crate) fn withdraw(&mut self, now: Timestamp) {
        self.state = State::Withdrawn;
        self.closed_at = Some(now);
    }

    /// Takes over that whoever has it has left; says whether somebody else is there.
    pub(crate) fn leave(&mut self, duty: &Duty<'_>) -> bool {
        let behind = duty.next(Some(&self.assignee)).or_else(|| duty.next(None));
        let Some(next) = behind else { return false };
        self.assignee = next.clone();
        self.reason = Reason::Left;
        true
    }

    fn is_done(&self, revision: u32) -> Result<(), Refused> {
        match self.state {
            State::Done => self.is_of(revision),
            State::Open => Err(Refused::NotDone),
            State::Verified | State::Withdrawn => Err(Refused::Closed),
        }
    }

    /// What never changed needs no revision to be named.
    fn is_of(&self, revision: u32) -> Result<(), Refused> {
        match revision {
            0 if self.revision == 1 => Ok(()),
            named if named == self.revision => Ok(()),
            _other => Err(Refused::Changed),
        }
    }

    fn verify(&mut self, proof: Proof, by: &str, now: Timestamp) {
        self.state = State::Verified;
        self.proof = Some(proof);
        by.clone_into(&mut self.verified_by);
        self.closed_at = Some(now);
    }

    /// It is open again, and nobody has done it.
    fn give_back(&mut self, note: &str) {
        self.state = State::Open;
        self.evidence.clear();
        self.done_by.clear();
        note.clone_into(&mut self.note);
    }

    /// The account as it is when the task was carried out; none: there is none.
    pub(crate) fn carried_out(&self, known: Option<&Account>, at: Timestamp) -> Option<Account> {
        let mut account = known.cloned();
        for step in self.all_steps() {
            let existing = account.as_mut().filter(|account| account.exists());
            match (step.kind, existing) {
                (Kind::CreateAccount, existing) => {
                    let held = existing.map(|account| account.entitlements.clone());
                    account = Some(self.made(account.as_ref(), held.unwrap_or_default()));
                }
                (Kind::UpdateAccount, Some(account)) => {
                    account.attributes.extend(self.attributes.clone());
                }
                (Kind::EnableAccount, Some(account)) => account.state = AccountState::Active,
                (Kind::DisableAccount, Some(account)) => account.state = AccountState::Suspended,
                (Kind::Grant, Some(account)) => {
                    account.entitlements.insert(step.entitlement.clone());
                }
                (Kind::Revoke, Some(account)) => {
                    account.entitlements.remove(&step.entitlement);
                }
                (
                    Kind::UpdateAccount
                    | Kind::EnableAccount
                    | Kind::DisableAccount
                    | Kind::Grant
                    | Kind::Revoke,
                    None,
                ) => {}
            }
        }
        if let Some(account) = &mut account {
            account.observed_at = at;
        }
        account
    }

    fn made(&self, known: Option<&Account>, entitlements: BTreeSet<String>) -> Account {
        Account {
            account_id: Some(listing::account_id(&self.login)),
            login: self.login.clone(),
            state: self.account_state,
            attributes: self.attributes.clone(),
            entitlements,
            linked: None,
            version: known.map(|known| known.version).unwrap_or_default(),
            observed_at: self.opened_at,
        }
    }
}

/// What a ticket's number, a link or a sentence look like.
fn check_evidence(wanted: Evidence, evidence: &str) -> Result<(), Refused> {
    let one_word = !evidence.is_empty() && !evidence.contains(char::is_whitespace);
    match wanted {
        Evidence::Ticket if !one_word => Err(Refused::Ticket),
        Evidence::Link
            if !one_word
                || !(evidence.starts_with("https://") || evidence.starts_with("http://")) =>
        {
            Err(Refused::Link)
        }
        Evidence::Note if evidence.trim().is_empty() => Err(Refused::Note),
        Evidence::Ticket | Evidence::Link | Evidence::Note => Ok(()),
    }
}

fn later(now: Timestamp, within: SignedDuration) -> Timestamp {
    now.saturating_add(within).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
