//! Entries of a directory: what is written, what is compared, what is observed. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{AccountState, Value};
use ldap3::{Mod, SearchEntry, dn_escape, ldap_escape};
use rules::document::{LdapDisabled, LdapLayout};
use uuid::Uuid;

use super::super::{AccountChange, ObservedAccount};
use super::pool::Attributes;

/// An entry as the directory returned it; attributes are found without regard to case.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    values: BTreeMap<String, Vec<Vec<u8>>>,
}

/// Why an account cannot be expressed as an entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("an account cannot be made {0}")]
    State(AccountState),
    #[error("the attribute {0} is mandatory in the directory, and has no value")]
    Missing(&'static str),
}

/// An account as it shall be: only what is named here is ever written or compared.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    layout: &'a LdapLayout,
    login: &'a str,
    person: String,
    active: bool,
    /// Those without a value shall have none.
    values: BTreeMap<&'a str, BTreeSet<String>>,
}

impl Entry {
    pub(super) fn read(found: SearchEntry) -> Self {
        let texts = found.attrs.into_iter().map(|(name, values)| {
            (name.to_lowercase(), values.into_iter().map(String::into_bytes).collect())
        });
        let mut values: BTreeMap<String, Vec<Vec<u8>>> = texts.collect();
        values.extend(found.bin_attrs.into_iter().map(|(name, held)| (name.to_lowercase(), held)));
        Self { dn: found.dn, values }
    }

    fn all(&self, attribute: &str) -> &[Vec<u8>] {
        self.values.get(&attribute.to_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Texts; what is none is left out.
    fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.all(attribute).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    fn text(&self, attribute: &str) -> Option<&str> {
        self.texts(attribute).next()
    }

    /// The id that no change of the entry changes.
    pub(super) fn id(&self, layout: &LdapLayout) -> Option<String> {
        if is_binary(layout) {
            let bytes = self.all(&layout.id).first()?;
            return Uuid::from_slice_le(bytes).ok().map(|id| id.to_string());
        }
        self.text(&layout.id).filter(|id| !id.is_empty()).map(str::to_owned)
    }

    pub(super) fn login(&self, layout: &LdapLayout) -> Option<&str> {
        self.text(&layout.login)
    }

    /// The person's id the entry carries, if it carries one.
    pub(super) fn person(&self, layout: &LdapLayout) -> Option<&str> {
        self.text(&layout.correlation).filter(|carried| !carried.is_empty())
    }

    /// Whether an attribute has a value; names and logins are compared without regard to case.
    pub(super) fn is(&self, attribute: &str, value: &str) -> bool {
        self.texts(attribute).any(|found| found.to_lowercase() == value.to_lowercase())
    }

    /// A group's name.
    pub(super) fn name(&self) -> Option<&str> {
        self.text("cn")
    }

    /// The values of an attribute. Active Directory gives those of a long one in ranges
    /// (`member;range=0-1499`), and says where the next one begins: none at the end.
    pub(super) fn ranged(&self, attribute: &str) -> (Vec<&str>, Option<u32>) {
        let whole: Vec<&str> = self.texts(attribute).collect();
        let prefix = format!("{};range=", attribute.to_lowercase());
        let range = self.values.keys().find_map(|name| Some((name, name.strip_prefix(&prefix)?)));
        match range {
            None => (whole, None),
            Some((name, range)) => {
                let last = range.split_once('-').and_then(|(_first, last)| last.parse().ok());
                (self.texts(name).collect(), last.map(|last: u32| last.saturating_add(1)))
            }
        }
    }

    fn number(&self, attribute: &str) -> Option<u32> {
        self.text(attribute)?.parse().ok()
    }

    /// Whether the account can be used.
    fn is_active(&self, layout: &LdapLayout) -> bool {
        match &layout.disable {
            LdapDisabled::Value { disabled, .. } => !self.is(&layout.switch, disabled),
            LdapDisabled::Bit { bit, .. } => {
                self.number(&layout.switch).is_none_or(|number| number & bit == 0)
            }
        }
    }

    /// The account as far as a connector can manage it; none when it has no id or no login.
    pub(super) fn observed(
        &self,
        layout: &LdapLayout,
        attributes: &BTreeSet<String>,
    ) -> Option<ObservedAccount> {
        let observed = attributes.iter().filter_map(|name| {
            let mut texts: Vec<String> = self.texts(name).map(str::to_owned).collect();
            texts.sort();
            let value = match texts.len() {
                0 => return None,
                1 => Value::Text(texts.remove(0)),
                _ => Value::List(texts),
            };
            Some((name.clone(), value))
        });
        let active = self.is_active(layout);
        Some(ObservedAccount {
            account_id: self.id(layout)?,
            login: self.login(layout)?.to_owned(),
            state: if active { AccountState::Active } else { AccountState::Suspended },
            attributes: observed.collect(),
        })
    }
}

impl<'a> Wanted<'a> {
    pub(super) fn try_new(
        change: &'a AccountChange,
        layout: &'a LdapLayout,
    ) -> Result<Self, Error> {
        let active = match change.state {
            AccountState::Active => true,
            AccountState::Suspended => false,
            AccountState::None | AccountState::Deleted => return Err(Error::State(change.state)),
        };
        let values: BTreeMap<_, _> =
            change.attributes.iter().map(|(name, value)| (name.as_str(), texts(value))).collect();
        let empty = |mandatory: &&str| {
            values
                .iter()
                .any(|(name, held)| name.eq_ignore_ascii_case(mandatory) && held.is_empty())
        };
        if let Some(missing) = layout.mandatory().into_iter().find(empty) {
            return Err(Error::Missing(missing));
        }
        let person = change.person.to_string();
        Ok(Self { layout, login: &change.login, person, active, values })
    }

    /// Checks what only matters to an entry that has to be made.
    pub(super) fn check_complete(&self) -> Result<(), Error> {
        let has =
            |mandatory: &str| self.values.keys().any(|name| name.eq_ignore_ascii_case(mandatory));
        match self.layout.mandatory().into_iter().find(|mandatory| !has(mandatory)) {
            Some(missing) => Err(Error::Missing(missing)),
            None => Ok(()),
        }
    }

    /// The name of an entry that is made.
    pub(super) fn dn(&self) -> String {
        let Self { layout, login, .. } = self;
        format!("{}={},{}", layout.rdn, dn_escape(*login), layout.accounts_base)
    }

    /// The attributes of an entry that is made.
    pub(super) fn entry(&self) -> Attributes {
        let layout = self.layout;
        let one = |text: &str| HashSet::from([text.as_bytes().to_vec()]);
        let classes = layout.account_classes.iter().map(|class| class.clone().into_bytes());
        let mut entry = vec![
            (b"objectClass".to_vec(), classes.collect()),
            (layout.login.clone().into_bytes(), one(self.login)),
            (layout.correlation.clone().into_bytes(), one(&self.person)),
        ];
        if !layout.rdn.eq_ignore_ascii_case(&layout.login) {
            entry.push((layout.rdn.clone().into_bytes(), one(self.login)));
        }
        if let Some(value) = self.switched(None) {
            entry.push((layout.switch.clone().into_bytes(), one(&value)));
        }
        let filled = self.values.iter().filter(|(_name, values)| !values.is_empty());
        entry.extend(filled.map(|(name, values)| (name.as_bytes().to_vec(), bytes(values))));
        entry
    }

    /// The attributes in which an entry differs, by the names documents use.
    pub(super) fn differences(&self, entry: &Entry) -> Vec<&str> {
        let mut found = Vec::new();
        if entry.is_active(self.layout) != self.active {
            found.push(self.layout.switch.as_str());
        }
        if entry.person(self.layout) != Some(&self.person) {
            found.push(self.layout.correlation.as_str());
        }
        found.extend(self.differing(entry).map(|(name, _values)| *name));
        found
    }

    /// What has to be written to close or open the account, if it has to.
    pub(super) fn switching(&self, entry: &Entry) -> Vec<Mod<Vec<u8>>> {
        if entry.is_active(self.layout) == self.active {
            return Vec::new();
        }
        let name = || self.layout.switch.clone().into_bytes();
        let value = self.switched(Some(entry));
        let new: HashSet<_> = value.into_iter().map(String::into_bytes).collect();
        match &self.layout.disable {
            LdapDisabled::Value { .. } => vec![Mod::Replace(name(), new)],
            // The other bits are somebody else's: a number that was changed meanwhile is read again.
            LdapDisabled::Bit { .. } => {
                let old: HashSet<_> = entry.all(&self.layout.switch).iter().cloned().collect();
                let mut changes = Vec::new();
                if !old.is_empty() {
                    changes.push(Mod::Delete(name(), old));
                }
                changes.push(Mod::Add(name(), new));
                changes
            }
        }
    }

    /// What else has to be written.
    pub(super) fn changes(&self, entry: &Entry) -> Vec<Mod<Vec<u8>>> {
        let mut changes: Vec<_> = self
            .differing(entry)
            .map(|(name, values)| Mod::Replace(name.as_bytes().to_vec(), bytes(values)))
            .collect();
        if entry.person(self.layout) != Some(&self.person) {
            let person = HashSet::from([self.person.clone().into_bytes()]);
            changes.push(Mod::Replace(self.layout.correlation.clone().into_bytes(), person));
        }
        changes
    }

    fn differing<'b>(
        &'b self,
        entry: &'b Entry,
    ) -> impl Iterator<Item = (&'b &'a str, &'b BTreeSet<String>)> {
        self.values.iter().filter(|(name, values)| {
            let held: BTreeSet<&[u8]> = entry.all(name).iter().map(Vec::as_slice).collect();
            let wanted: BTreeSet<&[u8]> = values.iter().map(String::as_bytes).collect();
            held != wanted
        })
    }

    /// The value of the attribute that says whether the account can be used; none: no value.
    fn switched(&self, entry: Option<&Entry>) -> Option<String> {
        match &self.layout.disable {
            LdapDisabled::Value { enabled, .. } if self.active => enabled.clone(),
            LdapDisabled::Value { disabled, .. } => Some(disabled.clone()),
            LdapDisabled::Bit { bit, fresh } => {
                let number = entry.and_then(|entry| entry.number(&self.layout.switch));
                let number = number.unwrap_or(*fresh) & !bit;
                Some(if self.active { number } else { number | bit }.to_string())
            }
        }
    }
}

/// A filter for the entry with an id; none for what cannot be an id of that directory.
pub(super) fn id_filter(layout: &LdapLayout, id: &str) -> Option<String> {
    if !is_binary(layout) {
        return Some(format!("({}={})", layout.id, ldap_escape(id)));
    }
    let bytes = Uuid::parse_str(id).ok()?.to_bytes_le();
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    Some(format!("({}={escaped})", layout.id))
}

/// Active Directory's ids are bytes, the first of them in the other order.
fn is_binary(layout: &LdapLayout) -> bool {
    layout.id.eq_ignore_ascii_case("objectGUID")
}

/// Whether an attribute that was read has the value that it shall have.
pub(in super::super) fn agrees(wanted: &Value, observed: Option<&Value>) -> bool {
    texts(wanted) == observed.map(texts).unwrap_or_default()
}

/// A directory keeps no empty values, and spells yes and no in capitals.
fn texts(value: &Value) -> BTreeSet<String> {
    let texts = match value {
        Value::List(items) => items.clone(),
        Value::Boolean(answer) => vec![answer.to_string().to_uppercase()],
        Value::Text(_) | Value::Integer(_) | Value::Date(_) => vec![value.to_string()],
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

fn bytes(values: &BTreeSet<String>) -> HashSet<Vec<u8>> {
    values.iter().map(|value| value.clone().into_bytes()).collect()
}

#[cfg(test)]
mod tests;
