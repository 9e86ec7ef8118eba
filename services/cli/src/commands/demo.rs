//! `tenure demo`: workforces through a mesh into applications, and the proof.
//!
//! Two plays, each on a mesh of its own: a real city, whose every account is compared with an
//! independent calculation, and a small invented company, some of whose people are shown one by one.

mod applications;
mod by_hand;
mod city;
mod company;
mod mail;
mod report;
mod stage;
mod verify;

use std::process::ExitCode;

use self::report::Report;
use crate::arguments::Demo;
use crate::launcher::Stop;
use crate::output::{Output, tell};

pub(crate) async fn run(demo: Demo, output: &Output) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let folder = servers::scratch()?;
    let place = folder.path().to_owned();
    if demo.keep {
        tell(&format!("everything is kept in {}", folder.keep().display()));
    }
    // Everything is found before anything is started.
    let city = city::Sample::find(&demo, &place)?;
    let company = company::Sample::find(&demo)?;

    let city = Box::pin(city::play(&demo, &place.join("city"), &city, &mut stop)).await?;
    let company =
        Box::pin(company::play(&demo, &place.join("company"), &company, &mut stop)).await?;

    let report = Report { company, city };
    output.print(&report, Report::text)?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
