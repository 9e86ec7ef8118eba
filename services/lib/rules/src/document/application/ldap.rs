//! Directories that speak LDAP: how one is reached, and what its entries look like.
//!
//! What is not written is as the server that `schema` names has it by default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Finding, SecretReference, Setting};
use super::AccountRules;

mod check;

pub use check::check_address;

/// How a directory is reached, and what its entries look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ldap {
    /// Whose habits hold where nothing else is written.
    #[serde(default, skip_serializing_if = "LdapSchema::is_default")]
    pub schema: LdapSchema,
    /// Whether an `ldap://` connection is secured before anything else is said.
    #[serde(default, skip_serializing_if = "is_false")]
    pub starttls: bool,
    /// `file:PATH` of the certificates, in PEM, that the directory's own must lead to; the system's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Setting>,
    /// Whom the connector signs in as.
    pub bind_dn: Setting,
    /// Where that one's password is kept.
    pub password: SecretReference,
    /// Below which entry accounts lie, and are made.
    pub accounts_base: String,
    /// Below which entry groups lie, and are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_base: Option<String>,
    /// The object classes of an account that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_classes: Option<Vec<String>>,
    /// What holds the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_attribute: Option<String>,
    /// What an account that is made is named by; its value is the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdn_attribute: Option<String>,
    /// What holds the id that no change of an entry changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_attribute: Option<String>,
    /// What carries the person's id, by which an account is known as ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_attribute: Option<String>,
    /// How an account is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable: Option<LdapDisable>,
    /// The object classes of a group that is made; the first one is also what groups are found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_classes: Option<Vec<String>>,
    /// What holds a group's members: `memberUid` their logins, any other attribute their names (DN).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_attribute: Option<String>,
    /// Whether a group that is not there is made when somebody is to be its member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_groups: Option<bool>,
    /// The member of a group that must have one and has no other; the group itself if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder_member: Option<String>,
}

/// The servers whose habits are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LdapSchema {
    /// OpenLDAP with `inetOrgPerson`, `groupOfNames` and the password policy overlay.
    #[default]
    Openldap,
    /// Active Directory, and Samba as a domain controller.
    ActiveDirectory,
}

/// The attribute that says whether an account can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapDisable {
    /// Its name.
    pub attribute: String,
    /// Its value while the account is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// Its value while the account can be used; absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<String>,
    /// In place of `disabled`: the bit of a number that is set while the account is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit: Option<u32>,
}

/// The settings with everything that was not written filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapLayout {
    /// Below which entry accounts lie.
    pub accounts_base: String,
    /// Below which entry groups lie, if any do.
    pub groups_base: Option<String>,
    /// The object classes of an account that is made.
    pub account_classes: Vec<String>,
    /// The object class by which accounts are found.
    pub account_class: String,
    /// What holds the login.
    pub login: String,
    /// What an account is named by.
    pub rdn: String,
    /// What holds the id that no change of an entry changes.
    pub id: String,
    /// What carries the person's id.
    pub correlation: String,
    /// The attribute that says whether an account can be used.
    pub switch: String,
    /// How that attribute is read and written.
    pub disable: LdapDisabled,
    /// The object classes of a group that is made.
    pub group_classes: Vec<String>,
    /// What holds a group's members.
    pub member: String,
    /// Whether groups are made.
    pub create_groups: bool,
    /// Whether a group must have a member.
    pub never_empty: bool,
    /// The member of a group that must have one and has no other; the group itself if absent.
    pub placeholder: Option<String>,
}

/// How an account is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LdapDisabled {
    /// By a value of an attribute.
    Value {
        /// While it is closed.
        disabled: String,
        /// While it can be used; none: the attribute has no value then.
        enabled: Option<String>,
    },
    /// By a bit of a number.
    Bit {
        /// Set while it is closed.
        bit: u32,
        /// The number of an account that is made, without the bit.
        fresh: u32,
    },
}

impl LdapSchema {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl LdapLayout {
    /// Whether a group holds its members' logins in place of their names (DN).
    #[must_use]
    pub fn holds_logins(&self) -> bool {
        self.member.eq_ignore_ascii_case("memberUid")
    }

    /// Returns the attributes without which the directory refuses an account of these classes, and that a
    /// document has to map.
    #[must_use]
    pub fn mandatory(&self) -> Vec<&'static str> {
        const PERSONS: [&str; 3] = ["person", "organizationalPerson", "inetOrgPerson"];
        let has =
            |class: &str| self.account_classes.iter().any(|one| one.eq_ignore_ascii_case(class));
        let mut found = Vec::new();
        if PERSONS.into_iter().any(has) && !has("user") {
            found.extend(["cn", "sn"]);
        }
        if has("posixAccount") {
            found.extend(["uidNumber", "gidNumber", "homeDirectory"]);
        }
        let is_login = |name: &str| {
            name.eq_ignore_ascii_case(&self.rdn) || name.eq_ignore_ascii_case(&self.login)
        };
        found.retain(|name| !is_login(name));
        found
    }
}

impl Ldap {
    /// Returns the settings with everything that was not written filled in.
    #[must_use]
    pub fn layout(&self) -> LdapLayout {
        let ad = match self.schema {
            LdapSchema::Openldap => false,
            LdapSchema::ActiveDirectory => true,
        };
        let pick = |written: &Option<String>, openldap: &str, other: &str| {
            let preset = if ad { other } else { openldap };
            written.clone().unwrap_or_else(|| preset.to_owned())
        };
        let pick_all = |written: &Option<Vec<String>>, openldap: &[&str], other: &[&str]| {
            let preset = if ad { other } else { openldap };
            written.clone().unwrap_or_else(|| preset.iter().map(|&one| one.to_owned()).collect())
        };
        let person = ["top", "person", "organizationalPerson"];
        let account_classes = pick_all(
            &self.account_classes,
            &[&person[..], &["inetOrgPerson"]].concat(),
            &[&person[..], &["user"]].concat(),
        );
        let group_classes = pick_all(&self.group_classes, &["groupOfNames"], &["top", "group"]);
        let must_have_one = ["groupOfNames", "groupOfUniqueNames"];
        let never_empty = group_classes
            .iter()
            .any(|class| must_have_one.iter().any(|one| class.eq_ignore_ascii_case(one)));
        let member = match &self.member_attribute {
            None if has_class(&group_classes, "groupOfUniqueNames") => "uniqueMember".to_owned(),
            None if has_class(&group_classes, "posixGroup") => "memberUid".to_owned(),
            None => "member".to_owned(),
            Some(written) => written.clone(),
        };
        let disable = self.disable.clone().unwrap_or_else(|| LdapDisable::preset(self.schema));
        LdapLayout {
            accounts_base: self.accounts_base.clone(),
            groups_base: self.groups_base.clone(),
            account_class: account_classes.last().cloned().unwrap_or_default(),
            account_classes,
            login: pick(&self.login_attribute, "uid", "sAMAccountName"),
            rdn: pick(&self.rdn_attribute, "uid", "cn"),
            id: pick(&self.id_attribute, "entryUUID", "objectGUID"),
            correlation: pick(&self.correlation_attribute, "employeeNumber", "employeeNumber"),
            switch: disable.attribute.clone(),
            disable: disable.meaning(),
            never_empty,
            group_classes,
            member,
            create_groups: self.create_groups.unwrap_or(!ad),
            placeholder: self.placeholder_member.clone(),
        }
    }
}

impl LdapDisable {
    fn preset(schema: LdapSchema) -> Self {
        match schema {
            LdapSchema::Openldap => Self {
                attribute: "pwdAccountLockedTime".to_owned(),
                // A lock that no time and no change of the password ends.
                disabled: Some("000001010000Z".to_owned()),
                enabled: None,
                bit: None,
            },
            LdapSchema::ActiveDirectory => Self {
                attribute: "userAccountControl".to_owned(),
                disabled: None,
                enabled: Some("512".to_owned()),
                bit: Some(2),
            },
        }
    }

    fn meaning(&self) -> LdapDisabled {
        match (self.bit, &self.disabled) {
            (Some(bit), _) => {
                let fresh = self.enabled.as_deref().and_then(|text| text.parse().ok());
                LdapDisabled::Bit { bit, fresh: fresh.unwrap_or(0) & !bit }
            }
            (None, disabled) => LdapDisabled::Value {
                disabled: disabled.clone().unwrap_or_default(),
                enabled: self.enabled.clone(),
            },
        }
    }
}

fn has_class(classes: &[String], class: &str) -> bool {
    classes.iter().any(|one| one.eq_ignore_ascii_case(class))
}

/// Serde hands a reference.
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests;
