//! `AccountChanged`: which applications a person has accounts in, and so whose owners are told.

use std::collections::{BTreeMap, BTreeSet};

use bus::{Batch, Handler, Verdicts};
use domain::{PersonId, Rejection};
use proto::provisioning::v1::AccountChanged;
use store::Tx;

use super::CONFLICT;
use crate::account::{self, Account};
use crate::person;
use crate::teller::Teller;

pub(crate) struct TrackAccounts {
    pub(crate) teller: Teller,
}

impl Handler for TrackAccounts {
    type Event = AccountChanged;
    const CONSUMER: &'static str = "notification-track-accounts";

    #[tracing::instrument(name = "notification.track_accounts", skip_all)]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<AccountChanged>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut received = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            match Account::read(&event.body) {
                Ok(account) => received.push((event.id, account)),
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        let ids: BTreeSet<PersonId> = received.iter().map(|(_event, read)| read.person).collect();
        let ids: Vec<PersonId> = ids.into_iter().collect();
        let mut people = person::table::lock(tx, &ids).await?;
        let known = account::table::of(tx, &ids).await?;
        let mut newer: BTreeMap<(PersonId, String), Account> = BTreeMap::new();
        for (event, account) in received {
            let key = (account.person, account.application.clone());
            let before = newer
                .get(&key)
                .or_else(|| known.get(&key.0).and_then(|accounts| accounts.get(&key.1)));
            match before {
                Some(before) if before.version == account.version && *before != account => {
                    verdicts.park(event, CONFLICT);
                }
                Some(before) if before.version >= account.version => {}
                Some(_) | None => {
                    newer.insert(key, account);
                }
            }
        }
        account::table::write(tx, &newer.values().collect::<Vec<_>>()).await?;
        let changed: BTreeSet<PersonId> = newer.into_keys().map(|(person, _)| person).collect();
        people.retain(|id, _person| changed.contains(id));
        self.teller.tell(tx, people).await?;
        Ok(verdicts)
    }
}
