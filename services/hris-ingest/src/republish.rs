//! Every person's timeline, told again in a raised epoch.

use chassis::{Republish, Told};
use domain::Rejection;
use proto::hris::v1::PersonUpdated;
use proto::prost::Message as _;
use store::Tx;
use uuid::Uuid;

use crate::person::table::{self, Retold};

#[derive(Debug)]
pub(crate) struct People;

impl Republish for People {
    const WHAT: &'static str = "people";

    async fn batch(&self, tx: &mut Tx, after: Uuid, limit: u16) -> Result<Told, Rejection> {
        let mut people = table::untold(tx, after, limit).await?;
        for person in &mut people {
            person.version = tx.next_version(person.version);
            let mut event = PersonUpdated::decode(person.event.as_slice()).map_err(|error| {
                Rejection::Park { reason: format!("read what was told of {}: {error}", person.id) }
            })?;
            event.version = Some(person.version.into());
            tx.publish(&event)?;
            person.event = event.encode_to_vec();
        }
        table::retell(tx, &people).await?;
        let keys: Vec<Uuid> = people.iter().map(|Retold { id, .. }| id.0).collect();
        Ok(Told::of(&keys, limit))
    }
}
