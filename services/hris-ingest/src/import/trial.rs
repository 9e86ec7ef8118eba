//! A file that is read and compared as an import is, and changes nobody.
//!
//! What is staged of it belongs to a run that has failed from the beginning, so that nothing can apply it and
//! whatever is left of it is cleared away. It is in no other run's way.

use domain::RunId;
use jiff::SignedDuration;
use store::Store;

use super::{
    Error, Import, Incoming, Order, Progress, Stage, Tell, not_ahead, not_older, opening, unlisted,
};
use crate::config::Config;
use crate::facts::Contract;
use crate::gate::{self, Difference, Examples};
use crate::hold::{Look, Reason};
use crate::mapping::Source;
use crate::reader::{Line, Reader, Reject, Row, UnlistedValues};
use crate::run::{self, Content, LEASE};
use crate::{listed, roster};

/// Rows that are shown as they were read.
const ROWS_SHOWN: usize = 10;
/// What is said of one that was interrupted.
const TRIAL: &str = "it was a trial, and changed nobody";
/// Staged rows removed in one transaction.
const UNSTAGED_AT_ONCE: u16 = 10_000;

/// What a file would change.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) source: Source,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) rejects: Vec<Reject>,
    /// Why it would be refused as a whole.
    pub(crate) refused: Option<String>,
    /// Why it would be held.
    pub(crate) exceeded: Vec<Reason>,
    pub(crate) difference: Difference,
    pub(crate) examples: Examples,
    /// Values that no value map lists.
    pub(crate) unlisted: UnlistedValues,
    /// The first rows, as they were read.
    pub(crate) sample: Vec<Row>,
    pub(crate) proves_absence: bool,
}

/// Finds out what a file would change if it were imported now.
///
/// # Errors
/// When it cannot be read.
#[tracing::instrument(name = "hris.trial", skip_all)]
pub(crate) async fn find_out(
    store: &Store,
    config: &Config,
    order: &Order,
    file: &Incoming,
    tell: Tell<'_>,
) -> Result<Trial, Error> {
    let source = order.source(config)?;
    let mut tx = store.begin().await?;
    let last = run::table::snapshot_date(&mut tx, source.name()).await?;
    let dated = not_ahead(&source, tx.now(), order).and_then(|()| not_older(last, order));
    let id = RunId(tx.new_id());
    let leased_until = tx.now() + LEASE;
    run::table::open_trial(&mut tx, opening(id, &source, order, leased_until), TRIAL).await?;
    tx.commit().await?;
    let import = Import { store, config, order, source, id, tell, is_trial: true };
    let found = import.find_out(file, dated).await;
    import.clear().await?;
    match found {
        Err(_) if file.is_broken() => Err(Error::Broken),
        found => found,
    }
}

impl Import<'_> {
    async fn find_out(&self, file: &Incoming, dated: Result<(), Error>) -> Result<Trial, Error> {
        let rows = self.stage_rows(file).await?;
        let sample = self.sample(file).await?;
        let whole = dated.and_then(|()| self.check_complete(rows.count, &rows.rejects));
        let whole = match whole {
            Ok(()) => self.check_whole(&rows.read).await,
            Err(error) => Err(error),
        };
        let mut refused = refusal(whole)?;
        let values = rows.unlisted.clone();
        let content = self.content(rows).await?;
        let (difference, examples, known) = self.walk(&content).await?;
        let present = difference.totals.present;
        let mut exceeded = Vec::new();
        let limits = self.source.limits();
        if self.order.contract == Contract::Full && present > 0 {
            if refused.is_none() {
                let overlaps = gate::overlaps(limits.completeness, present, content.people, known);
                refused = refusal(overlaps.map_err(Error::from))?;
            }
            exceeded = gate::decide(limits, self.source.name(), &difference);
        }
        let held_for = unlisted(&values.holding(&self.source));
        Ok(Trial {
            source: self.source.clone(),
            rows: content.rows,
            rejected: content.rejected,
            rejects: content.rejects,
            refused,
            exceeded: exceeded.iter().map(Reason::new).chain(held_for).collect(),
            difference,
            examples,
            unlisted: values,
            sample,
            proves_absence: content.proves_absence,
        })
    }

    /// Walks through everybody whom the file concerns; returns what would change, some of them, and how many
    /// of those who are present it lists.
    async fn walk(&self, content: &Content) -> Result<(Difference, Examples, u64), Error> {
        let (name, limits) = (self.source.name(), self.source.limits());
        let run = run::table::find(self.store.pool(), self.id).await?.ok_or(Error::Lost)?;
        let run = run::Run { content: content.clone(), ..run };
        let mut look = Look::new(&run, &self.source, self.config).showing();
        let total = content.workers;
        while !look.is_done() {
            let mut tx = self.store.begin().await?;
            look.step(&mut tx, self.store.clock()).await?;
            self.renew(&mut tx).await?;
            tx.commit().await?;
            let (done, total) = (look.people(), total + look.absent());
            (self.tell)(Progress { stage: Stage::Compare, done, total });
        }
        let known = look.listed_present();
        look.count_passed(self.store).await?;
        let examples = look.take_examples();
        let (mut difference, _hash) = look.finish();
        let mut tx = self.store.begin().await?;
        let window = SignedDuration::from_hours(24 * i64::from(limits.window_days));
        let since = tx.now() - window;
        difference.departed = run::table::count_left(&mut tx, name, since).await?;
        difference.totals.present =
            roster::table::present(&mut tx, name, self.order.snapshot_date).await?;
        Ok((difference, examples, known))
    }

    /// Returns the first rows that can be used, as they are read.
    async fn sample(&self, file: &Incoming) -> Result<Vec<Row>, Error> {
        let (source, day, reading) = (self.source.clone(), self.order.snapshot_date, file.read());
        let sampled = tokio::task::spawn_blocking(move || {
            let reader = Reader::try_new(&source, day, reading)?;
            let rows = reader.filter_map(|line| match line {
                Ok(Line::Row(row)) => Some(Ok(row)),
                Ok(Line::Reject(_)) => None,
                Err(error) => Some(Err(error)),
            });
            rows.take(ROWS_SHOWN).collect::<Result<Vec<_>, _>>()
        });
        Ok(sampled.await.map_err(Error::Reading)??)
    }

    /// Removes everything of a trial.
    async fn clear(&self) -> Result<(), Error> {
        loop {
            let mut tx = self.store.begin().await?;
            let removed = roster::table::unstage(&mut tx, self.id, UNSTAGED_AT_ONCE).await?
                + listed::table::clear(&mut tx, self.id, UNSTAGED_AT_ONCE).await?;
            let done = removed < u64::from(UNSTAGED_AT_ONCE);
            if done {
                run::table::remove_trial(&mut tx, self.id).await?;
            } else {
                self.renew(&mut tx).await?;
            }
            tx.commit().await?;
            if done {
                return Ok(());
            }
        }
    }
}

/// Why a file would be refused; what keeps a trial from being made is an error of its own.
fn refusal(checked: Result<(), Error>) -> Result<Option<String>, Error> {
    match checked {
        Ok(()) => Ok(None),
        Err(
            error @ (Error::NoRows
            | Error::NothingTaken { .. }
            | Error::NotWhole(_)
            | Error::Ahead { .. }
            | Error::Older { .. }),
        ) => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}
