//! The independent calculation: a script that reads the same files and the applications themselves.

use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use super::applications::Sites;
use super::city::{Sample, Snapshot};

const LAST_LINE: &str = "differences: ";

/// What the script found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Everything it printed but the last line.
    pub(crate) summary: String,
    pub(crate) differences: u64,
}

/// Runs the script.
pub(crate) async fn run(
    sample: &Sample,
    snapshots: &[Snapshot],
    sites: &Sites,
) -> anyhow::Result<Verified> {
    let mut command = Command::new(&sample.python);
    command.arg(&sample.verify);
    for Snapshot { file, date, .. } in snapshots {
        command.arg("--snapshot").arg(format!("{date}={}", file.display()));
    }
    for folder in &sample.policies {
        command.arg("--policies").arg(folder);
    }
    if let Some(client) = &sample.ldapsearch {
        command.arg("--ldapsearch").arg(client);
    }
    for target in sites.targets() {
        command.arg("--application").arg(target);
    }
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let ran = command.output().await.with_context(|| {
        format!("run {} with {}", sample.verify.display(), sample.python.display())
    })?;
    match read(&String::from_utf8_lossy(&ran.stdout)) {
        Some(verified) if ran.status.success() == (verified.differences == 0) => Ok(verified),
        Some(_) | None => bail!("the comparison could not be made: {}", ran.status),
    }
}

fn read(text: &str) -> Option<Verified> {
    let text = text.trim_end();
    let (summary, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let differences = last.strip_prefix(LAST_LINE)?.parse().ok()?;
    Some(Verified { summary: summary.trim_end().to_owned(), differences })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_tells_the_number_of_differences() {
        let verified = read("16049 people\n\nmissing: 2\ndifferences: 2\n").unwrap();

        assert_eq!(verified.summary, "16049 people\n\nmissing: 2");
        assert_eq!(verified.differences, 2);
        assert_eq!(read("differences: 0\n").unwrap().differences, 0);
        assert_eq!(read("nothing was compared"), None);
    }
}
