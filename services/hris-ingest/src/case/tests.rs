use uuid::Uuid;

use super::*;

fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

fn evidence(stated: &str) -> Evidence {
    let compared = |name: &str, stated: Option<&str>, known: Option<&str>| Compared {
        name: name.to_owned(),
        verdict: Verdict::Differs,
        stated: stated.map(str::to_owned),
        known: known.map(str::to_owned),
    };
    let attributes =
        vec![compared("mail", Some(stated), Some("known")), compared("born", None, None)];
    Evidence { sides: vec![Side { person: Some(person(1)), points: Some(70), attributes }] }
}

fn a_case(kind: Kind, people: &[PersonId]) -> Case {
    let question = Question {
        kind,
        source: "payroll".to_owned(),
        key: "7".to_owned(),
        people: people.to_vec(),
        engagements: Vec::new(),
        evidence: evidence("stated"),
        waiting: None,
    };
    let hash = question.evidence.hash();
    let id = CaseId(Uuid::from_u128(9));
    Case { id, question, hash, opened_at: Timestamp::UNIX_EPOCH, closed: None }
}

fn a_word(case: &Case, answer: Answer) -> Word {
    Word {
        case: case.id,
        hash: case.hash.clone(),
        answer,
        person: None,
        by: "grace".to_owned(),
        note: String::new(),
    }
}

#[test]
fn a_decision_counts_once_and_for_what_was_looked_at() {
    let mut case = a_case(Kind::Conflict, &[person(1)]);
    let word = a_word(&case, Answer::Dismiss);
    let now = Timestamp::UNIX_EPOCH;

    let moved = case.decide(&Word { hash: "other".to_owned(), ..word.clone() }, now);
    let closed = case.decide(&word, now).unwrap();

    assert!(matches!(moved, Err(Error::Moved { .. })), "{moved:?}");
    assert_eq!(closed.outcome, Outcome::Decided(Answer::Dismiss));
    case.closed = Some(closed);
    assert!(matches!(case.decide(&word, now), Err(Error::Closed { .. })));
}

#[test]
fn only_answers_of_the_kind_are_taken() {
    for kind in Kind::ALL {
        for answer in Answer::ALL {
            let case = a_case(kind, &[person(1)]);

            let decided = case.decide(&a_word(&case, answer), Timestamp::UNIX_EPOCH);

            assert_eq!(decided.is_ok(), kind.answers().contains(&answer), "{kind:?} {answer:?}");
        }
    }
}

#[test]
fn an_answer_means_nobody_who_was_not_asked_about() {
    let case = a_case(Kind::Conflict, &[person(1), person(2)]);
    let word = a_word(&case, Answer::Same);

    let meant = |person| case.meant(&Word { person, ..word.clone() });

    assert!(matches!(meant(None), Err(Error::Which(_))));
    assert!(matches!(meant(Some(person(3))), Err(Error::NotAsked { .. })));
    assert_eq!(meant(Some(person(2))).unwrap(), Some(person(2)));
}

#[test]
fn somebody_must_stand_for_a_decision() {
    let case = a_case(Kind::Conflict, &[person(1)]);
    let by = |by: &str| {
        Word { by: by.to_owned(), ..a_word(&case, Answer::Dismiss) }
            .check_author()
            .map(|word| word.by)
    };

    assert_eq!(by(" grace ").unwrap(), "grace");
    for nobody in ["", "  ", "gr\nace", &"x".repeat(NAME_BYTES_MAX + 1)] {
        assert!(matches!(by(nobody), Err(Error::Nameless)), "{nobody:?}");
    }
}

#[test]
fn what_was_decided_is_asked_again_when_its_evidence_has_changed() {
    let id = CaseId(Uuid::from_u128(9));
    let (same, other) = (evidence("stated").hash(), evidence("something else").hash());
    let latest = |outcome| Latest { id, hash: same.clone(), outcome };
    let decided = latest(Some(Outcome::Decided(Answer::Refuse)));

    assert_ne!(same, other);
    assert_eq!(standing(None, &same), None);
    assert_eq!(standing(Some(&latest(None)), &other), Some(Standing::Open(id)));
    assert_eq!(standing(Some(&decided), &same), Some(Standing::Decided(id, Answer::Refuse)));
    assert_eq!(standing(Some(&decided), &other), None);
    assert_eq!(standing(Some(&latest(Some(Outcome::NoLongerApplies))), &same), None);
}

#[test]
fn evidence_without_values_still_says_what_agrees() {
    let kept = evidence("stated").without_values();

    assert!(!format!("{kept:?}").contains("stated\""), "{kept:?}");
    assert_eq!(kept.sides[0].attributes[0].verdict, Verdict::Differs);
    assert_eq!(kept.sides[0].points, Some(70));
}
