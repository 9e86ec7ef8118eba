//! SQL for the `timelines` table. No other module names that table.

use std::collections::{BTreeMap, BTreeSet};

use domain::{PersonId, Timestamp, Version};
use rules::Timeline;
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Key, Known, Received};

/// Keeps versions, and returns those that were not kept before.
pub(crate) async fn keep(
    tx: &mut Tx,
    versions: &BTreeMap<Key, Known>,
) -> Result<BTreeSet<Key>, Error> {
    let (people, epochs, counters) = columns(versions.keys());
    let recorded: Vec<SqlTimestamp> =
        versions.values().map(|known| known.recorded_at.to_sqlx()).collect();
    let timelines: Vec<Json<&Timeline>> =
        versions.values().map(|known| Json(&known.timeline)).collect();
    let now = tx.now().to_sqlx();
    let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(
        "INSERT INTO timelines (person_id, epoch, counter, recorded_at, received_at, timeline)
         SELECT person_id, epoch, counter, recorded_at, $6, timeline
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::jsonb[])
                  AS v (person_id, epoch, counter, recorded_at, timeline)
          ORDER BY person_id, epoch, counter
         ON CONFLICT DO NOTHING
         RETURNING person_id, epoch, counter",
    )
    .bind(people)
    .bind(epochs)
    .bind(counters)
    .bind(recorded)
    .bind(timelines)
    .bind(now)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("keep timelines"))?;
    Ok(rows.into_iter().map(|(person, epoch, counter)| key(person, epoch, counter)).collect())
}

/// Returns the versions of these keys.
pub(crate) async fn read<'a>(
    tx: &mut Tx,
    keys: impl IntoIterator<Item = &'a Key>,
) -> Result<BTreeMap<Key, Known>, Error> {
    type Row = (Uuid, i64, i64, SqlTimestamp, Json<Timeline>);
    let (people, epochs, counters) = columns(keys);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT t.person_id, t.epoch, t.counter, t.recorded_at, t.timeline
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[]) AS v (person_id, epoch, counter)
           JOIN timelines t USING (person_id, epoch, counter)",
    )
    .bind(people)
    .bind(epochs)
    .bind(counters)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read timelines"))?;
    Ok(rows
        .into_iter()
        .map(|(person, epoch, counter, recorded_at, Json(timeline))| {
            let key = key(person, epoch, counter);
            let recorded_at: Timestamp = recorded_at.to_jiff();
            (key, Known { version: key.1, recorded_at, timeline })
        })
        .collect())
}

/// Returns the newest version that had been received of a person at an instant.
pub(crate) async fn known_at(
    tx: &mut Tx,
    person: PersonId,
    instant: Timestamp,
) -> Result<Option<Received>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT person_id, epoch, counter, recorded_at, received_at, timeline FROM timelines
          WHERE person_id = $1 AND received_at <= $2
          ORDER BY epoch DESC, counter DESC LIMIT 1",
    )
    .bind(person.0)
    .bind(instant.to_sqlx())
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("read what was known of a person"))?;
    Ok(row.map(|row| row.into_received().1))
}

/// Returns everything that had been received of people at an instant, each person's versions in
/// their order.
pub(crate) async fn received_by(
    tx: &mut Tx,
    people: &[PersonId],
    instant: Timestamp,
) -> Result<BTreeMap<PersonId, Vec<Received>>, Error> {
    let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, epoch, counter, recorded_at, received_at, timeline FROM timelines
          WHERE person_id = ANY($1) AND received_at <= $2
          ORDER BY person_id, epoch, counter",
    )
    .bind(ids)
    .bind(instant.to_sqlx())
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read the history of people"))?;
    let mut received: BTreeMap<PersonId, Vec<Received>> = BTreeMap::new();
    for (person, version) in rows.into_iter().map(Row::into_received) {
        received.entry(person).or_default().push(version);
    }
    Ok(received)
}

#[derive(sqlx::FromRow)]
struct Row {
    person_id: Uuid,
    epoch: i64,
    counter: i64,
    recorded_at: SqlTimestamp,
    received_at: SqlTimestamp,
    timeline: Json<Timeline>,
}

impl Row {
    fn into_received(self) -> (PersonId, Received) {
        let known = Known {
            version: Version { epoch: self.epoch, counter: self.counter },
            recorded_at: self.recorded_at.to_jiff(),
            timeline: self.timeline.0,
        };
        (PersonId(self.person_id), Received { known, at: self.received_at.to_jiff() })
    }
}

fn columns<'a>(keys: impl IntoIterator<Item = &'a Key>) -> (Vec<Uuid>, Vec<i64>, Vec<i64>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (person, version) in keys {
        columns.0.push(person.0);
        columns.1.push(version.epoch);
        columns.2.push(version.counter);
    }
    columns
}

fn key(person: Uuid, epoch: i64, counter: i64) -> Key {
    (PersonId(person), Version { epoch, counter })
}
