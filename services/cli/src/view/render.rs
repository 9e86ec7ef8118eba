//! A person as tables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::person::{Access, Difference, Dossier, Event, Found, Person, Timeline};
use crate::output::{instant, optional, section, table};

/// The people who fit a query.
pub(crate) fn found(people: &[Found]) -> String {
    table(
        &["person", "worker id", "name"],
        people
            .iter()
            .map(|one| vec![one.person.clone(), one.worker_id.clone(), one.display_name.clone()]),
    )
}

/// One person.
pub(crate) fn person(person: &Person) -> String {
    let Person { found, timeline, access, dossier, open, history } = person;
    let mut text = format!(
        "{}\n  person     {}\n  worker id  {}\n  settled    {}\n\n",
        found.display_name,
        found.person,
        found.worker_id,
        if dossier.settled { "yes" } else { "no" },
    );
    match timeline {
        Some(timeline) => text += &of_timeline(timeline),
        None => text += "timeline: nothing was published yet\n\n",
    }
    match access {
        Some(access) => text += &of_access(access),
        None => text += "access: nothing was evaluated yet\n\n",
    }
    text += &of_dossier(dossier);
    text += &section("open", "nothing", open.is_empty(), || {
        open.iter().map(difference).collect::<Vec<_>>().join("\n")
    });
    if let Some(history) = history {
        text += &of_history(history);
    }
    text
}

pub(crate) fn of_timeline(timeline: &Timeline) -> String {
    let held = timeline
        .held_since
        .map(|since| format!(", held for reasons of security since {}", instant(Some(since))));
    let ids = |what: &str, ids: &[String]| match ids {
        [] => String::new(),
        ids => format!(", {what} {}", ids.join(", ")),
    };
    let title = format!(
        "timeline {}, recorded {}, zone {}{}{}{}",
        timeline.version,
        instant(timeline.recorded_at),
        if timeline.zone.is_empty() { "of the tenant" } else { &timeline.zone },
        held.unwrap_or_default(),
        ids("merged with", &timeline.merged),
        ids("split from", &timeline.split),
    );
    section(&title, "no engagement", timeline.engagements.is_empty(), || {
        let engagements = timeline.engagements.iter().map(|one| {
            vec![
                one.engagement.clone(),
                one.source.clone(),
                optional(one.start_date),
                optional(one.last_working_day),
                optional(one.termination_date),
                instant(one.ends_at),
            ]
        });
        let slices = timeline.slices.iter().map(|one| {
            let (from, until) = (optional(one.from), optional(one.until));
            let manager = optional(one.manager.as_ref());
            vec![one.engagement.clone(), from, until, manager, pairs(&one.attributes)]
        });
        let engagements = table(
            &[
                "engagement",
                "source",
                "start",
                "last working day",
                "termination",
                "ended by operator",
            ],
            engagements,
        );
        let slices = table(&["engagement", "from", "until", "manager", "attributes"], slices);
        format!("{engagements}\n\n{slices}")
    })
}

/// What policies say of one person.
pub(crate) fn of_access(access: &Access) -> String {
    let title = format!(
        "access {} under release {}, evaluated {}, next change {}",
        access.version,
        access.release,
        instant(access.evaluated_at),
        instant(access.next_boundary),
    );
    let grants = access.grants.iter().flat_map(|grant| {
        grant.reasons.iter().enumerate().map(|(index, reason)| {
            let name = match index {
                0 => format!("{} / {}", grant.entitled.application, grant.entitled.entitlement),
                // Another reason for the same grant.
                _ => String::new(),
            };
            vec![
                name,
                match reason.kept {
                    false => format!("{} {}", reason.kind, reason.source),
                    true => format!("{} {} (kept: it cannot answer)", reason.kind, reason.source),
                },
                reason.bundle.clone(),
                instant(reason.from),
                instant(reason.until),
            ]
        })
    });
    section(&title, "none", access.grants.is_empty(), || {
        table(&["grant", "because of", "bundle", "from", "until"], grants)
    })
}

fn of_dossier(dossier: &Dossier) -> String {
    let accounts = section("accounts", "none", dossier.accounts.is_empty(), || {
        let rows = dossier.accounts.iter().map(|one| {
            vec![
                one.application.clone(),
                one.login.clone(),
                one.state.to_owned(),
                one.account.clone(),
                one.entitlements.join(", "),
            ]
        });
        table(&["application", "login", "state", "account", "entitlements"], rows)
    });
    let actions = section("actions", "none", dossier.actions.is_empty(), || {
        let rows = dossier.actions.iter().map(|one| {
            vec![
                instant(one.created_at),
                instant(one.finished_at),
                one.doing(),
                one.state.clone(),
                one.attempts.to_string(),
                one.error.clone(),
            ]
        });
        table(&["created", "finished", "action", "state", "attempts ", "error"], rows)
    });
    accounts + &actions
}

fn of_history(history: &[Event]) -> String {
    section("history", "nothing is recorded", history.is_empty(), || {
        let rows = history.iter().map(|one| {
            let name = one.r#type.rsplit('.').next().unwrap_or(&one.r#type);
            vec![
                instant(one.occurred_at),
                one.publisher.clone(),
                one.position.to_string(),
                name.to_owned(),
                one.event.clone(),
            ]
        });
        table(&["occurred", "publisher", "position ", "event", "id"], rows)
    })
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Action { action, doing, state } => format!("{doing} is {state} ({action})"),
        Difference::Missing(one) => {
            format!("{} in {} is desired and not held", one.entitlement, one.application)
        }
        Difference::Surplus(one) => {
            format!("{} in {} is held and not desired", one.entitlement, one.application)
        }
        Difference::Account { application, desired, observed } => {
            format!("the account in {application} is {observed} and shall be {desired}")
        }
    }
}

fn pairs(attributes: &BTreeMap<String, Value>) -> String {
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("{name}: {value}")
        }
    };
    attributes.iter().map(pair).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::person::{Entitled, Grant, Reason};

    #[test]
    fn a_grant_with_two_reasons_is_named_once() {
        let reason = |source: &str, until: Option<&str>| Reason {
            kind: "policy",
            source: source.to_owned(),
            bundle: "police-core".to_owned(),
            engagement: "e".to_owned(),
            from: Some("2012-06-30T04:00:00Z".parse().unwrap()),
            until: until.map(|until| until.parse().unwrap()),
            kept: false,
        };
        let entitled =
            Entitled { application: "directory".to_owned(), entitlement: "police".to_owned() };
        let access = Access {
            version: "1.7".to_owned(),
            release: 3,
            evaluated_at: Some("2026-03-02T09:00:00Z".parse().unwrap()),
            next_boundary: None,
            accounts: Vec::new(),
            grants: vec![Grant {
                entitled,
                reasons: vec![
                    reason("police-birthright", None),
                    reason("detectives", Some("2026-04-01T04:00:00Z")),
                ],
            }],
        };

        let text = of_access(&access);

        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines[0],
            "access 1.7 under release 3, evaluated 2026-03-02 09:00:00Z, next change -"
        );
        assert!(lines[2].starts_with("directory / police  policy police-birthright"), "{text}");
        assert!(lines[2].ends_with("2012-06-30 04:00:00Z  -"), "{text}");
        assert!(lines[3].starts_with("policy detectives"), "{text}");
        assert!(lines[3].ends_with("2026-04-01 04:00:00Z"), "{text}");
    }

    #[test]
    fn what_is_open_reads_as_a_sentence() {
        let one =
            Entitled { application: "records".to_owned(), entitlement: "warrants".to_owned() };

        assert_eq!(
            difference(&Difference::Missing(one)),
            "warrants in records is desired and not held"
        );
    }
}
