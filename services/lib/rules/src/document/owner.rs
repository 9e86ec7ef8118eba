use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Finding;

/// Who answers for something: told when it needs somebody, and named when nobody else is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The owner's name, of a person or of a team.
    pub name: String,
    /// Where the owner is written to.
    pub mail: String,
}

const NAME_LENGTH_MAX: usize = 255;
/// The longest address that mail carries.
const MAIL_LENGTH_MAX: usize = 254;

impl Owner {
    /// What cannot be used of it: pairs of a field, `.name` or `.mail`, and what is wrong.
    #[must_use]
    pub fn check(&self) -> Vec<(String, String)> {
        self.problems("")
    }

    /// What cannot be used of it, below the field in which it stands.
    pub(super) fn problems(&self, field: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        let name = &self.name;
        if name.is_empty()
            || name.len() > NAME_LENGTH_MAX
            || name.trim() != name
            || name.chars().any(char::is_control)
        {
            let message = format!(
                "not a name; use 1 to {NAME_LENGTH_MAX} bytes without white space around them"
            );
            found.push((format!("{field}.name"), message));
        }
        if !is_address(&self.mail) {
            let message = "not a mail address; write for instance it@city.example".to_owned();
            found.push((format!("{field}.mail"), message));
        }
        found
    }
}

/// Something, an `@`, a domain; whether anybody reads there only sending tells.
fn is_address(mail: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c);
    let Some((local, domain)) = mail.rsplit_once('@') else { return false };
    mail.len() <= MAIL_LENGTH_MAX
        && !mail.chars().any(odd)
        && !local.is_empty()
        && !local.contains('@')
        && domain.split('.').all(|label| !label.is_empty())
}
