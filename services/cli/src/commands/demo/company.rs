//! A small invented company with managers and sites in several zones, shown person by person.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clock::Clock;
use domain::Date;
use jiff::Span;
use jiff::tz::TimeZone;
use proto::hris::v1::{EndNowRequest, FileContract};
use serde_json::Value as Json;

use super::mail;
use super::report::{Company, Shown};
use super::stage::{self, Names, Stage};
use crate::arguments::Demo;
use crate::client::{self, read_documents};
use crate::commands::import::{Imported, send};
use crate::commands::person;
use crate::commands::settle::{parked, settle};
use crate::launcher::Stop;
use crate::output::tell;

/// The two snapshots. Their dates are shifted so that the second one speaks for today.
const SNAPSHOTS: [Date; 2] = [Date::constant(2026, 3, 2), Date::constant(2026, 3, 9)];

/// The applications that the policies name.
const APPLICATIONS: [&str; 2] = ["directory", "mail"];

const HIRE: &str = "E-1205";
const MOVER: &str = "E-1147";
const LEAVER: &str = "E-1097";

/// What the play is about.
#[derive(Debug)]
pub(super) struct Sample {
    folder: PathBuf,
    mapping: String,
}

impl Sample {
    /// Finds everything.
    pub(super) fn find(demo: &Demo) -> anyhow::Result<Self> {
        let folder = demo.samples.join("small-company");
        let mapping = folder.join("source.yaml");
        let mapping = std::fs::read_to_string(&mapping)
            .with_context(|| format!("read {}", mapping.display()))?;
        Ok(Self { folder, mapping })
    }

    async fn import(
        &self,
        stage: &Stage,
        date: Date,
        shift: Span,
        place: &Path,
    ) -> anyhow::Result<Imported> {
        let name = format!("{date}.jsonl");
        let original = self.folder.join(&name);
        let text = std::fs::read_to_string(&original)
            .with_context(|| format!("read {}", original.display()))?;
        let file = place.join(&name);
        std::fs::write(&file, shifted(&text, shift)?)
            .with_context(|| format!("write {}", file.display()))?;
        let import = client::Import {
            mapping: &self.mapping,
            file: &file,
            contract: FileContract::Full,
            snapshot_date: date.checked_add(shift).context("shift a snapshot's date")?,
            author: None,
            notify: false,
        };
        let imported = send(&stage.mesh, import).await?;
        settle(&stage.mesh).await?;
        Ok(imported)
    }
}

/// Takes the company through its week, and shows what became of a hire, a mover and a leaver.
pub(super) async fn play(
    demo: &Demo,
    place: &Path,
    sample: &Sample,
    stop: &mut Stop,
) -> anyhow::Result<Company> {
    std::fs::create_dir_all(place).with_context(|| format!("make {}", place.display()))?;
    let today = TimeZone::UTC.to_datetime(Clock::system().now()).date();
    let shift = SNAPSHOTS[1].until(today).context("shift the company's dates")?;
    let applications = Names { applications: &APPLICATIONS, directory: None };
    stage::with(demo, place, applications, stop, async |stage| {
        tell("applying the company's policies");
        stage.mesh.apply(read_documents(&sample.folder.join("policies"))?).await?;
        tell("importing the company as it was last week, then as it is today");
        let first = sample.import(stage, SNAPSHOTS[0], shift, place).await?;
        let second = sample.import(stage, SNAPSHOTS[1], shift, place).await?;

        let mut shown = vec![
            show(stage, "a hire whose first day is five days ahead", HIRE).await?,
            show(stage, "a mover, from Customer Support to Engineering", MOVER).await?,
            show(stage, "a leaver under notice", LEAVER).await?,
        ];
        tell("ending the leaver's access at once");
        let leaver = shown[2].person.found.person.clone();
        stage.mesh.hris()?.end_now(EndNowRequest { person_id: leaver }).await?;
        settle(&stage.mesh).await?;
        shown.push(show(stage, "the same leaver, after `tenure leaver now`", LEAVER).await?);
        let notices = mail::notices(&stage.mesh).await?;
        Ok(Company {
            people: first.people,
            joined: second.joined,
            changed: second.changed,
            left: second.left,
            shown,
            notices,
            mails: stage.mailbox.received()?,
            parked: parked(&stage.mesh).await?,
        })
    })
    .await
}

async fn show(stage: &Stage, what: &str, worker: &str) -> anyhow::Result<Shown> {
    let person = person::of_worker(&stage.mesh, worker).await?;
    Ok(Shown { what: what.to_owned(), person })
}

/// Returns JSON lines with every text below `dates` that is a day moved.
fn shifted(text: &str, shift: Span) -> anyhow::Result<String> {
    let mut moved = String::with_capacity(text.len());
    for line in text.lines() {
        let mut row: Json = serde_json::from_str(line).context("read a line of the company")?;
        if let Some(dates) = row.get_mut("dates").and_then(Json::as_object_mut) {
            for day in dates.values_mut() {
                let Some(Ok(date)) = day.as_str().map(str::parse::<Date>) else { continue };
                let date = date.checked_add(shift).context("shift a day")?;
                *day = Json::String(date.to_string());
            }
        }
        moved.push_str(&row.to_string());
        moved.push('\n');
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    #[test]
    fn every_day_moves_and_nothing_else_does() {
        let text = r#"{"name":"2026-03-01","dates":{"hire":"2026-03-01","termination":null}}"#;

        let moved: Json = serde_json::from_str(&shifted(text, 2.days()).unwrap()).unwrap();

        assert_eq!(moved["name"], "2026-03-01");
        assert_eq!(moved["dates"]["hire"], "2026-03-03");
        assert_eq!(moved["dates"]["termination"], Json::Null);
    }
}
