//! What applications hold and who is settled, told again in a raised epoch.

use std::collections::BTreeSet;

use chassis::{Republish, Told};
use domain::{PersonId, Rejection};
use store::Tx;
use uuid::Uuid;

use crate::account;
use crate::dossier::Dossier;
use crate::person;

#[derive(Debug)]
pub(crate) struct Accounts;

impl Republish for Accounts {
    const WHAT: &'static str = "accounts";

    async fn batch(&self, tx: &mut Tx, after: Uuid, limit: u16) -> Result<Told, Rejection> {
        let people = account::table::untold(tx, after, limit).await?;
        let ids: BTreeSet<PersonId> = people.iter().copied().map(PersonId).collect();
        let mut dossier = Dossier::load(tx, &ids).await?;
        let events = dossier.tell_accounts(tx)?;
        dossier.write(tx).await?;
        Ok(Told { events, ..Told::of(&people, limit) })
    }
}

#[derive(Debug)]
pub(crate) struct Settled;

impl Republish for Settled {
    const WHAT: &'static str = "settled people";

    async fn batch(&self, tx: &mut Tx, after: Uuid, limit: u16) -> Result<Told, Rejection> {
        let people = person::table::untold(tx, after, limit).await?;
        let ids: BTreeSet<PersonId> = people.iter().copied().map(PersonId).collect();
        let mut dossier = Dossier::load(tx, &ids).await?;
        for id in ids {
            if let Some(person) = dossier.person_mut(id) {
                // It is announced as settled once more when the dossier is written.
                person.settled = false;
            }
        }
        dossier.write(tx).await?;
        Ok(Told::of(&people, limit))
    }
}
