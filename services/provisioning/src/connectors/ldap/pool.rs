//! The connections to one directory, and the operations that use them.
//!
//! Whoever works has a permit and takes a connection for as long as the work lasts, so there are never
//! more connections than permits, and those reserved for leavers have connections of their own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use ldap3::controls::{Control, ControlType, PagedResults};
use ldap3::{Ldap, LdapError, LdapResult, Mod, Scope, SearchEntry};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, debug, instrument};

use super::super::pace::{self, Budget};
use super::super::pulse::{Beat, Pulse};
use super::entry::Entry;
use super::fault::{Fault, LOST, rc};
use super::session::{Session, Way};

/// Firewalls forget connections that say nothing.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// A wrong password that is tried again and again locks the account it belongs to.
const CREDENTIALS_PAUSE: Duration = Duration::from_secs(60);
/// A directory that is down is not asked again by everybody who waits for it.
const UNREACHABLE_PAUSE: Duration = Duration::from_millis(500);
/// Questions under way at once on one connection; servers refuse more than some hundreds.
const COMPARES_AT_ONCE: usize = 64;
/// Entries of one page. Active Directory gives a thousand at most.
const PAGE_SIZE: i32 = 500;

/// The way to one directory.
#[derive(Debug)]
pub(super) struct Pool {
    way: Way,
    idle: Mutex<Vec<Session>>,
    trouble: Mutex<Option<(Instant, Fault)>>,
    /// One connection is made at a time, so that a refusal spares the others theirs.
    making: tokio::sync::Mutex<()>,
    pulse: Pulse,
    budget: Option<Arc<dyn Budget>>,
}

/// A piece of work's connection, made when it is needed and made anew when it was lost.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    pool: &'a Pool,
    session: Option<Session>,
}

/// The attributes of an entry that is made.
pub(super) type Attributes = Vec<(Vec<u8>, HashSet<Vec<u8>>)>;

impl Pool {
    pub(super) fn new(way: Way, budget: Option<Arc<dyn Budget>>) -> Self {
        Self {
            way,
            budget,
            idle: Mutex::default(),
            trouble: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            pulse: Pulse::default(),
        }
    }

    /// What says when operations may be sent.
    pub(super) fn budget(&self) -> Option<&dyn Budget> {
        self.budget.as_deref()
    }

    /// What the operations came to so far.
    pub(super) fn beat(&self) -> Beat {
        self.pulse.beat()
    }

    fn feel(&self, fault: &Fault) {
        if matches!(fault, Fault::Barred(_)) {
            // Nobody was asked.
            return;
        }
        match fault.is_silence() {
            true => self.pulse.lost(fault.to_string(), Duration::ZERO),
            false => self.pulse.answered(),
        }
    }

    /// Begins a piece of work.
    pub(super) fn talk(&self) -> Talk<'_> {
        Talk { pool: self, session: None }
    }

    /// Takes a connection that is idle, else makes one; says whether it was used before.
    async fn take(&self) -> Result<(Session, bool), Fault> {
        while let Some(mut session) = self.pop() {
            if session.used_at.elapsed() < IDLE_MAX && session.is_open() {
                return Ok((session, true));
            }
        }
        let _alone = self.making.lock().await;
        self.check_trouble()?;
        match Session::open(&self.way).await {
            Ok(session) => {
                self.pulse.answered();
                Ok((session, false))
            }
            Err(fault) => {
                self.feel(&fault);
                let pause = match fault {
                    Fault::Credentials { .. } | Fault::Insecure { .. } => CREDENTIALS_PAUSE,
                    Fault::Unreachable { .. }
                    | Fault::Spent { .. }
                    | Fault::Barred(_)
                    | Fault::Broken { .. }
                    | Fault::Server { .. }
                    | Fault::Refused { .. } => UNREACHABLE_PAUSE,
                };
                *lock(&self.trouble) = Some((Instant::now() + pause, fault.clone()));
                Err(fault)
            }
        }
    }

    fn check_trouble(&self) -> Result<(), Fault> {
        let mut trouble = lock(&self.trouble);
        match &*trouble {
            Some((until, fault)) if Instant::now() < *until => Err(fault.clone()),
            Some(_) | None => {
                *trouble = None;
                Ok(())
            }
        }
    }

    fn pop(&self) -> Option<Session> {
        lock(&self.idle).pop()
    }
}

impl Talk<'_> {
    /// Returns the entries that a filter finds, with these attributes.
    pub(super) async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[String],
    ) -> Result<Vec<Entry>, Fault> {
        let found = self
            .call("search", true, |mut ldap| async move {
                let attributes = attributes.iter().map(String::as_str).collect::<Vec<_>>();
                let found = ldap.search(base, scope, filter, attributes).await?;
                Ok((found.0, found.1.rc))
            })
            .await?;
        let (entries, code) = found;
        match code {
            rc::SUCCESS => {}
            other => return Err(Fault::of(other)),
        }
        let entries = entries.into_iter().filter(|entry| !entry.is_ref());
        Ok(entries.map(|entry| Entry::read(SearchEntry::construct(entry))).collect())
    }

    /// Returns a page of what a filter finds (RFC 2696), and the mark of the next one: empty at the end.
    pub(super) async fn page(
        &mut self,
        base: &str,
        filter: &str,
        attributes: &[String],
        mark: &[u8],
    ) -> Result<(Vec<Entry>, Vec<u8>), Fault> {
        let (entries, result) = self
            .call("search", true, |mut ldap| async move {
                let attributes = attributes.iter().map(String::as_str).collect::<Vec<_>>();
                let paged = PagedResults { size: PAGE_SIZE, cookie: mark.to_vec() };
                ldap.with_controls(paged);
                let found = ldap.search(base, Scope::Subtree, filter, attributes).await?;
                Ok((found.0, found.1))
            })
            .await?;
        judged(&result)?;
        let is_paged = |control: &&Control| matches!(control.0, Some(ControlType::PagedResults));
        let next = result.ctrls.iter().find(is_paged);
        let next = next.map(|control| control.1.parse::<PagedResults>().cookie);
        let entries = entries.into_iter().filter(|entry| !entry.is_ref());
        let entries = entries.map(|entry| Entry::read(SearchEntry::construct(entry))).collect();
        Ok((entries, next.unwrap_or_default()))
    }

    /// Makes an entry.
    pub(super) async fn add(&mut self, dn: &str, attributes: &Attributes) -> Result<(), Fault> {
        let result = self
            .call("add", false, |mut ldap| {
                let attributes = attributes.clone();
                async move { ldap.add(dn, attributes).await }
            })
            .await?;
        judged(&result)
    }

    /// Changes an entry.
    pub(super) async fn modify(&mut self, dn: &str, changes: &[Mod<Vec<u8>>]) -> Result<(), Fault> {
        let result = self
            .call("modify", false, |mut ldap| {
                let changes = changes.to_vec();
                async move { ldap.modify(dn, changes).await }
            })
            .await?;
        judged(&result)
    }

    /// Says of each value whether an entry's attribute has it; an absent attribute has none.
    pub(super) async fn has(
        &mut self,
        dn: &str,
        attribute: &str,
        values: &[&str],
    ) -> Result<Vec<bool>, Fault> {
        let mut answers = Vec::with_capacity(values.len());
        for chunk in values.chunks(COMPARES_AT_ONCE) {
            let codes = self
                .call("compare", true, |ldap| {
                    try_join_all(
                        chunk.iter().map(|value| {
                            let mut ldap = ldap.clone();
                            async move {
                                Ok::<_, LdapError>(ldap.compare(dn, attribute, value).await?.0.rc)
                            }
                        }),
                    )
                })
                .await?;
            for code in codes {
                answers.push(match code {
                    rc::COMPARE_TRUE => true,
                    rc::COMPARE_FALSE | rc::NO_SUCH_ATTRIBUTE => false,
                    other => return Err(Fault::of(other)),
                });
            }
        }
        Ok(answers)
    }

    /// Runs an operation. One that only reads is repeated when it met a connection that had been used
    /// before and was lost meanwhile.
    #[instrument(
        name = "provisioning.ldap.request",
        skip_all,
        fields(ldap.operation = operation, application = %self.pool.way.application, error = Empty)
    )]
    async fn call<T, F: Future<Output = Result<T, LdapError>>>(
        &mut self,
        operation: &'static str,
        reads: bool,
        run: impl Fn(Ldap) -> F,
    ) -> Result<T, Fault> {
        let turn = pace::turn(self.pool.budget(), "").await;
        turn.map_err(|after| Fault::Spent { after })?;
        let begin = Instant::now();
        let done = self.answer(reads, run).await;
        telemetry::metrics().connector_request(
            &self.pool.way.application,
            done.as_ref().map_or_else(Fault::kind, |_done| "ok"),
            begin.elapsed().as_secs_f64(),
        );
        if let Err(fault) = &done {
            Span::current().record("error", fault.to_string());
        }
        done
    }

    async fn answer<T, F: Future<Output = Result<T, LdapError>>>(
        &mut self,
        reads: bool,
        run: impl Fn(Ldap) -> F,
    ) -> Result<T, Fault> {
        loop {
            let (mut session, used) = match self.session.take() {
                Some(session) => (session, true),
                None => self.pool.take().await?,
            };
            match session.run(&self.pool.way, run(session.handle())).await {
                Ok(done) => {
                    self.pool.pulse.answered();
                    self.session = Some(session);
                    return Ok(done);
                }
                Err(Fault::Broken { what: LOST }) if used && reads => {
                    debug!("a connection was lost while it was idle");
                }
                Err(fault) => {
                    self.pool.feel(&fault);
                    return Err(fault);
                }
            }
        }
    }
}

/// A connection with an operation under way is not in `session`, and ends with the work.
impl Drop for Talk<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            lock(&self.pool.idle).push(session);
        }
    }
}

fn judged(result: &LdapResult) -> Result<(), Fault> {
    match result.rc {
        rc::SUCCESS => Ok(()),
        other => Err(Fault::of(other)),
    }
}

/// Every change leaves the value whole, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
