use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::{Timestamp, Value, Version};

use super::*;

#[test]
fn a_joiner_gets_the_account_before_its_grants() {
    assert_eq!(
        shown(&plan(Some(&active(&["mail", "wiki"])), None)),
        "create, grant mail, grant wiki"
    );
}

#[test]
fn a_leaver_is_locked_out_before_anything_is_revoked() {
    let account = account(AccountState::Active, &["mail", "wiki"]);

    let left = Slice { state: AccountState::Suspended, ..active(&[]) };
    assert_eq!(shown(&plan(Some(&left), Some(&account))), "disable, revoke mail, revoke wiki");
    assert_eq!(shown(&plan(None, Some(&account))), "disable, revoke mail, revoke wiki");
}

#[test]
fn a_mover_gains_before_losing_and_what_both_roles_hold_never_blinks() {
    let account = account(AccountState::Active, &["mail", "police"]);

    let steps = plan(Some(&active(&["fire", "mail"])), Some(&account));

    assert_eq!(shown(&steps), "grant fire, revoke police");
}

#[test]
fn a_returner_gets_the_kept_account_back() {
    let account = account(AccountState::Suspended, &[]);

    assert_eq!(shown(&plan(Some(&active(&["mail"])), Some(&account))), "enable, grant mail");
}

#[test]
fn an_early_account_is_made_closed_and_one_that_never_was_is_not_made() {
    let early = Slice { state: AccountState::Suspended, ..active(&["mail"]) };
    let never = Slice { state: AccountState::Suspended, ..active(&[]) };

    assert_eq!(shown(&plan(Some(&early), None)), "create, grant mail");
    assert_eq!(shown(&plan(Some(&never), None)), "");
    assert_eq!(shown(&plan(None, None)), "");
}

#[test]
fn an_account_that_is_gone_is_made_anew_for_who_needs_it() {
    let gone = account(AccountState::None, &[]);

    assert_eq!(shown(&plan(Some(&active(&["mail"])), Some(&gone))), "create, grant mail");
    assert_eq!(shown(&plan(None, Some(&gone))), "");
}

#[test]
fn a_changed_attribute_updates_and_an_unknown_one_is_left_alone() {
    let mut account = account(AccountState::Active, &[]);
    account.attributes.insert("title".to_owned(), Value::Text("Clerk".to_owned()));
    account.attributes.insert("manager".to_owned(), Value::Text("7".to_owned()));
    let title = |text: &str| {
        let mut slice = active(&[]);
        slice.attributes.insert("title".to_owned(), Value::Text(text.to_owned()));
        slice
    };

    assert_eq!(shown(&plan(Some(&title("Chief")), Some(&account))), "update");
    assert_eq!(shown(&plan(Some(&title("Clerk")), Some(&account))), "");
}

#[test]
fn what_another_account_supplies_is_compared_like_everything_else() {
    let email = |address: &str| {
        [("email".to_owned(), Value::Text(address.to_owned()))].into_iter().collect::<Attributes>()
    };
    let mut account = account(AccountState::Active, &[]);
    account.attributes = email("ada@old.example");
    let steps = |referred| super::plan(&Target::of(Some(&active(&[])), &referred), Some(&account));

    assert_eq!(shown(&steps(email("ada@new.example"))), "update");
    assert_eq!(shown(&steps(email("ada@old.example"))), "");
    assert_eq!(shown(&steps(Attributes::new())), "", "what is not known is left alone");
}

#[test]
fn a_wished_login_alone_changes_nothing() {
    let mut slice = active(&[]);
    slice.attributes.insert(rules::USER_NAME.to_owned(), Value::Text("new.name".to_owned()));

    assert_eq!(shown(&plan(Some(&slice), Some(&account(AccountState::Active, &[])))), "");
}

#[test]
fn equal_plans_have_equal_hashes() {
    let (create, mail) = (Step::account(Kind::CreateAccount), Step::grant("mail"));

    let one = hash([("crm", &create), ("crm", &mail)].into_iter());
    let other = hash([("crm", &mail), ("crm", &create)].into_iter());

    assert_eq!(one, other);
    assert_ne!(one, hash([("crm", &create)].into_iter()));
}

fn plan(desired: Option<&Slice>, observed: Option<&Account>) -> Vec<Step> {
    super::plan(&Target::of(desired, &Attributes::new()), observed)
}

fn active(grants: &[&str]) -> Slice {
    Slice {
        state: AccountState::Active,
        attributes: Attributes::new(),
        references: BTreeMap::new(),
        grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
    }
}

fn account(state: AccountState, entitlements: &[&str]) -> Account {
    let exists = matches!(state, AccountState::Active | AccountState::Suspended);
    Account {
        account_id: exists.then(|| "1".to_owned()),
        login: "ada".to_owned(),
        state,
        attributes: Attributes::new(),
        entitlements: entitlements.iter().map(|held| (*held).to_owned()).collect(),
        linked: None,
        version: Version::default(),
        observed_at: Timestamp::UNIX_EPOCH,
    }
}

fn shown(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        let comma = if text.is_empty() { "" } else { ", " };
        write!(text, "{comma}{} {}", step.kind.as_str(), step.entitlement).unwrap();
        text.truncate(text.trim_end().len());
    }
    text
}
