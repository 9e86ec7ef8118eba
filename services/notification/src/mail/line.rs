//! What a template is given to tell a notice with.

use std::collections::BTreeMap;

use serde::Serialize;

use super::TaskLine;
use crate::account::Account;
use crate::milestone::Recipient;
use crate::notice::Notice;
use crate::person::Person;
use crate::recipient::{Addressee, Contact};
use crate::standing::{Engagement, Position};

/// A message that is about to be written.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) to: Contact,
    pub(crate) lines: Vec<Line>,
    /// In place of notices: what is to be done.
    pub(crate) tasks: Vec<TaskLine>,
}

impl Letter {
    /// Whether there is nothing to say any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.tasks.is_empty()
    }
}

/// One notice, as templates see it. Every text is one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) milestone: &'static str,
    pub(crate) template: String,
    /// The day on which it takes effect.
    pub(crate) date: String,
    pub(crate) person: String,
    pub(crate) title: String,
    pub(crate) department: String,
    pub(crate) location: String,
    /// What somebody who moved was before.
    pub(crate) before_title: String,
    pub(crate) before_department: String,
    pub(crate) start_date: String,
    /// Empty: none is known.
    pub(crate) last_working_day: String,
    pub(crate) accounts: Vec<AccountLine>,
    /// Actions that failed for good.
    pub(crate) failed: u32,
    pub(crate) exposure: Option<Exposure>,
    /// The application whose owner is told; empty: a manager is.
    pub(crate) application: String,
    /// Whoever is told stands in for somebody who cannot be.
    pub(crate) stands_in: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccountLine {
    pub(crate) application: String,
    pub(crate) login: String,
    pub(crate) state: &'static str,
}

/// How long access outlived an end that was recorded late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Exposure {
    pub(crate) from: String,
    pub(crate) until: String,
    pub(crate) hours: i64,
}

impl Line {
    pub(crate) fn new(
        notice: &Notice,
        person: Option<&Person>,
        accounts: Option<&BTreeMap<String, Account>>,
        to: &Addressee,
    ) -> Self {
        let standing = person.and_then(|person| person.standing.as_ref());
        let engagement = standing.and_then(|standing| standing.engagement(notice.engagement));
        let (before, position) = engagement.map_or((None, None), |one| positions(notice, one));
        let text = |position: Option<&Position>, of: fn(&Position) -> &String| {
            position.map(of).cloned().unwrap_or_default()
        };
        let end = engagement.and_then(|engagement| engagement.end);
        let name = standing.map(|standing| standing.display_name.clone());
        Self {
            milestone: notice.milestone.as_str(),
            template: notice.template.clone(),
            date: notice.date.to_string(),
            person: name.filter(|name| !name.is_empty()).unwrap_or_else(|| nameless(notice)),
            title: text(position, |position| &position.title),
            department: text(position, |position| &position.department),
            location: text(position, |position| &position.location),
            before_title: text(before, |position| &position.title),
            before_department: text(before, |position| &position.department),
            start_date: engagement.map(|one| one.start_date.to_string()).unwrap_or_default(),
            last_working_day: end.map(|end| end.last_working_day.to_string()).unwrap_or_default(),
            accounts: accounts.into_iter().flat_map(|all| all.values()).map(shown).collect(),
            failed: person
                .and_then(|person| person.settlement.as_ref())
                .map_or(0, |settlement| settlement.failed),
            exposure: end.zip(notice.exposed_until).map(|(end, until)| Exposure {
                from: minute(end.ends_at),
                until: minute(until),
                hours: until.duration_since(end.ends_at).as_hours(),
            }),
            application: match &notice.recipient {
                Recipient::Owner(application) => application.clone(),
                Recipient::Manager(_) => String::new(),
            },
            stands_in: stands_in(&notice.recipient, to),
        }
    }
}

/// What the person was before the notice's day, and is on it.
fn positions<'a>(
    notice: &Notice,
    engagement: &'a Engagement,
) -> (Option<&'a Position>, Option<&'a Position>) {
    let at = engagement.positions.iter().rposition(|position| position.from <= notice.date);
    let at = at.unwrap_or_default();
    let before = at.checked_sub(1).and_then(|before| engagement.positions.get(before));
    (before, engagement.positions.get(at))
}

fn shown(account: &Account) -> AccountLine {
    AccountLine {
        application: account.application.clone(),
        login: account.login.clone(),
        state: account.state.as_str(),
    }
}

fn nameless(notice: &Notice) -> String {
    format!("Person {}", notice.person)
}

fn minute(instant: domain::Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn stands_in(recipient: &Recipient, to: &Addressee) -> bool {
    match (recipient, to) {
        (Recipient::Manager(Some(meant)), Addressee::Manager(told)) => meant != told,
        (Recipient::Owner(meant), Addressee::Owner(told)) => meant != told,
        (
            Recipient::Manager(_) | Recipient::Owner(_),
            Addressee::Manager(_)
            | Addressee::Owner(_)
            | Addressee::LastResort
            | Addressee::Assignee(_),
        ) => true,
    }
}

#[cfg(test)]
impl Line {
    /// A line with something in every field.
    pub(crate) fn sample(milestone: &'static str, person: &str) -> Self {
        Self {
            milestone,
            template: milestone.to_owned(),
            date: "2026-04-01".to_owned(),
            person: person.to_owned(),
            title: "Engineer".to_owned(),
            department: "Bridges".to_owned(),
            location: "Pier 7".to_owned(),
            before_title: "Apprentice".to_owned(),
            before_department: "Roads".to_owned(),
            start_date: "2026-03-01".to_owned(),
            last_working_day: "2026-04-01".to_owned(),
            accounts: vec![AccountLine {
                application: "directory".to_owned(),
                login: "ada".to_owned(),
                state: "active",
            }],
            failed: 1,
            exposure: Some(Exposure {
                from: "2026-04-01 22:00 UTC".to_owned(),
                until: "2026-04-03 08:30 UTC".to_owned(),
                hours: 34,
            }),
            application: "directory".to_owned(),
            stands_in: true,
        }
    }
}
