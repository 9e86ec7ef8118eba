//! Reading happens on a thread of its own; rows arrive in batches and are staged as they come.
//!
//! Rows that the source has listed before are passed over. When anything else is staged of their workers,
//! they are read once more and staged, too: what is compared is all that a file says of a worker.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};

use domain::Date;
use tokio::sync::mpsc;

use super::{Error, Import, Progress, Stage};
use crate::facts::Contract;
use crate::gate::Read;
use crate::listed;
use crate::mapping::Source;
use crate::reader::{self, KnownRows, Line, Passed, Reader, Rejects};
use crate::roster::{self, StagedRow};

/// Rows staged in one transaction, at most.
const ROWS: usize = 4_096;
/// Bytes of the file staged in one transaction, about.
const BYTES: u64 = 4 << 20;
/// Batches that wait to be staged.
const BATCHES: usize = 2;

/// What was read of a file.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Rows, taken over or not.
    pub(super) count: u64,
    pub(super) rejects: Rejects,
    /// People who are as they were listed last; they are not staged.
    pub(super) unchanged: u64,
    /// What those rows say that were taken over, or taken over before.
    pub(super) read: Read,
}

#[derive(Debug, Default)]
struct Batch {
    /// With their numbers in the file.
    lines: Vec<(u64, Line)>,
    bytes_read: u64,
}

/// Which of a file's rows are read.
enum Pass {
    /// All but those that are known.
    New(KnownRows),
    /// These alone.
    Again(KnownRows),
}

impl Import<'_> {
    /// Stages what a file says of workers of whom it says something new.
    pub(super) async fn stage_rows(&self, mut file: File) -> Result<Rows, Error> {
        let run = (self.id, self.source.name());
        let known = self.known().await?;
        let again = file.try_clone().map_err(Error::Spool)?;
        let mut rows = Rows::default();
        let known = self.pass(file, Pass::New(known), &mut rows).await?;
        if known.is_empty() {
            return Ok(rows);
        }
        let mut tx = self.store.begin().await?;
        listed::table::unlist(&mut tx, run, &known).await?;
        let changed = listed::table::of_changed(&mut tx, run).await?;
        let twice = listed::table::counted_twice(&mut tx, run, self.order.snapshot_date).await?;
        self.renew(&mut tx).await?;
        tx.commit().await?;
        let changed = known.again(&changed);
        rows.unchanged = known.seen_firsts() - changed.firsts() - twice;
        drop(known);
        if !changed.is_empty() {
            file = again;
            file.seek(SeekFrom::Start(0)).map_err(Error::Spool)?;
            // What they say was counted when they were passed over.
            let rejects = std::mem::take(&mut rows.rejects);
            let mut again = Rows { rejects, ..Rows::default() };
            self.pass(file, Pass::Again(changed), &mut again).await?;
            rows.rejects = again.rejects;
        }
        Ok(rows)
    }

    /// Returns the rows to pass over. A partial file is read as it is: it is small as a rule, and says
    /// nothing of the rows it leaves out.
    async fn known(&self) -> Result<KnownRows, Error> {
        match self.order.contract {
            Contract::Partial => Ok(KnownRows::default()),
            Contract::Full => {
                let mut tx = self.store.begin().await?;
                let known = listed::table::known(&mut tx, self.source.name()).await?;
                self.renew(&mut tx).await?;
                tx.commit().await?;
                Ok(known)
            }
        }
    }

    /// Reads a file once; returns which of the known rows it has.
    async fn pass(&self, file: File, pass: Pass, into: &mut Rows) -> Result<KnownRows, Error> {
        let total = file.metadata().map_err(Error::Spool)?.len();
        let (sender, mut batches) = mpsc::channel(BATCHES);
        let (source, snapshot_date) = (self.source.clone(), self.order.snapshot_date);
        let reading =
            tokio::task::spawn_blocking(move || read(&source, snapshot_date, file, pass, &sender));
        while let Some(Batch { lines, bytes_read }) = batches.recv().await {
            let mut rows = Vec::with_capacity(lines.len());
            for (number, line) in lines {
                let position = i64::try_from(number).unwrap_or(i64::MAX);
                rows.extend(staged(line, position, &mut into.rejects));
            }
            rows.iter().filter_map(|row| row.row.as_ref()).for_each(|row| into.read.count(row));
            let mut tx = self.store.begin().await?;
            roster::table::stage(&mut tx, self.id, &rows).await?;
            self.renew(&mut tx).await?;
            tx.commit().await?;
            (self.tell)(Progress { stage: Stage::Read, done: bytes_read, total });
        }
        let (count, known, passed) = reading.await.map_err(Error::Reading)??;
        into.count = count;
        into.read.count_passed(&self.source, &passed);
        Ok(known)
    }
}

fn read(
    source: &Source,
    snapshot_date: Date,
    file: File,
    pass: Pass,
    batches: &mpsc::Sender<Batch>,
) -> Result<(u64, KnownRows, Passed), reader::Error> {
    let reader = Reader::try_new(source, snapshot_date, file)?;
    let mut reader = match pass {
        Pass::New(known) => reader.knowing(known),
        Pass::Again(rows) => reader.again(rows),
    };
    let (mut lines, mut sent) = (Vec::new(), 0);
    while let Some(line) = reader.next() {
        lines.push((reader.rows(), line?));
        let bytes_read = reader.bytes_read();
        if lines.len() >= ROWS || bytes_read - sent >= BYTES {
            sent = bytes_read;
            let lines = std::mem::take(&mut lines);
            if batches.blocking_send(Batch { lines, bytes_read }).is_err() {
                // Nobody waits for the rest.
                break;
            }
        }
    }
    let bytes_read = reader.bytes_read();
    match batches.blocking_send(Batch { lines, bytes_read }) {
        Ok(()) | Err(mpsc::error::SendError(_)) => {}
    }
    let rows = reader.rows();
    let (known, passed) = reader.into_known();
    Ok((rows, known, passed))
}

/// What is staged of a line: of a reject, only whose it is.
fn staged(line: Line, position: i64, rejects: &mut Rejects) -> Option<StagedRow> {
    match line {
        Line::Row(row) => {
            Some(StagedRow { worker_id: row.worker_id.clone(), position, row: Some(row) })
        }
        Line::Reject(reject) => {
            let worker_id = reject.worker_id.clone();
            rejects.push(reject);
            worker_id.map(|worker_id| StagedRow { worker_id, position, row: None })
        }
    }
}
