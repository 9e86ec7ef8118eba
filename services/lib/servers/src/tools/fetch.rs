//! Has the pinned servers put into the cache by `deploy/tools/fetch.py`, which knows their hashes.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::launch::last_words;
use crate::{Error, child, folder};

/// The script's name for the NATS server's binary.
pub(crate) const NATS_SERVER: &str = "nats-server";
/// The script's name for the folder of `PostgreSQL`.
pub(crate) const POSTGRES: &str = "postgres";

/// The script and what it reads travel in the program, so that an installed one needs no checkout.
const FILES: [(&str, &str); 3] = [
    (SCRIPT, include_str!("../../../../../deploy/tools/fetch.py")),
    ("lock.json", include_str!("../../../../../deploy/tools/lock.json")),
    ("requirements.txt", include_str!("../../../../../deploy/tools/requirements.txt")),
];
const SCRIPT: &str = "fetch.py";

/// Where each tool is.
type Found = HashMap<String, PathBuf>;

/// Fetches what is not in the cache and returns where each tool is.
///
/// `TENURE_FETCH` names another script that keeps the same promise.
pub(crate) async fn fetch(tools: &[&str]) -> Result<Found, Error> {
    if let Some(script) = super::configured("TENURE_FETCH")? {
        return run(&script, tools).await;
    }
    let note = note(tools)?;
    if let Some(found) = noted(&note) {
        return Ok(found);
    }
    let found = unpack_and_run(tools).await?;
    if let Err(error) = write_note(&note, &found) {
        tracing::debug!(%error, "the next search takes as long as this one");
    }
    Ok(found)
}

/// Names the file that remembers what this very script answered: asking it again takes a third of
/// a second, which every test would spend.
fn note(tools: &[&str]) -> Result<PathBuf, Error> {
    let mut hasher = DefaultHasher::new();
    (FILES, tools).hash(&mut hasher);
    Ok(folder::cache()?.join(format!("servers-{:016x}.json", hasher.finish())))
}

fn noted(note: &Path) -> Option<Found> {
    let found: Found = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    let all_there = found.values().all(|path| path.exists());
    all_there.then_some(found)
}

fn write_note(note: &Path, found: &Found) -> io::Result<()> {
    let folder = note.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, found)?;
    file.persist(note)?;
    Ok(())
}

async fn unpack_and_run(tools: &[&str]) -> Result<Found, Error> {
    let inside = env::temp_dir();
    let folder = tempfile::tempdir_in(&inside).map_err(Error::io("make a folder in", &inside))?;
    for (name, text) in FILES {
        let path = folder.path().join(name);
        fs::write(&path, text).map_err(Error::io("write", &path))?;
    }
    run(&folder.path().join(SCRIPT), tools).await
}

async fn run(script: &Path, tools: &[&str]) -> Result<Found, Error> {
    tracing::debug!(?tools, "asking for the servers");
    let mut command = Command::new("python3");
    command.arg(script).args(tools);
    let output =
        child::output(command, Vec::new()).await.map_err(Error::io("run python3", script))?;
    if !output.status.success() {
        return Err(Error::Fetch { output: last_words(&output) });
    }
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        tracing::info!("{line}");
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::Fetch { output: format!("it does not speak as agreed: {error}") })
}
