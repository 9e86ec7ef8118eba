//! Every event of one stream, in its order.

use bus::{Message, Recorder};
use domain::Rejection;
use proto::catalogue::ConsumerRow;
use store::Tx;

use crate::content::Content;
use crate::log::{self, Entry};

pub(crate) struct Record {
    row: &'static ConsumerRow,
    content: Content,
}

impl Record {
    pub(crate) fn new(row: &'static ConsumerRow, content: Content) -> Self {
        Self { row, content }
    }
}

impl Recorder for Record {
    fn consumer(&self) -> &'static str {
        self.row.name
    }

    async fn record(&self, tx: &mut Tx, messages: &[Message]) -> Result<(), Rejection> {
        let entries: Vec<Entry<'_>> = messages
            .iter()
            .map(|message| Entry {
                event_id: message.identity(),
                kind: &message.kind,
                subject_id: &message.about,
                person: self.content.person(&message.kind, &message.payload),
                traceparent: message.traceparent.as_deref(),
                payload: &message.payload,
                occurred_at: message.occurred_at.unwrap_or_else(|| tx.now()),
            })
            .collect();
        log::table::append(tx, self.row.stream, &entries).await?;
        Ok(())
    }
}
