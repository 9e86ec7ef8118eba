//! Waiting until a mesh has come to rest, in sight of whoever waits.

use std::cell::Cell;
use std::time::Duration;

use anyhow::bail;
use proto::catalogue::Service;
use tokio::time::{Instant, sleep};

use crate::client::{Mesh, Rest};
use crate::output::grouped;
use crate::progress::Progress;

/// Nothing takes longer in all.
const DEADLINE: Duration = Duration::from_secs(6 * 60 * 60);
/// Nothing moves for this long unless something is stuck.
const STALLED: Duration = Duration::from_secs(180);

/// A mesh that has come to rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled {
    pub(crate) rest: Rest,
    /// When the last person had settled; audit may have had to catch up after that.
    pub(crate) people_at: Instant,
}

/// Waits until all people have settled and everything is recorded.
///
/// # Errors
/// When nothing has moved for minutes, with what is parked.
pub(crate) async fn settle(mesh: &Mesh) -> anyhow::Result<Settled> {
    let mut progress = Progress::new();
    let seen = Cell::new((Rest::default(), Instant::now()));
    let people_since = Cell::new(None);
    let settled = mesh.settle(DEADLINE, |rest| {
        if *rest != seen.get().0 {
            seen.set((*rest, Instant::now()));
        }
        people_since.set(match (Rest { events: 0, ..*rest }).reached() {
            true => people_since.get().or(Some(Instant::now())),
            false => None,
        });
        let note = format!(
            "{} events and {} actions on their way",
            grouped(rest.events),
            grouped(rest.actions)
        );
        progress.show("settling", rest.settled, rest.people.max(rest.settled), &note);
    });
    let stalled = async {
        while seen.get().1.elapsed() < STALLED {
            sleep(Duration::from_secs(1)).await;
        }
        seen.get().0
    };
    let rest = tokio::select! {
        settled = settled => settled?,
        rest = stalled => bail!(
            "nothing has moved for {} s: {} of {} people have settled, {} events and {} actions \
             are on their way, {} messages are parked; `tenure status` and the logs say more",
            STALLED.as_secs(), rest.settled, rest.people, rest.events, rest.actions,
            parked(mesh).await.map_or_else(|_unreachable| "some".to_owned(), |count| count.to_string()),
        ),
    };
    progress.finish();
    Ok(Settled { rest, people_at: people_since.get().unwrap_or_else(Instant::now) })
}

/// Returns how many messages are parked in all services.
pub(crate) async fn parked(mesh: &Mesh) -> anyhow::Result<u64> {
    let mut parked = 0;
    for service in Service::ALL {
        parked += mesh.status(service).await?.parked;
    }
    Ok(parked)
}
