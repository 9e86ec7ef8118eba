//! `TaskChanged`: what people are to do by hand, and whether that is news to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{Batch, Handler, Verdicts};
use domain::{Rejection, TaskId, Timestamp};
use proto::provisioning::v1::TaskChanged;
use store::Tx;
use uuid::Uuid;

use super::CONFLICT;
use crate::config::Config;
use crate::task::{self, Task};

pub(crate) struct TrackTasks {
    pub(crate) config: Arc<Config>,
}

impl Handler for TrackTasks {
    type Event = TaskChanged;
    const CONSUMER: &'static str = "notification-track-tasks";

    #[tracing::instrument(name = "notification.track_tasks", skip_all)]
    async fn handle(&self, tx: &mut Tx, batch: Batch<TaskChanged>) -> Result<Verdicts, Rejection> {
        let mut verdicts = Verdicts::handled();
        let mut received = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            match Task::read(&event.body) {
                Ok(task) => received.push((event.id, task)),
                Err(error) => verdicts.park(event.id, error.to_string()),
            }
        }
        let ids: Vec<Uuid> = received.iter().map(|(_event, task)| task.id.0).collect();
        let known = task::table::lock(tx, &ids).await?;
        let at = tx.now().saturating_add(self.config.gather()).unwrap_or(tx.now());
        let mut newer: BTreeMap<TaskId, (Task, Option<Timestamp>)> = BTreeMap::new();
        for (event, task) in received {
            let before = newer.get(&task.id);
            let tell = before.and_then(|(_task, tell)| *tell);
            let before = before.map(|(task, _tell)| task).or_else(|| known.get(&task.id));
            match before {
                Some(before) if before.version == task.version && *before != task => {
                    verdicts.park(event, CONFLICT);
                }
                Some(before) if before.version >= task.version => {}
                before => {
                    let tell = tell.or_else(|| task.is_news(before).then_some(at));
                    newer.insert(task.id, (task, tell));
                }
            }
        }
        task::table::put(tx, &newer.into_values().collect::<Vec<_>>()).await?;
        Ok(verdicts)
    }
}
