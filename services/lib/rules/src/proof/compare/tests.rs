use super::*;
use crate::document::load;
use crate::proof::verify::tests::{SHOP, policy, release};

#[test]
fn a_release_is_equivalent_to_the_same_said_otherwise() {
    let one = policy("readers", "person.level >= 3 || person.department in [\"Orders\"]", READING);
    let parts = [
        policy("readers", "!(person.level < 3)", READING),
        policy("more-readers", "person.department == \"Orders\"", READING),
    ];

    let comparison = compare(&release(&one), &release(&parts.concat()));

    assert!(comparison.is_equivalent(), "{comparison:?}");
}

#[test]
fn the_one_hidden_widening_is_found_with_somebody_who_gains() {
    let old = policy("readers", "person.level >= 3 && person.level < 9", READING);
    let new = policy("readers", "person.level > 2 && person.level <= 9", READING);

    let comparison = compare(&release(&old), &release(&new));

    assert!(!comparison.only_removes());
    assert_eq!(comparison.narrowed, []);
    let [difference] = comparison.widened.as_slice() else { panic!("{comparison:?}") };
    assert_eq!(difference.entitlement, ("erp".to_owned(), "read".to_owned()));
    assert_eq!(difference.answer.witness().unwrap().to_string(), "level=9");
}

#[test]
fn a_policy_that_goes_only_removes() {
    let old = policy("readers", "person.level >= 3", READING);

    let comparison = compare(&release(&old), &release(""));

    assert!(comparison.only_removes() && !comparison.is_equivalent());
    assert_eq!(comparison.narrowed.len(), 1);
}

#[test]
fn what_had_to_be_asked_for_and_now_comes_by_itself_is_a_widening() {
    let asked = "grants: [{bundle: reading, mode: requestable}]";
    let old = policy("readers", "person.level >= 3", asked);
    let new = policy("readers", "person.level >= 3", READING);

    let forth = compare(&release(&old), &release(&new));
    let back = compare(&release(&new), &release(&old));

    assert_eq!(forth.widened.len(), 1);
    assert!(forth.widened[0].by_itself);
    assert!(back.only_removes() && !back.is_equivalent());
}

#[test]
fn nothing_is_proved_of_an_attribute_that_changed_its_type() {
    let old = policy("readers", "has(person.level)", READING);
    let text = format!("{SHOP}{old}").replace("level: {type: integer}", "level: {type: date}");
    let text = text.replace(" && person.level < 5", "");
    let new = Release::compile(2, load("shop.yaml", &text).unwrap()).unwrap();

    let comparison = compare(&release(&old), &new);

    let undecided: Vec<_> =
        comparison.undecided.iter().map(|found| found.entitlement.1.as_str()).collect();
    assert_eq!(undecided, ["order", "read"]);
    assert!(!comparison.only_removes());
}

const READING: &str = "grants: [{bundle: reading}]";
