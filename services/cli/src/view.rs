//! A person as operators see one, gathered from the services' answers.

mod person;
mod read;
mod render;

pub(crate) use self::person::{Event, Found, Person, Timeline, open};
pub(crate) use self::read::{access, dossier, event, timeline};
pub(crate) use self::render::{found, of_access, of_timeline, person};
