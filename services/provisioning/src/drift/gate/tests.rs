use rules::document::{BreakerLimit, Counted};

use super::*;
use crate::drift::State;
use crate::drift::sample::drift;

fn repair(number: u128, kind: DriftKind, item: &str) -> Drift {
    drift(number, kind, item, State::Waiting)
}

fn repairs(count: u128, kind: DriftKind) -> Vec<Drift> {
    (1..=count).map(|number| repair(number, kind, "")).collect()
}

const STOCK: Stock = Stock { accounts: 100, holdings: 1_000 };

#[test]
fn a_few_repairs_go_and_many_closings_are_held() {
    assert!(held(&repairs(3, DriftKind::WronglyEnabled), STOCK, None).is_empty());

    let held = held(&repairs(12, DriftKind::WronglyEnabled), STOCK, None);

    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0].starts_with("12 accounts closed of 100"), "{held:?}");
}

#[test]
fn values_alone_never_close_or_take_anything() {
    let many = repairs(15, DriftKind::AttributeDiffers);

    assert!(held(&many, STOCK, None).is_empty());
    assert!(!held(&repairs(30, DriftKind::AttributeDiffers), STOCK, None).is_empty());
}

#[test]
fn a_document_says_how_much_is_an_accident() {
    let limit = BreakerLimit {
        of: Counted::Loss,
        per: rules::document::Grouping::Privilege,
        count: Some(0),
        percent: None,
    };
    let breaker = Breaker { description: String::new(), limits: vec![limit] };
    let one = repairs(1, DriftKind::UnmanagedGrant);

    assert!(held(&one, STOCK, None).is_empty());
    assert_eq!(held(&one, STOCK, Some(&breaker)).len(), 1);
    assert!(held(&repairs(50, DriftKind::WronglyEnabled), STOCK, Some(&breaker)).is_empty());
}

#[test]
fn a_hash_stands_for_exactly_these_repairs_in_any_order() {
    let one = repairs(3, DriftKind::WronglyEnabled);
    let mut other = one.clone();
    other.reverse();

    assert_eq!(hash(&one), hash(&other));
    assert_ne!(hash(&one), hash(&one[1..]));
    assert_ne!(hash(&one[..1]), hash(&[repair(1, DriftKind::WronglyEnabled, "x")]));
}
