//! A directory that is down, refuses, or is set up otherwise than the document says.

use std::time::Duration;

use domain::Value;
use provisioning::connectors::{AccountChange, LdapSettings, Outcome, Secret, Timeouts};
use testkit::{Slapd, until};

use super::directory::{connect, connect_with, connector, done, hire, membership, settings};
use super::leaver;

#[tokio::test]
async fn work_goes_on_when_a_killed_directory_is_back() {
    let mut slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;

    slapd.kill().await;
    let left = leaver(1, "ada", &ada);
    let down = directory.ensure_accounts(std::slice::from_ref(&left)).await;
    let group = directory.change_memberships(&[membership(1, &ada, "police", true)]).await;
    slapd.restart().await;

    assert!(matches!(down.as_slice(), [Outcome::Retry { .. }]), "{down:?}");
    assert!(matches!(group.as_slice(), [Outcome::Retry { .. }]), "{group:?}");
    until("the directory is reached again", async || {
        let outcomes = directory.ensure_accounts(std::slice::from_ref(&left)).await;
        matches!(outcomes.as_slice(), [Outcome::Done(_)]).then_some(())
    })
    .await;
    assert_eq!(slapd.account("ada").await.one("pwdAccountLockedTime"), "000001010000Z");
}

#[tokio::test]
async fn a_directory_killed_in_the_middle_of_a_hundred_hires_ends_with_one_account_each() {
    let mut slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let hires: Vec<_> = (1..=200).map(|number| hire(number, &format!("login{number}"))).collect();

    let (first, ()) = tokio::join!(directory.ensure_accounts(&hires), async {
        until("some are hired", async || (slapd.accounts().await.len() > 20).then_some(())).await;
        slapd.kill().await;
        slapd.restart().await;
    });

    let settled = |outcome: &Outcome<_>| matches!(outcome, Outcome::Done(_) | Outcome::Already(_));
    let again = |outcome: &Outcome<_>| matches!(outcome, Outcome::Retry { .. });
    assert!(first.iter().all(|one| settled(one) || again(one)), "{first:?}");
    assert!(first.iter().any(again), "the directory was killed too late");
    until("everybody is hired", async || {
        directory.ensure_accounts(&hires).await.iter().all(settled).then_some(())
    })
    .await;
    assert_eq!(slapd.accounts().await.len(), 200);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_for_everybody_and_again_seldom() {
    let slapd = Slapd::start().await;
    // Only where failures are limited does the server keep count of them.
    slapd
        .change(
            "dn: cn=passwords,dc=city,dc=example\nchangetype: modify\n\
             add: pwdMaxFailure\npwdMaxFailure: 5\n",
        )
        .await;
    let password = Secret::new("wrong".to_owned());
    let directory = connector(LdapSettings { password, ..settings(&slapd, "") });

    let hires: Vec<_> = (1..=20).map(|number| hire(number, &format!("login{number}"))).collect();
    let outcomes = directory.ensure_accounts(&hires).await;

    for outcome in outcomes {
        assert!(
            matches!(&outcome, Outcome::Retry { after, reason }
                if after.as_secs() >= 60 && reason.starts_with("PROV-105")),
            "{outcome:?}"
        );
    }
    let service = slapd.search("ou=services,dc=city,dc=example", "(cn=tenure)").await.remove(0);
    assert_eq!(service.all("pwdFailureTime").len(), 1);
}

#[tokio::test]
async fn what_the_connector_may_not_do_is_said_without_names() {
    let slapd = Slapd::start().await;
    let mut elsewhere = settings(&slapd, "");
    elsewhere.layout.accounts_base = "ou=services,dc=city,dc=example".to_owned();

    let outcomes = connector(elsewhere).ensure_accounts(&[hire(1, "ada")]).await;

    let reason = "the directory refused (insufficientAccessRights)".to_owned();
    assert_eq!(outcomes, [Outcome::Failed { code: "PROV-110", reason }]);
}

#[tokio::test]
async fn a_base_that_is_not_there_is_looked_for_again_seldom() {
    let slapd = Slapd::start().await;
    let mut elsewhere = settings(&slapd, "");
    elsewhere.layout.accounts_base = "ou=nobody,dc=city,dc=example".to_owned();

    let outcomes = connector(elsewhere).ensure_accounts(&[hire(1, "ada")]).await;

    assert!(
        matches!(outcomes.as_slice(), [Outcome::Retry { after, reason }]
            if after.as_secs() >= 60 && reason.starts_with("PROV-114")),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn an_account_without_what_is_mandatory_is_not_asked_for() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let (mut empty, mut missing) = (hire(1, "ada"), hire(2, "grace"));
    empty.attributes.insert("sn".to_owned(), Value::Text(String::new()));
    missing.attributes.remove("sn");

    let outcomes = directory.ensure_accounts(&[empty, missing]).await;

    let reason = "the attribute sn is mandatory in the directory, and has no value".to_owned();
    assert_eq!(outcomes, vec![Outcome::Failed { code: "PROV-112", reason }; 2]);
}

#[tokio::test]
async fn an_attribute_the_directory_does_not_know_is_its_schemas_refusal() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let mut odd = hire(1, "ada");
    odd.attributes.insert("shoeSize".to_owned(), Value::Text("43".to_owned()));

    let outcomes = directory.ensure_accounts(&[odd]).await;

    assert!(matches!(outcomes.as_slice(), [Outcome::Failed { code: "PROV-111", .. }]));
}

#[tokio::test]
async fn nobody_is_hired_where_accounts_cannot_be_closed() {
    let slapd = Slapd::start().await;
    let directory = connect_with(&slapd, "disable: {attribute: nsAccountLock, disabled: \"TRUE\"}");

    let outcomes = directory.ensure_accounts(&[hire(1, "ada")]).await;

    assert!(matches!(outcomes.as_slice(), [Outcome::Failed { code: "PROV-111", .. }]));
    assert!(slapd.accounts().await.is_empty());
}

#[tokio::test]
async fn a_leaver_is_closed_also_when_the_directory_refuses_the_rest() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await).account_id;
    let mut odd = leaver(1, "ada", &ada);
    odd.attributes.insert("manager".to_owned(), Value::Text("not a name".to_owned()));

    let outcomes = directory.ensure_accounts(&[odd]).await;

    assert!(matches!(outcomes.as_slice(), [Outcome::Failed { code: "PROV-111", .. }]));
    assert_eq!(slapd.account("ada").await.one("pwdAccountLockedTime"), "000001010000Z");
}

#[tokio::test]
async fn a_directory_that_does_not_answer_is_given_up_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slapd = Slapd::start().await;
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    let short = Duration::from_millis(100);
    let timeouts = Timeouts { connect: short, request: short };
    let directory = connector(LdapSettings { url, timeouts, ..settings(&slapd, "") });

    let known = AccountChange { account_id: Some("id".to_owned()), ..hire(1, "ada") };
    let outcomes = directory.ensure_accounts(&[known]).await;

    let reason = "the directory did not answer in time".to_owned();
    assert_eq!(outcomes, [Outcome::Retry { after: Duration::ZERO, reason }]);
}
