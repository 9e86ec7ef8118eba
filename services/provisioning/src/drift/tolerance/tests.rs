use std::collections::{BTreeMap, BTreeSet};

use domain::{DriftId, PersonId, ReadingId, Timestamp, Value, Version};
use uuid::Uuid;

use super::*;
use crate::drift::sample;
use crate::plan::plan;

use AccountState::{Active, Suspended};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn title(title: &str) -> BTreeMap<String, Value> {
    BTreeMap::from([("title".to_owned(), Value::Text(title.to_owned()))])
}

fn target(state: AccountState, grants: &[&str]) -> Target {
    Target { state, attributes: title("Clerk"), grants: names(grants) }
}

fn closed() -> Target {
    Target { state: Suspended, attributes: BTreeMap::new(), grants: names(&[]) }
}

fn account(state: AccountState, held: &[&str]) -> Account {
    Account {
        account_id: Some("1".to_owned()),
        login: "ada".to_owned(),
        state,
        attributes: title("Chief"),
        entitlements: names(held),
        linked: None::<PersonId>,
        version: Version::default(),
        observed_at: Timestamp::UNIX_EPOCH,
    }
}

fn drift(kind: DriftKind, item: &str, state: State) -> Drift {
    let mut drift = sample::drift(1, kind, item, state);
    drift.finding.expected =
        (kind == DriftKind::AttributeDiffers).then(|| Value::Text("Clerk".to_owned()));
    drift
}

/// The steps that are left, in words.
fn left(target: Target, observed: Option<&Account>, standing: &[Drift]) -> String {
    let standing = standing.iter().filter(|drift| !drift.is_superseded(&target, true));
    let target = tolerate(target.clone(), observed, standing);
    let steps = target.map(|target| plan(&target, observed)).unwrap_or_default();
    let shown = |step: &crate::plan::Step| {
        format!("{} {}", step.kind.as_str(), step.entitlement).trim().to_owned()
    };
    steps.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_left_is_not_planned_and_what_is_repaired_is() {
    let observed = account(Active, &["wiki"]);
    let standing = |state| {
        [
            drift(DriftKind::UnmanagedGrant, "wiki", state),
            drift(DriftKind::MissingGrant, "mail", state),
            drift(DriftKind::AttributeDiffers, "title", state),
        ]
    };
    let planned = |state| left(target(Active, &["mail"]), Some(&observed), &standing(state));

    for state in [State::Reported, State::Ignored, State::Grace, State::Waiting, State::Adopted] {
        assert_eq!(planned(state), "", "{state:?}");
    }
    for state in [State::Repairing, State::Closed] {
        assert_eq!(planned(state), "update, grant mail, revoke wiki", "{state:?}");
    }
}

#[test]
fn an_account_that_somebody_closed_stays_closed_while_it_is_changed_otherwise() {
    let standing = [drift(DriftKind::WronglyDisabled, "", State::Reported)];

    let planned = left(target(Active, &["mail"]), Some(&account(Suspended, &[])), &standing);

    assert_eq!(planned, "update, grant mail");
}

#[test]
fn a_leaver_loses_everything_whatever_was_adopted() {
    let standing = [drift(DriftKind::UnmanagedGrant, "wiki", State::Adopted)];

    let planned = left(closed(), Some(&account(Active, &["mail", "wiki"])), &standing);

    assert_eq!(planned, "disable, revoke mail, revoke wiki");
}

#[test]
fn nothing_is_made_in_the_place_of_a_missing_account_or_beside_several() {
    for kind in [DriftKind::MissingAccount, DriftKind::SeveralAccounts] {
        let standing = [drift(kind, "", State::Reported)];
        assert_eq!(left(target(Active, &["mail"]), None, &standing), "", "{kind:?}");
    }
}

#[test]
fn nothing_at_all_is_done_to_an_account_of_several_people() {
    let standing = [drift(DriftKind::SeveralPeople, "", State::Reported)];

    assert_eq!(left(closed(), Some(&account(Active, &["mail"])), &standing), "");
}

#[test]
fn what_shall_hold_otherwise_by_now_supersedes_drift() {
    let (desired, absent) = (target(Active, &["mail"]), target(Suspended, &["mail"]));
    for (kind, item, target, is_desired, superseded) in [
        (DriftKind::UnmanagedGrant, "mail", &desired, true, true),
        (DriftKind::UnmanagedGrant, "wiki", &desired, true, false),
        (DriftKind::MissingGrant, "wiki", &desired, true, true),
        (DriftKind::MissingGrant, "mail", &desired, true, false),
        (DriftKind::WronglyDisabled, "", &closed(), true, true),
        (DriftKind::WronglyEnabled, "", &desired, true, true),
        (DriftKind::WronglyEnabled, "", &closed(), true, true),
        (DriftKind::WronglyEnabled, "", &absent, true, false),
        (DriftKind::UnmanagedGrant, "wiki", &closed(), true, true),
        (DriftKind::AttributeDiffers, "title", &desired, true, false),
        (DriftKind::AttributeDiffers, "title", &closed(), true, true),
        (DriftKind::UnmanagedAccount, "", &desired, true, true),
        (DriftKind::UnmanagedAccount, "", &closed(), false, false),
        (DriftKind::MissingAccount, "", &closed(), false, true),
    ] {
        let drift = drift(kind, item, State::Reported);
        assert_eq!(drift.is_superseded(target, is_desired), superseded, "{kind:?} {item}");
    }
}

#[test]
fn what_is_undone_is_planned_for_and_a_privileged_grant_is_not() {
    let (reading, id) = (ReadingId(Uuid::from_u128(5)), DriftId(Uuid::from_u128(6)));
    let repaired = |kind, item: &str| {
        let mut drift = drift(kind, item, State::Waiting);
        drift.finding.observed = Some(Value::Text("Chief".to_owned()));
        drift.repair(Some(reading));
        drift.close(crate::drift::Outcome::Repaired, Timestamp::UNIX_EPOCH);
        drift
    };
    let undone = |drift: &Drift| drift.undone(id, "grace", Timestamp::UNIX_EPOCH).unwrap();
    let standing = [
        undone(&repaired(DriftKind::UnmanagedGrant, "wiki")),
        undone(&repaired(DriftKind::MissingGrant, "mail")),
        undone(&repaired(DriftKind::AttributeDiffers, "title")),
        undone(&repaired(DriftKind::WronglyDisabled, "")),
    ];
    let as_repaired = Account { attributes: title("Clerk"), ..account(Active, &["mail"]) };

    let planned = left(target(Active, &["mail"]), Some(&as_repaired), &standing);
    assert_eq!(planned, "update, disable, grant wiki, revoke mail");

    let mut privileged = repaired(DriftKind::UnmanagedGrant, "root");
    privileged.finding.privilege = rules::document::Privilege::Admin;
    let privileged = undone(&privileged);
    assert_eq!((privileged.state, privileged.undoes), (State::Reported, Some(reading)));
    assert_eq!(left(target(Active, &["mail"]), Some(&as_repaired), &[privileged]), "");
}

#[test]
fn what_was_never_repaired_or_cannot_be_had_back_is_not_undone() {
    let at = Timestamp::UNIX_EPOCH;
    let id = DriftId(Uuid::from_u128(6));
    let mut vanished = drift(DriftKind::UnmanagedGrant, "wiki", State::Waiting);
    vanished.close(crate::drift::Outcome::Vanished, at);
    let mut made = drift(DriftKind::MissingAccount, "", State::Waiting);
    made.repair(Some(ReadingId(Uuid::nil())));

    assert!(vanished.undone(id, "grace", at).is_none());
    assert!(made.undone(id, "grace", at).is_none());
}

#[test]
fn what_kept_somebody_absent_open_does_not_keep_a_leaver_open() {
    let absent = target(Suspended, &["mail"]);
    let standing = [drift(DriftKind::WronglyEnabled, "", State::Adopted)];
    let observed = Account { attributes: title("Clerk"), ..account(Active, &["mail"]) };

    assert_eq!(left(absent, Some(&observed), &standing), "");
    assert_eq!(left(closed(), Some(&observed), &standing), "disable, revoke mail");
}

#[test]
fn an_account_that_shall_be_closed_is_not_opened_again_by_undoing() {
    let (reading, id) = (ReadingId(Uuid::from_u128(5)), DriftId(Uuid::from_u128(6)));
    let mut closed_again = drift(DriftKind::WronglyEnabled, "", State::Waiting);
    closed_again.repair(Some(reading));

    let undone = closed_again.undone(id, "grace", Timestamp::UNIX_EPOCH).unwrap();

    assert_eq!((undone.state, undone.decided_by.as_str()), (State::Reported, ""));
}
