//! `tenure`: the operators' command line, and the launcher of a local mesh.

pub mod client;
