//! The folder that keeps a mesh.
//!
//! It holds `lock`, `mesh.json` (what runs where), `secrets/`, `epochs/`, `logs/`, `services/`
//! (addresses), `nats/` and `postgres/`.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use chassis::Secret;
use proto::catalogue::Service;

use super::board::{Board, BoardFile};
use crate::client::Mesh;
use crate::credentials;
use crate::vault::write_private;

/// Where root keeps a mesh when others cannot enter its home.
const SYSTEM: &str = "/var/lib/tenure";

/// The folder of one mesh.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    root: PathBuf,
    elsewhere: Option<Elsewhere>,
}

/// Services that somebody else runs, and how operators reach them.
#[derive(Debug, Clone)]
pub(crate) struct Elsewhere {
    pub(crate) urls: BTreeMap<Service, String>,
    pub(crate) token_file: Option<PathBuf>,
}

/// Held by the one launcher that works on a folder.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl StateDir {
    /// Names the folder: the one given, else the user's own.
    pub(crate) fn find(given: Option<PathBuf>) -> anyhow::Result<Self> {
        let root = match given {
            Some(folder) => folder,
            None => default(
                std::env::var_os("XDG_STATE_HOME").map(PathBuf::from),
                std::env::home_dir(),
            )?,
        };
        let root = std::path::absolute(&root).context("find the state folder")?;
        Ok(Self { root, elsewhere: None })
    }

    /// The same, for services that do not run here.
    pub(crate) fn speaking_to(self, elsewhere: Option<Elsewhere>) -> Self {
        Self { elsewhere, ..self }
    }

    /// Whether the services were said to run elsewhere.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn board(&self) -> BoardFile {
        BoardFile(self.root.join("mesh.json"))
    }

    /// The folder of what the programs sign in with.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    pub(crate) fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    pub(crate) fn address_file(&self, service: Service) -> PathBuf {
        self.root.join("services").join(format!("{service}.json"))
    }

    /// Returns the epoch in which a service tells its state. It stands here and not in the database,
    /// so that no backup brings an earlier one back.
    pub(crate) fn epoch(&self, service: Service) -> anyhow::Result<u64> {
        let path = self.epoch_file(service);
        match fs::read_to_string(&path) {
            Ok(text) => {
                text.trim().parse().with_context(|| format!("read the epoch in {}", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(1),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Raises the epoch of a service above `known` and what it was, and returns it.
    pub(crate) fn raise_epoch(&self, service: Service, known: u64) -> anyhow::Result<u64> {
        let raised = self.epoch(service)?.max(known) + 1;
        make_folder(&self.root.join("epochs"), 0o700)?;
        write_private(&self.epoch_file(service), &raised.to_string())?;
        Ok(raised)
    }

    fn epoch_file(&self, service: Service) -> PathBuf {
        self.root.join("epochs").join(service.as_str())
    }

    /// Makes the folder and takes it for this process; the kernel gives it back at its end.
    pub(crate) async fn lock(&self) -> anyhow::Result<Lock> {
        self.make()?;
        let path = self.lock_file();
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        // Whoever only asks whether a mesh runs holds the lock for a moment.
        const ATTEMPTS: u32 = 5;
        for attempt in 1..=ATTEMPTS {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(TryLockError::WouldBlock) => bail!(
                    "a mesh runs on {} already; stop it with `tenure down`, or name another folder \
                     with --state",
                    self.root.display()
                ),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("lock {}", path.display()));
                }
            }
        }
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).context("lock")?;
        self.forget_board();
        Ok(Lock { _file: file })
    }

    /// Makes the folder and, in it, that of the logs.
    pub(crate) fn make_logs(&self) -> anyhow::Result<()> {
        self.make()?;
        make_folder(&self.logs(), 0o700)
    }

    /// Makes what is in the folder, and puts the logs of the last run aside.
    pub(crate) fn prepare(&self) -> anyhow::Result<()> {
        for folder in ["secrets", "logs", "services"] {
            make_folder(&self.root.join(folder), 0o700)?;
        }
        for name in Service::ALL.iter().map(|service| service.as_str()).chain(["sandbox"]) {
            let log = self.log(name);
            if log.exists() {
                fs::rename(&log, log.with_extension("log.1"))
                    .with_context(|| format!("rename {}", log.display()))?;
            }
        }
        // The servers keep their logs themselves; here is where people look for them.
        for (name, folder) in [("nats", self.nats()), ("postgres", self.postgres())] {
            let link = self.log(name);
            if link.symlink_metadata().is_err() {
                std::os::unix::fs::symlink(folder.join("log"), &link)
                    .with_context(|| format!("make {}", link.display()))?;
            }
        }
        Ok(())
    }

    /// Returns the launcher that works on this folder, if one does.
    pub(crate) fn launcher(&self) -> anyhow::Result<Option<i32>> {
        let path = self.lock_file();
        let Ok(mut file) = File::open(&path) else { return Ok(None) };
        match file.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("look at {}", path.display()));
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("read {}", path.display()))?;
        let pid = text.parse().context("a mesh is just being started; try again")?;
        anyhow::ensure!(
            holds(pid, &path),
            "process {pid} is named in {} and does not hold it",
            path.display()
        );
        Ok(Some(pid))
    }

    /// The services, as operators reach them: here, or where they were said to be.
    pub(crate) fn mesh(&self) -> anyhow::Result<Mesh> {
        match &self.elsewhere {
            Some(Elsewhere { urls, token_file }) => {
                let token = token_file.as_deref().map(Secret::read).transpose()?;
                Mesh::at(urls, token.as_ref())
            }
            None => self.mesh_of(&self.running()?),
        }
    }

    /// The services that run here.
    pub(crate) fn mesh_of(&self, board: &Board) -> anyhow::Result<Mesh> {
        let token = self.secrets().join(credentials::OPERATORS).join(credentials::TOKEN);
        board.mesh(&Secret::read(&token)?)
    }

    /// Returns what runs where.
    pub(crate) fn running(&self) -> anyhow::Result<Board> {
        if self.launcher()?.is_none() {
            bail!(
                "no mesh runs on {}; start one with `tenure up`, or name its folder with --state",
                self.root.display()
            );
        }
        self.board().read().context("the mesh is not ready; try again")
    }

    pub(crate) fn forget_board(&self) {
        // It may not be there, and a stale one misleads nobody while the lock is free.
        fs::remove_file(self.board().0).ok();
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// PostgreSQL, which runs as nobody when root starts it, must be able to pass.
    fn make(&self) -> anyhow::Result<()> {
        make_folder(&self.root, if is_root() { 0o711 } else { 0o700 })
    }
}

fn make_folder(folder: &Path, mode: u32) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(folder)
        // Whatever the umask took away.
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(mode)));
    made.with_context(|| format!("make {}", folder.display()))
}

fn default(state: Option<PathBuf>, home: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let own = state
        .filter(|folder| folder.is_absolute())
        .or_else(|| home.map(|home| home.join(".local/state")))
        .map(|folder| folder.join("tenure"));
    match own {
        Some(own) if !is_root() || open_to_others(&own) => Ok(own),
        Some(_) | None if is_root() => Ok(PathBuf::from(SYSTEM)),
        Some(_) | None => bail!("no home folder is known: name a folder with --state"),
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether everybody may pass through every folder that leads here and is there.
fn open_to_others(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .filter_map(|folder| fs::metadata(folder).ok())
        .all(|data| data.permissions().mode() & 0o001 != 0)
}

/// Whether a process has the file open; taken for granted where the system does not tell.
fn holds(pid: i32, file: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return !Path::new("/proc/self/fd").exists();
    };
    let file = fs::canonicalize(file).unwrap_or_else(|_gone| file.to_owned());
    open.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::find(Some(folder.path().join("state"))).unwrap();
        (folder, state)
    }

    #[tokio::test]
    async fn one_launcher_at_a_time_holds_a_folder() {
        let (_folder, state) = folder();
        assert_eq!(state.launcher().unwrap(), None);

        let lock = state.lock().await.unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(state.launcher().unwrap(), Some(own));
        let refused = state.lock().await.unwrap_err().to_string();
        assert!(refused.starts_with("a mesh runs on "), "{refused}");

        drop(lock);
        assert_eq!(state.launcher().unwrap(), None);
        state.lock().await.unwrap();
    }

    #[test]
    fn the_users_own_folder_is_the_default_where_it_can_be_entered() {
        let found = default(Some(PathBuf::from("/tmp/state")), None).unwrap();
        assert_eq!(found, PathBuf::from("/tmp/state/tenure"));

        let found = default(None, Some(PathBuf::from("/home-of-nobody"))).unwrap();
        assert_eq!(found, PathBuf::from("/home-of-nobody/.local/state/tenure"));
    }
}
