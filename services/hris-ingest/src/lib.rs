//! To come.

pub mod facts;
pub mod mapping;
pub mod reader;
