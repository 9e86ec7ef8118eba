//! Held runs: what they would change, and what people say to it.
//!
//! Names of people stand in answers alone; what is kept of a held run has ids.

use domain::RunId;
use proto::convert;
use proto::hris::v1 as wire;
use store::Store;
use tonic::Status;
use uuid::Uuid;

use super::{Rpc, internal, listed};
use crate::gate::{Counts, Difference, Example, Group};
use crate::hold::{self, Approval, Error, Hold, Outcome, Release, Word};
use crate::{person, roster, run};

/// Returns a run and what it is held for.
pub(super) async fn get(store: &Store, id: &str) -> Result<wire::GetHeldRunResponse, Status> {
    let id = run_id(id)?;
    let run = run::table::find(store.pool(), id).await.map_err(internal)?;
    let run = run.ok_or_else(|| status(Error::Unknown(id)))?;
    Ok(wire::GetHeldRunResponse { held: Some(held(store, id).await?), run: Some(listed(run)) })
}

/// Returns what a run is or was held for.
pub(super) async fn held(store: &Store, id: RunId) -> Result<wire::HeldRun, Status> {
    let pool = store.pool();
    let hold = hold::table::show(pool, id).await.map_err(internal)?;
    let hold = hold.ok_or_else(|| {
        Status::failed_precondition(format!("run {id} is not held, and never was"))
    })?;
    let examples = || hold.difference.groups.iter().flat_map(|group| &group.sample);
    let people: Vec<Uuid> = examples().filter_map(|one| Some(one.person?.0)).collect();
    let known = person::table::names(pool, &people).await.map_err(internal)?;
    let workers: Vec<&str> = examples().map(|one| one.worker_id.as_str()).collect();
    let staged = roster::table::staged_names(pool, id, &workers).await.map_err(internal)?;
    let name = |example: &Example| {
        let known = example.person.and_then(|person| known.get(&person.0));
        known.or_else(|| staged.get(&example.worker_id)).cloned().unwrap_or_default()
    };
    let mut tx = store.begin().await.map_err(internal)?;
    let approvals = hold::table::approvals(&mut tx, id, &hold.hash, None).await;
    let approvals = approvals.map_err(internal)?.into_iter().map(Into::into).collect();
    let releases = hold::table::releases(&mut tx, id).await.map_err(internal)?;
    Ok(wire::HeldRun {
        groups: groups(&hold.exceeded, &hold.difference, name),
        approvals,
        releases: releases.into_iter().map(Into::into).collect(),
        ..described(&hold)
    })
}

fn described(hold: &Hold) -> wire::HeldRun {
    let Difference { totals, departed, window_days, group_by, .. } = &hold.difference;
    wire::HeldRun {
        hash: hold.hash.clone(),
        held_at: Some(hold.held_at.into()),
        expires_at: Some(hold.expires_at.into()),
        exceeded: hold.exceeded.iter().map(|reason| reason.sentence.clone()).collect(),
        totals: Some(counts(*totals)),
        departed: *departed,
        window_days: (*window_days).into(),
        group_by: group_by.clone().unwrap_or_default(),
        ..wire::HeldRun::default()
    }
}

/// The groups of a difference, as they are held or would be.
pub(super) fn groups(
    exceeded: &[hold::Reason],
    difference: &Difference,
    name: impl Fn(&Example) -> String,
) -> Vec<wire::HeldGroup> {
    difference.groups.iter().map(|one| group(exceeded, one, &name)).collect()
}

fn group(
    exceeded: &[hold::Reason],
    group: &Group,
    name: impl Fn(&Example) -> String,
) -> wire::HeldGroup {
    let exceeds = |reason: &hold::Reason| reason.group.as_ref() == Some(&group.group);
    let person = |example: &Example| wire::HeldPerson {
        person_id: example.person.map(|person| person.to_string()).unwrap_or_default(),
        worker_id: example.worker_id.clone(),
        display_name: name(example),
        change: example.change.as_str().to_owned(),
    };
    wire::HeldGroup {
        group: group.group.clone(),
        counts: Some(counts(group.counts)),
        exceeded: exceeded.iter().any(exceeds),
        sample: group.sample.iter().map(person).collect(),
    }
}

pub(super) const fn counts(counts: Counts) -> wire::DifferenceCounts {
    let Counts { present, joining, leaving, changing } = counts;
    wire::DifferenceCounts { present, joining, leaving, changing }
}

impl From<Approval> for wire::HoldApproval {
    fn from(Approval { name, groups, approved_at }: Approval) -> Self {
        Self { name, groups, approved_at: Some(approved_at.into()) }
    }
}

impl From<Release> for wire::HoldRelease {
    fn from(release: Release) -> Self {
        Self {
            groups: release.groups,
            approved_by: release.approved_by,
            released_by: release.released_by,
            released_at: Some(release.released_at.into()),
        }
    }
}

/// Records one person's word.
pub(super) async fn release(
    rpc: &Rpc,
    request: wire::ReleaseRunRequest,
) -> Result<wire::ReleaseRunResponse, Status> {
    let wire::ReleaseRunRequest { run_id: run, hash, by, groups } = request;
    let word = Word::try_new(run_id(&run)?, hash, &by, groups).map_err(status)?;
    match hold::release(&rpc.store, &rpc.config, &word).await.map_err(status)? {
        Outcome::Approved(name) => {
            Ok(wire::ReleaseRunResponse { released: false, names: vec![name] })
        }
        Outcome::Released(names) => {
            Ok(wire::ReleaseRunResponse { released: true, names: names.to_vec() })
        }
    }
}

/// Gives a held run up.
pub(super) async fn discard(
    store: &Store,
    request: &wire::DiscardRunRequest,
) -> Result<wire::DiscardRunResponse, Status> {
    hold::discard(store, run_id(&request.run_id)?, &request.by).await.map_err(status)?;
    Ok(wire::DiscardRunResponse {})
}

fn run_id(text: &str) -> Result<RunId, Status> {
    convert::id("run_id", text).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn status(error: Error) -> Status {
    match error {
        Error::Unknown(_) => Status::not_found(error.to_string()),
        Error::Nameless | Error::NoGroup { .. } => Status::invalid_argument(error.to_string()),
        Error::NotHeld { .. }
        | Error::Twice { .. }
        | Error::Moved { .. }
        | Error::Expired { .. }
        | Error::Busy { .. }
        | Error::Older { .. }
        | Error::Mapping(_) => Status::failed_precondition(error.to_string()),
        Error::Store(error) => internal(error),
    }
}
