use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rules::Release;
use store::Tx;

use super::{Error, load};

/// Releases that stay compiled; past ones are asked about, and compared with, now and then.
const HELD_MAX: usize = 8;

/// The releases that were asked about, compiled once per process.
#[derive(Debug, Default)]
pub(crate) struct Compiled(Mutex<BTreeMap<u64, Arc<Release>>>);

impl Compiled {
    /// Returns a stored release.
    ///
    /// # Errors
    /// When it cannot be read, or this version of the service does not understand it.
    pub(crate) async fn release(&self, tx: &mut Tx, number: u64) -> Result<Arc<Release>, Error> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned();
        if let Some(release) = held {
            return Ok(release);
        }
        let release = Arc::new(load(tx, number).await?);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(number, Arc::clone(&release));
        if held.len() > HELD_MAX
            && let Some(other) = held.keys().copied().find(|held| *held != number)
        {
            held.remove(&other);
        }
        Ok(release)
    }
}
