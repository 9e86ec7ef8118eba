//! SQL for `resources`.

use std::collections::BTreeMap;

use domain::{EngagementId, Timestamp};
use jiff_sqlx::ToSqlx as _;
use serde_json::Value;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::offer::Written;
use super::resource::Resource;

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    worker_id: String,
    version: i64,
    attributes: Json<BTreeMap<String, Value>>,
    created_at: jiff_sqlx::Timestamp,
    modified_at: jiff_sqlx::Timestamp,
    ended_at: Option<jiff_sqlx::Timestamp>,
}

impl From<Row> for Resource {
    fn from(row: Row) -> Self {
        Self {
            id: EngagementId(row.id),
            worker_id: row.worker_id,
            written: Written(row.attributes.0),
            version: row.version,
            created_at: row.created_at.to_jiff(),
            modified_at: row.modified_at.to_jiff(),
            ended_at: row.ended_at.map(jiff_sqlx::Timestamp::to_jiff),
        }
    }
}

macro_rules! select_resources {
    ($rest:literal) => {
        concat!(
            "SELECT id, worker_id, version, attributes, created_at, modified_at, ended_at
               FROM resources WHERE source = $1 AND deleted_at IS NULL AND ",
            $rest
        )
    };
}

/// Returns a resource.
pub(super) async fn find(tx: &mut Tx, source: &str, id: Uuid) -> Result<Option<Resource>, Error> {
    let row: Option<Row> = sqlx::query_as(select_resources!("id = $2"))
        .bind(source)
        .bind(id)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("find a resource"))?;
    Ok(row.map(Resource::from))
}

/// Returns those whose name or other client's id is one of these, as far as they are asked for.
pub(super) async fn named(
    tx: &mut Tx,
    source: &str,
    user_name: Option<&str>,
    external_id: Option<&str>,
    limit: i64,
) -> Result<Vec<Resource>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_resources!(
        "($2::text IS NULL OR lower(user_name) = lower($2))
          AND ($3::text IS NULL OR external_id = $3)
        ORDER BY created_at, id LIMIT $4"
    ))
    .bind(source)
    .bind(user_name)
    .bind(external_id)
    .bind(limit)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find resources by name"))?;
    Ok(rows.into_iter().map(Resource::from).collect())
}

/// Returns those that come next, in the order in which they were made.
pub(super) async fn after(
    tx: &mut Tx,
    source: &str,
    (created_at, id): (Timestamp, Uuid),
    limit: i64,
) -> Result<Vec<Resource>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_resources!(
        "(created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4"
    ))
    .bind(source)
    .bind(created_at.to_sqlx())
    .bind(id)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read resources"))?;
    Ok(rows.into_iter().map(Resource::from).collect())
}

/// Returns a page of a source's resources.
pub(super) async fn page(
    tx: &mut Tx,
    source: &str,
    skip: i64,
    limit: i64,
) -> Result<Vec<Resource>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_resources!("true ORDER BY created_at, id OFFSET $2 LIMIT $3"))
            .bind(source)
            .bind(skip)
            .bind(limit)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("read a page of resources"))?;
    Ok(rows.into_iter().map(Resource::from).collect())
}

/// Counts a source's resources.
pub(super) async fn count(tx: &mut Tx, source: &str) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM resources WHERE source = $1 AND deleted_at IS NULL",
    )
    .bind(source)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count resources"))?;
    Ok(count.unsigned_abs())
}

/// Returns the resources other than `id` that have a name or are of a worker.
pub(super) async fn rivals(
    tx: &mut Tx,
    source: &str,
    id: Uuid,
    user_name: &str,
    worker_id: &str,
) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT id FROM resources
          WHERE source = $1 AND deleted_at IS NULL AND id <> $2
            AND (lower(user_name) = lower($3) OR worker_id = $4)",
    )
    .bind(source)
    .bind(id)
    .bind(user_name)
    .bind(worker_id)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find resources of the same name"))
}

/// Returns when a worker was ended whose resource was deleted.
pub(super) async fn ended_at(
    tx: &mut Tx,
    source: &str,
    worker_id: &str,
) -> Result<Option<Timestamp>, Error> {
    let ended: Option<Option<jiff_sqlx::Timestamp>> = sqlx::query_scalar(
        "SELECT ended_at FROM resources
          WHERE source = $1 AND worker_id = $2 AND deleted_at IS NOT NULL
          ORDER BY deleted_at DESC LIMIT 1",
    )
    .bind(source)
    .bind(worker_id)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("find the end of a worker"))?;
    Ok(ended.flatten().map(jiff_sqlx::Timestamp::to_jiff))
}

/// Writes a resource; one that was deleted is there again.
pub(super) async fn upsert(tx: &mut Tx, source: &str, resource: &Resource) -> Result<(), Error> {
    let external_id = resource.written.0.get("externalId").and_then(Value::as_str);
    sqlx::query(
        "INSERT INTO resources (id, source, worker_id, user_name, external_id, version, attributes,
                                created_at, modified_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE
            SET user_name = excluded.user_name, external_id = excluded.external_id,
                version = excluded.version, attributes = excluded.attributes,
                modified_at = excluded.modified_at, ended_at = excluded.ended_at,
                deleted_at = NULL",
    )
    .bind(resource.id.0)
    .bind(source)
    .bind(&resource.worker_id)
    .bind(resource.written.user_name())
    .bind(external_id)
    .bind(resource.version)
    .bind(Json(&resource.written.0))
    .bind(resource.created_at.to_sqlx())
    .bind(resource.modified_at.to_sqlx())
    .bind(resource.ended_at.map(|at| at.to_sqlx()))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write a resource"))
}

/// Deletes a resource; whose it was and when it ended is all that stays.
pub(super) async fn delete(tx: &mut Tx, resource: &Resource) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE resources
            SET user_name = '', external_id = NULL, attributes = '{}', modified_at = $2,
                ended_at = $3, deleted_at = $2
          WHERE id = $1",
    )
    .bind(resource.id.0)
    .bind(now.to_sqlx())
    .bind(resource.ended_at.map(|at| at.to_sqlx()))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("delete a resource"))
}
