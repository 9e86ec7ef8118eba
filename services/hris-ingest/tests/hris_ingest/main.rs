//! hris-ingest alone, on a real PostgreSQL and a real broker, asked as operators ask it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod authorities;
mod cases;
mod city;
mod company;
mod corpora;
mod ends;
mod events;
mod facts;
mod feeds;
mod folders;
mod held;
mod identities;
mod imports;
mod interruptions;
mod json_lines;
mod kin;
mod leavers;
mod lives;
mod managers;
mod matching;
mod pushes;
mod quiet;
mod refusals;
mod repeated;
mod scim;
mod service;
mod sources;
mod values;
mod webhooks;
mod zones;
