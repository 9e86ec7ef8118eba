//! Files and folders: the cache, private files, copies, and who may enter.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use tempfile::TempDir;

use crate::Error;
use crate::launch::{Identity, NOBODY};

/// Returns the folder for what can be made again: `TENURE_CACHE`, else the user's cache.
///
/// Root's home is often closed to others, and so to the account that runs `PostgreSQL`; root then
/// uses `/var/cache/tenure`. The script that fetches the servers follows the same rule.
pub fn cache() -> Result<PathBuf, Error> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let absolute = |path: PathBuf| std::path::absolute(&path).map_err(Error::io("find", &path));
    if let Some(folder) = set("TENURE_CACHE") {
        return absolute(folder);
    }
    let folder = set("XDG_CACHE_HOME")
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .map(|folder| absolute(folder.join("tenure")))
        .ok_or(Error::NoCache)??;
    match check_reachable(&folder.join("any"), Identity::unprivileged()) {
        Err(Error::Unreachable { .. }) => Ok(PathBuf::from("/var/cache/tenure")),
        checked => checked.map(|()| folder),
    }
}

/// Makes a temporary folder that the servers can enter whoever starts them.
///
/// It lies where `TMPDIR` says, else in memory if there is plenty: a server's data are a thousand
/// files, which four tests at a time make there in a sixth of the time.
pub fn scratch() -> Result<TempDir, Error> {
    let inside = match env::var_os("TMPDIR") {
        None if roomy(Path::new(MEMORY)) => PathBuf::from(MEMORY),
        None | Some(_) => env::temp_dir(),
    };
    tempfile::Builder::new()
        .prefix("tenure-")
        .permissions(Permissions::from_mode(mode()))
        .tempdir_in(&inside)
        .map_err(Error::io("make a folder in", &inside))
}

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

fn roomy(folder: &Path) -> bool {
    const BYTES_MIN: u64 = 8 << 30;
    let writable = access(folder, AccessFlags::W_OK).is_ok();
    let room = statvfs(folder).map(|room| room.blocks_available() * room.fragment_size());
    writable && room.is_ok_and(|bytes| bytes >= BYTES_MIN)
}

/// Makes a folder, and what leads to it, that the servers can enter and others cannot list.
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(mode()).create(folder).map_err(Error::io("make", folder))
}

/// Makes a server's own folder and returns its path without links, as `/proc` will show it.
pub(crate) fn own(folder: &Path) -> Result<PathBuf, Error> {
    make(folder)?;
    fs::canonicalize(folder).map_err(Error::io("find", folder))
}

/// Makes a private folder and gives it to its owner.
pub(crate) fn make_private(folder: &Path, identity: Identity) -> Result<(), Error> {
    DirBuilder::new().mode(0o700).create(folder).map_err(Error::io("make", folder))?;
    give(folder, identity)
}

/// Removes a folder and all in it, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(Error::io("remove", folder)),
    }
}

/// Replaces a file by one that only its owner reads, in one step.
pub(crate) fn write_private(path: &Path, text: &str, identity: Identity) -> Result<(), Error> {
    let incoming = path.with_extension("incoming");
    let write = || {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&incoming)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(Error::io("write", path))?;
    give(&incoming, identity)?;
    fs::rename(&incoming, path).map_err(Error::io("write", path))
}

/// Checks that the identity can pass through every folder on the way to the path that exists.
pub(crate) fn check_reachable(path: &Path, identity: Identity) -> Result<(), Error> {
    if identity == Identity::Caller {
        return Ok(());
    }
    for folder in path.ancestors().skip(1) {
        let data = match fs::metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            data => data.map_err(Error::io("look at", folder))?,
        };
        let open = match (data.uid() == NOBODY, data.gid() == NOBODY) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        if data.mode() & open == 0 {
            return Err(Error::Unreachable { folder: folder.to_owned(), uid: NOBODY });
        }
    }
    Ok(())
}

/// Copies a tree of folders and regular files, keeping modes and giving each to its owner.
pub(crate) fn copy_tree(from: &Path, to: &Path, identity: Identity) -> Result<(), Error> {
    make_private(to, identity)?;
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let entry = entry.map_err(Error::io("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(Error::io("look at", &source))?.is_dir() {
            copy_tree(&source, &target, identity)?;
        } else {
            fs::copy(&source, &target).map_err(Error::io("copy", &source))?;
            give(&target, identity)?;
        }
    }
    Ok(())
}

/// Makes a file's text, or the names in a folder, survive a power loss.
pub(crate) fn sync(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("sync", path))
}

/// Waits for the lock that all processes using the cache share; it is held until dropped.
pub(crate) async fn lock(cache: &Path, name: &str) -> Result<File, Error> {
    make(cache)?;
    let path = cache.join(name);
    let open = path.clone();
    let locked = tokio::task::spawn_blocking(move || {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(open)?;
        file.lock()?;
        Ok(file)
    });
    locked.await.map_err(io::Error::other).flatten().map_err(Error::io("lock", &path))
}

fn give(path: &Path, identity: Identity) -> Result<(), Error> {
    match identity.owner() {
        None => Ok(()),
        Some(id) => lchown(path, Some(id), Some(id)).map_err(Error::io("give away", path)),
    }
}

fn mode() -> u32 {
    match Identity::unprivileged() {
        Identity::Caller => 0o700,
        Identity::Nobody => 0o711,
    }
}
