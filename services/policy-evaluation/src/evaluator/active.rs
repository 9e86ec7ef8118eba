use std::sync::{Arc, Mutex, PoisonError};

use rules::Release;
use store::Tx;

use crate::release::{self, table};

/// The active release, compiled once per process.
#[derive(Debug, Default)]
pub(super) struct Active(Mutex<Option<Arc<Release>>>);

impl Active {
    /// Returns the release that is active in the database; none if none ever was.
    ///
    /// Every transaction asks for the number, so that no replica stays with an older release.
    pub(super) async fn release(
        &self,
        tx: &mut Tx,
    ) -> Result<Option<Arc<Release>>, release::Error> {
        let Some(number) = table::active(tx).await? else { return Ok(None) };
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(release) = held.filter(|release| release.number() == number) {
            return Ok(Some(release));
        }
        let release = Arc::new(release::load(tx, number).await?);
        tracing::info!(release = number, "release {number} is in use");
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|held| held.number() < number) {
            *held = Some(Arc::clone(&release));
        }
        Ok(Some(release))
    }
}
