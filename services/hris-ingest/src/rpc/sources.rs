//! The sources of which files were read.

use std::collections::BTreeMap;

use proto::hris::v1 as wire;
use sqlx::postgres::PgPool;
use store::Error;

use super::listed;
use crate::roster;
use crate::run;
use crate::schedule;
use crate::schedule::table::Listed;

/// What the contract promises at most.
const SOURCES_MAX: i64 = 1_000;

/// Returns every source with its latest run and its schedule, those too of which no file was taken over
/// yet.
pub(super) async fn list(pool: &PgPool) -> Result<wire::ListSourcesResponse, Error> {
    let people = roster::table::count_present(pool).await?;
    let mut sources = BTreeMap::<String, wire::Source>::new();
    for (name, date, format) in run::table::list_sources(pool, SOURCES_MAX).await? {
        let source = wire::Source {
            name: name.clone(),
            format,
            snapshot_date: Some(date.into()),
            people: people.get(&name).copied().unwrap_or_default(),
            ..wire::Source::default()
        };
        sources.insert(name, source);
    }
    for run in run::table::list_latest(pool, SOURCES_MAX).await? {
        let nothing = || wire::Source { name: run.source.clone(), ..wire::Source::default() };
        let source = sources.entry(run.source.clone()).or_insert_with(nothing);
        source.last_run = Some(listed(run));
    }
    for listed in schedule::table::list(pool, SOURCES_MAX).await? {
        let nothing = || wire::Source { name: listed.source.clone(), ..wire::Source::default() };
        let source = sources.entry(listed.source.clone()).or_insert_with(nothing);
        source.schedule = Some(told(listed));
    }
    let limit = usize::try_from(SOURCES_MAX).unwrap_or(usize::MAX);
    Ok(wire::ListSourcesResponse { sources: sources.into_values().take(limit).collect() })
}

fn told(schedule: Listed) -> wire::SourceSchedule {
    let at = |instant: jiff_sqlx::Timestamp| instant.to_jiff().into();
    wire::SourceSchedule {
        written: schedule.written,
        next_run_at: Some(at(schedule.next_run_at)),
        looked_at: schedule.looked_at.map(at),
        outcome: schedule.outcome,
        reason: schedule.reason,
        file_name: schedule.file_name,
        file_fate: schedule.file_fate,
        file_reason: schedule.file_reason,
        file_at: schedule.file_at.map(at),
    }
}
