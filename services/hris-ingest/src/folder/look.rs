//! One look at a folder: what was taken before is put where its run says, and the next file is taken.

use std::sync::Arc;
use std::time::Duration;

use domain::{Date, RunId};
use jiff::SignedDuration;
use store::Store;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use super::decide::{Decision, Found, SETTLE, Seen, decide};
use super::disk::{self, Copied, Disk, Place};
use crate::config::Config;
use crate::import::{self, Incoming, Order};
use crate::mapping::{Folder, Source};
use crate::reader;
use crate::run::{self, State};
use crate::schedule::{Fate, LastFile, Look, Outcome};

/// How long a look waits for the run of the file that it has taken.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a run is looked at that another process may be applying.
const EVERY: Duration = Duration::from_millis(250);
/// When a file is tried again that could not be imported for a reason that is not its own.
const LATER: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("service.folders.root is not set: this service watches no folder")]
    NoRoot,
    #[error(transparent)]
    Disk(#[from] disk::Error),
    #[error("keep a copy of the file: {0}")]
    Spool(#[source] std::io::Error),
    #[error("the database failed; the service's log says how")]
    Store(#[from] store::Error),
    #[error("look at the folder")]
    Lost(#[from] JoinError),
}

/// What a look works on.
struct Looking<'a> {
    store: &'a Store,
    config: &'a Config,
    source: &'a Source,
    folder: &'a Folder,
    document: &'a str,
    disk: Arc<Disk>,
    last_file: Option<LastFile>,
}

/// Looks at a source's folder; `remembered` is what the look before left.
pub(crate) async fn look(
    store: &Store,
    config: &Config,
    source: &Source,
    folder: &Folder,
    (document, remembered): (&str, serde_json::Value),
) -> Look {
    let seen: Seen = serde_json::from_value(remembered).unwrap_or_default();
    let looked = async {
        let (root, path) = (config.folders.root.clone().ok_or(Error::NoRoot)?, folder.path.clone());
        let disk = spawn_blocking(move || Disk::open(&root, &path)).await??;
        let disk = Arc::new(disk);
        let looking = Looking { store, config, source, folder, document, disk, last_file: None };
        looking.look(&seen).await
    };
    looked.await.unwrap_or_else(|error| {
        if let Error::Store(error) = &error {
            tracing::error!("a look at source {} failed: {error}", source.name());
        }
        tracing::warn!("source {} is looked at later: {error}", source.name());
        Look { outcome: Outcome::Failed, reason: error.to_string(), ..Look::default() }
    })
}

impl Looking<'_> {
    async fn look(mut self, seen: &Seen) -> Result<Look, Error> {
        let applying = self.pass_on(Place::Taken).await?;
        let held = self.pass_on(Place::Held).await?;
        if applying {
            return self.looked(Outcome::Taking, String::new(), seen, Some(SignedDuration::ZERO));
        }
        let resting = if held { Outcome::Held } else { Outcome::Idle };
        let found = self.on_disk(Disk::files).await?;
        let now = self.store.clock().now();
        let Decision { take, seen } = decide(self.folder, self.source.zone(), found, seen, now);
        match take {
            None if seen.is_empty() => self.looked(resting, String::new(), &seen, None),
            None => self.looked(Outcome::Waiting, WAITING.to_owned(), &seen, Some(SETTLE)),
            Some((found, None)) => {
                let format = self.folder.files.date().map(ToString::to_string).unwrap_or_default();
                let reason = format!("its name holds no day of the calendar written as {format}");
                self.reject(found, reason).await?;
                self.looked(resting, String::new(), &seen, Some(SignedDuration::ZERO))
            }
            Some((found, Some(day))) => self.take(found, day, &seen).await,
        }
    }

    /// Puts the files of a place whose runs have ended where their fate shows; says whether any is left.
    async fn pass_on(&mut self, from: Place) -> Result<bool, Error> {
        let mut left = false;
        for name in self.on_disk(move |disk| disk.names(from)).await? {
            let Some((id, _name)) = name.split_once('.') else { continue };
            let Ok(id) = id.parse::<RunId>() else { continue };
            let run = run::table::find(self.store.pool(), id).await?;
            let state = run.as_ref().map(|run| run.state);
            match state {
                Some(State::Staging | State::Applying) => left = true,
                Some(State::Held) if from == Place::Held => left = true,
                Some(State::Held) => self.pass(&name, (from, Place::Held), Fate::Held, "").await?,
                Some(State::Finished) => {
                    self.pass(&name, (from, Place::Done), Fate::Done, "").await?;
                }
                Some(State::Failed) => {
                    let error = run.and_then(|run| run.error).unwrap_or_default();
                    self.pass(&name, (from, Place::Rejected), Fate::Rejected, &error).await?;
                }
                None => {
                    let error = "no run of this id is known: drop the file again";
                    self.pass(&name, (from, Place::Rejected), Fate::Rejected, error).await?;
                }
            }
        }
        Ok(left)
    }

    async fn pass(
        &mut self,
        name: &str,
        (from, to): (Place, Place),
        fate: Fate,
        reason: &str,
    ) -> Result<(), Error> {
        let (moved, why) = (name.to_owned(), reason.to_owned());
        self.on_disk(move |disk| {
            if to == Place::Rejected {
                disk.explain(&moved, &why)?;
            }
            disk.pass(&moved, from, to)
        })
        .await?;
        let dropped = name.split_once('.').map_or(name, |(_id, name)| name);
        self.told(dropped, fate, reason);
        Ok(())
    }

    async fn take(mut self, found: Found, day: Date, seen: &Seen) -> Result<Look, Error> {
        let limit = self.config.file_bytes_max;
        if found.print.bytes > limit {
            let reason = import::Error::FileTooLarge { limit }.to_string();
            self.reject(found, reason).await?;
            return self.looked(Outcome::Idle, String::new(), seen, Some(SignedDuration::ZERO));
        }
        let Some(copy) = self.copy(&found).await? else {
            return self.looked(Outcome::Waiting, WAITING.to_owned(), seen, Some(SETTLE));
        };
        let order = Order {
            mapping: self.document.to_owned(),
            file_name: found.name.clone(),
            contract: self.folder.contract,
            snapshot_date: day,
            author: None,
            notify: false,
        };
        match import::stage(self.store, self.config, &order, &copy, &|_progress| {}).await {
            Ok(run) => {
                self.put(found, run.to_string(), Place::Taken).await?;
                self.ended(run).await?;
                self.pass_on(Place::Taken).await?;
                self.looked(Outcome::Taking, String::new(), seen, Some(SignedDuration::ZERO))
            }
            Err(error) if is_the_files_own(&error) => {
                self.reject(found, error.told()).await?;
                self.looked(Outcome::Idle, String::new(), seen, Some(SignedDuration::ZERO))
            }
            Err(error) => {
                // What was found complete still is.
                let mut seen = seen.clone();
                let since = self.store.clock().now() - SETTLE;
                seen.insert(found.name, (found.print, since));
                self.looked(Outcome::Waiting, error.told(), &seen, Some(LATER))
            }
        }
    }

    /// Copies a file to where nobody else writes.
    async fn copy(&self, found: &Found) -> Result<Option<Incoming>, Error> {
        let copy = match &self.config.spool_folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let (copy, found) = (copy.map_err(Error::Spool)?, found.clone());
        match self.on_disk(move |disk| disk.copy(&found, copy)).await? {
            Copied::Whole(copy) => Incoming::whole(copy).map(Some).map_err(Error::Spool),
            Copied::Changed => Ok(None),
        }
    }

    async fn reject(&mut self, found: Found, reason: String) -> Result<(), Error> {
        // No run may have read it.
        let by = self.store.clock().new_id().to_string();
        self.told(&found.name, Fate::Rejected, &reason);
        let name = format!("{by}.{}", found.name);
        self.on_disk(move |disk| disk.explain(&name, &reason)).await?;
        self.put(found, by, Place::Rejected).await
    }

    async fn put(&self, found: Found, by: String, place: Place) -> Result<(), Error> {
        self.on_disk(move |disk| disk.put(&found, &by, place)).await
    }

    /// Waits a while for a run's end, or until it is held.
    async fn ended(&self, id: RunId) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        let mut commits = self.store.commits();
        while Instant::now() < until {
            commits.mark_unchanged();
            let run = run::table::find(self.store.pool(), id).await?;
            match run.map(|run| run.state) {
                Some(State::Staging | State::Applying) => {}
                Some(State::Held | State::Finished | State::Failed) | None => return Ok(()),
            }
            // The outcome does not matter: either way it is time to look.
            drop(timeout_at(until.min(Instant::now() + EVERY), commits.changed()).await);
        }
        Ok(())
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> Result<T, disk::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let disk = Arc::clone(&self.disk);
        Ok(spawn_blocking(move || work(&disk)).await??)
    }

    fn told(&mut self, name: &str, fate: Fate, reason: &str) {
        let source = self.source.name();
        match fate {
            Fate::Rejected => tracing::warn!("a file of source {source} is rejected"),
            Fate::Held | Fate::Done => {
                tracing::info!("a file of source {source} is {}", fate.as_str());
            }
        }
        let (name, reason) = (name.to_owned(), reason.to_owned());
        self.last_file = Some(LastFile { name, fate, reason });
    }

    fn looked(
        self,
        outcome: Outcome,
        reason: String,
        seen: &Seen,
        again: Option<SignedDuration>,
    ) -> Result<Look, Error> {
        // A name is a text and a print has numbers: it can be written.
        let remember = serde_json::to_value(seen).unwrap_or_default();
        Ok(Look { outcome, reason, last_file: self.last_file, remember, again })
    }
}

const WAITING: &str = "a file is not complete";

/// Whether another file would be imported: then this one is rejected, and is not tried again.
fn is_the_files_own(error: &import::Error) -> bool {
    use import::Error;
    match error {
        Error::Mapping(_)
        | Error::FileTooLarge { .. }
        | Error::NoRows
        | Error::NothingTaken { .. }
        | Error::Key { .. }
        | Error::NotWhole(_)
        | Error::Older { .. }
        | Error::Ahead { .. }
        | Error::File(
            reader::Error::Empty
            | reader::Error::NoLines
            | reader::Error::LineTooLong { .. }
            | reader::Error::Encoding { .. }
            | reader::Error::Header { .. }
            | reader::Error::RowTooLong { .. }
            | reader::Error::UnclosedQuote { .. }
            | reader::Error::TooManyRows,
        ) => true,
        Error::Incomplete { .. }
        | Error::Broken
        | Error::Author
        | Error::Running { .. }
        | Error::Lost
        | Error::File(reader::Error::Read(_))
        | Error::Spool(_)
        | Error::Reading(_)
        | Error::Store(_) => false,
    }
}
