//! SQL for `listed_packs`, `listed_gone` and `listed_keys`.

use std::collections::BTreeSet;

use domain::RunId;
use futures::TryStreamExt as _;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use store::{Error, Tx};
use uuid::Uuid;

use crate::reader::{Details, Key, KnownRows, Marks};

/// Raw, number, filled and a flag.
const MARKS_BYTES: usize = 16 + 8 + 8 + 1;
/// Digest and engagement.
const DETAILS_BYTES: usize = 16 + 16;
/// What PostgreSQL's binary format for COPY begins with, as its documentation of COPY has it.
const COPY_SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags and the length of an empty extension.
const COPY_HEADER_BYTES: usize = COPY_SIGNATURE.len() + 8;
/// A count of fields, and the length of one.
const COPY_FIELDS_BYTES: usize = 2 + 4;
/// One field that holds all of a row.
const COPY_ROW_BYTES: usize = COPY_FIELDS_BYTES + MARKS_BYTES + DETAILS_BYTES;

/// Returns what makes the marks of bytes a source's own.
pub(crate) async fn key(tx: &mut Tx, source: &str) -> Result<Key, Error> {
    let key: Uuid = sqlx::query_scalar(
        "INSERT INTO listed_keys AS k (source) VALUES ($1)
         ON CONFLICT (source) DO UPDATE SET key = k.key RETURNING key",
    )
    .bind(source)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("read the key of a source's rows"))?;
    Ok(Key::new(key))
}

/// Lets a transaction that has read nothing yet see the database as it is at its first statement.
pub(crate) async fn at_one_instant(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("begin to read at one instant"))
}

/// Returns the numbers of the packed rows of a source that are listed no more.
pub(crate) async fn gone(tx: &mut Tx, source: &str) -> Result<BTreeSet<i64>, Error> {
    let gone: Vec<i64> = sqlx::query_scalar("SELECT number FROM listed_gone WHERE source = $1")
        .bind(source)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("read which packed rows are gone"))?;
    Ok(gone.into_iter().collect())
}

/// Returns a source's packed rows without those that are gone, and the number of the last.
pub(crate) async fn marks(
    tx: &mut Tx,
    source: &str,
    gone: &BTreeSet<i64>,
) -> Result<(KnownRows, i64), Error> {
    let during = "read what is packed";
    let (rows, mut until): (i64, i64) = sqlx::query_as(
        "SELECT COALESCE(sum(rows), 0)::bigint, COALESCE(max(until), 0) FROM listed_packs WHERE source = $1",
    )
    .bind(source)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during(during))?;
    let mut known = KnownRows::with_capacity(usize::try_from(rows).unwrap_or_default());
    let mut packs =
        sqlx::query("SELECT marks, until FROM listed_packs WHERE source = $1 ORDER BY until")
            .bind(source)
            .fetch(tx.connection());
    while let Some(pack) = packs.try_next().await.map_err(Error::during(during))? {
        until = pack.try_get("until").map_err(Error::during(during))?;
        for row in bytes(&pack, "marks")?.as_chunks::<MARKS_BYTES>().0 {
            let number = i64_at(row, 16);
            if !gone.contains(&number) {
                known.push_packed(
                    number,
                    uuid_at(row, 0),
                    i64_at(row, 24).cast_unsigned(),
                    row[32] != 0,
                );
            }
        }
    }
    Ok((known, until))
}

/// Returns the details of a source's packed rows up to a number, without those that are gone.
pub(crate) async fn details(
    tx: &mut Tx,
    source: &str,
    gone: &BTreeSet<i64>,
    until: i64,
) -> Result<Vec<Details>, Error> {
    let during = "read the details of what is packed";
    let columns = if gone.is_empty() { "details" } else { "details, marks" };
    let statement = format!(
        "SELECT {columns} FROM listed_packs WHERE source = $1 AND until <= $2 ORDER BY until"
    );
    let mut found = Vec::new();
    let mut packs =
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(source).bind(until).fetch(tx.connection());
    while let Some(pack) = packs.try_next().await.map_err(Error::during(during))? {
        let details = bytes(&pack, "details")?.as_chunks::<DETAILS_BYTES>().0;
        let details = details
            .iter()
            .map(|row| Details { digest: uuid_at(row, 0), engagement: uuid_at(row, 16) });
        if gone.is_empty() {
            found.extend(details);
        } else {
            let marks = bytes(&pack, "marks")?.as_chunks::<MARKS_BYTES>().0;
            let listed =
                details.zip(marks).filter(|(_, marks)| !gone.contains(&i64_at(*marks, 16)));
            found.extend(listed.map(|(details, _)| details));
        }
    }
    Ok(found)
}

fn bytes<'r>(pack: &'r PgRow, column: &'static str) -> Result<&'r [u8], Error> {
    pack.try_get(column).map_err(Error::during("read a pack"))
}

/// Adds a source's rows behind a number, which are not packed.
pub(crate) async fn loose(
    tx: &mut Tx,
    source: &str,
    after: i64,
    known: KnownRows,
) -> Result<KnownRows, Error> {
    let failed = |source| Error::Database { during: "read the rows listed last", source };
    let mut known = known;
    // COPY takes no parameters; a setting of the transaction is one without quotes.
    sqlx::query("SELECT set_config('hris.source', $1, true), set_config('hris.after', $2, true)")
        .bind(source)
        .bind(after.to_string())
        .execute(tx.connection())
        .await
        .map_err(failed)?;
    let statement = "COPY (SELECT uuid_send(COALESCE(raw, '00000000-0000-0000-0000-000000000000'))
                                  || int8send(number) || int8send(filled) || boolsend(ordinal = 0)
                                  || uuid_send(digest) || uuid_send(engagement)
                             FROM listed_rows
                            WHERE source = current_setting('hris.source')
                              AND number > current_setting('hris.after')::bigint
                            ORDER BY number)
                       TO STDOUT (FORMAT binary)";
    let mut copied = tx.connection().copy_out_raw(statement).await.map_err(failed)?;
    let mut pending = Vec::<u8>::new();
    let mut header = true;
    while let Some(bytes) = copied.try_next().await.map_err(failed)? {
        pending.extend_from_slice(&bytes);
        let mut rest = pending.as_slice();
        if header {
            let Some((begin, after)) = rest.split_at_checked(COPY_HEADER_BYTES) else { continue };
            if !begin.starts_with(COPY_SIGNATURE) {
                return Err(failed(sqlx::Error::Protocol("no binary COPY".to_owned())));
            }
            (header, rest) = (false, after);
        }
        while let Some((row, after)) = rest.split_first_chunk::<COPY_ROW_BYTES>() {
            let row = &row[COPY_FIELDS_BYTES..];
            let marks = Marks {
                raw: uuid_at(row, 0),
                filled: i64_at(row, 24).cast_unsigned(),
                digest: uuid_at(row, MARKS_BYTES),
                engagement: uuid_at(row, MARKS_BYTES + 16),
            };
            known.push(i64_at(row, 16), marks, row[32] != 0);
            rest = after;
        }
        let read = pending.len() - rest.len();
        pending.drain(..read);
    }
    Ok(known)
}

fn uuid_at(bytes: &[u8], at: usize) -> Uuid {
    Uuid::from_bytes(array_at(bytes, at))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(array_at(bytes, at))
}

fn array_at<const LENGTH: usize>(bytes: &[u8], at: usize) -> [u8; LENGTH] {
    let mut array = [0; LENGTH];
    array.copy_from_slice(&bytes[at..at + LENGTH]);
    array
}

/// Counts a source's packed rows, and those of them that are gone.
pub(crate) async fn count(tx: &mut Tx, source: &str) -> Result<(u64, u64), Error> {
    let (packed, gone): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT COALESCE(sum(rows), 0)::bigint FROM listed_packs WHERE source = $1),
                (SELECT count(*) FROM listed_gone WHERE source = $1)",
    )
    .bind(source)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count what is packed"))?;
    Ok((packed.unsigned_abs(), gone.unsigned_abs()))
}

/// Whether a file of a source is being read, which may rest on what is packed; as another run than this one.
pub(crate) async fn is_read(tx: &mut Tx, source: &str, run: RunId) -> Result<bool, Error> {
    let now = tx.now();
    // A trial has failed from its beginning, and is somebody's while it lasts.
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM runs
                         WHERE source = $1 AND id <> $2
                           AND (state = 'staging'
                                OR (state = 'failed' AND staged AND leased_until > $3)))",
    )
    .bind(source)
    .bind(run.0)
    .bind(now.to_sqlx())
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("find a run that is being read"))
}

/// Packs the rows of a source that come next, if there are more than so many, at most so many; returns how
/// many.
pub(crate) async fn pack(tx: &mut Tx, source: &str, above: u16, limit: u16) -> Result<u16, Error> {
    let rows: Option<i32> = sqlx::query_scalar(
        "INSERT INTO listed_packs (source, until, rows, marks, details)
         SELECT $1, max(number), count(*)::integer,
                string_agg(uuid_send(COALESCE(raw, '00000000-0000-0000-0000-000000000000'))
                           || int8send(number) || int8send(filled) || boolsend(ordinal = 0), ''
                           ORDER BY number),
                string_agg(uuid_send(digest) || uuid_send(engagement), '' ORDER BY number)
           FROM (SELECT * FROM listed_rows
                  WHERE source = $1
                    AND number > (SELECT COALESCE(max(until), 0) FROM listed_packs WHERE source = $1)
                  ORDER BY number LIMIT $3) l
         HAVING count(*) > $2
         RETURNING rows",
    )
    .bind(source)
    .bind(i64::from(above))
    .bind(i64::from(limit))
    .persistent(false)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("pack what is listed"))?;
    Ok(rows.and_then(|rows| u16::try_from(rows).ok()).unwrap_or_default())
}

/// Removes a source's packs; what they hold is listed as before.
pub(crate) async fn clear(tx: &mut Tx, source: &str) -> Result<(), Error> {
    for statement in
        ["DELETE FROM listed_packs WHERE source = $1", "DELETE FROM listed_gone WHERE source = $1"]
    {
        sqlx::query(statement)
            .bind(source)
            .execute(tx.connection())
            .await
            .map_err(Error::during("remove what is packed"))?;
    }
    Ok(())
}
