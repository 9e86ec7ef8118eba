//! `tenure source held`, `show`, `release` and `discard`: files that exceed a limit of their source.

use std::process::ExitCode;

use comfy_table::{Attribute, Cell, CellAlignment, Color};
use domain::Timestamp;
use proto::convert::optional_instant;
use proto::hris::v1::{
    DifferenceCounts, HeldGroup, HeldPerson, HeldRun, HoldApproval, HoldRelease,
    ReleaseRunResponse, Run,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arguments::{SourceRelease, name};
use crate::client::Mesh;
use crate::launcher::StateDir;
use crate::output::{Output, grouped, instant, section, styled, table};
use crate::progress::Progress;

/// Groups that are shown; those in which the most people leave, join or change.
const GROUPS_SHOWN: usize = 20;
/// Groups of whom some people are shown where none exceeds a limit.
const GROUPS_SAMPLED: usize = 3;
/// People of one group that are shown.
const PEOPLE_SHOWN: usize = 5;
/// A hash is as long as this; so many of its characters tell it apart for people.
const HASH_SHOWN: usize = 12;

pub(crate) async fn list(
    source: Option<&str>,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let mut found = Vec::new();
    for run in mesh.held_runs(source.unwrap_or_default()).await? {
        found.push(mesh.held_run(&run.run_id).await?);
    }
    let json: Vec<Value> = found.iter().map(|(run, held)| told(run, held)).collect();
    output.print(&json, |_json| listed(&found))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn show(run: Uuid, state: &StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let (run, held) = mesh.held_run(&run.to_string()).await?;
    output.print(&told(&run, &held), |_json| shown(&run, &held))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn release(
    release: &SourceRelease,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let (id, by) = (release.run.to_string(), name(release.name.as_deref()));
    let answer = mesh.release_run(&id, &release.hash, &by, &release.groups).await?;
    if !answer.released {
        let result = json!({ "run": id, "released": false, "names": answer.names });
        output.print(&result, |_result| {
            format!(
                "{by} has given a word for it; somebody else applies it with\n{}",
                command(&id, &release.hash, &release.groups)
            )
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let (run, held) = follow(&mesh, &id).await?;
    output.print(&told(&run, &held), |_json| applied(&answer, &run, &held))?;
    let failed = run.state == "failed";
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(crate) async fn discard(
    run: Uuid,
    by: Option<&str>,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let (id, by) = (run.to_string(), name(by));
    state.mesh()?.discard_run(&id, &by).await?;
    let result = json!({ "run": id, "discarded_by": by });
    output.print(&result, |_result| format!("run {id} is given up; what was held is forgotten"))?;
    Ok(ExitCode::SUCCESS)
}

/// Follows a run that was released to its end, in sight of whoever waits.
pub(crate) async fn follow(mesh: &Mesh, run: &str) -> anyhow::Result<(Run, HeldRun)> {
    let mut progress = Progress::new();
    let followed =
        mesh.follow_run(run, |done, total| progress.show("apply", done, total, "")).await?;
    progress.finish();
    Ok(followed)
}

/// What the next person types.
fn command(run: &str, hash: &str, groups: &[String]) -> String {
    let groups: String = groups.iter().map(|group| format!(" --group '{group}'")).collect();
    format!("tenure source release {run} --hash {hash} --as NAME{groups}")
}

fn at(instant: Option<&proto::common::v1::Instant>) -> Option<Timestamp> {
    optional_instant("instant", instant).unwrap_or_default()
}

/// A held run for programs.
pub(crate) fn told(run: &Run, held: &HeldRun) -> Value {
    let mut told = difference(held);
    told["run"] = json!(run.run_id);
    told["source"] = json!(run.source);
    told["file"] = json!(run.file_name);
    told["state"] = json!(run.state);
    told["error"] = json!(Some(&run.error).filter(|error| !error.is_empty()));
    told
}

/// What a held run would change, for programs.
pub(crate) fn difference(held: &HeldRun) -> Value {
    let group = |group: &HeldGroup| {
        json!({
            "group": group.group,
            "counts": counts(group.counts),
            "exceeded": group.exceeded,
            "sample": group.sample.iter().map(|one| json!({
                "person": one.person_id,
                "worker_id": one.worker_id,
                "name": one.display_name,
                "change": one.change,
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "hash": held.hash,
        "held_at": at(held.held_at.as_ref()),
        "expires_at": at(held.expires_at.as_ref()),
        "exceeded": held.exceeded,
        "totals": counts(held.totals),
        "departed": held.departed,
        "window_days": held.window_days,
        "group_by": held.group_by,
        "groups": held.groups.iter().map(group).collect::<Vec<_>>(),
        "approvals": held.approvals.iter().map(|one| json!({
            "name": one.name, "groups": one.groups, "at": at(one.approved_at.as_ref()),
        })).collect::<Vec<_>>(),
        "releases": held.releases.iter().map(|one| json!({
            "groups": one.groups,
            "approved_by": one.approved_by,
            "released_by": one.released_by,
            "at": at(one.released_at.as_ref()),
        })).collect::<Vec<_>>(),
    })
}

fn counts(counts: Option<DifferenceCounts>) -> Value {
    let DifferenceCounts { present, joining, leaving, changing } = counts.unwrap_or_default();
    json!({ "present": present, "joining": joining, "leaving": leaving, "changing": changing })
}

fn listed(found: &[(Run, HeldRun)]) -> String {
    if found.is_empty() {
        return "nothing is held".to_owned();
    }
    let header = [
        "run",
        "source",
        "file",
        "held since",
        "expires",
        "present ",
        "join ",
        "leave ",
        "change ",
    ];
    table(
        &header,
        found.iter().map(|(run, held)| {
            let totals = held.totals.unwrap_or_default();
            vec![
                run.run_id.clone(),
                run.source.clone(),
                run.file_name.clone(),
                instant(at(held.held_at.as_ref())),
                instant(at(held.expires_at.as_ref())),
                grouped(totals.present),
                grouped(totals.joining),
                grouped(totals.leaving),
                grouped(totals.changing),
            ]
        }),
    )
}

fn shown(run: &Run, held: &HeldRun) -> String {
    let mut text = format!(
        "run {}\n  source   {}\n  file     {}\n  state    {}\n\n",
        run.run_id, run.source, run.file_name, run.state
    );
    text += &tables(&run.run_id, held, run.state == "held");
    if !run.error.is_empty() {
        text += &format!("{}\n", run.error);
    }
    text
}

/// What a held run would change, and what comes next.
pub(crate) fn tables(run: &str, held: &HeldRun, is_held: bool) -> String {
    let mut text =
        section("Exceeded", "no limit", held.exceeded.is_empty(), || held.exceeded.join("\n"));
    text += &by_group(held);
    let concerned = ranked(held);
    let exceeding = concerned.iter().filter(|group| group.exceeded).count();
    let examples: Vec<(&HeldGroup, &HeldPerson)> = concerned
        .into_iter()
        .take(if exceeding > 0 { exceeding } else { GROUPS_SAMPLED })
        .flat_map(|group| sampled(group).map(move |person| (group, person)))
        .collect();
    if !examples.is_empty() {
        let row = |(group, person): (&HeldGroup, &HeldPerson)| {
            let cells = [&person.change, &person.display_name, &person.worker_id, &group.group];
            cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell.clone() }).to_vec()
        };
        text += &section("Such as", "", false, || {
            table(&["", "name", "worker id", "group"], examples.into_iter().map(row))
        });
    }
    if !held.approvals.is_empty() {
        let row = |one: &HoldApproval| {
            vec![one.name.clone(), everybody(&one.groups), instant(at(one.approved_at.as_ref()))]
        };
        text += &section("Words", "", false, || {
            table(&["by", "for", "at"], held.approvals.iter().map(row))
        });
    }
    if !held.releases.is_empty() {
        let row = |one: &HoldRelease| {
            let by = format!("{} and {}", one.approved_by, one.released_by);
            vec![by, everybody(&one.groups), instant(at(one.released_at.as_ref()))]
        };
        text += &section("Released", "", false, || {
            table(&["by", "for", "at"], held.releases.iter().map(row))
        });
    }
    if is_held {
        let first = held.approvals.iter().find(|one| one.groups.is_empty());
        let who = match first {
            Some(HoldApproval { name, .. }) => format!("Somebody besides {name} releases it with"),
            None => "Two people release it, each with".to_owned(),
        };
        text += &format!(
            "held until {}; nobody was changed by what is held. {who}\n{}\nor one gives it up with\ntenure \
             source discard {run} --as NAME\n",
            instant(at(held.expires_at.as_ref())),
            command(run, &held.hash, &[]),
        );
    }
    text
}

/// Some people of a group, those first who leave.
fn sampled(group: &HeldGroup) -> impl Iterator<Item = &HeldPerson> {
    let (leaving, others): (Vec<_>, Vec<_>) =
        group.sample.iter().partition(|person| person.change == "left");
    leaving.into_iter().chain(others).take(PEOPLE_SHOWN)
}

fn everybody(groups: &[String]) -> String {
    if groups.is_empty() { "everybody".to_owned() } else { groups.join(", ") }
}

/// Groups of whom anybody is concerned: those that exceed a limit, then those with the most leavers.
fn ranked(held: &HeldRun) -> Vec<&HeldGroup> {
    let of = |group: &HeldGroup| {
        let counts = group.counts.unwrap_or_default();
        (group.exceeded, counts.leaving, counts.joining + counts.changing)
    };
    let mut groups: Vec<&HeldGroup> = held
        .groups
        .iter()
        .filter(|group| {
            let (_, leaving, others) = of(group);
            leaving + others > 0
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(of(group)));
    groups
}

/// The difference by group, with all of it in the first row.
pub(crate) fn by_group(held: &HeldRun) -> String {
    let title = match held.group_by.as_str() {
        "" => "Difference".to_owned(),
        attribute => format!("Difference by {attribute}"),
    };
    let groups = if held.group_by.is_empty() { Vec::new() } else { ranked(held) };
    let all = row("in all", held.totals, !held.exceeded.is_empty());
    let rest = groups.len().saturating_sub(GROUPS_SHOWN);
    let rows = groups.iter().take(GROUPS_SHOWN).map(|group| {
        let name = if group.group.is_empty() { "-" } else { &group.group };
        row(name, group.counts, group.exceeded)
    });
    let rows: Vec<Vec<Cell>> = std::iter::once(all).chain(rows).collect();
    let header = ["", "present ", "join ", "leave ", "share ", "change "];
    let mut text = section(&title, "", false, || {
        let mut body = styled(&header, rows);
        if rest > 0 {
            body += &format!("\nand {rest} more groups");
        }
        body
    });
    if held.departed > 0 {
        let days = held.window_days;
        text += &format!("{} left in the {days} days before\n\n", grouped(held.departed));
    }
    text
}

/// What exceeds a limit is red; who leaves from elsewhere is yellow.
fn row(name: &str, counts: Option<DifferenceCounts>, exceeded: bool) -> Vec<Cell> {
    let DifferenceCounts { present, joining, leaving, changing } = counts.unwrap_or_default();
    let number = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let leaves = |cell: Cell| match (exceeded, leaving) {
        (true, _) => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        (false, 0) => cell,
        (false, _) => cell.fg(Color::Yellow),
    };
    let title = Cell::new(name);
    vec![
        if exceeded { title.fg(Color::Red).add_attribute(Attribute::Bold) } else { title },
        number(grouped(present)),
        number(grouped(joining)),
        leaves(number(grouped(leaving))),
        leaves(number(share(leaving, present))),
        number(grouped(changing)),
    ]
}

fn share(part: u64, of: u64) -> String {
    match (part * 100).checked_div(of) {
        Some(percent) if part > 0 => format!("{percent} %"),
        Some(_) | None => "-".to_owned(),
    }
}

fn applied(answer: &ReleaseRunResponse, run: &Run, held: &HeldRun) -> String {
    let summary = run.summary.clone().unwrap_or_default();
    let mut text = format!(
        "released by {}; so far {} joined, {} changed, {} left; run {} is {}",
        answer.names.join(" and "),
        grouped(summary.joined),
        grouped(summary.changed),
        grouped(summary.left),
        run.run_id,
        run.state
    );
    match run.state.as_str() {
        "held" => {
            let short: String = held.hash.chars().take(HASH_SHOWN).collect();
            text += &format!(
                "\nthe rest stays held under {short}…; look at it with\ntenure source show {}",
                run.run_id
            );
        }
        "failed" => text += &format!("\n{}", run.error),
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> HeldRun {
        let group = |name: &str, present, leaving, exceeded| HeldGroup {
            group: name.to_owned(),
            counts: Some(DifferenceCounts { present, joining: 0, leaving, changing: 1 }),
            exceeded,
            sample: vec![HeldPerson {
                display_name: "Ada Lovelace".to_owned(),
                worker_id: "1".to_owned(),
                change: "left".to_owned(),
                ..HeldPerson::default()
            }],
        };
        HeldRun {
            hash: "5d1c".repeat(16),
            exceeded: vec!["1074 people leaving of 1755 in group `Youth Summer`".to_owned()],
            totals: Some(DifferenceCounts {
                present: 16_049,
                leaving: 2_752,
                ..Default::default()
            }),
            group_by: "agency".to_owned(),
            groups: vec![
                group("Police", 3_475, 377, false),
                group("Youth Summer", 1_755, 1_074, true),
            ],
            ..HeldRun::default()
        }
    }

    #[test]
    fn what_exceeds_a_limit_comes_first_and_the_next_command_last() {
        let text = tables("r1", &held(), true);

        let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
        assert!(place("Difference by agency") < place("in all"), "{text}");
        assert!(place("Youth Summer    1,755     0  1,074   61 %") < place("Police"), "{text}");
        assert!(text.contains("left  Ada Lovelace  1          Youth Summer"), "{text}");
        assert!(place("tenure source release r1 --hash 5d1c") > place("Such as"), "{text}");
    }

    #[test]
    fn a_run_that_has_ended_asks_for_nothing() {
        assert!(!tables("r1", &held(), false).contains("tenure source release"));
    }

    #[test]
    fn a_share_of_nobody_is_none() {
        assert_eq!(
            (share(3, 0), share(0, 5), share(1, 3)),
            ("-".to_owned(), "-".to_owned(), "33 %".to_owned())
        );
    }
}
