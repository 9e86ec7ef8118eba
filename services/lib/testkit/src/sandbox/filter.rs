//! Filters: `attribute eq "value"`, joined by `and`; every other operator is refused.

use serde_json::Value;

use super::refusal::Refusal;
use super::schema::{ENTERPRISE, GROUP, USER};

/// What a resource can be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Id,
    UserName,
    ExternalId,
    EmployeeNumber,
    Email,
    DisplayName,
    Member,
}

impl Column {
    /// The form in which values of the column are compared.
    pub(super) fn fold(self, value: &str) -> String {
        match self {
            Self::Id | Self::ExternalId | Self::Member => value.to_owned(),
            Self::UserName | Self::EmployeeNumber | Self::Email | Self::DisplayName => {
                value.to_lowercase()
            }
        }
    }

    /// The column of users that a filter attribute names.
    pub(super) fn of_users(attribute: &str) -> Option<Self> {
        if let Some(extended) = strip_urn(attribute, ENTERPRISE) {
            return extended.eq_ignore_ascii_case("employeeNumber").then_some(Self::EmployeeNumber);
        }
        match strip_urn(attribute, USER).unwrap_or(attribute).to_ascii_lowercase().as_str() {
            "id" => Some(Self::Id),
            "username" => Some(Self::UserName),
            "externalid" => Some(Self::ExternalId),
            "emails.value" => Some(Self::Email),
            _ => None,
        }
    }

    /// The column of groups that a filter attribute names.
    pub(super) fn of_groups(attribute: &str) -> Option<Self> {
        match strip_urn(attribute, GROUP).unwrap_or(attribute).to_ascii_lowercase().as_str() {
            "id" => Some(Self::Id),
            "displayname" => Some(Self::DisplayName),
            "externalid" => Some(Self::ExternalId),
            "members.value" => Some(Self::Member),
            _ => None,
        }
    }
}

/// One comparison of a filter on a resource.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) column: Column,
    pub(super) value: String,
}

/// Parses the filter of a list.
pub(super) fn parse(
    filter: &str,
    column: fn(&str) -> Option<Column>,
) -> Result<Vec<Term>, Refusal> {
    comparisons(filter)?
        .into_iter()
        .map(|(attribute, value)| {
            let column =
                column(attribute).ok_or(Refusal::InvalidFilter("this attribute is not indexed"))?;
            let Value::String(value) = value else {
                return Err(Refusal::InvalidFilter("the value must be a string"));
            };
            Ok(Term { column, value: column.fold(&value) })
        })
        .collect()
}

/// Splits a filter into its `eq` comparisons.
pub(super) fn comparisons(filter: &str) -> Result<Vec<(&str, Value)>, Refusal> {
    let mut comparisons = Vec::new();
    let mut rest = filter.trim();
    loop {
        let (attribute, after) = word(rest)?;
        let (operator, after) = word(after)?;
        if !operator.eq_ignore_ascii_case("eq") {
            return Err(Refusal::InvalidFilter("the only operator is eq"));
        }
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value @ (Value::String(_) | Value::Bool(_)))) => value,
            Some(_) | None => {
                return Err(Refusal::InvalidFilter("the value must be a string or a boolean"));
            }
        };
        let end = values.byte_offset();
        comparisons.push((attribute, value));
        rest = after[end..].trim_start();
        if rest.is_empty() {
            return Ok(comparisons);
        }
        let (joint, after) = word(rest)?;
        if !joint.eq_ignore_ascii_case("and") {
            return Err(Refusal::InvalidFilter("comparisons are joined by and"));
        }
        rest = after;
    }
}

/// Removes `urn:`, the schema's name and the colon before an attribute.
pub(super) fn strip_urn<'a>(attribute: &'a str, urn: &str) -> Option<&'a str> {
    let (head, tail) = attribute.split_at_checked(urn.len())?;
    if head.eq_ignore_ascii_case(urn) { tail.strip_prefix(':') } else { None }
}

fn word(text: &str) -> Result<(&str, &str), Refusal> {
    text.split_once(char::is_whitespace)
        .map(|(word, rest)| (word, rest.trim_start()))
        .filter(|(word, _)| !word.is_empty())
        .ok_or(Refusal::InvalidFilter("it ends too early"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_joined_by_and_are_parsed_whatever_their_case() {
        let terms =
            parse(r#"userName EQ "Ada \"B\" and eq" And externalId eq "X""#, Column::of_users)
                .unwrap();
        assert_eq!(
            terms,
            [
                Term { column: Column::UserName, value: r#"ada "b" and eq"#.to_owned() },
                Term { column: Column::ExternalId, value: "X".to_owned() },
            ]
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for filter in [
            "",
            "userName",
            "userName eq",
            "userName eq ada",
            r#"userName co "a""#,
            r#"userName eq "a" or id eq "b""#,
            r#"userName eq "a" and"#,
            r#"(userName eq "a")"#,
            r#"title eq "a""#,
            "userName eq true",
            "userName pr",
        ] {
            let refusal = parse(filter, Column::of_users).unwrap_err();
            assert!(matches!(refusal, Refusal::InvalidFilter(_)), "{filter}: {refusal}");
        }
    }
}
