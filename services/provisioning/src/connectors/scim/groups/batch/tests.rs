//! What becomes of the changes of one group, without an application.

use domain::{Lane, PersonId};
use http::StatusCode;
use uuid::Uuid;

use super::super::super::fault::Fault;
use super::*;

#[test]
fn a_replaced_group_keeps_the_other_members() {
    let batch = batch(&[("1", true), ("2", false), ("3", true)]);
    let group = json!({
        "id": "g", "displayName": "police", "meta": {"version": "7"},
        "members": [{"value": "2"}, {"value": "3", "display": "C"}, {"value": "9", "display": "Z"}],
    });

    assert_eq!(
        batch.merged_into(&group, &[0, 1, 2]),
        json!({
            "id": "g", "displayName": "police",
            "members": [{"value": "9", "display": "Z"}, {"value": "1"}, {"value": "3"}],
        })
    );
}

#[test]
fn what_is_so_already_is_not_written() {
    let mut batch = batch(&[("1", true), ("2", true), ("1", false), ("2", false)]);

    batch.settle(&group(&["1"]), true);

    assert_eq!((batch.open(true), batch.open(false)), (vec![1], vec![2]));
}

#[test]
fn where_members_are_not_listed_nothing_is_taken_for_taken() {
    let hidden = Group { members: None };
    for (lists, open) in [(true, vec![]), (false, vec![0])] {
        let mut batch = batch(&[("1", false)]);
        batch.settle(&hidden, lists);
        assert_eq!(batch.open(false), open);
    }

    for (attempt, outcome) in [
        (Attempt::Accepted, Outcome::Already(())),
        (failed(), Outcome::again("the application failed (status 500)")),
    ] {
        let mut batch = batch(&[("1", false)]);
        batch.settle(&hidden, false);
        batch.record(&[0], &attempt);
        assert_eq!(batch.judge(&hidden, &[0]), Effect::Unknown);
        assert_eq!(batch.outcomes(), [outcome]);
    }
}

#[test]
fn what_is_read_back_decides_and_not_what_the_application_answered() {
    let mut batch = batch(&[("1", true), ("2", true), ("3", false), ("4", true)]);
    batch.record(&[0, 1], &Attempt::Accepted);
    batch.record(&[2], &refused(400));
    batch.record(&[3], &failed());

    let effect = batch.judge(&group(&["1", "4"]), &[0, 1, 2, 3]);

    assert_eq!(effect, Effect::Seen);
    assert_eq!(
        batch.outcomes(),
        [Outcome::Done(()), unkept(), Outcome::Already(()), Outcome::Done(())]
    );
}

#[test]
fn a_success_without_effect_stays_the_reason_whatever_is_answered_later() {
    let mut batch = batch(&[("1", false)]);
    for attempt in [Attempt::Accepted, refused(400), refused(405)] {
        assert_eq!(batch.open(false), [0], "{attempt:?} is tried");
        batch.record(&[0], &attempt);
        batch.judge(&group(&["1"]), &[0]);
    }

    assert_eq!(batch.outcomes(), [unkept()]);
}

#[test]
fn of_several_refusals_the_first_one_is_told() {
    let mut batch = batch(&[("1", false)]);
    for attempt in [refused(400), refused(405)] {
        batch.record(&[0], &attempt);
        batch.judge(&group(&["1"]), &[0]);
    }

    let code = code::REFUSED;
    assert!(matches!(batch.outcomes().as_slice(), [Outcome::Failed { code: told, .. }]
        if *told == code));
}

#[test]
fn those_who_lost_their_membership_unasked_get_it_back_and_leavers_do_not() {
    let mut batch = batch(&[("1", false), ("2", false)]);
    let endangered = batch.others(&group(&["1", "2", "3", "4"]));
    assert_eq!(endangered.iter().collect::<Vec<_>>(), ["3", "4"]);

    batch.give_back(&["2", "3", "4"].map(str::to_owned).into());

    assert_eq!(batch.open(true), [2, 3]);
    assert_eq!(batch.lost(), 2);
    batch.settle(&group(&["3", "4"]), true);
    assert_eq!(batch.lost(), 0);
    assert_eq!(batch.outcomes().len(), 2);
}

fn group(members: &[&str]) -> Group {
    let members = members.iter().map(|id| Member { value: (*id).to_owned() });
    Group { members: Some(members.collect()) }
}

fn refused(status: u16) -> Attempt {
    let status = StatusCode::from_u16(status).unwrap();
    Attempt::Refused(Fault::Refused { status, kind: None })
}

fn failed() -> Attempt {
    Attempt::Failed(Fault::Server { status: 500, after: std::time::Duration::ZERO })
}

fn unkept() -> Outcome<()> {
    Outcome::again("PROV-107: read back, the membership is unchanged")
}

fn batch(changes: &[(&str, bool)]) -> Batch {
    let changes: Vec<_> = changes
        .iter()
        .map(|(account, held)| MembershipChange {
            person: PersonId(Uuid::nil()),
            lane: Lane::Regular,
            account_id: (*account).to_owned(),
            entitlement: "police".to_owned(),
            held: *held,
        })
        .collect();
    Batch::new(&changes.iter().collect::<Vec<_>>())
}
