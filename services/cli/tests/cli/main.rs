//! The command line, as operators use it on a mesh of real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod drift;
mod kin;
mod mesh;
mod tasks;
mod tried;
mod up;
