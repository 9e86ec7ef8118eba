//! `ReleaseActivated`: a release is kept; its owners count once its documents are there.

use std::collections::BTreeMap;

use bus::{Batch, Handler, Verdicts};
use domain::Rejection;
use proto::policy::v1::ReleaseActivated;
use store::Tx;
use uuid::Uuid;

use crate::release::{self, Release};
use crate::teller;

pub(crate) struct ActivateRelease;

impl Handler for ActivateRelease {
    type Event = ReleaseActivated;
    const CONSUMER: &'static str = "notification-activate-release";

    #[tracing::instrument(name = "notification.activate_release", skip_all)]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<ReleaseActivated>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut releases: BTreeMap<Uuid, Release> = BTreeMap::new();
        for event in &batch.events {
            match Release::read(&event.body) {
                Ok(release) => {
                    releases.insert(event.id, release);
                }
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        release::table::lock(tx).await?;
        let before = release::table::owners(tx).await?;
        for event in release::table::insert(tx, &releases).await? {
            verdicts.park(event, "the release is known with another content");
        }
        release::table::mark_usable(tx).await?;
        if release::table::owners(tx).await? != before {
            teller::owners_changed(tx).await?;
        }
        Ok(verdicts)
    }
}
