//! What each program may do, tried out: everything that is documented, and everything else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "what was found is for people to read")]

mod broker;
mod databases;
mod page;
mod rotation;
