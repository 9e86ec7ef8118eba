//! Whom people report to, as told last.

mod table;

pub(crate) use table::{count_unknown, newly_known, of_managers, replace};
