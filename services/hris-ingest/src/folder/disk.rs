//! A source's folder on the disk. Every name is looked up in a folder that is open, and no link is followed.

use std::ffi::CStr;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use domain::Timestamp;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::decide::{Found, MARK, Print};

/// Files of one folder at most.
const FILES_MAX: usize = 1_000;
const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
/// A pipe must not keep who opens it waiting.
const FILE: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
const NEW: OFlag = OFlag::O_WRONLY
    .union(OFlag::O_CREAT)
    .union(OFlag::O_TRUNC)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);
/// Files hold personal data: nobody else reads them.
const OWNER: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// What could not be done, without saying on which machine.
#[derive(Debug, thiserror::Error)]
#[error("{during}: {source}")]
pub(super) struct Error {
    during: String,
    source: io::Error,
}

/// Where files stand whose fate shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Their run is under way.
    Taken,
    /// Their run is held.
    Held,
    /// They were applied.
    Done,
    /// They were not, for a reason that stands beside them.
    Rejected,
}

/// What came of copying a file.
#[derive(Debug)]
pub(super) enum Copied {
    Whole(File),
    /// Somebody still writes to it.
    Changed,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Disk {
    folder: OwnedFd,
}

impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Held => "held",
            Self::Done => "done",
            Self::Rejected => "rejected",
        }
    }
}

fn during(what: impl Into<String>) -> impl FnOnce(Errno) -> Error {
    let during = what.into();
    move |errno| Error { during, source: errno.into() }
}

fn while_doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let during = what.into();
    move |source| Error { during, source }
}

impl Disk {
    /// Opens a folder below the root, step by step.
    pub(super) fn open(root: &Path, path: &[String]) -> Result<Self, Error> {
        let root = File::open(root).map_err(while_doing("open the root of watched folders"))?;
        let mut folder = OwnedFd::from(root);
        for name in path {
            let next = openat(&folder, name.as_str(), FOLDER, Mode::empty());
            folder = next.map_err(during(format!("open the folder {}", path.join("/"))))?;
        }
        Ok(Self { folder })
    }

    /// Returns the files that stand in it: no folders, no links.
    pub(super) fn files(&self) -> Result<Vec<Found>, Error> {
        let names = names(&self.folder)?;
        let mut found = Vec::new();
        for name in names.iter().filter(|name| !name.ends_with(MARK)) {
            let Some((_file, print)) = self.file(name)? else { continue };
            let marked = names.contains(&format!("{name}{MARK}"));
            found.push(Found { name: name.clone(), print, marked });
        }
        Ok(found)
    }

    /// Returns the names of what stands in a place.
    pub(super) fn names(&self, place: Place) -> Result<Vec<String>, Error> {
        names(self.place(place)?)
    }

    /// Copies a file as it was found; a copy of less or of another one is none.
    pub(super) fn copy(&self, found: &Found, mut into: File) -> Result<Copied, Error> {
        let copying = || while_doing(format!("copy {}", found.name));
        let Some((file, before)) = self.file(&found.name)? else { return Ok(Copied::Changed) };
        let read = file.take(found.print.bytes.saturating_add(1));
        let copied = io::copy(&mut { read }, &mut into).map_err(copying())?;
        into.flush().map_err(copying())?;
        into.seek(SeekFrom::Start(0)).map_err(copying())?;
        let same = before == found.print && copied == found.print.bytes && self.is_still(found)?;
        Ok(if same { Copied::Whole(into) } else { Copied::Changed })
    }

    /// Puts a file that was dropped into a place, under the name of what read it, unless it is another
    /// one by now.
    pub(super) fn put(&self, found: &Found, by: &str, place: Place) -> Result<(), Error> {
        if !self.is_still(found)? {
            return Ok(());
        }
        let mark = format!("{}{MARK}", found.name);
        self.rename(&self.folder, &found.name, (place, &format!("{by}.{}", found.name)))?;
        match unlinkat(&self.folder, mark.as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(during(format!("remove {mark}"))(errno)),
        }
    }

    /// Moves a file from one place to another.
    pub(super) fn pass(&self, name: &str, from: Place, to: Place) -> Result<(), Error> {
        self.rename(self.place(from)?, name, (to, name))
    }

    /// Writes down why a file was rejected.
    pub(super) fn explain(&self, name: &str, reason: &str) -> Result<(), Error> {
        let file = format!("{name}.reason.txt");
        let writing = format!("write {file}");
        let rejected = self.place(Place::Rejected)?;
        let open = openat(&rejected, file.as_str(), NEW, OWNER);
        let mut open = File::from(open.map_err(during(writing.clone()))?);
        writeln!(open, "{reason}").map_err(while_doing(writing))
    }

    fn rename(&self, from: impl AsFd, name: &str, (to, new): (Place, &str)) -> Result<(), Error> {
        match renameat(from, name, self.place(to)?, new) {
            // Somebody else has moved it: what became of it shows elsewhere.
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(during(format!("put {name} into {}", to.as_str()))(errno)),
        }
    }

    /// Opens a place, which is made when it is not there.
    fn place(&self, place: Place) -> Result<OwnedFd, Error> {
        let name = place.as_str();
        match mkdirat(&self.folder, name, OWNER | Mode::S_IXUSR) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(during(format!("make the folder {name}"))(errno)),
        }
        openat(&self.folder, name, FOLDER, Mode::empty())
            .map_err(during(format!("open the folder {name}")))
    }

    fn is_still(&self, found: &Found) -> Result<bool, Error> {
        Ok(self.file(&found.name)?.is_some_and(|(_file, print)| print == found.print))
    }

    /// Opens what has this name, if it is a file.
    fn file(&self, name: &str) -> Result<Option<(File, Print)>, Error> {
        match openat(&self.folder, name, FILE, Mode::empty()) {
            Ok(file) => {
                let file = File::from(file);
                let metadata = file.metadata().map_err(while_doing(format!("look at {name}")))?;
                Ok(metadata.is_file().then(|| (file, print(&metadata))))
            }
            // It is gone, a link, or a socket.
            Err(Errno::ENOENT | Errno::ELOOP | Errno::EMLINK | Errno::ENXIO) => Ok(None),
            Err(errno) => Err(during(format!("open {name}"))(errno)),
        }
    }
}

fn print(metadata: &Metadata) -> Print {
    let nanos = i32::try_from(metadata.mtime_nsec()).unwrap_or_default();
    let changed_at = Timestamp::new(metadata.mtime(), nanos).unwrap_or_default();
    Print { inode: metadata.ino(), bytes: metadata.len(), changed_at }
}

/// The names in a folder, in order; those that are no UTF-8 are nobody's.
fn names(folder: impl AsFd) -> Result<Vec<String>, Error> {
    let reading = || during("read the folder");
    let mut open = Dir::openat(folder, c".", FOLDER, Mode::empty()).map_err(reading())?;
    let mut names = Vec::new();
    for entry in open.iter() {
        let entry = entry.map_err(reading())?;
        let Ok(name) = CStr::to_str(entry.file_name()) else { continue };
        if name != "." && name != ".." {
            names.push(name.to_owned());
        }
        if names.len() > FILES_MAX {
            return Err(Error {
                during: "read the folder".to_owned(),
                source: io::Error::other(format!(
                    "it holds more than {FILES_MAX} entries: put what is done elsewhere"
                )),
            });
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn disk(root: &Path) -> Disk {
        fs::create_dir_all(root.join("drop")).unwrap();
        Disk::open(root, &["drop".to_owned()]).unwrap()
    }

    fn copied(disk: &Disk, found: &Found) -> Option<String> {
        match disk.copy(found, tempfile::tempfile().unwrap()).unwrap() {
            Copied::Whole(mut file) => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                Some(text)
            }
            Copied::Changed => None,
        }
    }

    #[test]
    fn no_link_leads_anywhere() {
        let root = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("secret.csv"), "secret").unwrap();
        let disk = disk(root.path());
        let drop = root.path().join("drop");
        let link = std::os::unix::fs::symlink::<std::path::PathBuf, _>;
        link(elsewhere.path().join("secret.csv"), drop.join("people.csv")).unwrap();
        link(elsewhere.path().to_owned(), root.path().join("linked")).unwrap();
        link(elsewhere.path().to_owned(), drop.join("done")).unwrap();
        fs::create_dir(drop.join("folder.csv")).unwrap();
        nix::unistd::mkfifo(&drop.join("pipe.csv"), OWNER).unwrap();

        assert_eq!(disk.files().unwrap(), []);
        assert!(Disk::open(root.path(), &["linked".to_owned()]).is_err());
        fs::write(drop.join("own.csv"), "own").unwrap();
        let own = disk.files().unwrap().remove(0);
        assert!(disk.put(&own, "run", Place::Done).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_copied_is_what_was_found_or_nothing() {
        let root = tempfile::tempdir().unwrap();
        let disk = disk(root.path());
        let path = root.path().join("drop/people.csv");
        fs::write(&path, "whole").unwrap();
        let found = disk.files().unwrap().remove(0);

        assert_eq!(copied(&disk, &found).as_deref(), Some("whole"));
        fs::write(&path, "whole and more").unwrap();
        assert_eq!(copied(&disk, &found), None);
        disk.put(&found, "run", Place::Done).unwrap();
        assert!(path.exists(), "another file is left where it is");
        fs::remove_file(&path).unwrap();
        assert_eq!(copied(&disk, &found), None);
    }

    #[test]
    fn a_file_is_put_under_the_name_of_its_run_with_the_reason_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let disk = disk(root.path());
        let drop = root.path().join("drop");
        fs::write(drop.join("people.csv"), "whole").unwrap();
        fs::write(drop.join("people.csv.done"), "").unwrap();
        let found = disk.files().unwrap().remove(0);
        assert!(found.marked);

        disk.put(&found, "run", Place::Taken).unwrap();
        assert_eq!(disk.names(Place::Taken).unwrap(), ["run.people.csv"]);
        disk.pass("run.people.csv", Place::Taken, Place::Rejected).unwrap();
        disk.pass("run.people.csv", Place::Taken, Place::Rejected).unwrap();
        disk.explain("run.people.csv", "the file is empty").unwrap();

        let names = disk.names(Place::Rejected).unwrap();
        assert_eq!(names, ["run.people.csv", "run.people.csv.reason.txt"]);
        let reason = fs::read_to_string(drop.join("rejected/run.people.csv.reason.txt")).unwrap();
        assert_eq!(reason, "the file is empty\n");
        assert_eq!(disk.files().unwrap(), []);
        assert!(!drop.join("people.csv.done").exists());
    }
}
