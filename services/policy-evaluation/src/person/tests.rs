//! Which lane an evaluation takes, and which its next boundary.

use std::collections::{BTreeMap, BTreeSet};

use rules::{DesiredAccount, DesiredGrant, Engagement, Reason, Timeline};

use super::*;

#[test]
fn what_goes_is_a_grant_or_an_account_that_can_be_used() {
    let both = access(&["police", "staff"], AccountState::Active);

    assert!(takes_away(&both, &access(&["staff"], AccountState::Active)));
    assert!(takes_away(&both, &access(&["police", "staff"], AccountState::Suspended)));
    assert!(takes_away(&both, &Access::default()));
    assert!(!takes_away(&both, &both));
    assert!(!takes_away(&Access::default(), &both));
    assert!(!takes_away(
        &access(&[], AccountState::Suspended),
        &access(&["staff"], AccountState::Active)
    ));
}

#[test]
fn only_a_leaver_who_loses_something_is_urgent_while_employed() {
    let before = access(&["police", "staff"], AccountState::Active);
    let after = access(&["staff"], AccountState::Active);

    assert_eq!(lane(Lane::Leaver, &before, &after, false), Lane::Leaver);
    assert_eq!(lane(Lane::Regular, &before, &after, false), Lane::Regular);
    assert_eq!(lane(Lane::Leaver, &after, &before, false), Lane::Regular);
}

#[test]
fn a_login_that_has_ended_stays_urgent_whatever_asks() {
    let none = Access::default();

    assert_eq!(lane(Lane::Regular, &none, &none, true), Lane::Leaver);
}

#[test]
fn the_end_of_an_engagement_is_an_urgent_boundary_in_the_persons_zone() {
    let one = evaluated(Lane::Regular, Access::default(), false);

    let end = "2026-03-11T04:00:00Z".parse().unwrap();
    let start = "2026-01-05T05:00:00Z".parse().unwrap();

    assert_eq!(one.boundary_lane(end), Lane::Leaver);
    assert_eq!(one.boundary_lane(start), Lane::Regular);
}

#[test]
fn what_follows_an_urgent_evaluation_is_urgent_for_a_while_and_not_for_ever() {
    let span = SignedDuration::from_mins(60);
    let at = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
    let followed = |urgent_at: Option<Timestamp>, now| {
        let mut one = evaluated(Lane::Regular, Access::default(), false);
        one.leaver_at = urgent_at;
        one.follow(now, span);
        (one.lane, one.leaver_at)
    };

    assert_eq!(followed(None, at(0)), (Lane::Regular, None));
    assert_eq!(followed(Some(at(0)), at(59)), (Lane::Leaver, Some(at(0))));
    assert_eq!(followed(Some(at(0)), at(60)), (Lane::Regular, Some(at(0))));
    let mut ended = evaluated(Lane::Regular, Access::default(), true);
    ended.follow(at(90), span);
    assert_eq!(ended.leaver_at, Some(at(90)));
}

fn lane(trigger: Lane, before: &Access, after: &Access, login_ended: bool) -> Lane {
    let mut one = evaluated(trigger, after.clone(), login_ended);
    if one.may_be_urgent() {
        one.compare(before);
    }
    one.lane
}

fn evaluated(trigger: Lane, access: Access, login_ended: bool) -> Evaluated {
    let version = Version { epoch: 1, counter: 1 };
    let evaluation = Evaluation {
        access,
        next_boundary: None,
        login_ended,
        unanswered: BTreeSet::new(),
        conflicts: Vec::new(),
    };
    let digest = evaluation.access.digest();
    let engagement = Engagement {
        id: "018f0000-0000-7000-8000-00000000000e".parse().unwrap(),
        start: "2026-01-05".parse().unwrap(),
        last_working_day: Some("2026-03-10".parse().unwrap()),
        termination_date: Some("2026-06-30".parse().unwrap()),
        ends_at: None,
        quiet_through: None,
    };
    let known = Known {
        version,
        recorded_at: Timestamp::UNIX_EPOCH,
        timeline: Timeline { engagements: vec![engagement], ..Timeline::default() },
    };
    let before = Before::Evaluated(Desired {
        version,
        digest: "another".to_owned(),
        release: 1,
        next_boundary: None,
        told: Told::default(),
        leaver_at: None,
    });
    let id = "018f0000-0000-7000-8000-000000000001".parse().unwrap();
    let zone = TimeZone::get("America/New_York").unwrap();
    let lifecycle = rules::lifecycle(&known.timeline, &zone, Timestamp::UNIX_EPOCH);
    Evaluated {
        lane: resting_lane(&evaluation),
        leaver_at: None,
        telling: Telling::of(lifecycle, Told::default(), |version| version.next(1)),
        due: Due { id, known, before, trigger },
        evaluation,
        zone,
        digest,
        version,
        changed: true,
    }
}

fn access(entitlements: &[&str], state: AccountState) -> Access {
    let reason = Reason {
        policy: "policy".to_owned(),
        bundle: "bundle".to_owned(),
        engagement: "018f0000-0000-7000-8000-00000000000e".parse().unwrap(),
        from: Timestamp::UNIX_EPOCH,
        until: None,
        kept: false,
    };
    let grants = entitlements.iter().map(|entitlement| DesiredGrant {
        application: "directory".to_owned(),
        entitlement: (*entitlement).to_owned(),
        reasons: vec![reason.clone()],
    });
    let account =
        DesiredAccount { state, attributes: BTreeMap::new(), references: BTreeMap::new() };
    Access {
        accounts: BTreeMap::from([("directory".to_owned(), account)]),
        grants: grants.collect(),
        kin: domain::Kin::default(),
    }
}
