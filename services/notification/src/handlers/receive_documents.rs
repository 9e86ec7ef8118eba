//! `DocumentReleased`: who answers for an application is kept, and may complete a release.

use bus::{Batch, Handler, Verdicts};
use domain::Rejection;
use proto::policy::v1::DocumentReleased;
use store::Tx;

use crate::release::{self, Document};
use crate::teller;

pub(crate) struct ReceiveDocuments;

impl Handler for ReceiveDocuments {
    type Event = DocumentReleased;
    const CONSUMER: &'static str = "notification-receive-documents";

    #[tracing::instrument(name = "notification.receive_documents", skip_all)]
    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<DocumentReleased>,
    ) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut documents = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            match Document::read(event.body) {
                Ok(document) => documents.push(document),
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        release::table::lock(tx).await?;
        let before = release::table::owners(tx).await?;
        release::table::insert_documents(tx, &documents).await?;
        release::table::mark_usable(tx).await?;
        if release::table::owners(tx).await? != before {
            teller::owners_changed(tx).await?;
        }
        Ok(verdicts)
    }
}
