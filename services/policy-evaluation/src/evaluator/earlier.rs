use std::sync::{Arc, Mutex, PoisonError};

use rules::Release;
use store::Tx;

use crate::release;

/// The release with which most people who are behind were evaluated, compiled once.
#[derive(Debug, Default)]
pub(super) struct Earlier(Mutex<Option<Arc<Release>>>);

impl Earlier {
    /// Returns an earlier release; none when this version of the service cannot read it: then
    /// everybody is evaluated.
    pub(super) async fn release(
        &self,
        tx: &mut Tx,
        number: u64,
    ) -> Result<Option<Arc<Release>>, store::Error> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(release) = held.filter(|release| release.number() == number) {
            return Ok(Some(release));
        }
        let release = match release::load(tx, number).await {
            Ok(release) => Arc::new(release),
            Err(release::Error::Store(error)) => return Err(error),
            Err(error @ (release::Error::Document { .. } | release::Error::Compile { .. })) => {
                tracing::warn!(
                    release = number,
                    "release {number} cannot be compared with: {}",
                    domain::Rejection::retry(error)
                );
                return Ok(None);
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&release));
        Ok(Some(release))
    }
}
