//! What a reading shows of one person in one application, held against what shall be. Pure.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Timestamp, Value};
use rules::document::{DriftKind, Privilege};

use super::Finding;
use crate::account::Account;
use crate::observed::Seen;
use crate::plan::Target;

/// What the comparison is made by.
pub(crate) struct View<'a> {
    /// Whether what was not read is not there.
    pub(crate) whole: bool,
    /// Attributes of which the reading gave a value of somebody. Others may just not be listed.
    pub(crate) listed: &'a BTreeSet<String>,
    /// Entitlements that are more than standard.
    pub(crate) privileged: &'a BTreeMap<String, Privilege>,
    pub(crate) spelling: &'a dyn Spelling,
    pub(crate) at: Timestamp,
}

/// How an application spells values.
pub(crate) trait Spelling: Sync {
    /// Whether an attribute that was read has the value that it shall have.
    fn agrees(&self, attribute: &str, wanted: &Value, observed: Option<&Value>) -> bool;
}

/// One person in one application: what shall be, what was known, what was seen.
pub(crate) struct Subject<'a> {
    pub(crate) target: &'a Target,
    /// Whether desired access names the application at all.
    pub(crate) desired: bool,
    pub(crate) known: Option<&'a Account>,
    pub(crate) seen: &'a [Seen],
    /// It was found before that the account is missing, and that is left as it is.
    pub(crate) missed: bool,
    /// The same of an account that nobody asked for.
    pub(crate) unmanaged: bool,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Compared {
    /// The account as it is; none: as it was known.
    pub(crate) account: Option<Account>,
    /// It was there before anybody here knew of it.
    pub(crate) adopted: bool,
    pub(crate) findings: Vec<Finding>,
}

/// Compares.
pub(crate) fn compare(subject: &Subject<'_>, view: &View<'_>) -> Compared {
    let Subject { target, desired, known, seen, missed, unmanaged: _ } = subject;
    let existing = known.filter(|account| account.exists());
    let linked = existing.and_then(|account| {
        seen.iter().find(|seen| Some(&seen.account.account_id) == account.account_id.as_ref())
    });
    let own = match (linked, seen) {
        (Some(linked), _) => Some(linked),
        // There was none, or it was made anew by somebody else.
        (None, [only]) if existing.is_none() || view.whole => Some(only),
        (None, _) => None,
    };
    let mut compared = Compared::default();
    let others = seen.iter().filter(|other| !own.is_some_and(|own| std::ptr::eq(own, *other)));
    // One that is closed and empty is nobody's way in.
    for other in others.filter(|other| other.is_used() || own.is_none()) {
        let (id, login) = (&other.account.account_id, &other.account.login);
        compared.findings.push(Finding::of_account(DriftKind::SeveralAccounts, id, login));
    }
    let Some(own) = own else {
        // An account that nobody could use and that holds nothing is not made again.
        let wanted =
            *desired && (target.state == AccountState::Active || !target.grants.is_empty());
        if let Some(account) = existing
            && view.whole
        {
            let mut vanished = account.clone();
            vanished.vanish(view.at);
            compared.account = Some(vanished);
        }
        let gone = existing.is_some() && view.whole;
        if wanted && seen.is_empty() && (gone || (*missed && existing.is_none())) {
            let login = known.map(|account| account.login.as_str()).unwrap_or_default();
            compared.findings.push(Finding::of_account(DriftKind::MissingAccount, "", login));
        }
        return compared;
    };
    compared.adopted = linked.is_none();
    let account = observed(subject, own, view);
    compared.findings.extend(differences(subject, &account, own, view));
    compared.account = Some(account);
    compared
}

/// The account as it was seen. A value that agrees with the one it shall have is spelled as that one; a value
/// that the reading does not give is as it was known.
fn observed(subject: &Subject<'_>, own: &Seen, view: &View<'_>) -> Account {
    let Subject { target, known, .. } = subject;
    let mut account = Account::read(*known, &own.account, &BTreeMap::new(), view.at);
    for (name, wanted) in &target.attributes {
        let was = known.and_then(|known| known.attributes.get(name));
        let value = match own.account.attributes.get(name) {
            value if view.spelling.agrees(name, wanted, value) => Some(wanted),
            None if !view.listed.contains(name) => was,
            value => value,
        };
        match value {
            Some(value) => account.attributes.insert(name.clone(), value.clone()),
            None => account.attributes.remove(name),
        };
    }
    let mut entitlements = own.entitlements(&target.grants);
    if !view.whole {
        let before = known.filter(|known| known.exists());
        entitlements
            .extend(before.into_iter().flat_map(|known| known.entitlements.iter().cloned()));
    }
    account.entitlements = entitlements;
    account
}

fn differences(
    subject: &Subject<'_>,
    account: &Account,
    own: &Seen,
    view: &View<'_>,
) -> Vec<Finding> {
    let Subject { target, desired, known, unmanaged, .. } = subject;
    let id = &own.account.account_id;
    let login = &own.account.login;
    let closing = target.closes();
    let of = |kind| Finding { closing, ..Finding::of_account(kind, id, login) };
    let privilege = |name: &str| view.privileged.get(name).copied().unwrap_or_default();
    if !desired && (*unmanaged || !known.is_some_and(Account::exists)) {
        let used = account.state == AccountState::Active || !account.entitlements.is_empty();
        return if used { vec![of(DriftKind::UnmanagedAccount)] } else { Vec::new() };
    }
    let mut findings = Vec::new();
    if account.state != target.state {
        findings.push(of(match target.state {
            AccountState::Active => DriftKind::WronglyDisabled,
            AccountState::Suspended | AccountState::None | AccountState::Deleted => {
                DriftKind::WronglyEnabled
            }
        }));
    }
    for (name, wanted) in &target.attributes {
        if account.attributes.get(name) != Some(wanted) {
            findings.push(Finding {
                item: name.clone(),
                expected: Some(wanted.clone()),
                observed: account.attributes.get(name).cloned(),
                ..of(DriftKind::AttributeDiffers)
            });
        }
    }
    for name in target.grants.difference(&account.entitlements) {
        let privilege = privilege(name);
        findings.push(Finding { item: name.clone(), privilege, ..of(DriftKind::MissingGrant) });
    }
    for (name, through) in &own.holdings {
        // What a group brings that is held by right is held by right.
        let by_right = through.as_ref().is_some_and(|group| target.grants.contains(group));
        if target.grants.contains(name) || by_right {
            continue;
        }
        findings.push(Finding {
            item: name.clone(),
            through: through.clone().unwrap_or_default(),
            privilege: privilege(name),
            ..of(DriftKind::UnmanagedGrant)
        });
    }
    findings
}

#[cfg(test)]
mod tests;
