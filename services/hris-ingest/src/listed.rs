//! The rows by which a source listed its workers last.
//!
//! A row that a file repeats is neither read further nor staged: what it says is known. For that to hold,
//! whoever changes a worker by other means than a file's rows replaces the worker's rows by one that no
//! file can repeat. So every worker who may be missing has a row here: who is missing is found by the rows
//! that a file did not repeat.
//!
//! A file is held against packs of rows, which take a tenth of the time. A pack never changes: rows of it
//! that are replaced are marked as gone, and those in their place have no pack at first.

pub(crate) mod packs;
pub(crate) mod table;
