//! Paths of PATCH operations on users: what part of the user is meant.

use serde_json::Value;

use super::filter::{comparisons, strip_urn};
use super::refusal::Refusal;
use super::schema::{
    self, Attribute, ENTERPRISE, ENTERPRISE_ATTRIBUTES, Kind, USER, USER_ATTRIBUTES,
};

/// What a path points at.
#[derive(Debug)]
pub(super) enum Target {
    /// The whole enterprise extension.
    Extension,
    /// An attribute, some of its values, or a part of these.
    Attribute(Place),
}

#[derive(Debug)]
pub(super) struct Place {
    pub(super) extension: bool,
    pub(super) attribute: &'static Attribute,
    /// Restricts the path to values that have all of these parts.
    pub(super) only: Option<Vec<(&'static str, Value)>>,
    pub(super) part: Option<&'static Attribute>,
}

/// Parses `attribute`, `attribute.part`, `attribute[part eq "x"]` and `attribute[part eq "x"].part`,
/// each with or without the name of its schema before it.
pub(super) fn parse(path: &str) -> Result<Target, Refusal> {
    let path = path.trim();
    if path.eq_ignore_ascii_case(ENTERPRISE) {
        return Ok(Target::Extension);
    }
    let (extension, known, path) = match strip_urn(path, ENTERPRISE) {
        Some(path) => (true, ENTERPRISE_ATTRIBUTES, path),
        None => (false, USER_ATTRIBUTES, strip_urn(path, USER).unwrap_or(path)),
    };
    let end = path.find(['[', '.']).unwrap_or(path.len());
    let attribute = schema::find(known, &path[..end])?;
    let mut rest = &path[end..];
    let mut only = None;
    if let Some(after) = rest.strip_prefix('[') {
        let close = after.rfind(']').ok_or(Refusal::InvalidPath("a bracket is not closed"))?;
        only = Some(conditions(attribute, &after[..close])?);
        rest = &after[close + 1..];
    }
    let part = match rest.strip_prefix('.') {
        Some(name) => Some(schema::find(parts(attribute)?, name)?),
        None if rest.is_empty() => None,
        None => return Err(Refusal::InvalidPath("something follows the attribute")),
    };
    Ok(Target::Attribute(Place { extension, attribute, only, part }))
}

fn conditions(
    attribute: &'static Attribute,
    filter: &str,
) -> Result<Vec<(&'static str, Value)>, Refusal> {
    if !attribute.many {
        return Err(Refusal::InvalidPath("the attribute has one value only"));
    }
    comparisons(filter)?
        .into_iter()
        .map(|(name, value)| Ok((schema::find(parts(attribute)?, name)?.name, value)))
        .collect()
}

fn parts(attribute: &'static Attribute) -> Result<&'static [Attribute], Refusal> {
    match attribute.kind {
        Kind::Complex(parts) => Ok(parts),
        Kind::Text | Kind::Boolean => Err(Refusal::InvalidPath("the attribute has no parts")),
    }
}
