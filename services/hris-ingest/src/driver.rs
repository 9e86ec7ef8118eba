//! Runs that wait: staged ones are applied chunk by chunk, those that ended are cleared away.

use std::time::Duration;

use chassis::Driver;
use domain::{Rejection, RunId};
use proto::hris::v1::SourceRunFinished;
use store::{Error, Store, Tx};

use crate::chunk;
use crate::config::Config;
use crate::listed;
use crate::mapping::Source;
use crate::person;
use crate::roster;
use crate::run::{self, Cursor, Run, State};

/// How long a chunk in hand is left to whoever took it. It is short, so that a run does not stand
/// still for long when that one dies; two at work on a run wait for each other in its row.
const LEASE: Duration = Duration::from_secs(10);
/// Staged rows removed in one transaction.
const UNSTAGED_AT_ONCE: u16 = 10_000;

/// Applies runs. There is nothing outside to act on: a turn is one chunk, in one transaction.
#[derive(Debug)]
pub(crate) struct Imports {
    config: Config,
    store: Store,
}

impl Imports {
    pub(crate) const fn new(config: Config, store: Store) -> Self {
        Self { config, store }
    }

    async fn step(&self, tx: &mut Tx, id: RunId) -> Result<(), Error> {
        let Some(run) = run::table::lock(tx, id).await? else { return Ok(()) };
        match run.state {
            State::Staging => {
                tracing::warn!(run.id = %id, "run {id} was interrupted before it was applied");
                let error = "the import was interrupted before the file was read to its end: \
                             nothing was changed; import it again";
                run::table::fail(tx, id, error).await
            }
            State::Applying => self.apply(tx, &run).await,
            State::Finished | State::Failed => {
                let removed = roster::table::unstage(tx, id, UNSTAGED_AT_ONCE).await?
                    + listed::table::clear(tx, id, UNSTAGED_AT_ONCE).await?;
                run::table::give_back(tx, id, removed >= u64::from(UNSTAGED_AT_ONCE)).await
            }
        }
    }

    async fn apply(&self, tx: &mut Tx, run: &Run) -> Result<(), Error> {
        let source = match Source::parse_in(&run.mapping, self.config.zone.as_deref()) {
            Ok(source) => source,
            Err(error) => {
                tracing::error!(run.id = %run.id, "the mapping of run {} is no longer valid", run.id);
                return run::table::fail(tx, run.id, &error.to_string()).await;
            }
        };
        let limit = self.config.chunk_workers.get();
        let step = chunk::apply(tx, self.store.clock(), run, &source, limit).await?;
        if step.next == Cursor::End {
            finish(tx, run, &step).await?;
        }
        Ok(())
    }
}

impl Driver for Imports {
    type Job = RunId;
    type Outcome = ();

    const NAME: &'static str = "hris.imports";
    const AT_ONCE: u16 = 1;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<RunId>, Rejection> {
        let until = tx.now() + LEASE;
        Ok(run::table::lease(tx, until, limit).await?)
    }

    async fn act(&self, jobs: &[RunId]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(RunId, ())]) -> Result<(), Rejection> {
        for (id, ()) in done {
            self.step(tx, *id).await?;
        }
        Ok(())
    }
}

async fn finish(tx: &mut Tx, run: &Run, step: &run::Step) -> Result<(), Error> {
    let unknown = person::reports::count_unknown(tx, &run.source, run.snapshot_date).await?;
    run::table::finish(tx, run.id, unknown).await?;
    let mut tally = run.tally;
    tally.add(step.tally);
    tally.unchanged = tally.unchanged.saturating_sub(step.counted_twice);
    let event = SourceRunFinished {
        run_id: run.id.to_string(),
        source: run.source.clone(),
        version: Some(tx.next_version(domain::Version::default()).into()),
        rows: run.content.rows,
        rejected: run.content.rejected + step.rejected,
        joined: tally.joined,
        changed: tally.changed,
        left: tally.left,
        unchanged: tally.unchanged,
        finished_at: Some(tx.now().into()),
    };
    tx.publish(&event)?;
    tracing::info!(
        run.id = %run.id,
        run.joined = tally.joined,
        run.changed = tally.changed,
        run.left = tally.left,
        run.unchanged = tally.unchanged,
        "run {} is finished",
        run.id
    );
    Ok(())
}
