//! `tenure source`.

pub(crate) mod door;
pub(crate) mod held;
pub(crate) mod tried;

use std::process::ExitCode;

use anyhow::Context as _;
use domain::{Date, Timestamp};
use proto::convert::{date, optional_instant};
use proto::hris::v1 as wire;
use proto::hris::v1::{ListRunsRequest, ListSourcesRequest};
use serde::Serialize;

use crate::launcher::StateDir;
use crate::output::{Output, grouped, instant, optional, table};

/// A source of which a file was read.
#[derive(Debug, Serialize)]
struct Source {
    source: String,
    format: String,
    /// The day for which its newest file speaks.
    snapshot_date: Option<Date>,
    /// People who are present, or will be.
    people: u64,
    last_run: Option<Run>,
    /// When it is looked at, if its document says so.
    schedule: Option<Schedule>,
}

/// When a source is looked at, and what the last look came to.
#[derive(Debug, Serialize)]
struct Schedule {
    schedule: String,
    next_run_at: Option<Timestamp>,
    looked_at: Option<Timestamp>,
    outcome: String,
    reason: String,
    file: String,
    file_fate: String,
    file_reason: String,
    file_at: Option<Timestamp>,
}

/// One read of one file.
#[derive(Debug, Serialize)]
struct Run {
    run: String,
    source: String,
    file: String,
    state: String,
    snapshot_date: Option<Date>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    rows: u64,
    people: u64,
    joined: u64,
    changed: u64,
    left: u64,
    unchanged: u64,
    rejected: u64,
    managers_unknown: u64,
    error: Option<String>,
}

pub(crate) async fn list(state: &StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let answer = mesh.hris()?.list_sources(ListSourcesRequest {}).await;
    let sources = answer.context("ask for the sources")?.into_inner().sources;
    let sources: Vec<Source> = sources.into_iter().map(Source::from).collect();
    output.print(&sources, |sources| listed(sources))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn runs(
    source: Option<&str>,
    limit: u32,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let source = source.unwrap_or_default().to_owned();
    let request = ListRunsRequest { page_size: limit, source, ..Default::default() };
    let answer = mesh.hris()?.list_runs(request).await.context("ask for the runs")?;
    let runs: Vec<Run> = answer.into_inner().runs.into_iter().map(Run::from).collect();
    output.print(&runs, |runs| run_lines(runs))?;
    Ok(ExitCode::SUCCESS)
}

fn listed(sources: &[Source]) -> String {
    if sources.is_empty() {
        return "no file was read yet".to_owned();
    }
    let header = [
        "source",
        "format",
        "snapshot",
        "people ",
        "last run",
        "started",
        "next look",
        "last look",
    ];
    let row = |source: &Source| {
        let run = source.last_run.as_ref();
        let schedule = source.schedule.as_ref();
        vec![
            source.source.clone(),
            if source.format.is_empty() { "-".to_owned() } else { source.format.clone() },
            optional(source.snapshot_date),
            grouped(source.people),
            optional(run.map(|run| &run.state)),
            instant(run.and_then(|run| run.started_at)),
            instant(schedule.and_then(|schedule| schedule.next_run_at)),
            optional(
                schedule.map(|schedule| schedule.outcome.as_str()).filter(|one| !one.is_empty()),
            ),
        ]
    };
    let mut text = table(&header, sources.iter().map(row));
    for source in sources {
        let Some(schedule) = &source.schedule else { continue };
        let Schedule { outcome, reason, file, file_fate, file_reason, .. } = schedule;
        if !reason.is_empty() {
            text += &format!("\n{}: {outcome}: {reason}", source.source);
        }
        if !file_reason.is_empty() {
            text += &format!("\n{}: {file} {file_fate}: {file_reason}", source.source);
        }
    }
    text
}

fn run_lines(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "no file was read yet".to_owned();
    }
    let header = [
        "started",
        "source",
        "file",
        "snapshot",
        "state",
        "rows ",
        "rejected ",
        "joined ",
        "changed ",
        "left ",
        "unchanged ",
        "took ",
    ];
    let row = |run: &Run| {
        let took = run.started_at.zip(run.finished_at);
        let took = took.map(|(from, to)| format!("{:.1}s", from.duration_until(to).as_secs_f64()));
        let counts = [run.rows, run.rejected, run.joined, run.changed, run.left, run.unchanged];
        let mut cells = vec![
            instant(run.started_at),
            run.source.clone(),
            run.file.clone(),
            optional(run.snapshot_date),
            run.state.clone(),
        ];
        cells.extend(counts.map(grouped));
        cells.push(optional(took));
        cells
    };
    let mut text = table(&header, runs.iter().map(row));
    for run in runs {
        if let Some(error) = &run.error {
            text += &format!("\n{}: {error}", run.run);
        }
    }
    text
}

impl From<wire::Source> for Source {
    fn from(source: wire::Source) -> Self {
        Self {
            source: source.name,
            format: source.format,
            snapshot_date: date("snapshot_date", source.snapshot_date.as_ref()).unwrap_or_default(),
            people: source.people,
            last_run: source.last_run.map(Run::from),
            schedule: source.schedule.map(Schedule::from),
        }
    }
}

impl From<wire::SourceSchedule> for Schedule {
    fn from(schedule: wire::SourceSchedule) -> Self {
        let at = |instant| optional_instant("instant", instant).unwrap_or_default();
        Self {
            next_run_at: at(schedule.next_run_at.as_ref()),
            looked_at: at(schedule.looked_at.as_ref()),
            file_at: at(schedule.file_at.as_ref()),
            schedule: schedule.written,
            outcome: schedule.outcome,
            reason: schedule.reason,
            file: schedule.file_name,
            file_fate: schedule.file_fate,
            file_reason: schedule.file_reason,
        }
    }
}

impl From<wire::Run> for Run {
    fn from(run: wire::Run) -> Self {
        let summary = run.summary.unwrap_or_default();
        let at = |instant| optional_instant("instant", instant).unwrap_or_default();
        Self {
            run: run.run_id,
            source: run.source,
            file: run.file_name,
            state: run.state,
            snapshot_date: date("snapshot_date", run.snapshot_date.as_ref()).unwrap_or_default(),
            started_at: at(run.started_at.as_ref()),
            finished_at: at(run.finished_at.as_ref()),
            rows: summary.rows,
            people: summary.people,
            joined: summary.joined,
            changed: summary.changed,
            left: summary.left,
            unchanged: summary.unchanged,
            rejected: summary.rejected,
            managers_unknown: summary.managers_unknown,
            error: Some(run.error).filter(|error| !error.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_failed_and_a_file_that_was_rejected_are_told_below() {
        let schedule = wire::SourceSchedule {
            outcome: "failed".to_owned(),
            reason: "open the folder hr".to_owned(),
            file_name: "people.csv".to_owned(),
            file_fate: "rejected".to_owned(),
            file_reason: "the file is empty".to_owned(),
            ..wire::SourceSchedule::default()
        };
        let source = wire::Source {
            name: "payroll".to_owned(),
            schedule: Some(schedule),
            ..wire::Source::default()
        };

        let text = listed(&[Source::from(source)]);

        let told = "\npayroll: failed: open the folder hr\npayroll: people.csv rejected: the file is empty";
        assert!(text.ends_with(told), "{text}");
    }

    #[test]
    fn a_failed_run_is_listed_with_its_error_below() {
        let run = wire::Run {
            run_id: "r1".to_owned(),
            source: "payroll".to_owned(),
            file_name: "people.csv".to_owned(),
            state: "failed".to_owned(),
            error: "the file is empty".to_owned(),
            ..wire::Run::default()
        };

        let text = run_lines(&[Run::from(run)]);

        assert!(text.contains("failed"), "{text}");
        assert!(text.ends_with("\nr1: the file is empty"), "{text}");
    }
}
