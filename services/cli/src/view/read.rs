//! Wire types to what is shown. What cannot be read is shown as unknown, never left out.

use std::collections::BTreeMap;

use anyhow::Context as _;
use domain::{Date, Timestamp};
use proto::common::v1::{AccountState, CivilDate, Instant, Value as Wire, Version, value::Kind};
use proto::prost::Message as _;
use proto::{audit, convert, hris, policy, provisioning};
use serde_json::{Value, json};

use super::person::{
    Access, Account, Action, DesiredAccount, Dossier, Engagement, Entitled, Event, Grant, Reason,
    Slice, Timeline,
};

/// Reads a person as last published.
pub(crate) fn timeline(bytes: &[u8]) -> anyhow::Result<Timeline> {
    let person = hris::v1::PersonUpdated::decode(bytes).context("read the timeline")?;
    let engagements = person.engagements.into_iter().map(|engagement| Engagement {
        engagement: engagement.engagement_id,
        source: engagement.source,
        start_date: date(engagement.start_date),
        last_working_day: date(engagement.last_working_day),
        termination_date: date(engagement.termination_date),
        ends_at: instant(engagement.ends_at),
    });
    let slices = person.slices.into_iter().map(|slice| Slice {
        engagement: slice.engagement_id,
        from: date(slice.from),
        until: date(slice.until),
        attributes: attributes(slice.attributes),
        manager: Some(slice.manager_person_id).filter(|manager| !manager.is_empty()),
    });
    let kin = person.kin.unwrap_or_default();
    Ok(Timeline {
        version: version(person.version.as_ref()),
        zone: person.zone,
        recorded_at: instant(person.recorded_at),
        held_since: instant(person.held_since),
        merged: kin.merged_person_ids,
        split: kin.split_person_ids,
        engagements: engagements.collect(),
        slices: slices.collect(),
    })
}

/// Reads a person's desired access.
pub(crate) fn access(answer: &policy::v1::GetDesiredAccessResponse) -> anyhow::Result<Access> {
    let desired = policy::v1::DesiredAccessChanged::decode(answer.desired_access.as_slice())
        .context("read the desired access")?;
    let accounts = desired.accounts.into_iter().map(|account| DesiredAccount {
        state: account_state(account.state),
        application: account.application,
        attributes: attributes(account.attributes),
    });
    let grants = desired.grants.into_iter().map(|grant| Grant {
        entitled: Entitled { application: grant.application, entitlement: grant.entitlement },
        reasons: grant.reasons.into_iter().map(reason).collect(),
    });
    Ok(Access {
        version: version(desired.version.as_ref()),
        release: desired.release,
        evaluated_at: instant(desired.evaluated_at),
        next_boundary: instant(answer.next_boundary),
        accounts: accounts.collect(),
        grants: grants.collect(),
    })
}

/// Reads what provisioning knows of a person.
pub(crate) fn dossier(answer: provisioning::v1::GetPersonResponse) -> Dossier {
    let accounts = answer.accounts.into_iter().map(|account| Account {
        state: account_state(account.state),
        application: account.application,
        account: account.account_id,
        login: account.login,
        entitlements: account.entitlements,
    });
    let actions = answer.actions.into_iter().map(|action| Action {
        kind: action_kind(action.kind),
        action: action.action_id,
        application: action.application,
        entitlement: action.entitlement,
        state: action.state,
        attempts: action.attempts,
        error: action.error,
        created_at: instant(action.created_at),
        finished_at: instant(action.finished_at),
    });
    Dossier { settled: answer.settled, accounts: accounts.collect(), actions: actions.collect() }
}

/// Reads one event of the log.
pub(crate) fn event(event: audit::v1::RecordedEvent) -> Event {
    Event {
        event: event.event_id,
        publisher: event.publisher,
        position: event.position,
        r#type: event.r#type,
        occurred_at: instant(event.occurred_at),
        recorded_at: instant(event.recorded_at),
        payload: serde_json::from_str(&event.json).unwrap_or(Value::String(event.json)),
    }
}

fn reason(reason: policy::v1::Reason) -> Reason {
    use policy::v1::ReasonKind;
    Reason {
        kind: match ReasonKind::try_from(reason.kind) {
            Ok(ReasonKind::Policy) => "policy",
            Ok(ReasonKind::Request) => "request",
            Ok(ReasonKind::Exception) => "exception",
            Ok(ReasonKind::Hold) => "hold",
            Ok(ReasonKind::Unspecified) | Err(_) => "unknown",
        },
        source: reason.source,
        bundle: reason.bundle,
        engagement: reason.engagement_id,
        from: instant(reason.from),
        until: instant(reason.until),
        kept: reason.kept,
    }
}

fn account_state(state: i32) -> &'static str {
    match AccountState::try_from(state) {
        Ok(AccountState::None) => "none",
        Ok(AccountState::Active) => "active",
        Ok(AccountState::Suspended) => "suspended",
        Ok(AccountState::Deleted) => "deleted",
        Ok(AccountState::Unspecified) | Err(_) => "unknown",
    }
}

fn action_kind(kind: i32) -> &'static str {
    use provisioning::v1::ActionKind;
    match ActionKind::try_from(kind) {
        Ok(ActionKind::CreateAccount) => "create account",
        Ok(ActionKind::UpdateAccount) => "update account",
        Ok(ActionKind::EnableAccount) => "enable account",
        Ok(ActionKind::DisableAccount) => "disable account",
        Ok(ActionKind::Grant) => "grant",
        Ok(ActionKind::Revoke) => "revoke",
        Ok(ActionKind::Unspecified) | Err(_) => "unknown",
    }
}

fn attributes(wire: BTreeMap<String, Wire>) -> BTreeMap<String, Value> {
    wire.into_iter().map(|(name, value)| (name, json_value(value))).collect()
}

fn json_value(value: Wire) -> Value {
    match value.kind {
        Some(Kind::Text(text)) => json!(text),
        Some(Kind::Integer(number)) => json!(number),
        Some(Kind::Boolean(answer)) => json!(answer),
        Some(Kind::Date(day)) => json!(date(Some(day)).map(|day| day.to_string())),
        Some(Kind::List(list)) => json!(list.items),
        None => Value::Null,
    }
}

fn version(version: Option<&Version>) -> String {
    version.map_or_else(String::new, |version| format!("{}.{}", version.epoch, version.counter))
}

fn date(date: Option<CivilDate>) -> Option<Date> {
    convert::date("date", date.as_ref()).ok().flatten()
}

fn instant(instant: Option<Instant>) -> Option<Timestamp> {
    convert::optional_instant("instant", instant.as_ref()).ok().flatten()
}
