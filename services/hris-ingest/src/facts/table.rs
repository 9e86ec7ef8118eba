//! SQL for `facts`, which are added and never changed.

use std::collections::BTreeMap;

use domain::{EngagementId, PersonId};
use jiff_sqlx::ToSqlx as _;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Claim, Fact};

type Row = (Uuid, i64, Uuid, i64, jiff_sqlx::Timestamp, Json<Vec<Claim>>);

/// What is to be recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) person: PersonId,
    /// Who says it.
    pub(crate) source: &'a str,
    pub(crate) fact: &'a Fact,
}

/// Records facts of people who are known.
pub(crate) async fn record(tx: &mut Tx, facts: &[Record<'_>]) -> Result<(), Error> {
    if facts.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = facts.iter().map(|fact| fact.fact.number).collect();
    let people: Vec<Uuid> = facts.iter().map(|fact| fact.person.0).collect();
    let engagements: Vec<Uuid> = facts.iter().map(|fact| fact.fact.engagement.0).collect();
    let sources: Vec<&str> = facts.iter().map(|fact| fact.source).collect();
    let sequences: Vec<i64> = facts.iter().map(|fact| fact.fact.sequence).collect();
    let claims: Vec<Json<&[Claim]>> =
        facts.iter().map(|fact| Json(fact.fact.claims.as_slice())).collect();
    let now = tx.now();
    sqlx::query(
        "INSERT INTO facts (number, person_id, engagement_id, source, sequence, recorded_at, claims)
         SELECT f.number, f.person_id, f.engagement_id, f.source, f.sequence, $7, f.claims
           FROM UNNEST($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::jsonb[])
                  AS f (number, person_id, engagement_id, source, sequence, claims)",
    )
    .bind(numbers)
    .bind(people)
    .bind(engagements)
    .bind(sources)
    .bind(sequences)
    .bind(claims)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("record facts"))
}

/// Returns the facts of people, of each in the order in which they were recorded.
pub(crate) async fn of_people(
    tx: &mut Tx,
    people: &[Uuid],
) -> Result<BTreeMap<PersonId, Vec<Fact>>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, number, engagement_id, sequence, recorded_at, claims FROM facts
          WHERE person_id = ANY ($1) ORDER BY person_id, number",
    )
    .bind(people)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read facts"))?;
    let mut facts = BTreeMap::<PersonId, Vec<Fact>>::new();
    for (person, number, engagement, sequence, recorded_at, Json(claims)) in rows {
        facts.entry(PersonId(person)).or_default().push(Fact {
            engagement: EngagementId(engagement),
            sequence,
            recorded_at: recorded_at.to_jiff(),
            number,
            claims,
        });
    }
    Ok(facts)
}
