//! How what several sources say of the people of a chunk is weighed.

use jiff::tz::TimeZone;
use store::{Error, Tx};

use super::Scope;
use super::crowd::Weights;
use crate::authority;

/// Returns what the word of sources is worth today.
pub(super) async fn weights(tx: &mut Tx, scope: Scope<'_>) -> Result<Weights, Error> {
    let mut authorities = authority::table::all(tx).await?;
    // As the document says that is in hand.
    authorities.insert(scope.source.to_owned(), scope.authority.clone());
    let today = TimeZone::UTC.to_datetime(tx.now()).date();
    Ok(Weights { authorities, today })
}
