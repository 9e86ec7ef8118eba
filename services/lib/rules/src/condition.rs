//! CEL over `person`: parsed and type-checked once, evaluated in three values.
//!
//! The interpreter has no type checker, so `check` is one for the part of CEL that policies may
//! use. Dates are ISO texts in conditions: text of that form sorts like the dates it stands for.

mod check;
mod compiled;
mod computed;
mod exists;
mod expression;
mod finding;
mod lower;
mod opaque;
mod person;
mod places;
mod scan;
mod slug;

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{Context, Env, ExecutionError};

pub(crate) use check::Shape;
pub use compiled::Condition;
pub use computed::Computed;
pub(crate) use expression::Expression;
pub use finding::Finding;
pub(crate) use finding::position;
pub use opaque::Opaque;
pub(crate) use person::Person;
pub use slug::slug;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(environment()));

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
pub(crate) mod tests;
