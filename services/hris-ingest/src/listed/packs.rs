//! What is listed of a source, packed.

pub(crate) mod table;

use std::collections::BTreeSet;
use std::io;

use domain::RunId;
use store::{Error, Store, Tx, to_its_end};
use tokio::runtime::Handle;

use crate::reader::{Details, KnownRows};
use crate::roster;

/// Rows of one pack.
const ROWS: u16 = 8_192;
/// Rows without a pack that may stay so.
const LOOSE_MAX: u16 = 1_024;
/// Of so many packed rows one may be gone before all are packed anew.
const GONE_SHARE: u64 = 4;

/// Returns the rows by which a source listed its workers last. What is packed is not touched while a run of
/// the source is being read.
pub(crate) async fn known(store: &Store, source: &str) -> Result<KnownRows, Error> {
    let (store, source) = (store.clone(), source.to_owned());
    // There is a COPY in it.
    to_its_end("read what is listed", async move { read(&store, &source).await }).await
}

async fn read(store: &Store, source: &str) -> Result<KnownRows, Error> {
    let mut tx = store.begin().await?;
    // Whoever began to pack before there was a run has ended then.
    roster::table::lock_source(&mut tx, source).await?;
    drop(tx);
    let mut tx = store.begin().await?;
    table::at_one_instant(&mut tx).await?;
    let gone = table::gone(&mut tx, source).await?;
    let (packed, until) = table::marks(&mut tx, source, &gone).await?;
    let packed = if packed.is_empty() {
        packed
    } else {
        let (store, source, handle) = (store.clone(), source.to_owned(), Handle::current());
        packed.loading(Box::new(move || {
            let details = details(&store, &source, &gone, until);
            handle.block_on(details).map_err(io::Error::other)
        }))
    };
    table::loose(&mut tx, source, until, packed).await
}

async fn details(
    store: &Store,
    source: &str,
    gone: &BTreeSet<i64>,
    until: i64,
) -> Result<Vec<Details>, Error> {
    let mut tx = store.begin().await?;
    table::details(&mut tx, source, gone, until).await
}

/// Packs some of what is not packed, after a run; says whether there may be more to do. The caller has locked
/// the source.
pub(crate) async fn pack(tx: &mut Tx, source: &str, run: RunId) -> Result<bool, Error> {
    let (packed, gone) = table::count(tx, source).await?;
    let worn = gone > u64::from(LOOSE_MAX) && gone > packed / GONE_SHARE;
    if worn && !table::is_read(tx, source, run).await? {
        table::clear(tx, source).await?;
        return Ok(true);
    }
    Ok(table::pack(tx, source, LOOSE_MAX, ROWS).await? == ROWS)
}
