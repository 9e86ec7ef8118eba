//! `tenure preview`.

use std::process::ExitCode;

use proto::policy::v1::{
    GroupImpact, ImpactCounts, PersonImpact, PreviewReleaseRequest, ReleasePreview,
};
use serde_json::{Value, json};

use crate::arguments::Preview;
use crate::client::read_documents;
use crate::launcher::StateDir;
use crate::output::{Output, grouped, section, table};
use crate::progress::Progress;

pub(crate) async fn run(
    preview: &Preview,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &preview.paths {
        files.extend(read_documents(path)?);
    }
    let request = PreviewReleaseRequest {
        files,
        release: preview.release.unwrap_or_default(),
        author: Some(preview.author.told()),
        people_max: preview.people,
    };
    let mesh = state.mesh()?;
    let mut progress = Progress::new();
    let found =
        mesh.preview(request, |done, total| progress.show("previewing", done, total, "")).await?;
    progress.finish();
    output.print(&told(&found), |_json| tables(&found))?;
    Ok(ExitCode::SUCCESS)
}

fn told(found: &ReleasePreview) -> Value {
    json!({
        "hash": found.hash,
        "base_release": found.base_release,
        "content_hash": found.content_hash,
        "documents": found.documents.iter().map(|document| json!({
            "kind": document.kind, "name": document.name, "how": document.how,
        })).collect::<Vec<_>>(),
        "people": found.people,
        "people_affected": found.people_affected,
        "totals": counts(&found.totals.unwrap_or_default()),
        "groups": found.groups.iter().map(|group| json!({
            "grouping": group.grouping,
            "group": group.group,
            "counts": counts(&group.counts.unwrap_or_default()),
        })).collect::<Vec<_>>(),
        "sample": found.sample.iter().map(person).collect::<Vec<_>>(),
        "held": found.held,
        "proved": found.proved.iter().map(|proof| json!({
            "kind": proof.kind,
            "subject": proof.subject,
            "statement": proof.statement,
            "holds": proof.holds,
        })).collect::<Vec<_>>(),
    })
}

fn counts(counts: &ImpactCounts) -> Value {
    json!({
        "gained": counts.gained,
        "lost": counts.lost,
        "accounts_created": counts.accounts_created,
        "accounts_opened": counts.accounts_opened,
        "accounts_closed": counts.accounts_closed,
        "accounts_changed": counts.accounts_changed,
        "people": counts.people,
    })
}

fn person(person: &PersonImpact) -> Value {
    json!({
        "person_id": person.person_id,
        "department": person.department,
        "gained": person.gained,
        "lost": person.lost,
        "accounts": person.accounts.iter().map(|account| json!({
            "application": account.application, "how": account.how,
        })).collect::<Vec<_>>(),
    })
}

/// The groupings that are shown, in order.
const SHOWN: [(&str, &str); 4] = [
    ("policy", "By policy"),
    ("application", "By application"),
    ("department", "By department"),
    ("privilege", "By privilege"),
];

fn tables(found: &ReleasePreview) -> String {
    let totals = found.totals.unwrap_or_default();
    let mut text = section("Documents", "no difference", found.documents.is_empty(), || {
        let rows = found.documents.iter().map(|document| {
            vec![document.how.clone(), document.kind.clone(), document.name.clone()]
        });
        table(&["how", "kind", "name"], rows)
    });
    text.push_str(&section("Proved", "nothing was asked", found.proved.is_empty(), || {
        let rows = found.proved.iter().map(|proof| {
            let holds = if proof.holds { "holds" } else { "does not hold" };
            vec![holds.to_owned(), proof.subject.clone(), proof.statement.clone()]
        });
        table(&["proof", "of", "statement"], rows)
    }));
    text.push_str(&format!(
        "Measured: {} of {} people may be concerned, something changes for {}\n  grants: {} \
         gained, {} lost\n  accounts: {} created, {} opened, {} closed, {} changed\n\n",
        grouped(found.people_affected),
        grouped(found.people),
        grouped(totals.people),
        grouped(totals.gained),
        grouped(totals.lost),
        grouped(totals.accounts_created),
        grouped(totals.accounts_opened),
        grouped(totals.accounts_closed),
        grouped(totals.accounts_changed),
    ));
    for (grouping, title) in SHOWN {
        let groups: Vec<&GroupImpact> =
            found.groups.iter().filter(|group| group.grouping == grouping).collect();
        if !groups.is_empty() {
            text.push_str(&section(title, "", false, || of_groups(&groups)));
        }
    }
    if !found.sample.is_empty() {
        text.push_str(&section("People", "", false, || people(found, totals.people)));
    }
    text.push_str(&section("Held", "no, it is within the limits", found.held.is_empty(), || {
        found.held.join("\n")
    }));
    match found.held.is_empty() {
        true => text.push_str(&format!("tenure apply --preview {}", found.hash)),
        false => text.push_str(&format!(
            "somebody else: tenure approve {hash} --as NAME\nthen: tenure apply --preview {hash}",
            hash = found.hash
        )),
    }
    text
}

fn of_groups(groups: &[&GroupImpact]) -> String {
    let rows = groups.iter().map(|group| {
        let counts = group.counts.unwrap_or_default();
        let numbers = [
            counts.people,
            counts.gained,
            counts.lost,
            counts.accounts_created,
            counts.accounts_opened,
            counts.accounts_closed,
            counts.accounts_changed,
        ];
        let name = if group.group.is_empty() { "-".to_owned() } else { group.group.clone() };
        [name].into_iter().chain(numbers.map(grouped)).collect()
    });
    table(&["", "people ", "gained ", "lost ", "created ", "opened ", "closed ", "changed "], rows)
}

fn people(found: &ReleasePreview, all: u64) -> String {
    let rows = found.sample.iter().map(|person| {
        let changes: Vec<String> = person
            .gained
            .iter()
            .map(|name| format!("+{name}"))
            .chain(person.lost.iter().map(|name| format!("-{name}")))
            .chain(person.accounts.iter().map(|one| format!("{} {}", one.application, one.how)))
            .collect();
        vec![person.person_id.clone(), person.department.clone(), changes.join(", ")]
    });
    let shown = u64::try_from(found.sample.len()).unwrap_or(u64::MAX);
    let mut text = table(&["person", "department", "change"], rows);
    if all > shown {
        text.push_str(&format!("\nand {} more", grouped(all - shown)));
    }
    text
}
