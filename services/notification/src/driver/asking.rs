//! Asks people to do what no program can do: one message to each, with all that they have to do.

use std::sync::Arc;

use chassis::Driver;
use domain::Rejection;
use store::Tx;

use crate::config::Config;
use crate::message::{self, header};
use crate::recipient::Addressee;
use crate::task;

/// Writes the rows of messages. What they say is read when they are sent.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) config: Arc<Config>,
}

impl Driver for Asking {
    /// Where somebody is written to.
    type Job = String;
    type Outcome = ();

    const NAME: &'static str = "notification.asking";
    const AT_ONCE: u16 = 64;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<String>, Rejection> {
        Ok(task::table::heads(tx, limit).await?)
    }

    async fn act(&self, jobs: &[String]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(String, ())]) -> Result<(), Rejection> {
        let addresses: Vec<String> = done.iter().map(|(address, ())| address.clone()).collect();
        let domain = self.config.domain();
        let told = task::table::told(tx, &addresses).await?;
        let messages: Vec<message::New> = told
            .into_iter()
            .map(|(address, lane)| {
                let (id, told) = (tx.new_id(), Addressee::Assignee(address));
                message::New { id, header: header(id, &domain), digest: false, told, lane }
            })
            .collect();
        message::table::insert(tx, &messages).await?;
        Ok(())
    }
}
