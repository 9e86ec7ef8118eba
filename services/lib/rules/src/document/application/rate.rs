use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Finding;
use super::{Application, ConnectorKind};

/// How many requests an application admits in some time, from all replicas together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The endpoint below the base address, such as `/Users`; without it every request counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many.
    pub requests: u32,
    /// In what time: `PT1S`, `PT1M`, `PT24H`.
    pub per: Window,
}

/// A length of time: `PT1S`, `PT1M`, `PT24H`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Window(u32);

/// Rates of one application.
const RATES_MAX: usize = 8;
const REQUESTS_MAX: u32 = 1_000_000;
const SECONDS_EACH_MAX: u64 = 30;

impl Window {
    const SECONDS_MAX: u32 = 24 * 3600;

    /// The length.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let counted = |(unit, seconds): (char, u32)| {
            text.strip_prefix("PT")
                .and_then(|rest| rest.strip_suffix(unit))
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse::<u32>().ok())
                .and_then(|count| count.checked_mul(seconds))
        };
        [('S', 1), ('M', 60), ('H', 3600)]
            .into_iter()
            .find_map(counted)
            .filter(|seconds| (1..=Self::SECONDS_MAX).contains(seconds))
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "`{text}` is no length of time; write for instance PT1S, PT1M or PT1H, at most \
                     PT{}H",
                    Self::SECONDS_MAX / 3600
                )
            })
    }
}

impl From<Window> for String {
    fn from(Window(seconds): Window) -> Self {
        match seconds {
            hours if hours % 3600 == 0 => format!("PT{}H", hours / 3600),
            minutes if minutes % 60 == 0 => format!("PT{}M", minutes / 60),
            seconds => format!("PT{seconds}S"),
        }
    }
}

impl Application {
    pub(super) fn rate_problems(&self) -> Vec<Finding> {
        let rates = &self.limits.rates;
        let mut found = Vec::new();
        if rates.len() > RATES_MAX {
            found.push(("spec.limits.rates".to_owned(), format!("more than {RATES_MAX}")));
        }
        for (index, rate) in rates.iter().enumerate() {
            let mut find = |name: &str, message: &str| {
                found.push((format!("spec.limits.rates[{index}]{name}"), message.to_owned()));
            };
            if !(1..=REQUESTS_MAX).contains(&rate.requests) {
                find(".requests", &format!("must be between 1 and {REQUESTS_MAX}"));
            }
            // A change takes a few requests one after the other.
            if u64::from(rate.requests) * SECONDS_EACH_MAX < rate.per.duration().as_secs() {
                let slow = format!(
                    "fewer than one in {SECONDS_EACH_MAX} seconds; no change would ever end"
                );
                find(".requests", &slow);
            }
            let of_path = rate.path.as_deref().map(is_endpoint);
            match (self.connector.kind, of_path) {
                (ConnectorKind::Scim, Some(false)) => {
                    find(".path", "not an endpoint; write one segment, such as /Users");
                }
                (
                    ConnectorKind::Ldap | ConnectorKind::Manual | ConnectorKind::InProcess,
                    Some(_),
                ) => {
                    find(".path", "is for scim; remove it, and every request counts");
                }
                (_, None) | (ConnectorKind::Scim, Some(true)) => {}
            }
            let same = |other: &Rate| (&other.path, other.per) == (&rate.path, rate.per);
            if rates[..index].iter().any(same) {
                find("", "the same path and time are listed before; remove one");
            }
        }
        found
    }
}

/// One segment: `/Users`.
fn is_endpoint(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|segment| {
        !segment.is_empty()
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::load;

    #[test]
    fn a_length_of_time_is_written_as_it_was_read() {
        for text in ["PT1S", "PT90S", "PT1M", "PT90M", "PT24H"] {
            assert_eq!(String::from(Window::try_from(text.to_owned()).unwrap()), text);
        }
        for text in ["PT0S", "PT25H", "P1D", "60", "PT1.5S", "PT", "PT+1S"] {
            assert!(Window::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_that_make_no_sense_are_found_with_their_place() {
        let told = told(
            "{kind: scim, url: \"https://a.example\"}",
            "[{requests: 0, per: PT1M}, {path: Users, requests: 2, per: PT1M}, \
             {path: /Users/me, requests: 2, per: PT1M}, {path: /Users, requests: 2, per: PT1M}, \
             {path: /Users, requests: 2, per: PT60S}, {requests: 119, per: PT1H}]",
        );

        assert!(told.contains("rates[0].requests"), "{told}");
        assert!(told.contains("rates[1].path"), "{told}");
        assert!(told.contains("rates[2].path"), "{told}");
        assert!(told.contains("rates[4]"), "{told}");
        assert!(told.contains("rates[5].requests"), "{told}");
        assert!(!told.contains("rates[3]"), "{told}");
    }

    #[test]
    fn only_scim_has_endpoints() {
        let told = told("{kind: inprocess}", "[{path: /Users, requests: 2, per: PT1M}]");

        assert!(told.contains("rates[0].path"), "{told}");
        assert!(told.contains("is for scim"), "{told}");
    }

    /// The problems of an application with these rates.
    fn told(connector: &str, rates: &str) -> String {
        let text = format!(
            "apiVersion: tenure.dev/v1\nkind: Application\nmetadata: {{name: directory}}\nspec:\n  \
             connector: {connector}\n  limits: {{rates: {rates}}}\n  account: {{login: person.name}}\n"
        );
        let problems = load("application.yaml", &text).unwrap_err();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}
