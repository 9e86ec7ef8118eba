use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{Attributes, Value};

use super::check::{self, Facts, ROW, Shape};
use super::expression::Expression;
use super::person::Person;
use super::{Finding, context};
use crate::document::{Attribute, AttributeSchema, AttributeType};

/// A value that is computed from the fields of one row, as in `row.given + " " + row.family`.
///
/// It is CEL, with what conditions may use of it: no loops, so that what it takes is bounded by its length and
/// by what the row holds; nothing but the row, so that the same row gives the same value on any day.
#[derive(Debug, Clone)]
pub struct Computed {
    text: String,
    expression: Arc<Expression>,
    fields: Arc<AttributeSchema>,
}

impl Computed {
    /// Parses and checks an expression over fields of these types, whose value is of one type.
    ///
    /// # Errors
    /// Everything that is wrong with it, with its line and column, in the order of the text.
    pub fn compile(
        text: &str,
        fields: &BTreeMap<String, AttributeType>,
        kind: AttributeType,
    ) -> Result<Self, Vec<Finding>> {
        let attribute = |kind: &AttributeType| Attribute {
            kind: *kind,
            description: String::new(),
            optional: true,
            values: BTreeSet::new(),
        };
        let attributes =
            fields.iter().map(|(name, kind)| (name.clone(), attribute(kind))).collect();
        let fields = AttributeSchema { attributes, facts: Vec::new() };
        let facts = Facts { subject: ROW, ..check::FACTS };
        let wanted = match kind {
            AttributeType::String => Shape::Text,
            AttributeType::Integer => Shape::Integer,
            AttributeType::Boolean => Shape::Boolean,
            AttributeType::Date => Shape::Date,
            AttributeType::List => Shape::Texts,
        };
        let expression = Expression::with_facts(text, &fields, &[wanted], facts)?;
        Ok(Self {
            text: text.to_owned(),
            expression: Arc::new(expression),
            fields: Arc::new(fields),
        })
    }

    /// Returns the value for a row; `None` when a field it rests on is empty.
    #[must_use]
    pub fn value(&self, row: &Attributes) -> Option<Value> {
        let row = Person::row(row, &*self.fields);
        self.expression.value(&context(&row))
    }
}

impl PartialEq for Computed {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.fields == other.fields
    }
}

impl Eq for Computed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> BTreeMap<String, AttributeType> {
        [
            ("given", AttributeType::String),
            ("family", AttributeType::String),
            ("grade", AttributeType::Integer),
            ("hired", AttributeType::Date),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .into()
    }

    fn row() -> Attributes {
        [
            ("given".to_owned(), Value::Text("Ada".to_owned())),
            ("family".to_owned(), Value::Text("Lovelace".to_owned())),
            ("grade".to_owned(), Value::Integer(7)),
        ]
        .into()
    }

    fn problems(text: &str, kind: AttributeType) -> Vec<String> {
        let problems = Computed::compile(text, &fields(), kind).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fields_of_a_row_make_a_text_a_number_or_an_answer() {
        let value = |text, kind| Computed::compile(text, &fields(), kind).unwrap().value(&row());
        assert_eq!(
            value(r#"row.given + " " + row.family"#, AttributeType::String),
            Some(Value::Text("Ada Lovelace".to_owned()))
        );
        assert_eq!(value("row.grade + 1", AttributeType::Integer), Some(Value::Integer(8)));
        assert_eq!(value("row.grade > 5", AttributeType::Boolean), Some(Value::Boolean(true)));
        assert_eq!(
            value(r#"string(row.grade) + slug(row.family)"#, AttributeType::String),
            Some(Value::Text("7lovelace".to_owned()))
        );
    }

    #[test]
    fn what_rests_on_an_empty_field_is_unknown_unless_it_asks_first() {
        let value = |text, kind| Computed::compile(text, &fields(), kind).unwrap().value(&row());
        assert_eq!(value("row.hired", AttributeType::Date), None);
        assert_eq!(value(r#"row.hired < "2020-01-01""#, AttributeType::Boolean), None);
        assert_eq!(
            value("has(row.hired) ? row.grade : 0", AttributeType::Integer),
            Some(Value::Integer(0))
        );
    }

    #[test]
    fn everything_wrong_is_told_with_its_line_and_column() {
        assert_eq!(
            problems("row.given +\n  row.famly", AttributeType::String),
            ["uses row.famly, and there is no field with a column of that name; did you mean \
              `family`? (line 2, column 3 of it)"]
        );
        assert_eq!(
            problems("row.grade", AttributeType::String),
            ["gives a whole number, and a text is needed (line 1, column 1 of it)"]
        );
        assert!(
            problems("person.given", AttributeType::String)[0]
                .contains("only row.<name> has parts")
        );
        assert!(problems("row.given +", AttributeType::String)[0].contains("is not CEL"));
    }
}
