//! Looks at sources that are due: one process at a time has each.

use std::time::Duration;

use chassis::Driver;
use domain::Rejection;
use store::{Store, Tx};

use super::table::{self, Due};
use super::{Look, Outcome};
use crate::config::Config;
use crate::folder;
use crate::mapping::Source;

/// How long a source is left to whoever looks at it. It is short and kept, so that somebody else looks
/// soon after its holder has died.
const LEASE: Duration = Duration::from_secs(10);

/// When a source is looked at again whose document cannot be used: the settings may be others by then.
const UNUSABLE: Duration = Duration::from_secs(600);

/// Looks.
#[derive(Debug)]
pub(crate) struct Schedules {
    config: Config,
    store: Store,
}

impl Schedules {
    pub(crate) const fn new(config: Config, store: Store) -> Self {
        Self { config, store }
    }

    fn source(&self, due: &Due) -> Result<Source, String> {
        let source = Source::parse_in(&due.document, self.config.zone.as_deref());
        source.map_err(|_invalid| {
            "the document that was applied is no longer valid: apply it again".to_owned()
        })
    }

    async fn look(&self, due: &Due) -> Look {
        let failed = |reason| Look { outcome: Outcome::Failed, reason, ..Look::default() };
        let source = match self.source(due) {
            Ok(source) => source,
            Err(reason) => return failed(reason),
        };
        let before = (due.document.as_str(), due.remembered.clone());
        match source.folder() {
            Some(folder) => {
                folder::look::look(&self.store, &self.config, &source, folder, before).await
            }
            None => failed("the source has nothing to look at".to_owned()),
        }
    }
}

impl Driver for Schedules {
    type Job = Due;
    type Outcome = Look;

    const NAME: &'static str = "hris.schedules";
    const AT_ONCE: u16 = 1;
    const KEEP_EVERY: Option<Duration> = Some(Duration::from_secs(3));

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Due>, Rejection> {
        let until = tx.now() + LEASE;
        Ok(table::lease(tx, until, limit).await?)
    }

    async fn act(&self, jobs: &[Due]) -> Vec<Look> {
        let mut looks = Vec::with_capacity(jobs.len());
        for due in jobs {
            looks.push(Box::pin(self.look(due)).await);
        }
        looks
    }

    async fn keep(&self, tx: &mut Tx, jobs: &[Due]) -> Result<(), Rejection> {
        let leases: Vec<_> = jobs.iter().map(|due| due.lease).collect();
        let until = tx.now() + LEASE;
        Ok(table::keep(tx, &leases, until).await?)
    }

    async fn record(&self, tx: &mut Tx, done: &[(Due, Look)]) -> Result<(), Rejection> {
        for (due, look) in done {
            let now = tx.now();
            let source = self.source(due).ok();
            let schedule = source.as_ref().and_then(Source::schedule);
            let regular = schedule.map_or(now + UNUSABLE, |schedule| schedule.next(now));
            let times = (look.next(now, regular), regular);
            if !table::record(tx, due, look, times).await? {
                tracing::warn!("source {} was looked at by somebody else meanwhile", due.source);
            }
        }
        Ok(())
    }
}
