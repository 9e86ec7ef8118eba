//! `tenure source try`: what a file would change, read by a document, while nothing is changed.

use std::fmt::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use proto::hris::v1::{
    FileContract, HeldRun, Reject, Trial, TriedChange, TriedPerson, TriedRow, TriedValue,
    UnlistedValue,
};
use serde_json::{Value, json};

use super::held;
use crate::arguments::{Contract, SourceTry};
use crate::client;
use crate::launcher::StateDir;
use crate::output::{Output, grouped, section, table};
use crate::progress::Progress;

/// The exit code of a file that would be held.
const HELD: u8 = 3;
/// Rejected rows and values that are shown; all are in the JSON, up to the service's bound.
const LINES_SHOWN: usize = 20;

const JOINS: Style = AnsiColor::Green.on_default();
const LEAVES: Style = AnsiColor::Red.on_default();
const CHANGES: Style = AnsiColor::Yellow.on_default();
const WRONG: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();

pub(crate) async fn run(
    tried: &SourceTry,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mapping = std::fs::read_to_string(&tried.document)
        .with_context(|| format!("read {}", tried.document.display()))?;
    let file = client::Import {
        mapping: &mapping,
        file: &tried.file,
        contract: match tried.contract {
            Contract::Full => FileContract::Full,
            Contract::Partial => FileContract::Partial,
        },
        snapshot_date: tried.snapshot_date,
        author: None,
        notify: false,
    };
    let mesh = state.mesh()?;
    let mut progress = Progress::new();
    let trial = mesh
        .try_import(file, |step| progress.show(&step.stage, step.done, step.total, ""))
        .await
        .with_context(|| format!("try {}", tried.file.display()))?;
    progress.finish();
    output.print(&told(&trial), |_json| shown(&trial))?;
    Ok(match (trial.refused.is_empty(), trial.exceeded.is_empty()) {
        (false, _) => ExitCode::FAILURE,
        (true, false) => ExitCode::from(HELD),
        (true, true) => ExitCode::SUCCESS,
    })
}

/// A trial for programs.
fn told(trial: &Trial) -> Value {
    let values = |values: &[TriedValue]| -> Vec<Value> {
        let told = |one: &TriedValue| json!({ "name": one.name, "before": one.before, "after": one.after });
        values.iter().map(told).collect()
    };
    let mut told = held::difference(&as_held(trial));
    if let Some(told) = told.as_object_mut() {
        for of_a_hold in ["hash", "held_at", "expires_at", "approvals", "releases"] {
            told.remove(of_a_hold);
        }
    }
    told["rows"] = json!(trial.rows);
    told["rejected"] = json!(trial.rejected);
    told["rejects"] = trial.rejects.iter().map(reject).collect();
    told["refused"] = json!(Some(&trial.refused).filter(|reason| !reason.is_empty()));
    told["unchanged"] = json!(trial.unchanged);
    told["proves_absence"] = json!(trial.proves_absence);
    told["people"] = trial
        .people
        .iter()
        .map(|one| {
            json!({
                "person": Some(&one.person_id).filter(|id| !id.is_empty()),
                "worker_id": one.worker_id,
                "name": one.display_name,
                "change": one.change,
                "values": values(&one.values),
            })
        })
        .collect();
    told["changes"] = trial
        .changes
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "people": one.people,
                "pairs": one.pairs.iter().map(|pair| json!({
                    "before": pair.before, "after": pair.after, "people": pair.people,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    told["unlisted"] = trial
        .unlisted
        .iter()
        .map(|one| {
            json!({
                "field": one.field, "value": one.value, "rows": one.rows, "becomes": one.becomes,
            })
        })
        .collect();
    told["sample"] = trial
        .sample
        .iter()
        .map(|one| {
            json!({ "line": one.line, "worker_id": one.worker_id, "values": values(&one.values) })
        })
        .collect();
    told
}

fn reject(reject: &Reject) -> Value {
    json!({ "line": reject.line, "column": reject.column, "reason": reject.reason })
}

/// The difference as that of a held run, which it would be.
fn as_held(trial: &Trial) -> HeldRun {
    HeldRun {
        exceeded: trial.exceeded.clone(),
        totals: trial.totals,
        departed: trial.departed,
        window_days: trial.window_days,
        group_by: trial.group_by.clone(),
        groups: trial.groups.clone(),
        ..HeldRun::default()
    }
}

fn shown(trial: &Trial) -> String {
    let mut text = String::new();
    rows(&mut text, &trial.sample);
    rejects(&mut text, trial);
    unlisted(&mut text, &trial.unlisted);
    text += &held::by_group(&as_held(trial));
    people(&mut text, &trial.people);
    changes(&mut text, &trial.changes);
    let totals = trial.totals.unwrap_or_default();
    let counts = [
        (JOINS, totals.joining, "join"),
        (CHANGES, totals.changing, "change"),
        (LEAVES, totals.leaving, "leave"),
    ];
    let counts = counts.map(|(style, count, what)| {
        let style = if count > 0 { style } else { Style::new() };
        painted(style, &format!("{} {what}", grouped(count)))
    });
    text += &format!(
        "of {} rows: {}, {} unchanged, {} rejected\n",
        grouped(trial.rows),
        counts.join(", "),
        grouped(trial.unchanged),
        grouped(trial.rejected)
    );
    if !trial.proves_absence {
        text += "nobody would be ended by being missing\n";
    }
    text += &verdict(trial);
    text
}

fn verdict(trial: &Trial) -> String {
    match (trial.refused.as_str(), trial.exceeded.as_slice()) {
        ("", []) => "it would be taken over; nothing was changed".to_owned(),
        ("", exceeded) => {
            let held = painted(WRONG, "it would be held:");
            format!("{held} {}; nothing was changed", exceeded.join("; "))
        }
        (refused, _) => format!("{} {refused}", painted(WRONG, "it would be refused:")),
    }
}

fn rows(text: &mut String, sample: &[TriedRow]) {
    *text += &section("What rows become", "no row was read", sample.is_empty(), || {
        let row = |row: &TriedRow| {
            let value = |one: &TriedValue| format!("{}: {}", one.name, value(one.after.as_ref()));
            let values: Vec<String> = row.values.iter().map(value).collect();
            let line = painted(FAINT, &format!("line {}", row.line));
            format!("{line}  {}\n  {}", row.worker_id, values.join("\n  "))
        };
        sample.iter().map(row).collect::<Vec<_>>().join("\n")
    });
}

fn rejects(text: &mut String, trial: &Trial) {
    if trial.rejected == 0 {
        return;
    }
    *text += &section("Rejected rows", "", false, || {
        let rows = trial.rejects.iter().take(LINES_SHOWN).map(|reject| {
            let column = if reject.column.is_empty() { "-" } else { &reject.column };
            vec![reject.line.to_string(), column.to_owned(), reject.reason.clone()]
        });
        let mut body = table(&["line ", "column", "reason"], rows);
        let shown = u64::try_from(trial.rejects.len().min(LINES_SHOWN)).unwrap_or(u64::MAX);
        if trial.rejected > shown {
            body += &format!("\nand {} more", grouped(trial.rejected - shown));
        }
        body
    });
}

fn unlisted(text: &mut String, values: &[UnlistedValue]) {
    if values.is_empty() {
        return;
    }
    *text += &section("Values that no value map lists", "", false, || {
        let row = |one: &UnlistedValue| {
            vec![one.field.clone(), one.value.clone(), grouped(one.rows), one.becomes.clone()]
        };
        let mut body = table(
            &["field", "value", "rows ", "becomes"],
            values.iter().take(LINES_SHOWN).map(row),
        );
        if values.len() > LINES_SHOWN {
            body += &format!("\nand {} more values", values.len() - LINES_SHOWN);
        }
        body
    });
}

fn people(text: &mut String, people: &[TriedPerson]) {
    *text += &section("Such as", "nobody would be changed", people.is_empty(), || {
        people.iter().map(person).collect::<Vec<_>>().join("\n")
    });
}

/// Somebody of whom there would be news: who comes has what they become, and who stays what becomes another.
fn person(person: &TriedPerson) -> String {
    let (style, sign) = match person.change.as_str() {
        "left" => (LEAVES, '-'),
        "changed" => (CHANGES, '~'),
        _ => (JOINS, '+'),
    };
    let mut text = painted(style, &format!("{sign} {:<8} {}", person.change, person.worker_id));
    if !person.display_name.is_empty() {
        write!(text, "  {}", person.display_name).expect("a string takes every text");
    }
    for one in &person.values {
        let after = match (one.before.as_ref(), one.after.as_ref()) {
            (None, Some(after)) => painted(JOINS, after),
            (before, after) => {
                format!("{} → {}", painted(LEAVES, value(before)), painted(JOINS, value(after)))
            }
        };
        write!(text, "\n    {}: {after}", one.name).expect("a string takes every text");
    }
    text
}

fn changes(text: &mut String, changes: &[TriedChange]) {
    if changes.is_empty() {
        return;
    }
    *text += &section("What changes for those who stay", "", false, || {
        let rows = changes.iter().flat_map(|change| {
            let pairs = change.pairs.iter().map(|pair| {
                vec![
                    change.name.clone(),
                    value(pair.before.as_ref()).to_owned(),
                    value(pair.after.as_ref()).to_owned(),
                    grouped(pair.people),
                ]
            });
            let told: u64 = change.pairs.iter().map(|pair| pair.people).sum();
            let rest = change.people.saturating_sub(told);
            let rest = (rest > 0).then(|| {
                vec![change.name.clone(), "others".to_owned(), String::new(), grouped(rest)]
            });
            pairs.chain(rest).collect::<Vec<_>>()
        });
        table(&["what", "before", "after", "people "], rows)
    });
}

fn value(value: Option<&String>) -> &str {
    value.map_or("-", String::as_str)
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use proto::hris::v1::{DifferenceCounts, TriedPair};

    use super::*;

    fn trial() -> Trial {
        let said = |name: &str, before: Option<&str>, after: Option<&str>| TriedValue {
            name: name.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let person = |change: &str, worker_id: &str, values| TriedPerson {
            worker_id: worker_id.to_owned(),
            change: change.to_owned(),
            values,
            ..TriedPerson::default()
        };
        Trial {
            rows: 1_204,
            totals: Some(DifferenceCounts { present: 1_200, joining: 1, leaving: 1, changing: 1 }),
            unchanged: 1_200,
            proves_absence: true,
            people: vec![
                person("joined", "7", vec![said("title", None, Some("Clerk"))]),
                person("changed", "8", vec![said("title", Some("Clerk"), Some("Chief"))]),
                person("left", "9", vec![said("last_working_day", None, Some("2026-03-01"))]),
            ],
            changes: vec![TriedChange {
                name: "title".to_owned(),
                people: 3,
                pairs: vec![TriedPair {
                    before: Some("Clerk".to_owned()),
                    after: Some("Chief".to_owned()),
                    people: 1,
                }],
            }],
            ..Trial::default()
        }
    }

    #[test]
    fn who_joins_changes_and_leaves_is_told_by_a_sign_and_a_colour() {
        let text = shown(&trial());

        assert!(text.contains("\u{1b}[32m+ joined   7\u{1b}[0m"), "{text:?}");
        assert!(text.contains("\u{1b}[33m~ changed  8\u{1b}[0m"), "{text:?}");
        assert!(text.contains("\u{1b}[31m- left     9\u{1b}[0m"), "{text:?}");
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(plain.contains("title: Clerk → Chief"), "{plain}");
        assert!(plain.contains("others"), "{plain}");
        assert!(plain.ends_with("it would be taken over; nothing was changed"), "{plain}");
    }

    #[test]
    fn what_would_be_refused_or_held_is_told_last() {
        let held = Trial { exceeded: vec!["5 of 9 leave".to_owned()], ..trial() };
        let refused = Trial { refused: "it was cut off".to_owned(), ..held.clone() };
        let last = |trial: &Trial| {
            let text = anstream::adapter::strip_str(&shown(trial)).to_string();
            text.lines().last().unwrap_or_default().to_owned()
        };

        assert_eq!(last(&held), "it would be held: 5 of 9 leave; nothing was changed");
        assert_eq!(last(&refused), "it would be refused: it was cut off");
    }
}
