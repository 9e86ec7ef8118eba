use jiff::ToSpan as _;

use super::*;

const RULES: Rules = Rules {
    losses: 5,
    first: SignedDuration::from_secs(10),
    longest: SignedDuration::from_secs(300),
};

#[test]
fn a_circuit_opens_after_so_many_losses_in_a_row_and_no_sooner() {
    let closed = Circuit::default();

    assert_eq!(closed.learn(&lost(4), false, at(0), RULES), closed);
    let open = closed.learn(&lost(5), false, at(0), RULES);

    assert_eq!(open.admits(at(0)), Admission::Nobody);
    assert_eq!(open.admits(at(9)), Admission::Nobody);
    assert_eq!(open.admits(at(10)), Admission::Probe);
    assert_eq!(open.open.unwrap().reason, "silence");
}

#[test]
fn every_probe_without_an_answer_begins_a_pause_twice_as_long_up_to_the_longest() {
    let mut circuit = Circuit::default().learn(&lost(5), false, at(0), RULES);
    let mut pauses = Vec::new();
    for _probe in 0..7 {
        let now = circuit.open.as_ref().unwrap().probe_at;
        circuit = circuit.learn(&lost(6), true, now, RULES);
        let open = circuit.open.as_ref().unwrap();
        pauses.push(open.probe_at.duration_since(now).as_secs());
        assert_eq!(open.at, at(0));
    }

    assert_eq!(pauses, [20, 40, 80, 160, 300, 300, 300]);
}

#[test]
fn one_answer_closes_it_and_the_next_pause_is_short_again() {
    let open = Circuit::default().learn(&lost(5), false, at(0), RULES);
    let longer = open.learn(&lost(6), true, at(10), RULES);

    let closed = longer.learn(&answered(), true, at(30), RULES);

    assert_eq!(closed, Circuit::default());
    let again = closed.learn(&lost(5), false, at(40), RULES);
    assert_eq!(again.open.unwrap().probe_at, at(50));
}

#[test]
fn a_probe_that_was_answered_before_it_was_lost_closes_the_circuit() {
    let open = Circuit::default().learn(&lost(5), false, at(0), RULES);
    let mixed = Evidence { losses: 1, lost: 1, ..answered() };

    assert_eq!(open.learn(&mixed, true, at(10), RULES).open, None);
}

#[test]
fn work_begun_before_the_circuit_opened_makes_no_pause_longer() {
    let open = Circuit::default().learn(&lost(5), false, at(0), RULES);

    assert_eq!(open.learn(&lost(9), false, at(2), RULES), open);
    // A probe that did not get to ask.
    assert_eq!(open.learn(&Evidence { lost: 0, ..lost(6) }, true, at(10), RULES), open);
}

#[test]
fn an_application_that_names_its_own_pause_while_it_is_down_gets_it() {
    let told = Evidence { after: Duration::from_secs(120), ..lost(5) };

    let open = Circuit::default().learn(&told, false, at(0), RULES);

    assert_eq!(open.admits(at(119)), Admission::Nobody);
    assert_eq!(open.admits(at(120)), Admission::Probe);
}

#[test]
fn a_pause_that_is_asked_for_is_kept_and_opens_nothing() {
    let asked = Evidence { paused: Duration::from_secs(30), ..answered() };

    let paused = Circuit::default().learn(&asked, false, at(0), RULES);

    assert_eq!(paused.open, None);
    assert_eq!(paused.admits(at(29)), Admission::Nobody);
    assert_eq!(paused.admits(at(30)), Admission::All);
    assert_eq!(paused.learn(&answered(), false, at(31), RULES), Circuit::default());
}

#[test]
fn who_hears_of_one_pause_a_little_later_writes_nothing() {
    let asked = |millis| Evidence { paused: Duration::from_millis(millis), ..answered() };
    let paused = Circuit::default().learn(&asked(30_000), false, at(0), RULES);

    assert_eq!(paused.learn(&asked(29_900), false, at(0), RULES), paused);
    assert_eq!(paused.learn(&asked(30_300), false, at(0), RULES), paused);
    assert_ne!(paused.learn(&asked(40_000), false, at(0), RULES), paused);
    assert_eq!(Circuit::default().learn(&asked(100), false, at(0), RULES), Circuit::default());
}

#[test]
fn only_silence_is_nobodys_attempt() {
    assert!(lost(1).is_silence());
    assert!(!answered().is_silence());
    assert!(!Evidence { lost: 1, ..answered() }.is_silence());
    assert!(!Evidence { lost: 0, ..lost(6) }.is_silence());
}

fn lost(losses: u32) -> Evidence {
    let beat = Beat { losses, reason: "silence".to_owned(), ..Beat::default() };
    Evidence::between(&Beat::default(), beat)
}

fn answered() -> Evidence {
    Evidence::between(&Beat::default(), Beat { answered: 1, ..Beat::default() })
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + second.seconds()
}
