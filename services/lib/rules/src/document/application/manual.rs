use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Finding, Owner, minutes};

/// How humans work in an application that nothing can be asked of. Its owner does the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// Who does it when the owner does not do it in time, or has left.
    pub deputy: Owner,
    /// Who does it when the deputy does not, either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Owner>,
    /// How it is done, for whoever does it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instructions: String,
    /// Within what time it is done.
    #[serde(default = "Within::days", skip_serializing_if = "Within::is_days")]
    pub due: Within,
    /// Within what time it is done for somebody who leaves.
    #[serde(default = "Within::hours", skip_serializing_if = "Within::is_hours")]
    pub due_leaver: Within,
    /// What shows that it was done.
    #[serde(default, skip_serializing_if = "Evidence::is_default")]
    pub evidence: Evidence,
    /// How it is verified.
    #[serde(default, skip_serializing_if = "Verification::is_default")]
    pub verification: Verification,
}

/// A time in which something is done: `PT72H`, `PT30M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Within {
    minutes: u32,
}

/// What shows that something was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The number of a ticket.
    Ticket,
    /// An address under which it can be looked at.
    Link,
    /// A sentence.
    #[default]
    Note,
}

/// How it is known that something was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verification {
    /// Somebody other than who did it attests it, or a list of the accounts shows it.
    #[default]
    Attestation,
    /// Only a list of the application's accounts counts.
    Listing,
}

impl Within {
    /// Thirty days.
    const MINUTES_MAX: u32 = 30 * 24 * 60;

    const fn days() -> Self {
        Self { minutes: 3 * 24 * 60 }
    }

    const fn hours() -> Self {
        Self { minutes: 4 * 60 }
    }

    fn is_days(&self) -> bool {
        *self == Self::days()
    }

    fn is_hours(&self) -> bool {
        *self == Self::hours()
    }

    /// Returns the time.
    #[must_use]
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_mins(self.minutes.into())
    }
}

impl TryFrom<String> for Within {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        minutes::read(&text, Self::MINUTES_MAX).map(|minutes| Self { minutes }).ok_or_else(|| {
            format!(
                "`{text}` is no time; write for instance PT72H or PT30M, at most PT{}H",
                Self::MINUTES_MAX / 60
            )
        })
    }
}

impl From<Within> for String {
    fn from(within: Within) -> Self {
        minutes::write(within.minutes)
    }
}

impl Evidence {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Verification {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

const INSTRUCTIONS_LENGTH_MAX: usize = 4_000;

impl Manual {
    pub(super) fn problems(&self, owner: Option<&Owner>) -> Vec<Finding> {
        let mut found = self.deputy.problems("spec.connector.manual.deputy");
        if let Some(escalation) = &self.escalation {
            found.extend(escalation.problems("spec.connector.manual.escalation"));
        }
        let same = |other: &Owner| other.mail.eq_ignore_ascii_case(&self.deputy.mail);
        match owner {
            None => {
                let message = "missing; whoever owns a manual application does its work";
                found.push(("spec.owner".to_owned(), message.to_owned()));
            }
            Some(owner) if same(owner) => {
                let message = "is the owner's address; a deputy is somebody else";
                found.push(("spec.connector.manual.deputy.mail".to_owned(), message.to_owned()));
            }
            Some(_) => {}
        }
        if self.instructions.len() > INSTRUCTIONS_LENGTH_MAX {
            let message = format!("longer than {INSTRUCTIONS_LENGTH_MAX} bytes; link to the rest");
            found.push(("spec.connector.manual.instructions".to_owned(), message));
        }
        if self.due_leaver.minutes > self.due.minutes {
            let message = "later than due; a leaver's access ends first";
            found.push(("spec.connector.manual.due_leaver".to_owned(), message.to_owned()));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Document, load};

    fn application(manual: &str, owner: &str) -> Result<Vec<Document>, String> {
        let text = format!(
            "apiVersion: tenure.dev/v1\n\
             kind: Application\n\
             metadata: {{name: badges}}\n\
             spec:\n  {owner}\n  connector: {{kind: manual{manual}}}\n  \
             account: {{login: person.name}}\n"
        );
        load("badges.yaml", &text).map_err(|problems| format!("{problems:?}"))
    }

    const OWNER: &str = "owner: {name: Front desk, mail: desk@company.example}";
    const DEPUTY: &str = "deputy: {name: Facilities, mail: facilities@company.example}";

    #[test]
    fn a_manual_application_needs_an_owner_and_a_deputy() {
        assert!(application(&format!(", manual: {{{DEPUTY}}}"), OWNER).is_ok());
        for (manual, owner, complaint) in [
            (String::new(), OWNER, "spec.connector.manual"),
            (format!(", manual: {{{DEPUTY}}}"), "description: none", "spec.owner"),
            (
                ", manual: {deputy: {name: Front desk, mail: DESK@company.example}}".to_owned(),
                OWNER,
                "somebody else",
            ),
            (format!(", manual: {{{DEPUTY}, due: P3D}}"), OWNER, "is no time"),
            (format!(", manual: {{{DEPUTY}, due: PT1H}}"), OWNER, "later than due"),
            (format!(", url: 'https://badges.example', manual: {{{DEPUTY}}}"), OWNER, "url"),
        ] {
            let refused = application(&manual, owner).unwrap_err();
            assert!(refused.contains(complaint), "{manual}: {refused}");
        }
    }
}
