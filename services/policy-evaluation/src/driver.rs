//! Work that falls due here. Nothing of it touches the outside world: `act` has nothing to do, and
//! the evaluation belongs to `record`, in the transaction that writes and announces it.

mod boundaries;
mod reevaluation;

pub(crate) use boundaries::Boundaries;
pub(crate) use reevaluation::Reevaluation;

/// People evaluated in one transaction, at most.
const PEOPLE_MAX: u16 = 256;
