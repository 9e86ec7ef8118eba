//! SQL for the `releases` and `documents` tables.

use std::collections::BTreeMap;

use store::{Error, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Document, Release};
use crate::config::Owner;

/// Keeps others from changing releases and documents until the transaction ends.
///
/// Without it a release and the last of its documents, committed at the same time by two
/// transactions, would not see each other. Reading is not hindered.
pub(crate) async fn lock(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("LOCK TABLE releases IN SHARE ROW EXCLUSIVE MODE")
        .execute(tx.connection())
        .await
        .map_err(Error::during("lock releases"))?;
    Ok(())
}

/// Keeps owners as they are until the transaction ends; others may do so at the same time.
///
/// Without it somebody looked at with the owners of before could be missed by those of after.
pub(crate) async fn share(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("LOCK TABLE releases IN ROW EXCLUSIVE MODE")
        .execute(tx.connection())
        .await
        .map_err(Error::during("share releases"))?;
    Ok(())
}

/// Keeps documents; one that is known stays as it is.
pub(crate) async fn insert_documents(tx: &mut Tx, documents: &[Document]) -> Result<(), Error> {
    let text = |f: fn(&Document) -> &str| documents.iter().map(f).collect::<Vec<_>>();
    let owner = |f: fn(&Owner) -> &str| {
        documents.iter().map(|one| one.owner.as_ref().map(f)).collect::<Vec<_>>()
    };
    sqlx::query(
        "INSERT INTO documents (digest, kind, name, owner_name, owner_mail)
         SELECT DISTINCT ON (digest) digest, kind, name, owner_name, owner_mail
           FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
             AS t (digest, kind, name, owner_name, owner_mail)
          ORDER BY digest
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(text(|document| &document.digest))
    .bind(text(|document| &document.kind))
    .bind(text(|document| &document.name))
    .bind(owner(|owner| &owner.name))
    .bind(owner(|owner| &owner.mail))
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep documents"))?;
    Ok(())
}

/// Keeps releases, and returns the events that announce one which is known with another content.
///
/// In a higher epoch a number may stand for another content; in a lower one it says nothing.
pub(crate) async fn insert(
    tx: &mut Tx,
    releases: &BTreeMap<Uuid, Release>,
) -> Result<Vec<Uuid>, Error> {
    let mut conflicts = Vec::new();
    for (event, release) in releases {
        let (content_hash, digests, epoch): (String, Vec<String>, i64) = sqlx::query_as(
            "INSERT INTO releases AS r (number, content_hash, digests, epoch)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (number) DO UPDATE
                SET epoch = GREATEST(r.epoch, excluded.epoch),
                    content_hash = CASE WHEN excluded.epoch > r.epoch
                                        THEN excluded.content_hash ELSE r.content_hash END,
                    digests = CASE WHEN excluded.epoch > r.epoch
                                   THEN excluded.digests ELSE r.digests END,
                    usable_at = CASE WHEN excluded.epoch > r.epoch
                                     THEN NULL ELSE r.usable_at END
             RETURNING content_hash, digests, epoch",
        )
        .bind(release.number)
        .bind(&release.content_hash)
        .bind(&release.digests)
        .bind(release.epoch)
        .fetch_one(tx.connection())
        .await
        .map_err(Error::during("keep a release"))?;
        let same = content_hash == release.content_hash && digests == release.digests;
        if !same && epoch <= release.epoch {
            conflicts.push(*event);
        }
    }
    Ok(conflicts)
}

/// Marks the releases all of whose documents were received.
pub(crate) async fn mark_usable(tx: &mut Tx) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE releases r SET usable_at = $1
          WHERE r.usable_at IS NULL
            AND NOT EXISTS
                (SELECT FROM UNNEST(r.digests) AS named (digest)
                  WHERE NOT EXISTS (SELECT FROM documents d WHERE d.digest = named.digest))",
    )
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("mark usable releases"))?;
    Ok(())
}

/// Returns who answers for which application, as the newest usable release says.
pub(crate) async fn owners(tx: &mut Tx) -> Result<BTreeMap<String, Owner>, Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT d.name, d.owner_name, d.owner_mail
           FROM releases r JOIN documents d ON d.digest = ANY(r.digests)
          WHERE r.number = (SELECT number FROM releases WHERE usable_at IS NOT NULL
                             ORDER BY epoch DESC, number DESC LIMIT 1)
            AND d.owner_mail IS NOT NULL
          ORDER BY d.name",
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read the owners of applications"))?;
    Ok(rows
        .into_iter()
        .map(|(application, name, mail)| (application, Owner { name, mail }))
        .collect())
}
