//! Runs that wait: staged ones are applied chunk by chunk, held ones expire, those that ended are cleared
//! away, and what they listed is packed.

use std::time::Duration;

use chassis::Driver;
use domain::{Rejection, RunId};
use proto::hris::v1::SourceRunFinished;
use store::{Error, Store, Tx};

use crate::chunk;
use crate::config::Config;
use crate::gate::Difference;
use crate::hold;
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

/// What is left of a run of which a part was released, and its hash.
type Rest = (Difference, String);

/// Applies runs. There is nothing outside to act on: a turn is one chunk, in one transaction. Only what is
/// left of a run is counted in many, which read alone.
#[derive(Debug)]
pub(crate) struct Imports {
    config: Config,
    store: Store,
}

impl Imports {
    pub(crate) const fn new(config: Config, store: Store) -> Self {
        Self { config, store }
    }

    async fn step(&self, tx: &mut Tx, id: RunId, rest: Option<&Rest>) -> Result<(), Error> {
        let Some(run) = run::table::lock(tx, id).await? else { return Ok(()) };
        match run.state {
            State::Staging => {
                tracing::warn!(run.id = %id, "run {id} was interrupted before it was applied");
                let error = "the import was interrupted before the file was read to its end: \
                             nothing was changed; import it again";
                run::table::fail(tx, id, error).await
            }
            State::Held => expire(tx, &run).await,
            State::Applying if run.cursor == Cursor::Look => match rest {
                Some(rest) => hold_rest(tx, &run, rest).await,
                // The lease runs out, and it is counted again.
                None => Ok(()),
            },
            State::Applying => self.apply(tx, &run).await,
            State::Finished | State::Failed => {
                let removed = roster::table::unstage(tx, id, UNSTAGED_AT_ONCE).await?
                    + listed::table::clear(tx, id, UNSTAGED_AT_ONCE).await?;
                let more = removed >= u64::from(UNSTAGED_AT_ONCE);
                let more = more || pack(tx, &run).await?;
                run::table::give_back(tx, id, more).await
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

    /// Counts what is left of a run of which a part was released.
    async fn rest(&self, id: RunId) -> Result<Option<Rest>, Error> {
        let run = run::table::find(self.store.pool(), id).await?;
        let partly = run.filter(|run| run.state == State::Applying && run.cursor == Cursor::Look);
        let Some(run) = partly else { return Ok(None) };
        match Source::parse_in(&run.mapping, self.config.zone.as_deref()) {
            Ok(source) => hold::look(&self.store, &self.config, &run, &source).await.map(Some),
            Err(error) => {
                tracing::error!(run.id = %id, "the mapping of run {id} is no longer valid: {error}");
                Ok(None)
            }
        }
    }
}

impl Driver for Imports {
    type Job = RunId;
    type Outcome = Option<Rest>;

    const NAME: &'static str = "hris.imports";
    const AT_ONCE: u16 = 1;
    const KEEP_EVERY: Option<Duration> = Some(Duration::from_secs(3));

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<RunId>, Rejection> {
        let until = tx.now() + LEASE;
        Ok(run::table::lease(tx, until, limit).await?)
    }

    async fn act(&self, jobs: &[RunId]) -> Vec<Option<Rest>> {
        let mut rests = Vec::with_capacity(jobs.len());
        for id in jobs {
            rests.push(self.rest(*id).await.unwrap_or_else(|error| {
                tracing::warn!(run.id = %id, "run {id}: {}", Rejection::retry(error));
                None
            }));
        }
        rests
    }

    async fn keep(&self, tx: &mut Tx, jobs: &[RunId]) -> Result<(), Rejection> {
        let ids: Vec<_> = jobs.iter().map(|id| id.0).collect();
        let until = tx.now() + LEASE;
        Ok(run::table::keep(tx, &ids, until).await?)
    }

    async fn record(&self, tx: &mut Tx, done: &[(RunId, Option<Rest>)]) -> Result<(), Rejection> {
        for (id, rest) in done {
            self.step(tx, *id, rest.as_ref()).await?;
        }
        Ok(())
    }
}

/// Packs some of what is listed of a source; says whether there may be more.
async fn pack(tx: &mut Tx, run: &Run) -> Result<bool, Error> {
    roster::table::lock_source(tx, &run.source).await?;
    listed::packs::pack(tx, &run.source, run.id).await
}

/// Gives a run up that nobody has released in time.
async fn expire(tx: &mut Tx, run: &Run) -> Result<(), Error> {
    let Some(hold) = hold::table::find(tx, run.id).await? else { return Ok(()) };
    if hold.expires_at > tx.now() {
        return run::table::leave(tx, run.id, hold.expires_at).await;
    }
    tracing::warn!(run.id = %run.id, "run {} was not released in time", run.id);
    let error = format!(
        "it was held until {}, and nobody released it: nobody was changed by what was held of it; \
         import the file again",
        hold.expires_at
    );
    run::table::fail(tx, run.id, &error).await
}

/// Holds what is left of a run of which a part was applied, if anything is.
async fn hold_rest(tx: &mut Tx, run: &Run, (difference, hash): &Rest) -> Result<(), Error> {
    if difference.is_empty() {
        return finish(tx, run, &run::Step::default()).await;
    }
    let Some(hold) = hold::table::find(tx, run.id).await? else { return Ok(()) };
    // No limit holds what is left: it waits for the words of two people.
    let (hash, difference) = (hash.clone(), difference.clone());
    let rest = hold::Hold { hash, difference, exceeded: Vec::new(), ..hold };
    hold::table::update(tx, &rest).await?;
    tracing::info!(run.id = %run.id, "a part of run {} was applied, the rest stays held", run.id);
    run::table::hold_rest(tx, run.id, rest.expires_at).await
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
        released_by: released_by(tx, run.id).await?,
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

/// Everybody whose word let a run be applied, in the order in which the words came.
async fn released_by(tx: &mut Tx, id: RunId) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for release in hold::table::releases(tx, id).await? {
        for name in [release.approved_by, release.released_by] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}
