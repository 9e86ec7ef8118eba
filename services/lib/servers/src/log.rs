//! The file a server writes its log to.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::Error;
use crate::launch::last_lines;

/// One log file, and where the present run began in it.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    begin: u64,
}

impl Log {
    const BYTES_MAX: u64 = 4 << 20;

    /// Opens the log for a run that is about to start; a long one makes room first.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, File), Error> {
        if fs::metadata(&path).is_ok_and(|data| data.len() > Self::BYTES_MAX) {
            fs::rename(&path, path.with_extension("log.1")).map_err(Error::io("rename", &path))?;
        }
        let open = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = open.map_err(Error::io("open", &path))?;
        let begin = file.metadata().map_err(Error::io("look at", &path))?.len();
        Ok((Self { path, begin }, file))
    }

    /// Returns the last lines of this run; what cannot be read is told in their place.
    pub(crate) fn tail(&self) -> String {
        let read = || {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(self.begin.max(end.saturating_sub(16 << 10))))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(last_lines(&String::from_utf8_lossy(&bytes)))
        };
        read().unwrap_or_else(|error| format!("its log cannot be read: {error}"))
    }
}
