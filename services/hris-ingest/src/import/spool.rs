//! A file that is read while it arrives.
//!
//! What arrives is written into a file without a name, and read from there as far as it was written: a
//! reader that is slower than the sender stops nobody, and takes no memory.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Parts that wait to be written.
const PARTS: usize = 16;

/// Takes what arrives. Dropped before it is finished, the file has not arrived.
#[derive(Debug)]
pub(crate) struct Spool {
    parts: mpsc::Sender<Part>,
    writing: JoinHandle<io::Result<()>>,
    incoming: Incoming,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    End,
}

/// A file that arrives, or has arrived.
#[derive(Debug, Clone)]
pub struct Incoming {
    shared: Arc<Shared>,
}

/// Reads a file from its beginning on, and waits for what has not arrived yet.
#[derive(Debug)]
pub(super) struct Reading {
    shared: Arc<Shared>,
    at: u64,
}

#[derive(Debug)]
struct Shared {
    file: File,
    arrived: Mutex<Arrived>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy)]
struct Arrived {
    bytes: u64,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Broken,
}

impl Spool {
    /// Opens a file in a folder, or where the system has what is temporary. It has no name, so it goes when
    /// it is closed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn create(folder: Option<&Path>) -> io::Result<Self> {
        let file = folder.map_or_else(tempfile::tempfile, tempfile::tempfile_in)?;
        let incoming = Incoming::new(file, Arrived { bytes: 0, end: None });
        let (parts, arriving) = mpsc::channel(PARTS);
        let shared = Arc::clone(&incoming.shared);
        let writing = tokio::task::spawn_blocking(move || {
            let written = write(&shared, arriving);
            shared.arrive(
                0,
                Some(if matches!(written, Ok(true)) { End::Whole } else { End::Broken }),
            );
            written.map(|_whole| ())
        });
        Ok(Self { parts, writing, incoming })
    }

    /// The file, to be read meanwhile.
    pub(crate) fn incoming(&self) -> Incoming {
        self.incoming.clone()
    }

    /// Adds what comes next; says whether it will be written.
    pub(crate) async fn add(&self, part: Bytes) -> bool {
        self.parts.send(Part::Bytes(part)).await.is_ok()
    }

    /// Ends the file, and waits until all of it is written; `whole`, or as one that has not arrived.
    ///
    /// # Errors
    /// When it could not be written.
    pub(crate) async fn finish(self, whole: bool) -> io::Result<()> {
        if whole {
            // Who does not take it any more has failed, and says why.
            drop(self.parts.send(Part::End).await);
        }
        drop(self.parts);
        self.writing.await.map_err(io::Error::other)?
    }
}

/// Writes what arrives; says whether all of it has.
fn write(shared: &Shared, mut parts: mpsc::Receiver<Part>) -> io::Result<bool> {
    while let Some(part) = parts.blocking_recv() {
        match part {
            Part::Bytes(bytes) => {
                (&shared.file).write_all(&bytes)?;
                shared.arrive(u64::try_from(bytes.len()).unwrap_or_default(), None);
            }
            Part::End => return Ok(true),
        }
    }
    Ok(false)
}

impl Incoming {
    fn new(file: File, arrived: Arrived) -> Self {
        let (arrived, changed) = (Mutex::new(arrived), Condvar::new());
        Self { shared: Arc::new(Shared { file, arrived, changed }) }
    }

    /// A file that is there already.
    ///
    /// # Errors
    /// When its length cannot be had.
    pub fn whole(file: File) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        Ok(Self::new(file, Arrived { bytes, end: Some(End::Whole) }))
    }

    pub(super) fn read(&self) -> Reading {
        Reading { shared: Arc::clone(&self.shared), at: 0 }
    }

    /// How long it is, once it has arrived.
    pub(super) fn length(&self) -> Option<u64> {
        let Arrived { bytes, end } = *self.shared.lock();
        (end == Some(End::Whole)).then_some(bytes)
    }

    /// Whether the rest of it will not arrive.
    pub(super) fn is_broken(&self) -> bool {
        self.shared.lock().end == Some(End::Broken)
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut arrived = self.shared.lock();
        let bytes = loop {
            match *arrived {
                Arrived { end: Some(End::Broken), .. } => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it did not arrive"));
                }
                Arrived { bytes, .. } if bytes > self.at => break bytes,
                Arrived { end: Some(End::Whole), .. } => return Ok(0),
                Arrived { end: None, .. } => {
                    let woken = self.shared.changed.wait(arrived);
                    arrived = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(arrived);
        let most = usize::try_from(bytes - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.shared.file.read_at(&mut buffer[..most], self.at)?;
        self.at += u64::try_from(read).unwrap_or_default();
        Ok(read)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(&self, bytes: u64, end: Option<End>) {
        let mut arrived = self.lock();
        arrived.bytes += bytes;
        arrived.end = end;
        drop(arrived);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(incoming: &Incoming) -> JoinHandle<io::Result<Vec<u8>>> {
        let mut reading = incoming.read();
        tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            reading.read_to_end(&mut bytes).map(|_count| bytes)
        })
    }

    #[tokio::test]
    async fn a_file_is_read_while_it_arrives_and_from_its_beginning_again() {
        let spool = Spool::create(None).unwrap();
        let incoming = spool.incoming();
        let early = read(&incoming);
        for part in ["one ", "two ", "three"] {
            assert!(spool.add(Bytes::from_static(part.as_bytes())).await);
        }
        assert_eq!(incoming.length(), None);
        spool.finish(true).await.unwrap();

        assert_eq!(early.await.unwrap().unwrap(), b"one two three");
        assert_eq!(read(&incoming).await.unwrap().unwrap(), b"one two three");
        assert_eq!(incoming.length(), Some(13));
    }

    #[tokio::test]
    async fn whoever_reads_a_file_that_does_not_arrive_is_told() {
        for is_dropped in [true, false] {
            let spool = Spool::create(None).unwrap();
            let incoming = spool.incoming();
            let reading = read(&incoming);
            assert!(spool.add(Bytes::from_static(b"one ")).await);
            if is_dropped {
                drop(spool);
            } else {
                spool.finish(false).await.unwrap();
            }

            let error = reading.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(incoming.is_broken());
        }
    }
}
