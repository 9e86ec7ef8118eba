//! Work on a connection that must not be dropped half-way.

use std::future::Future;

use crate::error::Error;

/// Does work to its end, even if nobody waits for it any more.
///
/// Whoever is dropped while it waits for the database leaves a connection to the next one. sqlx 0.9 loses count of what
/// is still to be answered there in two cases: `BEGIN`, after which the next one writes into a transaction that nobody
/// commits, and `COPY`, whose rows the next one takes for its own answer.
///
/// # Errors
/// As the work, and when it panics.
pub async fn to_its_end<T: Send + 'static>(
    during: &'static str,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let crashed = |_error| Error::during(during)(sqlx::Error::WorkerCrashed);
    tokio::spawn(work).await.map_err(crashed)?
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_done_to_its_end() {
        let (wait, go) = tokio::sync::oneshot::channel::<()>();
        let (done, ended) = tokio::sync::oneshot::channel::<()>();
        let is_done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_done);
        let work = to_its_end("wait", async move {
            drop(go.await);
            flag.store(true, Ordering::SeqCst);
            assert!(done.send(()).is_ok());
            Ok(())
        });

        let mut work = Box::pin(work);
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(work.as_mut().poll(context).is_ready())
        });
        assert!(!polled.await);
        drop(work);
        assert!(!is_done.load(Ordering::SeqCst));
        drop(wait);

        assert!(ended.await.is_ok());
        assert!(is_done.load(Ordering::SeqCst));
    }
}
