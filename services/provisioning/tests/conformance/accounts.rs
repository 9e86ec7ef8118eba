//! Accounts: made, changed, closed and opened, each of it once.

use domain::{AccountState, Value};
use provisioning::connectors::{AccountChange, Outcome};

use super::target::{Target, already, done, leaver, membership, person};

/// Returns how memberships were taken.
pub(crate) async fn everything_done_twice_is_done_once(target: &Target) -> String {
    let connector = target.connector();
    let hire = target.hire(1, "ada");

    let ada = done(connector.ensure_accounts(std::slice::from_ref(&hire)).await);
    assert_eq!(already(connector.ensure_accounts(std::slice::from_ref(&hire)).await), ada);
    let mut moved = AccountChange { account_id: Some(ada.account_id.clone()), ..hire };
    let changed = Value::Text("Captain".to_owned());
    moved.attributes.insert(target.changing().to_owned(), changed.clone());
    let left = leaver(&moved, &ada.account_id);
    for (change, state) in [
        (&moved, AccountState::Active),
        (&left, AccountState::Suspended),
        (&moved, AccountState::Active),
    ] {
        let observed = done(connector.ensure_accounts(std::slice::from_ref(change)).await);
        assert_eq!(observed.state, state);
        assert_eq!(observed.account_id, ada.account_id);
        assert_eq!(observed.attributes[target.changing()], changed);
        already(connector.ensure_accounts(std::slice::from_ref(change)).await);
        let accounts = target.accounts().await;
        assert_eq!(accounts.len(), 1);
        assert_eq!(accounts[0].id, ada.account_id);
        assert_eq!(accounts[0].active, state == AccountState::Active);
        assert_eq!(accounts[0].person, person(1).to_string());
    }

    for held in [true, false, true] {
        let change = membership(1, &ada.account_id, held);
        for expected in [Outcome::Done(()), Outcome::Already(())] {
            let outcomes = connector.change_memberships(std::slice::from_ref(&change)).await;
            assert_eq!(outcomes, [expected]);
            let members = target.members().await;
            assert_eq!(members, if held { vec![ada.account_id.clone()] } else { Vec::new() });
        }
    }
    target.told()
}

/// Returns whether the login changed, or what stayed in its place.
pub(crate) async fn a_rename_keeps_the_account(target: &Target) -> String {
    let connector = target.connector();
    let [ada] = target.hired(&connector, ["ada"]).await;
    connector.change_memberships(&[membership(1, &ada, true)]).await;

    let mut renamed = AccountChange { account_id: Some(ada.clone()), ..target.hire(1, "ada.l") };
    renamed.attributes.insert(target.changing().to_owned(), Value::Text("Lovelace".to_owned()));
    let observed = done(connector.ensure_accounts(std::slice::from_ref(&renamed)).await);
    already(connector.ensure_accounts(&[renamed]).await);

    let accounts = target.accounts().await;
    assert_eq!(accounts.len(), 1);
    assert_eq!((&accounts[0].id, &observed.account_id), (&ada, &ada));
    assert_eq!(accounts[0].login, observed.login);
    assert_eq!(target.members().await, [ada]);
    if let Target::Scim(service) = target {
        let calls = service.proxy().take_calls();
        assert!(calls.iter().all(|call| call.method != "DELETE"), "{calls:?}");
    }
    match observed.login.as_str() {
        "ada.l" => "login changed".to_owned(),
        "ada" => "login stays, names change".to_owned(),
        other => panic!("the login is {other}"),
    }
}

/// Returns nothing but that it held: it looks the same everywhere.
pub(crate) async fn a_recycled_login_is_taken_and_the_stranger_is_left_alone(
    target: &Target,
) -> String {
    let connector = target.connector();
    target.make_stranger("ada").await;
    let before = target.accounts().await;

    let hired = connector.ensure_accounts(&[target.hire(1, "ada")]).await;
    let in_capitals = connector.ensure_accounts(&[target.hire(2, "ADA")]).await;
    let left = connector.ensure_accounts(&[leaver(&target.hire(1, "ada"), "no-such-id")]).await;

    assert_eq!(hired, [Outcome::LoginTaken]);
    assert_eq!(left, [Outcome::Gone]);
    let told = match in_capitals.as_slice() {
        [Outcome::LoginTaken] => {
            assert_eq!(target.accounts().await, before);
            "taken".to_owned()
        }
        // An application that tells logins apart by their case has two of them.
        [Outcome::Done(_)] => {
            assert!(target.accounts().await.contains(&before[0]));
            "taken, unless in capitals".to_owned()
        }
        other => panic!("{other:?}"),
    };
    if let Target::Scim(_) = target {
        let [grace] = target.hired(&target.connector(), ["grace"]).await;
        let rename = AccountChange { account_id: Some(grace), ..target.hire(1, "ada") };
        let renamed = connector.ensure_accounts(&[rename]).await;
        assert_eq!(renamed, [Outcome::LoginTaken]);
    }
    assert!(target.accounts().await.contains(&before[0]));
    told
}

/// Returns what the application answers to an id that it does not know.
pub(crate) async fn an_unknown_id_is_gone_or_found_again(target: &Target) -> String {
    let connector = target.connector();
    let ids = ["no-such-id", "0f8fad5b-d9cb-469f-a165-70867728950e", "99999999"];
    for id in ids {
        let gone = connector.ensure_accounts(&[leaver(&target.hire(1, "ada"), id)]).await;
        assert_eq!(gone, [Outcome::Gone], "{id}");
    }
    let status = match target {
        Target::Scim(service) => {
            let calls = service.proxy().take_calls();
            let asked = calls.iter().find(|call| call.path.ends_with("/Users/no-such-id"));
            asked.expect("the account was asked for by its id").status.to_string()
        }
        Target::Ldap(_) => "finds none".to_owned(),
    };

    let [ada, grace] = target.hired(&connector, ["ada", "grace"]).await;
    connector.change_memberships(&[membership(2, &grace, true)]).await;
    let found = done(connector.ensure_accounts(&[leaver(&target.hire(1, "ada"), ids[0])]).await);
    let given = connector.change_memberships(&[membership(1, ids[0], true)]).await;
    let taken = connector.change_memberships(&[membership(1, ids[0], false)]).await;

    assert_eq!(found.account_id, ada);
    assert_eq!(found.state, AccountState::Suspended);
    let kept = matches!(
        given.as_slice(),
        [Outcome::Gone | Outcome::Failed { .. } | Outcome::Retry { .. } | Outcome::Done(())]
    );
    assert!(kept, "{given:?}");
    assert!(!matches!(taken.as_slice(), [Outcome::Retry { .. }]), "{taken:?}");
    let members = target.members().await;
    assert_eq!(members, [grace]);
    status
}
