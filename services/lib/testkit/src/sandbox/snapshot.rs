//! Keeps the application's memory in a file between two starts.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::memory::{Group, Key, Memory, User};

#[derive(Serialize)]
struct Kept<'a> {
    users: &'a BTreeMap<Key, User>,
    groups: &'a BTreeMap<Key, Group>,
}

#[derive(Deserialize)]
struct Found {
    users: BTreeMap<Key, User>,
    groups: BTreeMap<Key, Group>,
}

/// Reads a snapshot; a file that is not there is an empty memory.
pub(super) async fn load(file: &Path) -> io::Result<Memory> {
    match tokio::fs::read(file).await {
        Ok(bytes) => {
            let found: Found = serde_json::from_slice(&bytes)?;
            Ok(Memory::restore(found.users, found.groups))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Memory::default()),
        Err(error) => Err(error),
    }
}

/// The bytes of a snapshot.
pub(super) fn render(memory: &Memory) -> io::Result<Vec<u8>> {
    let kept = Kept { users: memory.users(), groups: memory.groups() };
    Ok(serde_json::to_vec(&kept)?)
}

/// Writes a file whole or not at all.
pub(super) async fn save(file: &Path, bytes: Vec<u8>) -> io::Result<()> {
    let partial = file.with_extension("partial");
    tokio::fs::write(&partial, bytes).await?;
    tokio::fs::rename(&partial, file).await
}
