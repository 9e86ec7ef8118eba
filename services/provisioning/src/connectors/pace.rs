//! What a connector needs before it sends a request: its turn within the application's rates.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use domain::Lane;
use futures::future::BoxFuture;

/// Says when a request may be sent. Where an application sets no rates there is none.
pub trait Budget: fmt::Debug + Send + Sync {
    /// Waits for the turn of a request to an endpoint, such as `/Users`, though not for long: otherwise
    /// returns how long it would have to wait.
    fn spend<'a>(&'a self, path: &'a str, turn: Turn) -> BoxFuture<'a, Result<(), Duration>>;

    /// How long no change of this lane can be begun.
    fn waits(&self, lane: Lane) -> Duration;
}

/// What a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A change of which nothing was asked yet, so that nothing is lost if it waits for later.
    Begins(Lane),
    /// A change under way: its requests would have to be sent again.
    GoesOn(Lane),
    /// A reading.
    Reads,
}

tokio::task_local! {
    /// Whose requests the task sends. Requests are many calls below the change that they belong to, and
    /// nothing in between has anything to do with lanes.
    static TURN: Cell<Turn>;
}

/// Has every request of a change count as one of its lane.
pub(super) async fn within<F: Future>(lane: Lane, work: F) -> F::Output {
    TURN.scope(Cell::new(Turn::Begins(lane)), work).await
}

/// Waits for the turn of a request, where there are rates.
pub(super) async fn turn(budget: Option<&dyn Budget>, path: &str) -> Result<(), Duration> {
    let Some(budget) = budget else { return Ok(()) };
    let turn = TURN.try_with(Cell::get).unwrap_or(Turn::Reads);
    budget.spend(path, turn).await?;
    if let Turn::Begins(lane) = turn {
        // Outside of a change there is nothing to go on with.
        TURN.try_with(|turn| turn.set(Turn::GoesOn(lane))).unwrap_or_default();
    }
    Ok(())
}
