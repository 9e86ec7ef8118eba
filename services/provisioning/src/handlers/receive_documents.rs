//! `DocumentReleased`: a document is kept, and may complete a release.

use bus::{Batch, Handler, Verdicts};
use domain::Rejection;
use proto::policy::v1::DocumentReleased;
use store::Tx;

use crate::duty;
use crate::release::{self, Document};

pub(crate) struct ReceiveDocuments;

impl Handler for ReceiveDocuments {
    type Event = DocumentReleased;
    const CONSUMER: &'static str = "provisioning-receive-documents";

    #[tracing::instrument(name = "provisioning.receive_documents", skip_all)]
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
        release::table::insert_documents(tx, &documents).await?;
        release::table::mark_usable(tx).await?;
        duty::look_at_tasks(tx).await?;
        Ok(verdicts)
    }
}
