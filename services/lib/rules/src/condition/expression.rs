use std::fmt;
use std::sync::Arc;

use cel::Context;
#[cfg(test)]
use cel::common::types::CelBool;
use domain::Value;

use super::check::{self, Facts, Shape};
use super::places::Places;
use super::scan::scan;
use super::{ENVIRONMENT, Finding};
use crate::document::AttributeSchema;

/// The longest text a condition or mapping may have.
const LENGTH_MAX: usize = 8 * 1024;

/// A CEL expression, parsed and checked against an attribute schema.
pub(crate) struct Expression {
    program: cel::Program,
    shape: Shape,
}

impl Expression {
    /// Parses and checks an expression whose value must have one of the `wanted` shapes.
    ///
    /// The errors are sentences, one for each thing that is wrong.
    pub(crate) fn compile(
        text: &str,
        schema: &AttributeSchema,
        wanted: &[Shape],
    ) -> Result<Self, Vec<Finding>> {
        Self::with_facts(text, schema, wanted, check::FACTS)
    }

    pub(super) fn with_facts(
        text: &str,
        schema: &AttributeSchema,
        wanted: &[Shape],
        facts: Facts,
    ) -> Result<Self, Vec<Finding>> {
        parse(text, schema, wanted, facts)
            .map(|Parsed { program, shape, .. }| Self { program, shape })
    }

    /// Tells whether a condition holds, as the interpreter sees it; `None` when an attribute it rests on is unknown.
    #[cfg(test)]
    pub(crate) fn holds(&self, context: &Context) -> Option<bool> {
        let value = cel::Value::resolve_val(self.program.expression(), context).ok()?;
        value.downcast_ref::<CelBool>().map(|answer| *answer.inner())
    }

    /// Returns the expression's value; `None` when an attribute it rests on is unknown.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the interpreter has kinds of values that no checked expression gives"
    )]
    pub(crate) fn value(&self, context: &Context) -> Option<Value> {
        match self.program.execute(context).ok()? {
            cel::Value::String(text) if self.shape == Shape::Date => {
                text.parse().ok().map(Value::Date)
            }
            cel::Value::String(text) => Some(Value::Text(Arc::unwrap_or_clone(text))),
            cel::Value::Int(number) => Some(Value::Integer(number)),
            cel::Value::Bool(answer) => Some(Value::Boolean(answer)),
            cel::Value::List(items) => items
                .iter()
                .map(|item| match item {
                    cel::Value::String(text) => Some(text.as_ref().clone()),
                    _ => None,
                })
                .collect::<Option<_>>()
                .map(Value::List),
            _ => None,
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.program.source_info().source).finish()
    }
}

/// An expression that was parsed and checked.
pub(super) struct Parsed {
    pub(super) program: cel::Program,
    pub(super) shape: Shape,
    pub(super) brackets: Vec<(usize, usize)>,
}

/// Parses and checks an expression whose value must have one of the `wanted` shapes.
pub(super) fn parse(
    text: &str,
    schema: &AttributeSchema,
    wanted: &[Shape],
    facts: Facts,
) -> Result<Parsed, Vec<Finding>> {
    if text.len() > LENGTH_MAX {
        let long = format!("is longer than {LENGTH_MAX} bytes; split it up");
        return Err(vec![Finding::new(text, 0, long)]);
    }
    let brackets =
        scan(text).map_err(|(offset, message)| vec![Finding::new(text, offset, message)])?.brackets;
    let program = ENVIRONMENT.compile(text).map_err(|errors| {
        let errors = errors.errors.iter();
        errors.map(|error| not_cel(text, error)).collect::<Vec<_>>()
    })?;
    let (shape, problems) = check::check(program.expression(), schema, facts);
    let places = Places::new(text, program.source_info(), brackets);
    let mut problems: Vec<_> = problems
        .into_iter()
        .map(|(node, message)| Finding::new(text, places.span(node).start, message))
        .collect();
    if problems.is_empty() && !wanted.contains(&shape) {
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        let message = format!("gives {shape}, and {} is needed", wanted.join(" or "));
        problems.push(Finding::new(text, places.span(program.expression()).start, message));
    }
    let brackets = places.into_brackets();
    if problems.is_empty() { Ok(Parsed { program, shape, brackets }) } else { Err(problems) }
}

fn not_cel(text: &str, error: &cel::ParseError) -> Finding {
    let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
    let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
    let lines = text.split_inclusive('\n');
    let before: usize = lines.clone().take(line - 1).map(str::len).sum();
    let line_text = lines.clone().nth(line - 1).unwrap_or_default();
    let within: usize = line_text.chars().take(column - 1).map(char::len_utf8).sum();
    let message = format!("is not CEL: {}", error.msg);
    Finding { offset: before + within, line, column, message }
}
