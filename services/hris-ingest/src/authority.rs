//! What the word of each source is worth, as its document said last.

pub(crate) mod table;
