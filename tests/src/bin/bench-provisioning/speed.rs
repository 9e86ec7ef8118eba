//! Actions per second, from the events to the last account that is read back.

use anyhow::Context as _;
use mesh_tests::processes::Applications;
use mesh_tests::stage::Desired;
use serde_json::json;
use store::SqlTimestamp;

use crate::Figures;
use crate::replay::{self, Tape};
use crate::setup::{DONE, Setup, milliseconds, names};

const APPLICATIONS: u32 = 4;
const GRANTS: [&str; 2] = ["all-staff", "badges"];

pub(crate) async fn run(people: u128) -> anyhow::Result<Figures> {
    let names = names(APPLICATIONS);
    let joiners: Vec<Desired> =
        (1..=people).map(|number| Desired::joiner(number, &names, &GRANTS)).collect();
    // An account and its grants, everywhere.
    let actions = u64::try_from(joiners.len() * names.len() * (1 + GRANTS.len()))?;

    let setup = Setup::start().await?;
    let applications = recording(&setup, &names).await?;
    setup.release(&[&applications], &names).await?;
    let began = setup.desire(&joiners).await?;
    setup.until("everything is done", DONE, |done| done >= actions).await?;
    let last: SqlTimestamp =
        sqlx::query_scalar("SELECT max(finished_at) FROM actions").fetch_one(&setup.pool).await?;
    let seconds = milliseconds(began, last.to_jiff()) / 1_000.0;
    let mut recorded = Vec::new();
    for name in &names {
        recorded.push(applications.calls(name, 0).await?);
    }
    drop(applications);
    let Setup { stage, mut service, .. } = setup;
    service.kill()?;
    drop(stage);

    eprintln!("{actions} actions in {seconds:.1} s; the same requests by a bare client");
    let folder = servers::scratch()?;
    let fresh = Applications::named(folder.path(), &names)?;
    let mut tapes = Vec::new();
    for (name, calls) in names.iter().zip(&recorded) {
        fresh.switch(name, &json!({"keep_requests": true})).await?;
        tapes.push(Tape::read(calls, fresh.base(name)?).context(name.clone())?);
    }
    let requests: usize = tapes.iter().map(Tape::len).sum();
    let floor = replay::play(tapes).await?;
    eprintln!("{requests} requests in {floor:.1} s");
    let (actions, requests) =
        (f64::from(u32::try_from(actions)?), f64::from(u32::try_from(requests)?));
    Ok(vec![
        ("actions_per_second", actions / seconds),
        ("http_ratio", floor / seconds),
        ("http_actions_per_second", actions / floor),
        ("requests_per_action", requests / actions),
    ])
}

/// Applications that keep what they are asked.
async fn recording(setup: &Setup, names: &[String]) -> anyhow::Result<Applications> {
    let applications = Applications::named(setup.stage.folder(), names)?;
    for name in names {
        applications.switch(name, &json!({"keep_requests": true})).await?;
    }
    Ok(applications)
}
