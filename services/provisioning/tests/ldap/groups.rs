//! Memberships in groups of a directory.

use provisioning::connectors::{Connector, MembershipChange, Outcome};
use testkit::Slapd;

use super::directory::{connect, connect_with, done, hire, membership};

#[tokio::test]
async fn a_mover_is_in_the_next_group_before_leaving_the_former() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;
    change(&directory, &[membership(1, &ada, "police", true)], Outcome::Done(())).await;

    change(&directory, &[membership(1, &ada, "fire", true)], Outcome::Done(())).await;
    assert_eq!(slapd.members("police").await, ["ada"]);
    assert_eq!(slapd.members("fire").await, ["ada"]);
    change(&directory, &[membership(1, &ada, "police", false)], Outcome::Done(())).await;

    assert!(slapd.members("police").await.is_empty());
    let groups = slapd.account("ada").await.all("memberOf").to_vec();
    assert_eq!(groups, ["cn=fire,ou=groups,dc=city,dc=example"]);
    for held in [(membership(1, &ada, "fire", true)), membership(1, &ada, "police", false)] {
        change(&directory, &[held], Outcome::Already(())).await;
    }
}

#[tokio::test]
async fn the_last_member_of_a_group_that_must_have_one_can_leave_it() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;
    // Made by somebody else, without a placeholder.
    slapd
        .change(
            "dn: cn=police,ou=groups,dc=city,dc=example\nchangetype: add\n\
             objectClass: groupOfNames\ncn: police\nmember: uid=ada,ou=people,dc=city,dc=example\n",
        )
        .await;

    change(&directory, &[membership(1, &ada, "police", false)], Outcome::Done(())).await;

    let group = slapd.search(slapd.groups_base(), "(cn=police)").await.remove(0);
    assert_eq!(group.one("member"), group.dn);
    change(&directory, &[membership(1, &ada, "police", true)], Outcome::Done(())).await;
    change(&directory, &[membership(1, &ada, "police", false)], Outcome::Done(())).await;
    assert!(slapd.members("police").await.is_empty());
}

#[tokio::test]
async fn a_group_is_made_when_somebody_is_to_be_its_member_and_not_before() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;
    let name = "A+B, \"C\" (all) *";

    change(&directory, &[membership(1, &ada, name, false)], Outcome::Already(())).await;
    assert!(slapd.search(slapd.groups_base(), "(objectClass=groupOfNames)").await.is_empty());
    change(&directory, &[membership(1, &ada, name, true)], Outcome::Done(())).await;

    let groups = slapd.search(slapd.groups_base(), "(objectClass=groupOfNames)").await;
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].one("cn"), name);
    change(&directory, &[membership(1, &ada, name, true)], Outcome::Already(())).await;
}

#[tokio::test]
async fn a_group_that_nobody_may_make_is_missed() {
    let slapd = Slapd::start().await;
    let directory = connect_with(&slapd, "create_groups: false");
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;

    let given = directory.change_memberships(&[membership(1, &ada, "police", true)]).await;
    let taken = directory.change_memberships(&[membership(1, &ada, "police", false)]).await;

    assert!(matches!(given.as_slice(), [Outcome::Failed { code: "PROV-113", .. }]), "{given:?}");
    assert_eq!(taken, [Outcome::Already(())]);
}

#[tokio::test]
async fn a_member_that_came_or_went_meanwhile_does_not_stop_the_others() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ids = hired(&directory, 9).await;
    let held: Vec<_> = (1..=9).zip(&ids).map(|(n, id)| membership(n, id, "police", true)).collect();

    change(&directory, &held[..3], Outcome::Done(())).await;
    let given = directory.change_memberships(&held).await;

    assert_eq!(given[..3], vec![Outcome::Already(()); 3]);
    assert_eq!(given[3..], vec![Outcome::Done(()); 6]);
    assert_eq!(slapd.members("police").await.len(), 9);
}

#[tokio::test]
async fn two_replicas_that_change_one_group_end_with_both_changes() {
    let slapd = Slapd::start().await;
    let (one, other) = (connect(&slapd), connect(&slapd));
    let ids = hired(&one, 40).await;
    let changes: Vec<_> =
        (1..=40).zip(&ids).map(|(n, id)| membership(n, id, "police", true)).collect();

    let (first, second) = tokio::join!(
        one.change_memberships(&changes[..30]),
        other.change_memberships(&changes[10..]),
    );

    let settled =
        |outcome: &Outcome<()>| matches!(outcome, Outcome::Done(()) | Outcome::Already(()));
    assert!(first.iter().chain(&second).all(settled), "{first:?} {second:?}");
    assert_eq!(slapd.members("police").await.len(), 40);
}

#[tokio::test]
async fn somebody_without_an_account_is_in_no_group() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;

    let outcomes = directory
        .change_memberships(&[
            membership(1, &ada, "police", true),
            membership(2, "0f8fad5b-d9cb-469f-a165-70867728950e", "police", true),
        ])
        .await;

    assert_eq!(outcomes, [Outcome::Done(()), Outcome::Gone]);
}

#[tokio::test]
async fn groups_of_logins_hold_logins() {
    let slapd = Slapd::start().await;
    slapd
        .change(
            "dn: cn=police,ou=groups,dc=city,dc=example\nchangetype: add\n\
             objectClass: posixGroup\ncn: police\ngidNumber: 5000\n",
        )
        .await;
    let directory = connect_with(&slapd, "group_classes: [posixGroup]");
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;

    change(&directory, &[membership(1, &ada, "police", true)], Outcome::Done(())).await;
    let group = slapd.search(slapd.groups_base(), "(cn=police)").await.remove(0);
    assert_eq!(group.one("memberUid"), "ada");
    change(&directory, &[membership(1, &ada, "police", false)], Outcome::Done(())).await;

    let group = slapd.search(slapd.groups_base(), "(cn=police)").await.remove(0);
    assert_eq!(group.one("memberUid"), "");
}

#[tokio::test]
async fn five_hundred_people_come_and_go_in_one_group() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ids = hired(&directory, 500).await;

    for held in [true, false] {
        let changes: Vec<_> =
            (1..).zip(&ids).map(|(number, id)| membership(number, id, "police", held)).collect();
        change(&directory, &changes, Outcome::Done(())).await;
        assert_eq!(slapd.members("police").await.len(), if held { 500 } else { 0 });
        change(&directory, &changes, Outcome::Already(())).await;
    }
    assert_eq!(slapd.accounts().await.len(), 500);
}

/// The account ids of so many people who are hired at once.
async fn hired(directory: &Connector, count: u128) -> Vec<String> {
    let hires: Vec<_> = (1..=count).map(|number| hire(number, &format!("login{number}"))).collect();
    let made = directory.ensure_accounts(&hires).await;
    made.into_iter().map(|one| done(vec![one]).account_id).collect()
}

async fn change(directory: &Connector, changes: &[MembershipChange], expected: Outcome<()>) {
    let outcomes = directory.change_memberships(changes).await;

    assert_eq!(outcomes, vec![expected; changes.len()]);
}
