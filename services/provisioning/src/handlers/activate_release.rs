//! `ReleaseActivated`: a release is kept; it is usable once its documents are there.

use std::collections::BTreeMap;

use bus::{Batch, Handler, Verdicts};
use domain::Rejection;
use proto::policy::v1::ReleaseActivated;
use store::Tx;
use uuid::Uuid;

use crate::duty;
use crate::release::{self, Release};

pub(crate) struct ActivateRelease;

impl Handler for ActivateRelease {
    type Event = ReleaseActivated;
    const CONSUMER: &'static str = "provisioning-activate-release";

    #[tracing::instrument(name = "provisioning.activate_release", skip_all)]
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
        for event in release::table::insert(tx, &releases).await? {
            verdicts.park(event, "the release is known with another content");
        }
        release::table::mark_usable(tx).await?;
        duty::look_at_tasks(tx).await?;
        Ok(verdicts)
    }
}
