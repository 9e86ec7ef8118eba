use std::time::Duration;

/// How long a state may take to come about before a test fails.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until something is there, and returns it.
///
/// # Panics
/// When it is not there by the deadline, saying what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    match waited.await {
        Ok(found) => found,
        Err(_elapsed) => panic!("waited {DEADLINE:?} in vain: {what}"),
    }
}
