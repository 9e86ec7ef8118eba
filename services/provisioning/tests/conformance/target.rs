//! The programs that scenarios are run against: how each is started, spoken to, and looked into.

#[path = "target/directory.rs"]
mod directory;
#[path = "target/scim.rs"]
mod scim;

use domain::{AccountState, Lane, PersonId, Value};
use provisioning::connectors::{
    AccountChange, Connector, MembershipChange, ObservedAccount, Outcome,
};
use uuid::Uuid;

pub(crate) use directory::{Directory, Server};
pub(crate) use scim::{Provider, Service, Taking, taking};

/// What a scenario is told of where it does not apply.
pub(crate) const NOT_APPLICABLE: &str = "–";

/// The group that scenarios speak of.
pub(crate) const GROUP: &str = "police";

/// What scenarios are run against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Provider(Provider),
    Server(Server),
}

/// A program that runs, with something before it that can corrupt what it says.
pub(crate) enum Target {
    Scim(Box<Service>),
    Ldap(Directory),
}

/// An account as the program itself has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) active: bool,
    /// The person's id that it carries; empty for strangers.
    pub(crate) person: String,
}

impl Target {
    /// Starts a program; or says why it cannot be had here.
    pub(crate) async fn start(kind: Kind) -> Result<Self, String> {
        match kind {
            Kind::Provider(provider) => {
                Service::start(provider).await.map(Box::new).map(Self::Scim)
            }
            Kind::Server(server) => Directory::start(server).await.map(Self::Ldap),
        }
    }

    /// A connector that knows nothing of the program yet.
    pub(crate) fn connector(&self) -> Connector {
        match self {
            Self::Scim(service) => service.connector(),
            Self::Ldap(directory) => directory.connector(),
        }
    }

    /// An active account that may be made, with what the program can keep of it.
    pub(crate) fn hire(&self, number: u128, login: &str) -> AccountChange {
        let attributes = match self {
            Self::Scim(service) => service.attributes(number),
            Self::Ldap(directory) => directory.attributes(number),
        };
        let text = |(name, value): (&str, String)| (name.to_owned(), Value::Text(value));
        AccountChange {
            person: person(number),
            lane: Lane::Regular,
            account_id: None,
            login: login.to_owned(),
            state: AccountState::Active,
            attributes: attributes.into_iter().map(text).collect(),
            create: true,
        }
    }

    /// The attribute by which a change of an account is tried.
    pub(crate) fn changing(&self) -> &'static str {
        match self {
            Self::Scim(service) => service.changing(),
            Self::Ldap(_) => "title",
        }
    }

    /// Every account there is, by login.
    pub(crate) async fn accounts(&self) -> Vec<Account> {
        let mut accounts = match self {
            Self::Scim(service) => service.accounts().await,
            Self::Ldap(directory) => directory.accounts().await,
        };
        accounts.sort_by(|one, other| one.login.cmp(&other.login));
        accounts
    }

    /// The account ids of the group's members, in order, each as often as the program has it.
    pub(crate) async fn members(&self) -> Vec<String> {
        let mut members = match self {
            Self::Scim(service) => service.peer().members(GROUP).await,
            Self::Ldap(directory) => directory.members().await,
        };
        members.sort();
        members
    }

    /// How memberships were taken since this was asked last, in the words of the page.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Scim(service) => scim::dialects(&service.proxy().take_calls()),
            Self::Ldap(_) => "modify".to_owned(),
        }
    }

    /// Makes an account that is nobody's whom we know.
    pub(crate) async fn make_stranger(&self, login: &str) {
        match self {
            Self::Scim(service) => service.make_stranger(login).await,
            Self::Ldap(directory) => directory.make_stranger(login).await,
        }
    }

    /// Hires people and returns their accounts' ids.
    pub(crate) async fn hired<const N: usize>(
        &self,
        connector: &Connector,
        logins: [&str; N],
    ) -> [String; N] {
        let hires: Vec<_> = (1..).zip(logins).map(|(n, login)| self.hire(n, login)).collect();
        let made = connector.ensure_accounts(&hires).await;
        let ids: Vec<_> = made.into_iter().map(|one| done(vec![one]).account_id).collect();
        ids.try_into().expect("as many as were hired")
    }
}

/// The person with this number.
pub(crate) fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

/// An account as it is, which shall be suspended.
pub(crate) fn leaver(hire: &AccountChange, account_id: &str) -> AccountChange {
    AccountChange {
        account_id: Some(account_id.to_owned()),
        lane: Lane::Leaver,
        state: AccountState::Suspended,
        create: false,
        ..hire.clone()
    }
}

/// A change of the group.
pub(crate) fn membership(number: u128, account_id: &str, held: bool) -> MembershipChange {
    MembershipChange {
        person: person(number),
        lane: Lane::Regular,
        account_id: account_id.to_owned(),
        entitlement: GROUP.to_owned(),
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

/// The account of a single change that was made before.
pub(crate) fn already(outcomes: Vec<Outcome<ObservedAccount>>) -> ObservedAccount {
    match outcomes.as_slice() {
        [Outcome::Already(account)] => account.clone(),
        other => panic!("not so already: {other:?}"),
    }
}
