//! Reading happens on a thread of its own; rows arrive in batches and are staged as they come.

use std::fs::File;

use domain::Date;
use tokio::sync::mpsc;

use super::{Error, Import, Progress, Stage};
use crate::gate::Read;
use crate::mapping::Source;
use crate::reader::{self, Line, Reader, Rejects};
use crate::roster::{self, StagedRow};

/// Rows staged in one transaction, at most.
const ROWS: usize = 4_096;
/// Bytes of the file staged in one transaction, about.
const BYTES: u64 = 4 << 20;
/// Batches that wait to be staged.
const BATCHES: usize = 2;

#[derive(Debug, Default)]
struct Batch {
    lines: Vec<Line>,
    bytes_read: u64,
}

/// What a file was found to be.
#[derive(Debug)]
pub(super) struct Staged {
    /// Rows, taken over or not.
    pub(super) rows: u64,
    pub(super) rejects: Rejects,
    /// What those say that were taken over.
    pub(super) read: Read,
}

impl Import<'_> {
    /// Stages every row of a file.
    pub(super) async fn stage_rows(&self, file: File) -> Result<Staged, Error> {
        let total = file.metadata().map_err(Error::Spool)?.len();
        let (sender, mut batches) = mpsc::channel(BATCHES);
        let (source, snapshot_date) = (self.source.clone(), self.order.snapshot_date);
        let reading =
            tokio::task::spawn_blocking(move || read_lines(&source, snapshot_date, file, &sender));
        let (mut position, mut rejects, mut read) = (0, Rejects::default(), Read::default());
        while let Some(Batch { lines, bytes_read }) = batches.recv().await {
            let mut rows = Vec::with_capacity(lines.len());
            for line in lines {
                position += 1;
                rows.extend(staged(line, position, &mut rejects));
            }
            rows.iter().filter_map(|row| row.row.as_ref()).for_each(|row| read.count(row));
            let mut tx = self.store.begin().await?;
            roster::table::stage(&mut tx, self.id, &rows).await?;
            self.renew(&mut tx).await?;
            tx.commit().await?;
            (self.tell)(Progress { stage: Stage::Read, done: bytes_read, total });
        }
        reading.await.map_err(Error::Reading)??;
        Ok(Staged { rows: position.unsigned_abs(), rejects, read })
    }
}

fn read_lines(
    source: &Source,
    snapshot_date: Date,
    file: File,
    batches: &mpsc::Sender<Batch>,
) -> Result<(), reader::Error> {
    let mut reader = Reader::try_new(source, snapshot_date, file)?;
    let (mut lines, mut sent) = (Vec::new(), 0);
    while let Some(line) = reader.next() {
        lines.push(line?);
        let bytes_read = reader.bytes_read();
        if lines.len() >= ROWS || bytes_read - sent >= BYTES {
            sent = bytes_read;
            let lines = std::mem::take(&mut lines);
            if batches.blocking_send(Batch { lines, bytes_read }).is_err() {
                // Nobody waits for the rest.
                return Ok(());
            }
        }
    }
    let bytes_read = reader.bytes_read();
    match batches.blocking_send(Batch { lines, bytes_read }) {
        Ok(()) | Err(mpsc::error::SendError(_)) => Ok(()),
    }
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
