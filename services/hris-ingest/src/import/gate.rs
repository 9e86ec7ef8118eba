//! A full file is compared as a whole before anybody is changed: what exceeds a limit of its source is an
//! accident until people have looked at it and say that it is none.

use jiff::SignedDuration;

use super::{Error, Import, Progress, Stage};
use crate::facts::Contract;
use crate::gate::{self, Difference, Read};
use crate::hold::{Hold, Look, Reason};
use crate::roster;
use crate::run::{self, Content};

/// What becomes of a file, and how many workers it leaves out.
#[derive(Debug)]
pub(super) enum Decision {
    Passes { absent: u64 },
    Holds { absent: u64, hold: Box<Hold> },
}

impl Import<'_> {
    /// Refuses a full file that holds far less than the last one did.
    pub(super) async fn check_whole(&self, read: &Read) -> Result<(), Error> {
        match self.order.contract {
            Contract::Partial => return Ok(()),
            Contract::Full => {}
        }
        let mut tx = self.store.begin().await?;
        let last = run::table::find_last_full(&mut tx, self.source.name()).await?;
        drop(tx);
        let Some(Content { rows, rejected, fills, .. }) = last.map(|run| run.content) else {
            return Ok(());
        };
        let last = Read { rows: rows.saturating_sub(rejected), fills };
        let limits = self.source.limits().completeness;
        Ok(gate::whole(limits, self.source.attributes(), &last, read)?)
    }

    /// Compares a full file with what is known, and decides what becomes of it.
    pub(super) async fn compare(
        &self,
        content: &Content,
        nothing_new: bool,
        unlisted: Vec<Reason>,
    ) -> Result<Decision, Error> {
        let total = content.workers;
        let is_full = self.order.contract == Contract::Full;
        if unlisted.is_empty() && (nothing_new || !is_full) {
            (self.tell)(Progress { stage: Stage::Compare, done: total, total });
            return Ok(Decision::Passes { absent: 0 });
        }
        let (source, limits) = (self.source.name(), self.source.limits());
        let mut tx = self.store.begin().await?;
        let present = roster::table::present(&mut tx, source, self.order.snapshot_date).await?;
        let window = SignedDuration::from_hours(24 * i64::from(limits.window_days));
        let since = tx.now() - window;
        let departed = run::table::count_left(&mut tx, source, since).await?;
        let run = run::table::lock(&mut tx, self.id).await?.ok_or(Error::Lost)?;
        drop(tx);
        if present == 0 && unlisted.is_empty() {
            (self.tell)(Progress { stage: Stage::Compare, done: total, total });
            return Ok(Decision::Passes { absent: 0 });
        }
        let run = run::Run { content: content.clone(), ..run };
        let mut look = Look::new(&run, &self.source, self.config);
        while !look.is_done() {
            let mut tx = self.store.begin().await?;
            look.step(&mut tx, self.store.clock()).await?;
            self.renew(&mut tx).await?;
            tx.commit().await?;
            let (done, total) = (look.people(), total + look.absent());
            (self.tell)(Progress { stage: Stage::Compare, done, total });
        }
        let absent = look.absent();
        if is_full {
            let listed_present = look.listed_present();
            gate::overlaps(limits.completeness, present, content.people, listed_present)?;
        }
        let mut so_far = look.so_far();
        so_far.departed = departed;
        so_far.totals.present = present;
        // More people in a group only make less of a share: what passes now passes with all of them.
        let passes = |difference| !is_full || gate::decide(limits, source, difference).is_empty();
        if unlisted.is_empty() && passes(&so_far) {
            return Ok(Decision::Passes { absent });
        }
        look.count_passed(self.store).await?;
        let (mut difference, hash) = look.finish();
        difference.departed = departed;
        difference.totals.present = present;
        let exceeded = if is_full { gate::decide(limits, source, &difference) } else { Vec::new() };
        let reasons = exceeded.iter().map(Reason::new).chain(unlisted).collect();
        match self.held(difference, hash, reasons) {
            None => Ok(Decision::Passes { absent }),
            Some(hold) => Ok(Decision::Holds { absent, hold: Box::new(hold) }),
        }
    }

    fn held(&self, difference: Difference, hash: String, exceeded: Vec<Reason>) -> Option<Hold> {
        let limits = self.source.limits();
        if exceeded.is_empty() {
            return None;
        }
        let held_at = self.store.clock().now();
        let wait = SignedDuration::from_hours(24 * i64::from(limits.held_days));
        Some(Hold { run: self.id, hash, difference, exceeded, held_at, expires_at: held_at + wait })
    }
}
