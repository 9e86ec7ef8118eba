//! Held runs: looked at, released, given up.

use std::time::Duration;

use anyhow::{Context as _, bail};
use proto::hris::v1::{
    DiscardRunRequest, GetHeldRunRequest, HeldRun, ListRunsRequest, ReleaseRunRequest,
    ReleaseRunResponse, Run,
};
use tokio::time::sleep;

use super::Mesh;

/// How often a run is looked at that is being applied.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Runs that are listed, at most; a source has one that is held.
const HELD_MAX: u32 = 1_000;

impl Mesh {
    /// Returns the held runs of a source, or of all where it is empty.
    ///
    /// # Errors
    /// When hris-ingest does not answer.
    pub async fn held_runs(&self, source: &str) -> anyhow::Result<Vec<Run>> {
        let (source, state) = (source.to_owned(), "held".to_owned());
        let request = ListRunsRequest { page_size: HELD_MAX, source, state };
        let answer = self.hris()?.list_runs(request).await.context("ask for the held runs")?;
        Ok(answer.into_inner().runs)
    }

    /// Returns a run and what it is or was held for.
    ///
    /// # Errors
    /// When it was never held.
    pub async fn held_run(&self, run: &str) -> anyhow::Result<(Run, HeldRun)> {
        match self.hris()?.get_held_run(GetHeldRunRequest { run_id: run.to_owned() }).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                Ok((answer.run.unwrap_or_default(), answer.held.unwrap_or_default()))
            }
            Err(status) => bail!("{}", status.message()),
        }
    }

    /// Gives one person's word for what a held run would change, for some groups or for everybody.
    ///
    /// # Errors
    /// When it would change something else, or the same person has given a word before.
    pub async fn release_run(
        &self,
        run: &str,
        hash: &str,
        by: &str,
        groups: &[String],
    ) -> anyhow::Result<ReleaseRunResponse> {
        let request = ReleaseRunRequest {
            run_id: run.to_owned(),
            hash: hash.to_owned(),
            by: by.to_owned(),
            groups: groups.to_vec(),
        };
        match self.hris()?.release_run(request).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => bail!("{}", status.message()),
        }
    }

    /// Waits until a run that was released is not applied any more; tells for how many people it was, of
    /// how many.
    ///
    /// # Errors
    /// When hris-ingest does not answer.
    pub async fn follow_run(
        &self,
        run: &str,
        mut progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<(Run, HeldRun)> {
        let moved = |run: &Run| {
            let summary = run.summary.clone().unwrap_or_default();
            summary.joined + summary.changed + summary.left
        };
        loop {
            let (run, held) = self.held_run(run).await?;
            let totals = held.totals.unwrap_or_default();
            let (done, total) = (moved(&run), totals.joining + totals.leaving + totals.changing);
            progress(done, total.max(done));
            if run.state != "applying" {
                return Ok((run, held));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Gives a held run up.
    ///
    /// # Errors
    /// When it is not held.
    pub async fn discard_run(&self, run: &str, by: &str) -> anyhow::Result<()> {
        let request = DiscardRunRequest { run_id: run.to_owned(), by: by.to_owned() };
        match self.hris()?.discard_run(request).await {
            Ok(_answer) => Ok(()),
            Err(status) => bail!("{}", status.message()),
        }
    }
}
