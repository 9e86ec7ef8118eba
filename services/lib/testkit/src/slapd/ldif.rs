//! Entries as OpenLDAP's clients write them: LDIF (RFC 2849), unwrapped.

use std::collections::BTreeMap;

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub dn: String,
    attributes: BTreeMap<String, Vec<String>>,
    bytes: BTreeMap<String, Vec<u8>>,
}

impl Entry {
    /// Returns the only value of an attribute; an empty text when there is none.
    ///
    /// # Panics
    /// When there are several.
    #[must_use]
    pub fn one(&self, attribute: &str) -> &str {
        match self.all(attribute) {
            [] => "",
            [value] => value,
            several => panic!("{attribute} has {} values", several.len()),
        }
    }

    /// Returns every value of an attribute.
    #[must_use]
    pub fn all(&self, attribute: &str) -> &[String] {
        self.attributes.get(attribute).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the first value of an attribute as it is, which need not be text.
    #[must_use]
    pub fn bytes(&self, attribute: &str) -> &[u8] {
        self.bytes.get(attribute).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Reads the entries of a text.
pub(super) fn read(text: &str) -> Vec<Entry> {
    text.split("\n\n").filter_map(entry).collect()
}

fn entry(block: &str) -> Option<Entry> {
    let mut pairs = block.lines().filter_map(pair);
    let (_name, dn) = pairs.next().filter(|(name, _dn)| *name == "dn")?;
    let (mut attributes, mut bytes) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    for (name, value) in pairs {
        let text = String::from_utf8_lossy(&value).into_owned();
        attributes.entry(name.to_owned()).or_default().push(text);
        bytes.entry(name.to_owned()).or_insert(value);
    }
    let dn = String::from_utf8_lossy(&dn).into_owned();
    Some(Entry { dn, attributes, bytes })
}

fn pair(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, value) = line.split_once(':')?;
    let value = match value.strip_prefix(':') {
        Some(encoded) => decoded(encoded.trim()),
        None => value.trim_start().as_bytes().to_vec(),
    };
    Some((name, value))
}

/// Reads base 64, which stands for what is not plain text.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.extend(u8::try_from((bits >> held) & 0xff));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_with_values_that_are_not_plain_text() {
        let text = "dn: uid=zoe,dc=x\nuid: zoe\nmail: a@x\nmail: b@x\ncn:: Wm/DqyDDhg==\n\n";

        let entries = read(text);

        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].dn, "uid=zoe,dc=x");
        assert_eq!(entries[0].all("mail"), ["a@x", "b@x"]);
        assert_eq!(entries[0].one("cn"), "Zoë Æ");
        assert_eq!(entries[0].bytes("cn"), "Zoë Æ".as_bytes());
        assert_eq!(entries[0].one("sn"), "");
    }
}
