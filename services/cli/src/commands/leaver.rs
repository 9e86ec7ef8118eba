//! `tenure leaver`, and `tenure person lift`: what an operator says of one person's access.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use domain::Timestamp;
use proto::convert::optional_instant;
use proto::hris::v1::{EndNowRequest, LiftHoldRequest, WithdrawEndRequest};
use serde::Serialize;

use super::person;
use crate::launcher::StateDir;
use crate::output::{Output, instant};
use crate::view::Found;

/// What was ended, or is no longer.
#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    found: Found,
    engagements: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
}

pub(crate) async fn now(
    query: &str,
    yes: bool,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let Some(found) = person::find_one(&mesh, query, output).await? else {
        return Ok(ExitCode::FAILURE);
    };
    confirm("End all access of", &found, yes)?;
    let request = EndNowRequest { person_id: found.person.clone() };
    let answer = mesh.hris()?.end_now(request).await.context("end the person")?.into_inner();
    let ends_at = optional_instant("ends_at", answer.ends_at.as_ref()).unwrap_or_default();
    let done = Done { found, engagements: answer.engagements, ends_at };
    output.print(&done, |done| match done.engagements {
        0 => format!("{} has no engagement that has not ended", name(&done.found)),
        count => format!(
            "{} is ended at {}, in {count} engagements; `tenure leaver withdraw {}` takes it back",
            name(&done.found),
            instant(done.ends_at),
            done.found.person
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn withdraw(
    query: &str,
    yes: bool,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let Some(found) = person::find_one(&mesh, query, output).await? else {
        return Ok(ExitCode::FAILURE);
    };
    confirm("Let HR's dates count alone again for", &found, yes)?;
    let request = WithdrawEndRequest { person_id: found.person.clone() };
    let answer = mesh.hris()?.withdraw_end(request).await.context("withdraw the end")?;
    let done = Done { found, engagements: answer.into_inner().engagements, ends_at: None };
    output.print(&done, |done| match done.engagements {
        0 => format!("nothing was ended by an operator for {}", name(&done.found)),
        count => format!("HR's dates count again for {count} engagements of {}", name(&done.found)),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Who is held no more.
#[derive(Debug, Serialize)]
struct Lifted {
    #[serde(flatten)]
    found: Found,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_since: Option<Timestamp>,
}

pub(crate) async fn lift(
    query: &str,
    yes: bool,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let Some(found) = person::find_one(&mesh, query, output).await? else {
        return Ok(ExitCode::FAILURE);
    };
    confirm("Lift the security hold of", &found, yes)?;
    let request = LiftHoldRequest { person_id: found.person.clone() };
    let answer = mesh.hris()?.lift_hold(request).await.context("lift the hold")?.into_inner();
    let since = optional_instant("held_since", answer.held_since.as_ref()).unwrap_or_default();
    output.print(&Lifted { found, held_since: since }, |lifted| match lifted.held_since {
        None => format!("{} was not held", name(&lifted.found)),
        Some(since) => {
            format!(
                "{} was held since {}, and is not any more",
                name(&lifted.found),
                instant(Some(since))
            )
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Asks on a terminal; where nobody can be asked, `--yes` must have said it.
fn confirm(what: &str, found: &Found, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked here: say --yes if you are sure");
    }
    let mut err = io::stderr().lock();
    write!(err, "{what} {} ({})? [y/N] ", name(found), found.person)
        .and_then(|()| err.flush())
        .context("ask")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was changed"),
    }
}

fn name(found: &Found) -> &str {
    match (found.display_name.as_str(), found.worker_id.as_str()) {
        ("", worker_id) => worker_id,
        (name, _) => name,
    }
}
