//! The CEL interpreter, used the quick way: parsed once, variables found by name without a map.

use std::time::Duration;

use anyhow::anyhow;
use cel::common::types::{CelBool, CelInt, CelList, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Program};
use domain::{Attributes, Value};

use crate::median;
use crate::workload::Workload;

struct Person<'a>(&'a Attributes);

impl VariableResolver for Person<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let value = self.0.get(variable.strip_prefix("person.")?)?;
        let boxed: Box<dyn Val + 'b> = match value {
            Value::Text(text) => Box::new(CelString::from(text.as_str())),
            Value::Integer(number) => Box::new(CelInt::from(*number)),
            Value::Boolean(answer) => Box::new(CelBool::from(*answer)),
            Value::Date(date) => Box::new(CelString::from(date.to_string())),
            Value::List(items) => {
                let items = items.iter().map(|item| CelString::from(item.as_str()));
                let items: Vec<Box<dyn Val + 'b>> =
                    items.map(|item| Box::new(item) as Box<dyn Val + 'b>).collect();
                Box::new(CelList::from(items))
            }
        };
        Some(CowVal::Owned(boxed))
    }
}

/// Returns which policies hold for some people, and the time it takes.
pub(crate) fn run(
    workload: &Workload,
    people: &[usize],
    repetitions: usize,
) -> anyhow::Result<(Vec<Vec<usize>>, Duration)> {
    let programs = workload
        .policies
        .iter()
        .map(|policy| Program::compile(&policy.question.cel()).map_err(|error| anyhow!("{error}")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut found = Vec::new();
    let time = median(repetitions, || {
        let asked = people.iter().filter_map(|place| workload.people.get(*place));
        found = asked
            .map(|(_, attributes)| {
                let person = Person(attributes);
                let mut context = Context::default();
                context.set_variable_resolver(&person);
                let holds = |program: &Program| {
                    let value = cel::Value::resolve_val(program.expression(), &context);
                    value.is_ok_and(|value| {
                        value.downcast_ref::<CelBool>().is_some_and(|answer| *answer.inner())
                    })
                };
                let all = programs.iter().enumerate();
                all.filter(|(_, program)| holds(program)).map(|(policy, _)| policy).collect()
            })
            .collect();
    });
    Ok((found, time))
}
