//! From a file to a run that is ready to be applied. Nobody is changed here.

mod error;
mod gate;
mod rows;
mod spool;
pub(crate) mod trial;

pub use error::Error;
use gate::Decision;
pub use spool::Incoming;
pub(crate) use spool::Spool;

use std::collections::BTreeMap;

use domain::{Date, RunId, Timestamp};
use store::Store;

use crate::config::Config;
use crate::facts::{Contract, SLICES_MAX};
use crate::hold::{self, Hold, Reason, Word};
use crate::mapping::{self, Format, Source};
use crate::reader::{Reject, Rejects};
use crate::roster;
use crate::run::table::Opening;
use crate::run::{self, Content, LEASE, State};
use rows::Rows;

/// What an operator asks to be imported.
#[derive(Debug, Clone)]
pub struct Order {
    /// The mapping document.
    pub mapping: String,
    /// The file's name as the operator knows it.
    pub file_name: String,
    /// What the file's silence about a worker means.
    pub contract: Contract,
    /// The day for which the file speaks.
    pub snapshot_date: Date,
    /// Who hands it in, if that was said: the first of two words for it, should it be held.
    pub author: Option<String>,
    /// Whether people are told also of what the first file of a source brings.
    pub notify: bool,
}

/// What an import is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The file's bytes arrive.
    Receive,
    /// They are read; counted in bytes.
    Read,
    /// Workers are compared with what is known.
    Compare,
    /// Workers are written.
    Apply,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is busy with.
    pub stage: Stage,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
}

/// Told of every progress.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

impl Stage {
    /// The stage's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Read => "read",
            Self::Compare => "compare",
            Self::Apply => "apply",
        }
    }
}

impl Order {
    /// Checks the mapping.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn source(&self, config: &Config) -> Result<Source, mapping::Error> {
        let source = Source::parse_in(&self.mapping, config.zone.as_deref())?;
        match source.format() {
            Format::Csv | Format::Tsv | Format::JsonLines => Ok(source),
            Format::Scim => {
                let problem = "spec.format: a SCIM source has no files, a client pushes its people";
                Err(mapping::Error { problems: vec![problem.to_owned()] })
            }
        }
    }
}

/// How many days ahead a file may speak for. One of another year would make every file after it old.
const AHEAD_DAYS_MAX: i64 = 31;

/// Says whether an order could be carried out at present, before its file has arrived.
///
/// # Errors
/// When another run of the source is under way, a newer snapshot was taken over, or the file speaks
/// for a day too far ahead.
pub async fn check(store: &Store, source: &Source, order: &Order) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    if let Some(run) = run::table::find_open(&mut tx, source.name()).await? {
        return Err(running(run));
    }
    not_ahead(source, tx.now(), order)?;
    not_older(run::table::snapshot_date(&mut tx, source.name()).await?, order)
}

/// Reads a file, stages its rows, checks what it would come to, and hands it to the driver, or holds it
/// where it exceeds a limit.
///
/// Dropped before its end it changes nothing: the run's lease runs out, and the driver gives it up.
///
/// # Errors
/// When the file or what it would do is refused. Then the run has failed and nobody was changed.
pub async fn stage(
    store: &Store,
    config: &Config,
    order: &Order,
    file: &Incoming,
    tell: Tell<'_>,
) -> Result<RunId, Error> {
    let source = order.source(config)?;
    let id = open(store, &source, order).await?;
    stage_as(id, store, config, order, file, tell).await?;
    Ok(id)
}

/// Stages a file as a run that was opened for it.
///
/// # Errors
/// As [`stage`].
#[tracing::instrument(name = "hris.import", skip_all)]
pub(crate) async fn stage_as(
    id: RunId,
    store: &Store,
    config: &Config,
    order: &Order,
    file: &Incoming,
    tell: Tell<'_>,
) -> Result<(), Error> {
    let source = order.source(config)?;
    let import = Import { store, config, order, source, id, tell, is_trial: false };
    let Err(error) = import.run(file).await else { return Ok(()) };
    let error = if file.is_broken() { Error::Broken } else { error };
    tracing::info!(run.id = %id, "run {id} is refused");
    import.fail(&error).await?;
    Err(error)
}

/// Gives a run up of which nobody reads the file any more, unless it was read to its end.
///
/// # Errors
/// When the database fails; then the run's lease runs out.
pub(crate) async fn give_up(store: &Store, id: RunId) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    run::table::give_up(&mut tx, id, &Error::Broken.told()).await?;
    Ok(tx.commit().await?)
}

/// Opens a run of a source, which keeps others of it away.
///
/// # Errors
/// As [`check`].
pub(crate) async fn open(store: &Store, source: &Source, order: &Order) -> Result<RunId, Error> {
    let mut tx = store.begin().await?;
    let last = run::table::snapshot_date(&mut tx, source.name()).await?;
    not_ahead(source, tx.now(), order)?;
    not_older(last, order)?;
    let id = RunId(tx.new_id());
    let leased_until = tx.now() + LEASE;
    let quiet = last.is_none() && !order.notify;
    let opening = Opening { quiet, ..opening(id, source, order, leased_until) };
    if order.author.as_deref().is_some_and(|author| hold::name(author).is_err()) {
        return Err(Error::Author);
    }
    if run::table::open(&mut tx, opening).await? {
        tx.commit().await?;
        return Ok(id);
    }
    match run::table::find_open(&mut tx, source.name()).await? {
        Some(run) => Err(running(run)),
        // It has ended between the two statements.
        None => Err(Error::Lost),
    }
}

/// A run as an order has it.
fn opening<'a>(
    id: RunId,
    source: &'a Source,
    order: &'a Order,
    leased_until: Timestamp,
) -> Opening<'a> {
    Opening {
        id,
        source: source.name(),
        file_name: &order.file_name,
        mapping: &order.mapping,
        contract: order.contract,
        snapshot_date: order.snapshot_date,
        quiet: false,
        author: order.author.as_deref().unwrap_or_default(),
        leased_until,
    }
}

fn running(run: run::Run) -> Error {
    Error::Running { source_name: run.source, run: run.id, started_at: run.started_at }
}

fn not_ahead(source: &Source, now: Timestamp, order: &Order) -> Result<(), Error> {
    let today = source.zone().to_datetime(now).date();
    if order.snapshot_date > today.saturating_add(jiff::Span::new().days(AHEAD_DAYS_MAX)) {
        return Err(Error::Ahead { snapshot_date: order.snapshot_date, today });
    }
    Ok(())
}

fn not_older(last: Option<Date>, order: &Order) -> Result<(), Error> {
    match last {
        Some(last) if order.snapshot_date < last => {
            Err(Error::Older { snapshot_date: order.snapshot_date, last })
        }
        Some(_) | None => Ok(()),
    }
}

/// One import under way.
struct Import<'a> {
    store: &'a Store,
    config: &'a Config,
    order: &'a Order,
    source: Source,
    id: RunId,
    tell: Tell<'a>,
    is_trial: bool,
}

impl Import<'_> {
    async fn run(&self, file: &Incoming) -> Result<(), Error> {
        let staged = self.stage_rows(file).await?;
        self.check_complete(staged.count, &staged.rejects)?;
        self.check_whole(&staged.read).await?;
        let nothing_new = staged.nothing_new;
        let unlisted = unlisted(&staged.unlisted.holding(&self.source));
        let content = self.content(staged).await?;
        match self.compare(&content, nothing_new, unlisted).await? {
            Decision::Passes { absent } => {
                let workers = content.workers + absent;
                self.hand_over(&Content { workers, ..content }, None).await
            }
            Decision::Holds { absent, hold } => {
                let workers = content.workers + absent;
                self.hand_over(&Content { workers, ..content }, Some(&hold)).await
            }
        }
    }

    /// A full file that says nothing is an accident.
    fn check_complete(&self, rows: u64, rejects: &Rejects) -> Result<(), Error> {
        match (self.order.contract, rejects.kept().first()) {
            (Contract::Full, None) if rows == 0 => Err(Error::NoRows),
            (Contract::Full, Some(first)) if rows == rejects.count() => {
                Err(Error::NothingTaken { rows, first: first.clone() })
            }
            (Contract::Full | Contract::Partial, _) => Ok(()),
        }
    }

    async fn content(&self, rows: Rows) -> Result<Content, Error> {
        let Rows { count, rejects, unchanged, nothing_new, read, unlisted: _ } = rows;
        let mut tx = self.store.begin().await?;
        if !nothing_new {
            roster::table::analyze(&mut tx).await?;
        }
        let staged = roster::table::staged(&mut tx, self.id).await?;
        self.renew(&mut tx).await?;
        tx.commit().await?;
        if staged.rows_of_one > u64::try_from(SLICES_MAX).unwrap_or(u64::MAX) {
            return Err(Error::Key { rows: staged.rows_of_one });
        }
        let full = self.order.contract == Contract::Full;
        Ok(Content {
            rows: count,
            people: staged.people + unchanged,
            unchanged,
            workers: staged.workers,
            rejected: rejects.count(),
            rejects: told(full, &rejects),
            proves_absence: full && rejects.unidentified() == 0,
            fills: read.fills,
        })
    }

    /// Hands the run to the driver, or to people.
    async fn hand_over(&self, content: &Content, hold: Option<&Hold>) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        let (name, date) = (self.source.name(), self.order.snapshot_date);
        if !run::table::hand_over(&mut tx, self.id, content).await? {
            return Err(Error::Lost);
        }
        if let Some(run) = run::table::lock(&mut tx, self.id).await? {
            hold::supersede(&mut tx, &run).await?;
        }
        if let Some(hold) = hold {
            let unchanged = hold.difference.unchanged;
            run::table::hold(&mut tx, self.id, unchanged, hold.expires_at).await?;
            hold::table::insert(&mut tx, hold).await?;
            if let Some(author) = &self.order.author {
                let word = Word::try_new(self.id, hold.hash.clone(), author, Vec::new());
                hold::table::approve(&mut tx, &word.map_err(|_nameless| Error::Author)?).await?;
            }
            tracing::info!(run.id = %self.id, "run {} exceeds a limit and is held", self.id);
            return Ok(tx.commit().await?);
        }
        if !run::table::take_over(&mut tx, name, date, self.source.format().as_str()).await? {
            not_older(run::table::snapshot_date(&mut tx, name).await?, self.order)?;
        }
        Ok(tx.commit().await?)
    }

    /// Keeps the run for as long again.
    async fn renew(&self, tx: &mut store::Tx) -> Result<(), Error> {
        let until = tx.now() + LEASE;
        let state = if self.is_trial { State::Failed } else { State::Staging };
        if run::table::renew(tx, self.id, state, until).await? { Ok(()) } else { Err(Error::Lost) }
    }

    async fn fail(&self, error: &Error) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        run::table::fail(&mut tx, self.id, &error.told()).await?;
        Ok(tx.commit().await?)
    }
}

/// Why a file is held for its values.
fn unlisted(holding: &BTreeMap<String, u64>) -> Vec<Reason> {
    let reason = |(field, rows): (&String, &u64)| Reason {
        sentence: format!("rows with a value of {field} that its value map does not list: {rows}"),
        group: None,
    };
    holding.iter().map(reason).collect()
}

/// The rejects to show, without whose they are; first of all that nobody could be ended.
fn told(full: bool, rejects: &Rejects) -> Vec<Reject> {
    let mut told = Vec::with_capacity(rejects.kept().len() + 1);
    if full && rejects.unidentified() > 0 {
        let first = rejects.kept().iter().find(|reject| reject.worker_id.is_none());
        told.push(Reject {
            line: first.map_or(1, |reject| reject.line),
            column: String::new(),
            reason: format!(
                "nobody was ended by this file: whose row this is could not be read, as in {} in \
                 all, so whoever is missing may stand in one of them: `tenure case list` asks about them",
                rejects.unidentified()
            ),
            worker_id: None,
        });
    }
    told.extend(rejects.kept().iter().map(|reject| Reject { worker_id: None, ..reject.clone() }));
    told
}
