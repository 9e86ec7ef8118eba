//! hris-ingest alone, on a real PostgreSQL and a real broker, asked as operators ask it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod city;
mod imports;
mod interruptions;
mod leavers;
mod refusals;
mod service;
