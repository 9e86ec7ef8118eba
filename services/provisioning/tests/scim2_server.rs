//! The SCIM connector against a service provider that somebody else wrote.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "connectors/changes.rs"]
mod changes;
#[path = "connectors/reading.rs"]
mod reading;

use provisioning::connectors::{AccountChange, Outcome};
use serde_json::json;

use changes::{done, hire, membership, person, scim};
use domain::{AccountState, Value};
use provisioning::connectors::Completeness;
use reading::Whole;
use testkit::Peer;

/// The extension for employees.
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn a_hire_and_a_leaver_end_to_end() {
    let peer = Peer::start(&json!({})).await;
    let directory = scim(peer.url(), peer.token());

    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let given = directory.change_memberships(&[membership(1, &ada.account_id, true)]).await;

    assert_eq!(given, [Outcome::Done(())]);
    let user = peer.user(&ada.account_id).await;
    assert_eq!(user["externalId"], person(1).to_string());
    assert_eq!(user["active"], true);
    assert_eq!(user["displayName"], "Person 1");
    assert_eq!(user[ENTERPRISE]["employeeNumber"], "W-1");
    assert_eq!(peer.members("police").await, [ada.account_id.as_str()]);

    let taken = directory.change_memberships(&[membership(1, &ada.account_id, false)]).await;
    let leaver = AccountChange {
        account_id: Some(ada.account_id.clone()),
        state: AccountState::Suspended,
        create: false,
        ..hire(1, "ada")
    };
    let suspended = done(directory.ensure_accounts(&[leaver]).await);

    assert_eq!(taken, [Outcome::Done(())]);
    assert_eq!(suspended.state, AccountState::Suspended);
    assert_eq!(peer.user(&ada.account_id).await["active"], false);
    assert!(peer.members("police").await.is_empty());
}

#[tokio::test]
async fn a_mover_is_changed_in_place_with_patch_and_with_put() {
    for config in [json!({}), json!({"patch": {"supported": false}})] {
        let peer = Peer::start(&config).await;
        let directory = scim(peer.url(), peer.token());
        let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
        let id = &ada.account_id;
        directory.change_memberships(&[membership(1, id, true)]).await;

        let mut moved = AccountChange { account_id: Some(id.clone()), ..hire(1, "ada.l") };
        for (name, value) in [("title", "Captain"), ("email", "ada@example.org"), ("division", "")]
        {
            moved.attributes.insert(name.to_owned(), Value::Text(value.to_owned()));
        }
        let observed = done(directory.ensure_accounts(std::slice::from_ref(&moved)).await);
        let again = directory.ensure_accounts(&[moved]).await;

        assert_eq!(&observed.account_id, id);
        let user = peer.user(id).await;
        assert_eq!(user["userName"], "ada.l");
        assert_eq!(user["title"], "Captain");
        assert_eq!(user["emails"][0]["value"], "ada@example.org");
        assert_eq!(user["displayName"], "Person 1");
        assert!(matches!(again.as_slice(), [Outcome::Already(_)]), "{again:?}");

        let taken = directory.change_memberships(&[membership(1, id, false)]).await;
        assert_eq!(taken, [Outcome::Done(())]);
        assert!(peer.members("police").await.is_empty());
    }
}

#[tokio::test]
async fn a_name_an_address_and_a_manager_change_with_patch_and_with_put() {
    for config in [json!({}), json!({"patch": {"supported": false}})] {
        let peer = Peer::start(&config).await;
        let directory = scim(peer.url(), peer.token());
        let [grace, edith] = [hire(2, "grace"), hire(3, "edith")];
        let grace = done(directory.ensure_accounts(&[grace]).await).account_id;
        let edith = done(directory.ensure_accounts(&[edith]).await).account_id;
        let described = |manager: &str, family_name: &str, email: &str| {
            let mut change = hire(1, "ada");
            change.attributes.extend(
                [("manager", manager), ("familyName", family_name), ("email", email)]
                    .map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned()))),
            );
            change
        };
        let hired = described(&grace, "Byron", "ada.byron@city.example");
        let ada = done(directory.ensure_accounts(&[hired]).await);
        let id = ada.account_id;
        assert_eq!(peer.user(&id).await[ENTERPRISE]["manager"]["value"], grace);

        let moved = described(&edith, "Lovelace", "ada.lovelace@city.example");
        let moved = AccountChange { account_id: Some(id.clone()), ..moved };
        let observed = done(directory.ensure_accounts(std::slice::from_ref(&moved)).await);
        let again = directory.ensure_accounts(std::slice::from_ref(&moved)).await;

        assert_eq!((&observed.account_id, observed.login.as_str()), (&id, "ada"));
        let user = peer.user(&id).await;
        assert_eq!(user[ENTERPRISE]["manager"]["value"], edith);
        assert_eq!(user["name"]["familyName"], "Lovelace");
        assert_eq!(user["emails"][0]["value"], "ada.lovelace@city.example");
        assert!(matches!(again.as_slice(), [Outcome::Already(_)]), "{again:?}");

        let freed = described("", "Lovelace", "ada.lovelace@city.example");
        let freed = AccountChange { account_id: Some(id.clone()), ..freed };
        done(directory.ensure_accounts(&[freed]).await);
        assert!(peer.user(&id).await[ENTERPRISE]["manager"].is_null());
    }
}

#[tokio::test]
async fn the_same_hire_by_another_connector_finds_the_account() {
    let peer = Peer::start(&json!({})).await;
    let ada = done(scim(peer.url(), peer.token()).ensure_accounts(&[hire(1, "ada")]).await);

    let again = scim(peer.url(), peer.token()).ensure_accounts(&[hire(1, "ada")]).await;

    assert_eq!(again, [Outcome::Already(ada)]);
}

#[tokio::test]
async fn a_login_of_somebody_else_is_taken_for_hires_and_renames_alike() {
    let peer = Peer::start(&json!({})).await;
    let directory = scim(peer.url(), peer.token());
    done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let grace = done(directory.ensure_accounts(&[hire(2, "grace")]).await);

    let rename = AccountChange { account_id: Some(grace.account_id), ..hire(2, "ada") };
    let outcomes = directory.ensure_accounts(&[hire(3, "ada"), rename]).await;

    assert_eq!(outcomes, [Outcome::LoginTaken, Outcome::LoginTaken]);
}

#[tokio::test]
async fn a_member_already_gone_does_not_stop_the_others_of_its_request() {
    let peer = Peer::start(&json!({})).await;
    let directory = scim(peer.url(), peer.token());
    let hires: Vec<_> = (1..=9).map(|number| hire(number, &format!("login{number}"))).collect();
    let made = directory.ensure_accounts(&hires).await;
    let accounts: Vec<_> = made.into_iter().map(|one| done(vec![one]).account_id).collect();

    let held: Vec<_> = (1..=9).zip(&accounts).map(|(n, id)| membership(n, id, true)).collect();
    let given = directory.change_memberships(&held).await;
    let taken: Vec<_> = (1..=4).zip(&accounts).map(|(n, id)| membership(n, id, false)).collect();
    let first = directory.change_memberships(&taken[..2]).await;
    let second = directory.change_memberships(&taken).await;

    assert_eq!(given, vec![Outcome::Done(()); 9]);
    assert_eq!(first, vec![Outcome::Done(()); 2]);
    let settled =
        |outcome: &Outcome<()>| matches!(outcome, Outcome::Done(()) | Outcome::Already(()));
    assert!(second.iter().all(settled), "{second:?}");
    assert_eq!(peer.members("police").await.len(), 5);
}

#[tokio::test]
async fn a_wrong_token_is_tried_again_seldom() {
    let peer = Peer::start(&json!({})).await;

    let outcomes = scim(peer.url(), "wrong").ensure_accounts(&[hire(1, "ada")]).await;

    assert!(
        matches!(outcomes.as_slice(), [Outcome::Retry { after, reason }]
            if after.as_secs() >= 60 && reason.starts_with("PROV-105")),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn every_account_is_read_by_number_and_by_mark() {
    let cursors = json!({
        "pagination": {
            "cursor": true, "index": true, "defaultPaginationMethod": "cursor", "maxPageSize": 2,
            "defaultPageSize": 2,
        },
    });
    for (config, pages) in [(json!({}), 2), (cursors, 4)] {
        let peer = Peer::start(&config).await;
        let directory = scim(peer.url(), peer.token());
        let hired = directory
            .ensure_accounts(&[
                hire(1, "p1"),
                hire(2, "p2"),
                hire(3, "p3"),
                hire(4, "p4"),
                hire(5, "p5"),
            ])
            .await;
        let Some(Outcome::Done(third)) = hired.get(2) else { panic!("{hired:?}") };
        directory.change_memberships(&[membership(3, &third.account_id, true)]).await;

        let whole = Whole::of(&directory).await.unwrap();

        assert_eq!(whole.completeness, Some(Completeness::Whole), "{config}");
        assert_eq!((whole.accounts.len(), whole.pages), (5, pages), "{config}");
        assert_eq!(whole.accounts["p3"].person, Some(person(3)));
        assert_eq!(&whole.accounts["p3"].account, third);
        assert_eq!(whole.holders("police"), ["p3"]);
    }
}
