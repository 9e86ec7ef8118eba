//! `cargo xtask gen`: pages and files that are made from the code.

use std::fmt::Write as _;

use anyhow::Context as _;
use proto::catalogue::{CONSUMERS, EVENTS, STREAMS};
use proto::upstream;

use crate::shell;

pub(crate) fn run() -> anyhow::Result<()> {
    let page = shell::root().join("docs/catalogue.md");
    std::fs::write(&page, catalogue()?).with_context(|| format!("write {}", page.display()))?;
    println!("wrote {}", page.display());
    // Programs of their own: this one does without the crates that they describe.
    for (page, package, example) in [
        ("docs/metrics.md", "telemetry", "metrics"),
        ("docs/policy.schema.json", "rules", "schema"),
        ("docs/access.md", "bus", "access"),
        ("helm/tenure/files/mesh.json", "bus", "mesh"),
    ] {
        let page = shell::root().join(page);
        let told = shell::output(shell::cargo().args([
            "run",
            "--quiet",
            "--locked",
            "--package",
            package,
            "--example",
            example,
        ]))?;
        std::fs::write(&page, told).with_context(|| format!("write {}", page.display()))?;
        println!("wrote {}", page.display());
    }
    Ok(())
}

/// The event catalogue as a page.
fn catalogue() -> anyhow::Result<String> {
    let mut text = String::from(
        "# The event catalogue\n\nWritten by `cargo xtask gen` from `proto/src/catalogue.rs`.\n",
    );
    for stream in STREAMS {
        writeln!(
            text,
            "\n## {}\n\nPublished by `{}` alone, kept {} days. Subjects `{}`.\n\n\
             | event | subject | carries | consumers |\n| --- | --- | --- | --- |",
            stream.name,
            stream.publisher,
            stream.max_age_days,
            stream.subjects()
        )?;
        for event in EVENTS.iter().filter(|event| event.stream == stream.name) {
            let consumers: Vec<&str> = CONSUMERS
                .iter()
                .filter(|row| {
                    row.stream == stream.name && row.event.is_none_or(|name| name == event.event)
                })
                .map(|row| row.name)
                .collect();
            writeln!(
                text,
                "| `{}` | `tenure.{}.v1.{}.{}.<lane>.<id>` | {} | {} |",
                event.event,
                stream.token,
                event.noun,
                event.verb,
                if event.state { "state" } else { "a fact" },
                consumers.join(", ")
            )?;
        }
    }
    writeln!(
        text,
        "\n## {}\n\nPublished by systems outside of the mesh, each under the name of its source, kept {} \
         days, read by `{}`. Subjects `{}` and `{}`; what is answered at once goes to `{}` ([how \
         to](sources.md)).",
        upstream::STREAM,
        upstream::MAX_AGE_DAYS,
        upstream::CONSUMER,
        upstream::intake("<source>", domain::Lane::Regular),
        upstream::intake("<source>", domain::Lane::Leaver),
        upstream::request("<source>"),
    )?;
    Ok(text)
}
