//! `tenure drift`: how applications differ from what they shall hold.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use proto::provisioning::v1::{
    DecideDriftRequest, Drift, DriftDecision, DriftKind, DriftState, ListApplicationsRequest,
    ListDriftRequest, ListReadingsRequest, ReadApplicationRequest, Reading, ReleaseRepairsRequest,
    UndoRepairsRequest, WatchedApplication,
};
use serde_json::{Value, json};

use super::answers::{at, refused, time};
use crate::arguments::{DriftAdopt, DriftList, DriftRelease, DriftRepair, Undo, name};
use crate::launcher::StateDir;
use crate::output::{Output, optional, section, table};

/// Differences asked for at once, and differences that are listed at most.
const PAGE_SIZE: u32 = 1_000;
const LISTED_MAX: usize = 10_000;

pub(crate) async fn applications(state: &StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let answer = mesh.drift()?.list_applications(ListApplicationsRequest {}).await;
    let watched = answer.map_err(refused)?.into_inner().applications;
    let json: Vec<Value> = watched.iter().map(told_application).collect();
    output.print(&json, |_json| shown_applications(&watched))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn list(
    asked: &DriftList,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let mut request = ListDriftRequest {
        application: asked.application.clone().unwrap_or_default(),
        kind: asked.kind.map_or(DriftKind::Unspecified, Into::into).into(),
        state: asked.standing.map_or(DriftState::Unspecified, Into::into).into(),
        person_id: asked.person.map(|person| person.to_string()).unwrap_or_default(),
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let mut found = Vec::new();
    loop {
        let page = mesh.drift()?.list_drift(request.clone()).await.map_err(refused)?.into_inner();
        found.extend(page.drift);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= LISTED_MAX {
            break;
        }
    }
    let json: Vec<Value> = found.iter().map(told).collect();
    output.print(&json, |_json| listed(&found))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn adopt(
    adopt: &DriftAdopt,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    // Through the end of the day that is named.
    let until = adopt
        .until
        .map(|date| {
            let next = date.checked_add(1.day())?;
            Ok::<_, jiff::Error>(next.to_zoned(TimeZone::UTC)?.timestamp())
        })
        .transpose()
        .context("the last day cannot be used")?;
    let request = DecideDriftRequest {
        drift_id: adopt.drift.to_string(),
        decision: DriftDecision::Adopt.into(),
        owner: adopt.owner.clone(),
        until: until.map(Into::into),
        by: name(adopt.decided.name.as_deref()),
        note: adopt.decided.note.clone(),
    };
    decide(request, state, output).await
}

pub(crate) async fn repair(
    repair: &DriftRepair,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let request = DecideDriftRequest {
        drift_id: repair.drift.to_string(),
        decision: DriftDecision::Repair.into(),
        owner: String::new(),
        until: None,
        by: name(repair.decided.name.as_deref()),
        note: repair.decided.note.clone(),
    };
    decide(request, state, output).await
}

async fn decide(
    request: DecideDriftRequest,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let answer = mesh.drift()?.decide_drift(request).await.map_err(refused)?.into_inner();
    let Some(drift) = &answer.drift else { bail!("provisioning answered without the difference") };
    output.print(&told(drift), |_json| {
        let owner = match drift.owner.as_str() {
            "" => String::new(),
            owner => format!("; {owner} answers for it, until {}", at(drift.until.as_ref())),
        };
        let (kind, state) = (kind(drift.kind()), standing(drift.state()));
        format!("{kind} in {}: {state}, by {}{owner}", drift.application, drift.decided_by)
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn read(
    application: &str,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = ReadApplicationRequest { application: application.to_owned() };
    mesh.drift()?.read_application(request).await.map_err(refused)?;
    output.print(&json!({ "application": application }), |_json| {
        format!("{application} is read now; see what differs with\ntenure drift applications")
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn release(
    release: &DriftRelease,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = ReleaseRepairsRequest {
        application: release.application.clone(),
        hash: release.hash.clone(),
        by: name(release.name.as_deref()),
    };
    let answer = mesh.drift()?.release_repairs(request).await.map_err(refused)?.into_inner();
    let json = json!({ "released": answer.released, "released_by": answer.released_by });
    output.print(&json, |_json| {
        let by = answer.released_by.join(" and ");
        if answer.released {
            format!("the repairs go, released by {by}")
        } else {
            format!(
                "{by} would let the repairs go; a second person has to say so, too:\n\
                 tenure drift release {} --hash {} --as NAME",
                release.application, release.hash
            )
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn readings(
    application: Option<&str>,
    limit: u32,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request =
        ListReadingsRequest { application: application.unwrap_or_default().to_owned(), limit };
    let readings = mesh.drift()?.list_readings(request).await.map_err(refused)?;
    let readings = readings.into_inner().readings;
    let json: Vec<Value> = readings.iter().map(told_reading).collect();
    output.print(&json, |_json| {
        let row = |one: &Reading| {
            vec![
                one.reading_id.clone(),
                one.application.clone(),
                at(one.began_at.as_ref()),
                one.accounts.to_string(),
                one.found.values().sum::<u64>().to_string(),
                one.repairs.to_string(),
                if one.complete { "" } else { "not complete" }.to_owned(),
            ]
        };
        let header = ["reading", "application", "began", "accounts ", "found ", "repairs ", ""];
        table(&header, readings.iter().map(row))
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn undo(
    undo: &Undo,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = UndoRepairsRequest {
        reading_id: undo.reading.to_string(),
        hash: undo.hash.clone(),
        by: name(undo.name.as_deref()),
    };
    let answer = mesh.drift()?.undo_repairs(request).await.map_err(refused)?.into_inner();
    let json = json!({
        "hash": answer.hash,
        "done": answer.done,
        "restored": answer.restored.iter().map(told).collect::<Vec<_>>(),
        "awaiting": answer.awaiting.iter().map(told).collect::<Vec<_>>(),
    });
    output.print(&json, |_json| {
        let will = if answer.done { "is" } else { "would be" };
        let restored = format!("{will} as it was found again");
        let awaiting = format!("{will} listed, and comes back when somebody adopts it");
        let mut text =
            section(&restored, "nothing", answer.restored.is_empty(), || listed(&answer.restored));
        text +=
            &section(&awaiting, "nothing", answer.awaiting.is_empty(), || listed(&answer.awaiting));
        if !answer.done {
            text += &format!(
                "do it with\ntenure undo {} --hash {} --as NAME",
                undo.reading, answer.hash
            );
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn told_reading(reading: &Reading) -> Value {
    json!({
        "reading": reading.reading_id,
        "application": reading.application,
        "began_at": time(reading.began_at.as_ref()),
        "finished_at": time(reading.finished_at.as_ref()),
        "accounts": reading.accounts,
        "holdings": reading.holdings,
        "complete": reading.complete,
        "adopted": reading.adopted,
        "found": reading.found,
        "repairs": reading.repairs,
        "released_by": reading.released_by,
    })
}

/// The kind as it is written in documents, in words.
const fn kind(kind: DriftKind) -> &'static str {
    match kind {
        DriftKind::Unspecified => "unknown",
        DriftKind::UnmanagedAccount => "unmanaged account",
        DriftKind::MissingAccount => "missing account",
        DriftKind::WronglyEnabled => "wrongly enabled",
        DriftKind::WronglyDisabled => "wrongly disabled",
        DriftKind::SeveralAccounts => "several accounts",
        DriftKind::SeveralPeople => "several people",
        DriftKind::OrphanedAccount => "orphaned account",
        DriftKind::UnmanagedGrant => "unmanaged grant",
        DriftKind::MissingGrant => "missing grant",
        DriftKind::AttributeDiffers => "attribute differs",
    }
}

const fn standing(state: DriftState) -> &'static str {
    match state {
        DriftState::Unspecified => "unknown",
        DriftState::Reported => "reported",
        DriftState::Ignored => "ignored",
        DriftState::Grace => "grace",
        DriftState::Waiting => "waiting",
        DriftState::Repairing => "repairing",
        DriftState::Adopted => "adopted",
        DriftState::Closed => "closed",
    }
}

/// A difference for programs.
fn told(drift: &Drift) -> Value {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({
        "drift": drift.drift_id,
        "application": drift.application,
        "kind": kind(drift.kind()),
        "state": standing(drift.state()),
        "person": given(&drift.person_id),
        "account": given(&drift.account_id),
        "login": given(&drift.login),
        "entitlement": given(&drift.entitlement),
        "through": given(&drift.through),
        "attribute": given(&drift.attribute),
        "found_at": time(drift.found_at.as_ref()),
        "seen_at": time(drift.seen_at.as_ref()),
        "until": time(drift.until.as_ref()),
        "owner": given(&drift.owner),
        "decided_by": given(&drift.decided_by),
        "note": given(&drift.note),
    })
}

fn told_application(watched: &WatchedApplication) -> Value {
    let held = watched.held.as_ref().map(|held| {
        json!({
            "hash": held.hash, "repairs": held.repairs, "limits": held.limits,
            "released_by": held.released_by,
        })
    });
    json!({
        "application": watched.application,
        "read_at": time(watched.read_at.as_ref()),
        "next_at": time(watched.next_at.as_ref()),
        "doing": Some(&watched.doing).filter(|doing| !doing.is_empty()),
        "accounts": watched.accounts,
        "holdings": watched.holdings,
        "complete": watched.complete,
        "error": Some(&watched.error).filter(|error| !error.is_empty()),
        "drift": watched.drift,
        "held": held,
    })
}

fn shown_applications(watched: &[WatchedApplication]) -> String {
    if watched.is_empty() {
        return "no application is watched; it is once a release names one that can be reached"
            .to_owned();
    }
    let row = |one: &WatchedApplication| {
        let differs = one.drift.values().sum::<u64>();
        let doing = match one.doing.as_str() {
            "" => String::new(),
            doing => format!("{doing} now"),
        };
        vec![
            one.application.clone(),
            at(one.read_at.as_ref()),
            at(one.next_at.as_ref()),
            one.accounts.to_string(),
            one.holdings.to_string(),
            differs.to_string(),
            doing,
        ]
    };
    let header = ["application", "read", "next", "accounts ", "memberships ", "differences ", ""];
    let mut text = table(&header, watched.iter().map(row));
    for one in watched {
        for (kind, count) in &one.drift {
            text += &format!("\n{}: {count} {}", one.application, kind.replace('_', " "));
        }
        if !one.error.is_empty() {
            text += &format!("\n{}: {}", one.application, one.error);
        }
        if let Some(since) = &one.out_of_reach_at {
            text += &format!(
                "\n{}: out of reach since {}, and its work waits (PROV-140): {}",
                one.application,
                at(Some(since)),
                one.out_of_reach_reason
            );
        }
        if let Some(held) = &one.held {
            text += &format!(
                "\n{}: {} repairs are held\n  {}\n  let them go with\n  \
                 tenure drift release {} --hash {} --as NAME",
                one.application,
                held.repairs,
                held.limits.join("\n  "),
                one.application,
                held.hash
            );
        }
    }
    text
}

fn listed(found: &[Drift]) -> String {
    if found.is_empty() {
        return "nothing differs".to_owned();
    }
    let row = |drift: &Drift| {
        let what = match (drift.entitlement.as_str(), drift.through.as_str()) {
            ("", _) => drift.attribute.clone(),
            (entitlement, "") => entitlement.to_owned(),
            (entitlement, through) => format!("{entitlement} through {through}"),
        };
        let text = |text: &str| optional(Some(text).filter(|text| !text.is_empty()));
        vec![
            drift.drift_id.clone(),
            drift.application.clone(),
            kind(drift.kind()).to_owned(),
            text(&drift.login),
            text(&what),
            text(&drift.person_id),
            at(drift.found_at.as_ref()),
            standing(drift.state()).to_owned(),
        ]
    };
    let header = ["drift", "application", "kind", "login", "what", "person", "found", ""];
    table(&header, found.iter().map(row))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::Timestamp;
    use proto::provisioning::v1::HeldRepairs;

    use super::*;

    #[test]
    fn what_is_held_is_shown_with_the_next_command_last() {
        let watched = WatchedApplication {
            application: "directory".to_owned(),
            accounts: 40,
            drift: BTreeMap::from([("wrongly_enabled".to_owned(), 12)]),
            held: Some(HeldRepairs {
                hash: "5d1c".to_owned(),
                repairs: 12,
                limits: vec!["12 accounts closed of 40".to_owned()],
                ..HeldRepairs::default()
            }),
            ..WatchedApplication::default()
        };

        let text = shown_applications(&[watched]);

        assert!(text.contains("directory: 12 wrongly enabled"), "{text}");
        assert!(text.contains("12 accounts closed of 40"), "{text}");
        assert!(text.ends_with("tenure drift release directory --hash 5d1c --as NAME"), "{text}");
    }

    #[test]
    fn an_application_out_of_reach_says_so_and_why() {
        let watched = WatchedApplication {
            application: "directory".to_owned(),
            out_of_reach_at: Some(Timestamp::UNIX_EPOCH.into()),
            out_of_reach_reason: "the application cannot be reached".to_owned(),
            ..WatchedApplication::default()
        };

        let text = shown_applications(&[watched]);

        assert!(text.contains("directory: out of reach since 1970-01-01"), "{text}");
        assert!(text.ends_with("(PROV-140): the application cannot be reached"), "{text}");
    }

    #[test]
    fn a_grant_that_comes_through_a_group_says_so() {
        let drift = Drift {
            kind: DriftKind::UnmanagedGrant.into(),
            entitlement: "all".to_owned(),
            through: "police".to_owned(),
            ..Drift::default()
        };

        assert!(listed(&[drift]).contains("all through police"));
        assert_eq!(listed(&[]), "nothing differs");
    }
}
