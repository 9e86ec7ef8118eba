//! Reading happens on a thread of its own, while the file arrives; rows come in batches and are staged as
//! they come.
//!
//! Rows that the source has listed before are passed over. When anything else is staged of their workers,
//! they are read once more and staged, too: what is compared is all that a file says of a worker.

use domain::Date;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::spool::Reading;
use super::{Error, Import, Incoming, Progress, Stage};
use crate::facts::Contract;
use crate::gate::Read;
use crate::listed::{self, packs};
use crate::mapping::Source;
use crate::reader::{self, Key, KnownRows, Line, Passed, Reader, Rejects, UnlistedValues};
use crate::roster::{self, StagedRow};
use crate::run::LEASE;

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
    /// Whether nothing is staged and nobody missing.
    pub(super) nothing_new: bool,
    /// What those rows say that were taken over, or taken over before.
    pub(super) read: Read,
    /// The values that value maps do not list.
    pub(super) unlisted: UnlistedValues,
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
    pub(super) async fn stage_rows(&self, file: &Incoming) -> Result<Rows, Error> {
        let run = (self.id, self.source.name());
        let known = self.known().await?;
        let mut rows = Rows::default();
        let (known, staged) = self.pass(file, Pass::New(known), &mut rows).await?;
        rows.nothing_new = staged == 0 && known.all_seen();
        if known.is_empty() {
            return Ok(rows);
        }
        let mut tx = self.store.begin().await?;
        let mut changed = Vec::new();
        if !rows.nothing_new {
            listed::table::unlist(&mut tx, run, &known).await?;
            changed = listed::table::of_changed(&mut tx, run).await?;
        }
        let twice = listed::table::counted_twice(&mut tx, run, self.order.snapshot_date).await?;
        self.renew(&mut tx).await?;
        tx.commit().await?;
        let changed = known.again(&changed);
        rows.unchanged = known.seen_firsts() - changed.firsts() - twice;
        drop(known);
        if !changed.is_empty() {
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
            Contract::Full => Ok(packs::known(self.store, self.source.name()).await?),
        }
    }

    async fn key(&self) -> Result<Key, Error> {
        let mut tx = self.store.begin().await?;
        let key = packs::table::key(&mut tx, self.source.name()).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Reads a file once; returns which of the known rows it has, and how many rows were staged.
    async fn pass(
        &self,
        file: &Incoming,
        pass: Pass,
        into: &mut Rows,
    ) -> Result<(KnownRows, usize), Error> {
        let (sender, mut batches) = mpsc::channel(BATCHES);
        let (source, snapshot_date) = (self.source.clone(), self.order.snapshot_date);
        let (key, reading) = (self.key().await?, file.read());
        let reading = tokio::task::spawn_blocking(move || {
            read(&source, snapshot_date, (reading, key), pass, &sender)
        });
        let mut staged = 0;
        loop {
            let Ok(batch) = timeout(LEASE / 3, batches.recv()).await else {
                // It arrives slowly, or says nothing new for long.
                let mut tx = self.store.begin().await?;
                self.renew(&mut tx).await?;
                tx.commit().await?;
                continue;
            };
            let Some(Batch { lines, bytes_read }) = batch else { break };
            let mut rows = Vec::with_capacity(lines.len());
            for (number, line) in lines {
                let position = i64::try_from(number).unwrap_or(i64::MAX);
                rows.extend(row(line, position, &mut into.rejects));
            }
            rows.iter().filter_map(|row| row.row.as_ref()).for_each(|row| into.read.count(row));
            if !rows.is_empty() {
                staged += rows.len();
                let mut tx = self.store.begin().await?;
                roster::table::stage(&mut tx, self.id, &rows).await?;
                self.renew(&mut tx).await?;
                tx.commit().await?;
            }
            // Until it has arrived, how much of it has is told.
            if let Some(total) = file.length() {
                (self.tell)(Progress { stage: Stage::Read, done: bytes_read, total });
            }
        }
        let (count, known, passed, unlisted) = reading.await.map_err(Error::Reading)??;
        into.unlisted = unlisted;
        into.count = count;
        into.read.count_passed(&self.source, &passed);
        Ok((known, staged))
    }
}

fn read(
    source: &Source,
    snapshot_date: Date,
    (file, key): (Reading, Key),
    pass: Pass,
    batches: &mpsc::Sender<Batch>,
) -> Result<(u64, KnownRows, Passed, UnlistedValues), reader::Error> {
    let reader = Reader::try_new(source, snapshot_date, file)?.marking(key);
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
    let (rows, unlisted) = (reader.rows(), reader.unlisted().clone());
    let (known, passed) = reader.into_known();
    Ok((rows, known, passed, unlisted))
}

/// What is staged of a line: of a reject, only whose it is.
fn row(line: Line, position: i64, rejects: &mut Rejects) -> Option<StagedRow> {
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
