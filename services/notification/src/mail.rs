//! Writes messages from templates and hands them to the mail server.

mod line;
mod sender;
mod task_line;
mod templates;
mod transport;

pub(crate) use line::{Letter, Line};
pub(crate) use sender::{Outgoing, Problem, Sender};
pub(crate) use task_line::TaskLine;
pub(crate) use templates::Templates;
pub(crate) use transport::{Fault, Transport};
