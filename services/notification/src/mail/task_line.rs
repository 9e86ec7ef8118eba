//! What a template is given to ask somebody with.

use std::collections::BTreeMap;

use domain::{PersonId, Timestamp};
use serde::Serialize;

use crate::person::Person;
use crate::task::Task;

/// One task, as templates see it. Every text is one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TaskLine {
    pub(crate) id: String,
    pub(crate) application: String,
    /// About whom it is.
    pub(crate) person: String,
    pub(crate) steps: Vec<String>,
    pub(crate) due: String,
    pub(crate) late: bool,
}

impl TaskLine {
    pub(crate) fn new(task: &Task, people: &BTreeMap<PersonId, Person>, now: Timestamp) -> Self {
        let standing = people.get(&task.person).and_then(|person| person.standing.as_ref());
        let name = standing.map(|standing| standing.display_name.clone());
        let nameless = || format!("person {}", task.person);
        Self {
            id: task.id.to_string(),
            application: task.application.clone(),
            person: name.filter(|name| !name.is_empty()).unwrap_or_else(nameless),
            steps: task.steps.clone(),
            due: task.due_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            late: task.escalations > 0 || task.due_at <= now,
        }
    }
}
