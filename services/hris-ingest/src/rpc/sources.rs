//! The sources of which files were read.

use std::collections::BTreeMap;

use proto::hris::v1 as wire;
use sqlx::postgres::PgPool;
use store::Error;

use super::listed;
use crate::roster;
use crate::run;

/// What the contract promises at most.
const SOURCES_MAX: i64 = 1_000;

/// Returns every source with its latest run, those too of which no file was taken over yet.
pub(super) async fn list(pool: &PgPool) -> Result<wire::ListSourcesResponse, Error> {
    let people = roster::table::count_present(pool).await?;
    let mut sources = BTreeMap::<String, wire::Source>::new();
    for (name, date, format) in run::table::list_sources(pool, SOURCES_MAX).await? {
        let source = wire::Source {
            name: name.clone(),
            format,
            snapshot_date: Some(date.into()),
            people: people.get(&name).copied().unwrap_or_default(),
            last_run: None,
        };
        sources.insert(name, source);
    }
    for run in run::table::list_latest(pool, SOURCES_MAX).await? {
        let nothing = || wire::Source { name: run.source.clone(), ..wire::Source::default() };
        let source = sources.entry(run.source.clone()).or_insert_with(nothing);
        source.last_run = Some(listed(run));
    }
    let limit = usize::try_from(SOURCES_MAX).unwrap_or(usize::MAX);
    Ok(wire::ListSourcesResponse { sources: sources.into_values().take(limit).collect() })
}
