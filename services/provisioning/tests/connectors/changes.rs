//! Changes that tests ask connectors for.

use domain::{AccountState, Lane, PersonId, Value};
use provisioning::connectors::{
    AccountChange, Connector, MembershipChange, ObservedAccount, Outcome, Scim, Secret, Settings,
};
use uuid::Uuid;

/// A connector with the default limits.
pub(crate) fn scim(url: &str, token: &str) -> Connector {
    let token = Some(Secret::new(token.to_owned()));
    let egress = provisioning::connectors::Egress::loopback();
    let settings = Settings { token, egress, ..Settings::new("directory", url) };
    Connector::Scim(Box::new(Scim::try_new(&settings).unwrap()))
}

/// The person with this number.
pub(crate) fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

/// An active account that may be made.
pub(crate) fn hire(number: u128, login: &str) -> AccountChange {
    let text = |name: &str, value: String| (name.to_owned(), Value::Text(value));
    AccountChange {
        person: person(number),
        lane: Lane::Regular,
        account_id: None,
        login: login.to_owned(),
        state: AccountState::Active,
        attributes: [
            text("displayName", format!("Person {number}")),
            text("employeeNumber", format!("W-{number}")),
            text("title", "Officer".to_owned()),
            text("department", "Police".to_owned()),
        ]
        .into(),
        create: true,
    }
}

/// A change of the group `police`.
pub(crate) fn membership(number: u128, account_id: &str, held: bool) -> MembershipChange {
    MembershipChange {
        person: person(number),
        lane: Lane::Regular,
        account_id: account_id.to_owned(),
        entitlement: "police".to_owned(),
        held,
    }
}

/// The account of a single change that was made.
pub(crate) fn done(outcomes: Vec<Outcome<ObservedAccount>>) -> ObservedAccount {
    match outcomes.as_slice() {
        [Outcome::Done(account)] => account.clone(),
        other => panic!("not done: {other:?}"),
    }
}
