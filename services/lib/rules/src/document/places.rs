//! Where in a file each field of a document stands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

use super::Place;

/// The places of a document's fields; of a document that was not read from a file, none.
#[derive(Clone, Default)]
pub(super) struct Places(Option<Arc<Known>>);

struct Known {
    file: String,
    lines: Arc<[String]>,
    /// Line and column by the path of the field, as in `spec.grants[0].bundle`.
    fields: BTreeMap<String, (u64, u64)>,
}

/// How many lines below its beginning a text is looked for.
const LINES_MAX: usize = 400;

impl Places {
    /// Finds the places in a file, by the line and column at which each document begins.
    pub(super) fn of_file(path: &str, text: &str) -> BTreeMap<(u64, u64), Self> {
        let lines: Arc<[String]> = text.lines().map(str::to_owned).collect();
        let mut bytes = text.as_bytes();
        let mut found = BTreeMap::new();
        for tree in serde_saphyr::read::<_, Spanned<Tree>>(&mut bytes) {
            let Ok(Spanned { value, referenced, .. }) = tree else { break };
            let mut fields = BTreeMap::new();
            value.enter(String::new(), &mut fields);
            let known = Known { file: path.to_owned(), lines: Arc::clone(&lines), fields };
            found.insert((referenced.line(), referenced.column()), Self(Some(Arc::new(known))));
        }
        found
    }

    /// Returns the place of a field; of one that is not there, of the nearest field it would be in.
    pub(super) fn of(&self, field: &str) -> Option<Place> {
        let known = self.0.as_deref()?;
        let mut path = field;
        loop {
            if let Some((line, column)) = known.fields.get(path) {
                return Some(Place { file: known.file.clone(), line: *line, column: *column });
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// Returns the place of a part of a field's text, given the part's first byte.
    ///
    /// YAML has several ways to write a text; where the part does not stand in the file as it is, the
    /// text's own place is returned.
    pub(super) fn within(&self, field: &str, text: &str, offset: usize) -> Option<Place> {
        let start = self.of(field)?;
        let known = self.0.as_deref()?;
        let before = text.get(..offset)?;
        let line_begins = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_begins..)?.lines().next().unwrap_or_default();
        let (indent, line_text) = (line.len() - line.trim_start().len(), line.trim());
        let first = usize::try_from(start.line).ok()?.checked_sub(1)?;
        let found = known.lines.iter().enumerate().skip(first).take(LINES_MAX).find_map(
            |(index, source)| {
                let from = if index == first { column_byte(source, start.column)? } else { 0 };
                let at = source.get(from..)?.find(line_text)? + from;
                (!line_text.is_empty()).then_some((index, at, source))
            },
        );
        let Some((index, at, source)) = found else { return Some(start) };
        let at = at + (offset - line_begins).saturating_sub(indent);
        let column = source.get(..at).map_or(0, |before| before.chars().count()) + 1;
        Some(Place {
            file: start.file,
            line: u64::try_from(index + 1).unwrap_or(start.line),
            column: u64::try_from(column).unwrap_or(start.column),
        })
    }
}

/// The byte at which a column begins; columns count characters, from 1.
fn column_byte(line: &str, column: u64) -> Option<usize> {
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column)
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.as_ref().map_or(0, |known| known.fields.len());
        f.debug_tuple("Places").field(&fields).finish()
    }
}

/// Any YAML, for its places alone.
enum Tree {
    Scalar,
    Map(Vec<(String, Spanned<Tree>)>),
    List(Vec<Spanned<Tree>>),
}

impl Tree {
    fn enter(self, path: String, fields: &mut BTreeMap<String, (u64, u64)>) {
        let mut note = |path: String, Spanned { value, referenced, .. }: Spanned<Tree>| {
            fields.insert(path.clone(), place(referenced));
            value.enter(path, fields);
        };
        match self {
            Self::Scalar => {}
            Self::Map(entries) => {
                for (key, value) in entries {
                    let field = if path.is_empty() { key } else { format!("{path}.{key}") };
                    note(field, value);
                }
            }
            Self::List(items) => {
                for (index, value) in items.into_iter().enumerate() {
                    note(format!("{path}[{index}]"), value);
                }
            }
        }
    }
}

fn place(location: Location) -> (u64, u64) {
    (location.line(), location.column())
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_u64<E>(self, _value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_i128<E>(self, _value: i128) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_u128<E>(self, _value: u128) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_str<E>(self, _value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_bytes<E>(self, _value: &[u8]) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_text_is_found_however_the_text_is_written() {
        let file = "\
plain: person.agency == \"Pölice\" && person.titel == \"x\"
quoted: 'person.titel == \"x\"'
block: |
  person.agency == \"Police\" &&
    person.titel == \"x\"
escaped: \"person.titel == \\\"x\\\"\"
";
        let places = Places::of_file("p.yaml", file).into_values().next().unwrap();
        let at = |field: &str, text: &str| {
            places.within(field, text, text.find("person.titel").unwrap()).unwrap().to_string()
        };

        assert_eq!(
            at("plain", "person.agency == \"Pölice\" && person.titel == \"x\""),
            "p.yaml:1:37"
        );
        assert_eq!(at("quoted", "person.titel == \"x\""), "p.yaml:2:10");
        assert_eq!(
            at("block", "person.agency == \"Police\" &&\n  person.titel == \"x\"\n"),
            "p.yaml:5:5"
        );
        assert_eq!(at("escaped", "person.titel == \"x\""), "p.yaml:6:10");
    }

    #[test]
    fn what_is_missing_is_where_it_would_be() {
        let places = Places::of_file("p.yaml", "spec:\n  grants:\n    - {bundle: a}\n");
        let places = places.into_values().next().unwrap();

        assert_eq!(places.of("spec.grants[0].overlap").unwrap().to_string(), "p.yaml:3:7");
        assert_eq!(places.of("metadata.name"), None);
    }
}
