use super::*;

fn approval(name: &str) -> Approval {
    let approved_at = Timestamp::UNIX_EPOCH;
    Approval { name: name.to_owned(), groups: Vec::new(), approved_at }
}

#[test]
fn the_second_persons_word_releases_and_the_same_persons_does_not() {
    let first = decide(&[], "ada").unwrap();
    let second = decide(&[approval("ada")], "grace").unwrap();
    let same = decide(&[approval("ada")], "ADA");

    assert_eq!(first, Outcome::Approved("ada".to_owned()));
    assert_eq!(second, Outcome::Released(["ada".to_owned(), "grace".to_owned()]));
    assert!(matches!(same, Err(Error::Twice { .. })), "{same:?}");
}

#[test]
fn a_word_is_for_a_set_of_groups_by_somebody_with_a_name() {
    let word = |by: &str| {
        let groups = ["b", "a", "b"].map(str::to_owned).to_vec();
        Word::try_new(RunId(uuid::Uuid::nil()), String::new(), by, groups)
    };

    let given = word(" ada ").unwrap();

    assert_eq!((given.by.as_str(), given.groups), ("ada", vec!["a".to_owned(), "b".to_owned()]));
    for nobody in ["", "  ", "a\nb", &"x".repeat(201)] {
        assert!(matches!(word(nobody), Err(Error::Nameless)), "{nobody:?}");
    }
}
