//! Wire types to domain types and back; nothing else in this service reads or makes them, except
//! for releases, which have no form of their own here.

use std::collections::BTreeMap;

use domain::{Lane, PersonId, Timestamp, Version};
use proto::common::v1::{self as common, AccountReference};
use proto::convert::{self, Invalid};
use proto::hris::v1::{self as hris, ChangeKind, PersonUpdated};
use proto::policy::v1::{
    DesiredAccessChanged, DesiredAccessConfirmed, DesiredAccount, DesiredGrant, EngagementStanding,
    LifecycleChanged, PositionChange, Reason, ReasonKind,
};
use rules::{
    Access, Engagement, Evaluation, Lifecycle, Position, Reference, Slice, Standing, Timeline,
};

use crate::person::Evaluated;
use crate::person::table::{Stored, StoredEvaluation};
use crate::timeline::{Key, Known};

/// Slices of one timeline, at most; publishers keep to it.
const SLICES_MAX: usize = 200;

/// Reads a person's timeline.
pub(crate) fn known(event: PersonUpdated) -> Result<(Key, Known), Invalid> {
    match ChangeKind::try_from(event.change) {
        Ok(ChangeKind::Joined | ChangeKind::Changed | ChangeKind::Left | ChangeKind::Rehired) => {}
        Ok(ChangeKind::Unspecified) => return Err(Invalid::field("change", "unspecified")),
        Err(_unknown) => return Err(Invalid::field("change", "unknown enum value")),
    }
    if event.slices.len() > SLICES_MAX {
        return Err(Invalid::field("slices", format!("more than {SLICES_MAX}")));
    }
    let zone = (!event.zone.is_empty()).then_some(event.zone);
    let engagements = event.engagements.iter().map(engagement).collect::<Result<_, _>>()?;
    let slices = event.slices.iter().map(slice).collect::<Result<_, _>>()?;
    let person = convert::id("person_id", &event.person_id)?;
    let version = convert::version("version", event.version.as_ref())?;
    let recorded_at = convert::instant("recorded_at", event.recorded_at.as_ref())?;
    let held_since = convert::optional_instant("held_since", event.held_since.as_ref())?;
    let kin = convert::kin(event.kin.as_ref())?;
    let timeline = Timeline { zone, engagements, slices, held_since, kin };
    Ok(((person, version), Known { version, recorded_at, timeline }))
}

fn engagement(wire: &hris::Engagement) -> Result<Engagement, Invalid> {
    Ok(Engagement {
        id: convert::id("engagement_id", &wire.engagement_id)?,
        start: convert::date("start_date", wire.start_date.as_ref())?
            .ok_or(Invalid::Missing("start_date"))?,
        last_working_day: convert::date("last_working_day", wire.last_working_day.as_ref())?,
        termination_date: convert::date("termination_date", wire.termination_date.as_ref())?,
        ends_at: convert::optional_instant("ends_at", wire.ends_at.as_ref())?,
        quiet_through: convert::date("quiet_through", wire.quiet_through.as_ref())?,
    })
}

fn slice(wire: &hris::Slice) -> Result<Slice, Invalid> {
    Ok(Slice {
        engagement: convert::id("engagement_id", &wire.engagement_id)?,
        from: convert::date("from", wire.from.as_ref())?.ok_or(Invalid::Missing("from"))?,
        until: convert::date("until", wire.until.as_ref())?,
        attributes: convert::attributes(&wire.attributes)?,
        manager: match wire.manager_person_id.as_str() {
            "" => None,
            manager => Some(convert::id("manager_person_id", manager)?),
        },
    })
}

/// Announces an evaluation whose access differs from the one before it.
pub(crate) fn changed(
    evaluated: &Evaluated,
    release: u64,
    evaluated_at: Timestamp,
) -> DesiredAccessChanged {
    let known = &evaluated.due.known;
    DesiredAccessChanged {
        person_id: evaluated.due.id.to_string(),
        version: Some(evaluated.version.into()),
        person_version: Some(known.version.into()),
        release,
        lane: lane(evaluated.lane),
        evaluated_at: Some(evaluated_at.into()),
        accounts: accounts(&evaluated.evaluation.access),
        grants: grants(&evaluated.evaluation.access),
        person_recorded_at: Some(known.recorded_at.into()),
        kin: convert::wire_kin(&evaluated.evaluation.access.kin),
    }
}

/// Announces an evaluation whose access is the one before it.
pub(crate) fn confirmed(
    evaluated: &Evaluated,
    release: u64,
    evaluated_at: Timestamp,
) -> DesiredAccessConfirmed {
    let known = &evaluated.due.known;
    DesiredAccessConfirmed {
        person_id: evaluated.due.id.to_string(),
        version: Some(evaluated.version.into()),
        person_version: Some(known.version.into()),
        release,
        lane: lane(evaluated.lane),
        evaluated_at: Some(evaluated_at.into()),
        person_recorded_at: Some(known.recorded_at.into()),
    }
}

/// Announces where a person stands, as the version of a timeline says.
pub(crate) fn lifecycle(
    (person, person_version): Key,
    version: Version,
    in_lane: Lane,
    lifecycle: &Lifecycle,
    evaluated_at: Timestamp,
) -> LifecycleChanged {
    LifecycleChanged {
        person_id: person.to_string(),
        version: Some(version.into()),
        person_version: Some(person_version.into()),
        lane: lane(in_lane),
        evaluated_at: Some(evaluated_at.into()),
        display_name: lifecycle.display_name.clone(),
        mail: lifecycle.mail.clone(),
        zone: lifecycle.zone.clone(),
        engagements: lifecycle.engagements.iter().map(standing).collect(),
        kin: convert::wire_kin(&lifecycle.kin),
    }
}

fn standing(standing: &Standing) -> EngagementStanding {
    EngagementStanding {
        engagement_id: standing.engagement.to_string(),
        start_date: Some(standing.start.into()),
        starts_at: Some(standing.starts_at.into()),
        last_working_day: standing.last_day.map(|(day, _over)| day.into()),
        ends_at: standing.last_day.map(|(_day, over)| over.into()),
        quiet_through: standing.quiet_through.map(Into::into),
        positions: standing.positions.iter().map(position).collect(),
    }
}

fn position(position: &Position) -> PositionChange {
    PositionChange {
        from: Some(position.from.into()),
        from_at: Some(position.from_at.into()),
        title: position.title.clone(),
        department: position.department.clone(),
        location: position.location.clone(),
        manager_person_id: id_or_empty(position.manager),
    }
}

/// Writes desired access that is asked for and not announced.
pub(crate) fn asked(
    person: PersonId,
    known: &Known,
    release: u64,
    evaluated_at: Timestamp,
    evaluation: &Evaluation,
) -> DesiredAccessChanged {
    DesiredAccessChanged {
        person_id: person.to_string(),
        version: None,
        person_version: Some(known.version.into()),
        release,
        lane: lane(Lane::Regular),
        evaluated_at: Some(evaluated_at.into()),
        accounts: accounts(&evaluation.access),
        grants: grants(&evaluation.access),
        person_recorded_at: Some(known.recorded_at.into()),
        kin: convert::wire_kin(&evaluation.access.kin),
    }
}

/// Writes stored desired access as if it were announced once more.
pub(crate) fn stored(
    person: &Stored,
    evaluated: &StoredEvaluation,
    recorded_at: Option<Timestamp>,
) -> DesiredAccessChanged {
    DesiredAccessChanged {
        person_id: person.id.to_string(),
        version: Some(evaluated.version.into()),
        person_version: Some(person.person_version.into()),
        release: evaluated.release,
        lane: lane(evaluated.lane),
        evaluated_at: Some(evaluated.at.into()),
        accounts: accounts(&evaluated.access),
        grants: grants(&evaluated.access),
        person_recorded_at: recorded_at.map(Into::into),
        kin: convert::wire_kin(&evaluated.access.kin),
    }
}

fn lane(lane: Lane) -> i32 {
    common::Lane::from(lane).into()
}

fn accounts(access: &Access) -> Vec<DesiredAccount> {
    access
        .accounts
        .iter()
        .map(|(application, account)| DesiredAccount {
            application: application.clone(),
            state: common::AccountState::from(account.state).into(),
            attributes: convert::wire_attributes(&account.attributes),
            references: references(&account.references),
        })
        .collect()
}

fn references(references: &BTreeMap<String, Reference>) -> BTreeMap<String, AccountReference> {
    references
        .iter()
        .map(|(name, reference)| {
            let reference = AccountReference {
                person_id: id_or_empty(reference.person),
                application: reference.application.clone(),
                attribute: reference.attribute.clone(),
            };
            (name.clone(), reference)
        })
        .collect()
}

fn id_or_empty(person: Option<PersonId>) -> String {
    person.map(|person| person.to_string()).unwrap_or_default()
}

fn grants(access: &Access) -> Vec<DesiredGrant> {
    access
        .grants
        .iter()
        .map(|grant| DesiredGrant {
            application: grant.application.clone(),
            entitlement: grant.entitlement.clone(),
            reasons: grant.reasons.iter().map(reason).collect(),
        })
        .collect()
}

fn reason(reason: &rules::Reason) -> Reason {
    Reason {
        kind: ReasonKind::Policy.into(),
        source: reason.policy.clone(),
        bundle: reason.bundle.clone(),
        engagement_id: reason.engagement.to_string(),
        from: Some(reason.from.into()),
        until: reason.until.map(Into::into),
        kept: reason.kept,
    }
}
