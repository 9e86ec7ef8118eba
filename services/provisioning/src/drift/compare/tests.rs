use domain::{PersonId, ReadingId, Version};
use uuid::Uuid;

use super::*;
use crate::connectors::ObservedAccount;

/// An application that spells values as they are asked for.
struct Exact;

impl Spelling for Exact {
    fn agrees(&self, _attribute: &str, wanted: &Value, observed: Option<&Value>) -> bool {
        observed == Some(wanted)
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn target(state: AccountState, title: &str, grants: &[&str]) -> Target {
    let attributes = BTreeMap::from([("title".to_owned(), text(title))]);
    Target { state, attributes, grants: names(grants) }
}

/// Nobody shall have an account.
fn closed() -> Target {
    Target { state: Suspended, attributes: BTreeMap::new(), grants: names(&[]) }
}

fn seen(id: &str, state: AccountState, title: Option<&str>, held: &[&str]) -> Seen {
    let attributes = title.map(|title| ("title".to_owned(), text(title))).into_iter().collect();
    let (account_id, login) = (id.to_owned(), "ada".to_owned());
    Seen {
        reading: ReadingId(Uuid::nil()),
        account: ObservedAccount { account_id, login, state, attributes },
        carries: None,
        holdings: held.iter().map(|name| ((*name).to_owned(), None)).collect(),
    }
}

fn known(id: &str, state: AccountState, title: &str, held: &[&str]) -> Account {
    Account {
        account_id: Some(id.to_owned()),
        login: "ada".to_owned(),
        state,
        attributes: BTreeMap::from([("title".to_owned(), text(title))]),
        entitlements: names(held),
        linked: None::<PersonId>,
        version: Version { epoch: 1, counter: 1 },
        observed_at: Timestamp::UNIX_EPOCH,
    }
}

struct Case<'a> {
    target: Target,
    desired: bool,
    known: Option<Account>,
    seen: &'a [Seen],
    whole: bool,
    listed: &'a [&'a str],
    missed: bool,
    unmanaged: bool,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            target: target(Active, "Clerk", &["mail"]),
            desired: true,
            known: Some(known("1", Active, "Clerk", &["mail"])),
            seen: &[],
            whole: true,
            listed: &["title"],
            missed: false,
            unmanaged: false,
        }
    }
}

impl Case<'_> {
    fn compared(&self) -> Compared {
        let privileged = BTreeMap::from([("root".to_owned(), Privilege::Admin)]);
        let listed = names(self.listed);
        let view = View {
            whole: self.whole,
            listed: &listed,
            privileged: &privileged,
            spelling: &Exact,
            at: Timestamp::UNIX_EPOCH,
        };
        let (known, missed) = (self.known.as_ref(), self.missed);
        let subject = Subject {
            target: &self.target,
            desired: self.desired,
            known,
            seen: self.seen,
            missed,
            unmanaged: self.unmanaged,
        };
        compare(&subject, &view)
    }

    fn found(&self) -> String {
        let shown = |finding: &Finding| {
            let through = match finding.through.as_str() {
                "" => String::new(),
                group => format!(" through {group}"),
            };
            format!("{} {}{through}", finding.kind.as_str(), finding.item).trim().to_owned()
        };
        self.compared().findings.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

use AccountState::{Active, Suspended};

#[test]
fn what_is_as_it_shall_be_is_no_drift() {
    let seen = [seen("1", Active, Some("Clerk"), &["mail"])];
    let case = Case { seen: &seen, ..Case::default() };

    assert_eq!(case.found(), "");
    assert!(!case.compared().account.unwrap().differs(case.known.as_ref()));
}

#[test]
fn an_account_that_is_gone_is_missing_when_the_reading_is_whole() {
    let whole = Case::default();
    let partial = Case { whole: false, ..Case::default() };

    assert_eq!(whole.found(), "missing_account");
    assert!(!whole.compared().account.unwrap().exists());
    assert_eq!(partial.found(), "");
    assert!(partial.compared().account.is_none());
}

#[test]
fn a_missing_account_that_was_left_is_found_again_and_one_that_is_to_be_made_is_not() {
    let left = Case { known: None, missed: true, ..Case::default() };
    let to_be_made = Case { known: None, ..Case::default() };

    assert_eq!(left.found(), "missing_account");
    assert_eq!(to_be_made.found(), "");
}

#[test]
fn an_account_that_somebody_made_anew_is_the_persons_again() {
    let anew = [seen("2", Active, Some("Clerk"), &["mail"])];
    let whole = Case { seen: &anew, ..Case::default() };

    assert_eq!(whole.found(), "");
    assert!(whole.compared().adopted);
    assert_eq!(whole.compared().account.unwrap().account_id.as_deref(), Some("2"));
    // The one that is known may just not have been read.
    let partial = Case { seen: &anew, whole: false, ..Case::default() };
    assert_eq!(partial.found(), "several_accounts");
}

#[test]
fn a_leaver_misses_no_account() {
    let left = Case { target: closed(), ..Case::default() };

    assert_eq!(left.found(), "");
}

#[test]
fn an_account_in_another_state_is_wrongly_enabled_or_wrongly_disabled() {
    let disabled = [seen("1", Suspended, Some("Clerk"), &["mail"])];
    let enabled = [seen("1", Active, Some("Clerk"), &[])];
    let left = known("1", Suspended, "Clerk", &[]);

    assert_eq!(Case { seen: &disabled, ..Case::default() }.found(), "wrongly_disabled");
    let left = Case { target: closed(), known: Some(left), seen: &enabled, ..Case::default() };
    assert_eq!(left.found(), "wrongly_enabled");
}

#[test]
fn an_attribute_differs_only_where_the_application_lists_it() {
    let other = [seen("1", Active, Some("Chief"), &["mail"])];
    let none = [seen("1", Active, None, &["mail"])];

    assert_eq!(Case { seen: &other, ..Case::default() }.found(), "attribute_differs title");
    assert_eq!(Case { seen: &none, ..Case::default() }.found(), "attribute_differs title");
    assert_eq!(Case { seen: &none, listed: &[], ..Case::default() }.found(), "");
}

#[test]
fn grants_are_missing_or_unmanaged_and_privileged_ones_say_so() {
    let seen = [seen("1", Active, Some("Clerk"), &["root", "wiki"])];
    let case = Case { seen: &seen, ..Case::default() };

    assert_eq!(case.found(), "missing_grant mail, unmanaged_grant root, unmanaged_grant wiki");
    let privileges: Vec<_> = case.compared().findings.iter().map(|one| one.privilege).collect();
    assert_eq!(privileges, [Privilege::Standard, Privilege::Admin, Privilege::Standard]);
    assert_eq!(case.compared().account.unwrap().entitlements, names(&["root", "wiki"]));
}

#[test]
fn a_grant_is_not_missing_when_the_reading_is_not_whole() {
    let seen = [seen("1", Active, Some("Clerk"), &[])];

    assert_eq!(Case { seen: &seen, whole: false, ..Case::default() }.found(), "");
}

#[test]
fn what_a_group_brings_is_right_when_the_group_is_held_by_right() {
    let mut held = seen("1", Active, Some("Clerk"), &["mail"]);
    held.holdings.insert("all".to_owned(), Some("mail".to_owned()));
    held.holdings.insert("wiki".to_owned(), Some("staff".to_owned()));
    let seen = [held];
    let case = Case { seen: &seen, ..Case::default() };

    assert_eq!(case.found(), "unmanaged_grant wiki through staff");
    // What cannot be taken from the account alone is not planned to be taken.
    assert_eq!(case.compared().account.unwrap().entitlements, names(&["mail"]));
}

#[test]
fn who_holds_through_a_group_what_shall_be_held_misses_nothing() {
    let mut held = seen("1", Active, Some("Clerk"), &[]);
    held.holdings.insert("mail".to_owned(), Some("staff".to_owned()));

    assert_eq!(Case { seen: &[held], ..Case::default() }.found(), "");
}

#[test]
fn an_account_that_is_there_already_is_taken_over() {
    let seen = [seen("9", Active, Some("Clerk"), &["mail", "wiki"])];
    let case = Case { known: None, seen: &seen, ..Case::default() };

    let compared = case.compared();

    assert!(compared.adopted);
    assert_eq!(compared.account.unwrap().account_id.as_deref(), Some("9"));
    assert_eq!(case.found(), "unmanaged_grant wiki");
}

#[test]
fn an_account_of_somebody_who_shall_have_none_is_unmanaged() {
    let used = [seen("9", Active, None, &["wiki"])];
    let unused = [seen("9", Suspended, None, &[])];
    let nobody =
        |seen| Case { target: closed(), desired: false, known: None, seen, ..Case::default() };

    assert_eq!(nobody(&used).found(), "unmanaged_account");
    assert_eq!(nobody(&unused).found(), "");
    // It is known by now, and is still nobody's wish.
    let known = Some(known("9", Active, "", &["wiki"]));
    assert_eq!(Case { known, unmanaged: true, ..nobody(&used) }.found(), "unmanaged_account");
}

#[test]
fn of_several_accounts_the_linked_one_counts_and_the_others_are_too_many() {
    let one = seen("1", Active, Some("Clerk"), &["mail"]);
    let other = seen("2", Active, Some("Clerk"), &[]);
    let empty = seen("3", Suspended, None, &[]);
    let both = [one.clone(), other.clone()];
    let with_empty = [one, empty];

    assert_eq!(Case { seen: &both, ..Case::default() }.found(), "several_accounts");
    assert_eq!(Case { seen: &with_empty, ..Case::default() }.found(), "");
    // Nobody says which of them is the person's.
    let unlinked = Case { known: None, seen: &both, ..Case::default() };
    assert_eq!(unlinked.found(), "several_accounts, several_accounts");
    assert!(unlinked.compared().account.is_none());
}
