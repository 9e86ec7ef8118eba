//! What the word of each source is worth, as its document said last, and what somebody decided where
//! sources did not agree.

pub(crate) mod table;
