//! Where the secrets of a mesh are kept: folders of files, or Kubernetes Secrets, which are the same.

mod kubernetes;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub(crate) use kubernetes::Cluster;

/// The files of one secret by name.
pub(crate) type Files = BTreeMap<String, String>;

/// A place for secrets, each a set of named files.
#[derive(Debug)]
pub(crate) enum Vault {
    /// A folder with a folder for each secret, which only its owner reads.
    Folder(PathBuf),
    /// Secrets of one namespace.
    Kubernetes(Cluster),
}

impl Vault {
    /// Returns the files of a secret; none: it is not there.
    pub(crate) async fn read(&self, name: &str) -> anyhow::Result<Files> {
        match self {
            Self::Folder(root) => read(&root.join(name)),
            Self::Kubernetes(cluster) => cluster.read(name).await,
        }
    }

    /// Replaces the files of a secret.
    pub(crate) async fn write(&self, name: &str, files: &Files) -> anyhow::Result<()> {
        match self {
            Self::Folder(root) => write(root, &root.join(name), files),
            Self::Kubernetes(cluster) => cluster.write(name, files).await,
        }
    }
}

fn read(folder: &Path) -> anyhow::Result<Files> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Files::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", folder.display())),
    };
    let mut files = Files::new();
    for entry in entries {
        let path = entry.with_context(|| format!("read {}", folder.display()))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.ends_with(PARTIAL) {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        files.insert(name.to_owned(), text);
    }
    Ok(files)
}

/// How the name of a file ends that is not whole yet.
const PARTIAL: &str = ".partial";

fn write(root: &Path, folder: &Path, files: &Files) -> anyhow::Result<()> {
    for folder in [root, folder] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("make {}", folder.display()))?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        write_private(&path, text)?;
    }
    Ok(())
}

/// Writes a file that only its owner reads; readers see the old one or the new one.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL);
    let write = || {
        let mut open = OpenOptions::new();
        open.create(true).truncate(true).write(true).mode(0o600);
        let mut file = open.open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_secret_is_read_as_it_was_written_and_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::Folder(folder.path().join("secrets"));
        assert!(vault.read("operators").await.unwrap().is_empty());

        let files = Files::from([("token".to_owned(), "abc".to_owned())]);
        vault.write("operators", &files).await.unwrap();

        assert_eq!(vault.read("operators").await.unwrap(), files);
        let path = folder.path().join("secrets/operators/token");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
