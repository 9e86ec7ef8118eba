//! What is wrong with the settings of a directory.

use super::{AccountRules, Finding, Ldap, LdapDisable, LdapLayout, Setting};

/// What no document maps: what is decided here, what is a secret, and what the server keeps.
const NEVER_MAPPED: [&str; 6] =
    ["dn", "objectClass", "userPassword", "unicodePwd", "memberOf", "pwdAccountLockedTime"];

impl Ldap {
    /// Returns what is wrong, given the rest of the application's document.
    pub(in super::super) fn problems(
        &self,
        url: Option<&Setting>,
        account: &AccountRules,
        has_entitlements: bool,
    ) -> Vec<Finding> {
        let mut found = self.way(url);
        self.names(&mut found);
        if let Some(disable) = &self.disable {
            disabling(disable, &mut found);
        }
        if has_entitlements && self.groups_base.is_none() {
            report(&mut found, "groups_base", "missing; entitlements are groups below that entry");
        }
        mapped(&self.layout(), account, &mut found);
        found
    }

    fn way(&self, url: Option<&Setting>) -> Vec<Finding> {
        let mut found = Vec::new();
        let field = "spec.connector.url".to_owned();
        match url {
            None => found.push((
                field,
                "missing; ldap needs the directory's address, such as ldaps://ldap.example.org"
                    .to_owned(),
            )),
            Some(Setting::Literal(url)) => {
                if let Err(message) = check_address(url, self.starttls) {
                    found.push((field, message.to_owned()));
                }
            }
            Some(Setting::Env(_) | Setting::File(_)) => {}
        }
        if matches!(self.ca, Some(Setting::Literal(_) | Setting::Env(_))) {
            report(&mut found, "ca", "write file:PATH of certificates in PEM");
        }
        if let Setting::Literal(dn) = &self.bind_dn
            && !is_dn(dn)
        {
            report(&mut found, "bind_dn", NOT_A_DN);
        }
        found
    }

    fn names(&self, found: &mut Vec<Finding>) {
        if !is_dn(&self.accounts_base) {
            report(found, "accounts_base", NOT_A_DN);
        }
        for (field, dn) in
            [("groups_base", &self.groups_base), ("placeholder_member", &self.placeholder_member)]
        {
            if dn.as_deref().is_some_and(|dn| !is_dn(dn)) {
                report(found, field, NOT_A_DN);
            }
        }
        let attributes = [
            ("login_attribute", &self.login_attribute),
            ("rdn_attribute", &self.rdn_attribute),
            ("id_attribute", &self.id_attribute),
            ("correlation_attribute", &self.correlation_attribute),
            ("member_attribute", &self.member_attribute),
        ];
        for (field, name) in attributes {
            if name.as_deref().is_some_and(|name| !is_attribute(name)) {
                report(found, field, NOT_AN_ATTRIBUTE);
            }
        }
        let classes =
            [("account_classes", &self.account_classes), ("group_classes", &self.group_classes)];
        for (field, classes) in classes {
            let Some(classes) = classes else { continue };
            if classes.is_empty() || !classes.iter().all(|class| is_attribute(class)) {
                report(found, field, "name at least one object class, such as inetOrgPerson");
            }
        }
    }
}

/// Returns why an address cannot be used; a password never crosses a network in the clear.
///
/// # Errors
/// What is wrong with it and what to do.
pub fn check_address(url: &str, starttls: bool) -> Result<(), &'static str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.contains(['@', '?']) {
        return Err("not an address; write for instance ldaps://ldap.example.org:636");
    }
    match (scheme, starttls) {
        ("ldaps", false) | ("ldap", true) => Ok(()),
        ("ldaps", true) => Err("ldaps:// is secured already; remove starttls, or write ldap://"),
        ("ldap", false) if is_loopback(host) => Ok(()),
        ("ldap", false) => {
            Err("would send the password in the clear; write ldaps://, or add starttls: true")
        }
        _ => Err("begins with neither ldap:// nor ldaps://"),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let numbers = name.strip_prefix("127.");
    name == "localhost"
        || name == "[::1]"
        || numbers.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn disabling(disable: &LdapDisable, found: &mut Vec<Finding>) {
    if !is_attribute(&disable.attribute) {
        report(found, "disable.attribute", NOT_AN_ATTRIBUTE);
    }
    match (&disable.disabled, disable.bit) {
        (None, None) => {
            report(found, "disable", "write the value while closed as disabled, or a bit");
        }
        (Some(_), Some(_)) => report(found, "disable", "either disabled or bit; remove one"),
        (None, Some(bit)) => {
            if !bit.is_power_of_two() {
                report(found, "disable.bit", "must be a single bit, such as 2");
            }
            if disable.enabled.as_deref().is_none_or(|text| text.parse::<u32>().is_err()) {
                let message = "with a bit, the number that a new account has, such as \"512\"";
                report(found, "disable.enabled", message);
            }
        }
        (Some(disabled), None) => {
            if disabled.is_empty() || disable.enabled.as_deref() == Some("") {
                report(found, "disable", "a directory keeps no empty values; leave enabled out");
            } else if disable.enabled.as_ref() == Some(disabled) {
                report(found, "disable", "disabled and enabled must differ");
            }
        }
    }
}

fn mapped(layout: &LdapLayout, account: &AccountRules, found: &mut Vec<Finding>) {
    let has = |name: &str| account.attributes.keys().any(|key| key.eq_ignore_ascii_case(name));
    for name in layout.mandatory().into_iter().filter(|name| !has(name)) {
        let message =
            "missing; the directory refuses an account of these object classes without it";
        found.push((format!("spec.account.attributes.{name}"), message.to_owned()));
    }
    let reserved = [
        (&layout.login, "is the login; write it under spec.account.login"),
        (&layout.rdn, "names the entry, and its value is the login; choose another rdn_attribute"),
        (&layout.id, "is the directory's own id"),
        (&layout.correlation, "carries the person's id; choose another correlation_attribute"),
        (&layout.switch, "says whether the account can be used; choose another disable.attribute"),
    ];
    for name in account.attributes.keys() {
        let reserved = reserved.iter().find(|(taken, _why)| taken.eq_ignore_ascii_case(name));
        let never = NEVER_MAPPED.iter().any(|taken| taken.eq_ignore_ascii_case(name));
        let message = match reserved {
            Some((_taken, why)) => *why,
            None if never => "is not for documents to map; remove it",
            None if !is_attribute(name) => NOT_AN_ATTRIBUTE,
            None => continue,
        };
        found.push((format!("spec.account.attributes.{name}"), message.to_owned()));
    }
}

const NOT_A_DN: &str = "not the name of an entry; write for instance ou=people,dc=example,dc=org";
const NOT_AN_ATTRIBUTE: &str = "not the name of an attribute; use letters, digits and `-`";

fn report(found: &mut Vec<Finding>, field: &str, message: &str) {
    found.push((format!("spec.connector.ldap.{field}"), message.to_owned()));
}

/// Whether a text has the form of a name (RFC 4514), as far as a document needs to know.
fn is_dn(text: &str) -> bool {
    let mut parts: Vec<String> = vec![String::new()];
    let mut escaped = false;
    for letter in text.chars() {
        if letter == ',' && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = letter == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.iter().all(|part| {
        part.trim()
            .split_once('=')
            .is_some_and(|(name, value)| is_attribute(name.trim()) && !value.trim().is_empty())
    })
}

fn is_attribute(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
