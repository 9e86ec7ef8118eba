use uuid::Uuid;

use super::*;
use crate::drift::sample::drift;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).unwrap()
}

/// A document that answers one kind of drift, after a grace of a week.
fn answers(kind: DriftKind, response: Response) -> Reconciliation {
    Reconciliation {
        drift: [(kind, response)].into(),
        grace: "P7D".to_owned().try_into().unwrap(),
        ..Reconciliation::default()
    }
}

/// Where drift stands after another reading found it.
fn after(mut standing: Drift, response: Response, day: i64) -> State {
    let reconciliation = answers(standing.finding.kind, response);
    let rules = Rules { reconciliation: &reconciliation, now: at(day) };
    standing.seen(standing.finding.clone(), ReadingId(Uuid::nil()), &rules);
    standing.state
}

use Response::{Ignore, Repair, Report};
use State::{Adopted, Grace, Ignored, Repairing, Reported, Waiting};

#[test]
fn the_document_of_today_says_what_is_done_about_drift_of_yesterday() {
    for (state, response, then) in [
        (Reported, Repair, Waiting),
        (Reported, Ignore, Ignored),
        (Ignored, Report, Reported),
        (Waiting, Report, Reported),
        (Repairing, Report, Reported),
        (Repairing, Repair, Waiting),
        (Adopted, Repair, Adopted),
    ] {
        let standing = drift(1, DriftKind::WronglyEnabled, "", state);
        assert_eq!(after(standing, response, 1), then, "{state:?} {response:?}");
    }
}

#[test]
fn what_a_human_chose_to_repair_is_repaired_whatever_the_document_says() {
    let mut chosen = drift(1, DriftKind::WronglyDisabled, "", Reported);
    chosen.decide(Decision::Repair { by: "grace".to_owned(), note: String::new() }).unwrap();

    assert_eq!(after(chosen, Report, 1), Repairing);
}

#[test]
fn an_adoption_and_a_grace_end_with_their_time() {
    let grant =
        |state| Drift { until: Some(at(7)), ..drift(1, DriftKind::UnmanagedGrant, "x", state) };

    assert_eq!(after(grant(Grace), Repair, 6), Grace);
    assert_eq!(after(grant(Grace), Repair, 7), Waiting);
    assert_eq!(after(grant(Adopted), Repair, 6), Adopted);
    assert_eq!(after(grant(Adopted), Report, 7), Reported);
}

#[test]
fn what_cannot_be_repaired_here_is_refused_with_what_to_do() {
    let repair = || Decision::Repair { by: "grace".to_owned(), note: String::new() };
    let mut shared = drift(1, DriftKind::SeveralPeople, "", Reported);
    let mut through = drift(1, DriftKind::UnmanagedGrant, "all", Reported);
    through.finding.through = "police".to_owned();
    let mut ended = drift(1, DriftKind::UnmanagedGrant, "all", State::Closed);

    assert_eq!(shared.decide(repair()), Err(Refused::SeveralPeople));
    assert_eq!(through.decide(repair()), Err(Refused::Through));
    assert_eq!(ended.decide(repair()), Err(Refused::Closed));
}
