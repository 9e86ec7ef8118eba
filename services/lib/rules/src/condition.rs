//! CEL over `person`: parsed and type-checked once, evaluated in three values.
//!
//! The interpreter has no type checker, so `check` is one for the part of CEL that policies may
//! use. Dates are ISO texts in conditions: text of that form sorts like the dates it stands for.

mod check;
mod opaque;
mod person;
mod slug;

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{Context, Env, ExecutionError};
use domain::Value;

use crate::document::AttributeSchema;

pub(crate) use check::Shape;
pub use opaque::Opaque;
pub(crate) use person::Person;
pub use slug::slug;

/// The longest text a condition or mapping may have.
const LENGTH_MAX: usize = 8 * 1024;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(environment()));

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
    ) -> Result<Self, Vec<String>> {
        if text.len() > LENGTH_MAX {
            return Err(vec![format!("longer than {LENGTH_MAX} bytes; split it up")]);
        }
        let program = ENVIRONMENT.compile(text).map_err(|errors| {
            errors
                .errors
                .iter()
                .map(|error| {
                    let (line, column) = error.pos;
                    format!("is not CEL: line {line}, column {column} of it: {}", error.msg)
                })
                .collect::<Vec<_>>()
        })?;
        let (shape, mut problems) = check::check(program.expression(), schema);
        if problems.is_empty() && !wanted.contains(&shape) {
            let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
            problems.push(format!("gives {shape}, and {} is needed", wanted.join(" or ")));
        }
        if problems.is_empty() { Ok(Self { program, shape }) } else { Err(problems) }
    }

    /// Returns what was parsed.
    pub(crate) fn tree(&self) -> &cel::IdedExpr {
        self.program.expression()
    }

    /// Tells whether the condition holds; `None` when an attribute it rests on is unknown.
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

/// Returns the context in which expressions see one person.
pub(crate) fn context<'a>(person: &'a Person<'a>) -> Context<'a, 'a> {
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    context.set_variable_resolver(person);
    context
}

fn environment() -> Env {
    let mut environment = Env::stdlib();
    environment
        .add_overload("slug", "slug_string", vec![STRING_TYPE], slug_overload)
        .expect("the standard library has no slug");
    environment
}

fn slug_overload<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = arguments
        .first()
        .and_then(|argument| argument.downcast_ref::<CelString>())
        .ok_or(ExecutionError::MissingArgumentOrTarget)?;
    Ok(CowVal::owned(CelString::from(slug(text.inner()))))
}

#[cfg(test)]
mod tests;
