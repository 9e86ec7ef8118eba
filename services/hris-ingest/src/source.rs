//! Documents of sources that push: checked and kept once, read by every door.

pub(crate) mod table;

use sha2::{Digest as _, Sha256};
use store::Tx;

use crate::config::Config;
use crate::mapping::{self, Source};
use crate::schedule;

/// Why a source has no document that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// None was applied.
    #[error("no document of a source {0:?} was applied: do so with `tenure source apply FILE`")]
    Unknown(String),
    /// It was applied by another version of this service, or with other settings.
    #[error("the document that was applied is no longer valid: apply it again")]
    Invalid(#[source] mapping::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Returns the source of that name, as its document says.
pub(crate) async fn get(tx: &mut Tx, config: &Config, name: &str) -> Result<Source, Error> {
    let document = table::find(tx, name).await?;
    let document = document.ok_or_else(|| Error::Unknown(name.chars().take(64).collect()))?;
    Source::parse_in(&document, config.zone.as_deref()).map_err(Error::Invalid)
}

/// A document that was applied.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) source: Source,
    pub(crate) digest: Vec<u8>,
    /// Whether it is another one than before.
    pub(crate) changed: bool,
}

/// Keeps a document; the caller has checked it.
pub(crate) async fn apply(
    tx: &mut Tx,
    source: Source,
    document: &str,
) -> Result<Applied, store::Error> {
    let digest = Sha256::digest(document).to_vec();
    let changed = table::apply(tx, source.name(), document, &digest).await?;
    if changed {
        match source.schedule() {
            Some(when) => {
                let next = when.next(tx.now());
                schedule::table::plan(tx, source.name(), &when.to_string(), next).await?;
            }
            None => schedule::table::cancel(tx, source.name()).await?,
        }
    }
    Ok(Applied { source, digest, changed })
}
