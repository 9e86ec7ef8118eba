//! Watched folders: files that a source drops are imported as any other, and put where their fate shows.
//!
//! A file is taken when it is complete. Until its run has ended it stands in `taken`, or in `held` while
//! people look at it; then in `done`, or in `rejected` with the reason beside it. Each is called after the
//! run that read it. Which is taken next is decided in `decide`, which is pure; `disk` touches files.
//!
//! Invariants:
//! - nothing outside of the source's folder is read or written, wherever a link leads;
//! - what is read is what two looks have found the same, from a copy that nobody writes to;
//! - what a folder holds says how far its files are: a process that dies leaves nothing half done.

mod decide;
mod disk;
pub(crate) mod look;
