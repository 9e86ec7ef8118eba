//! A condition on its own: asked of people live, and taken apart into what has to be true.

mod split;

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::Expr;
use domain::{Attributes, Value};
use serde::{Deserialize, Serialize};

use crate::condition::{Expression, Person, Shape, context};
use crate::document::AttributeSchema;

/// A condition, checked against an attribute schema, with its conjuncts.
#[derive(Debug)]
pub struct Question {
    text: String,
    schema: AttributeSchema,
    whole: Expression,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    text: String,
    place: (u32, u32),
    expression: Expression,
    attributes: BTreeSet<String>,
}

/// Something wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong and what to do about it.
    pub message: String,
    /// The line in the condition's text, counted from 1.
    pub line: u32,
    /// The column in that line, counted from 1.
    pub column: u32,
}

/// One of the parts of a condition that all have to be true, as it stands for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conjunct {
    /// As it is written.
    pub text: String,
    /// The line in the condition's text, counted from 1.
    pub line: u32,
    /// The column in that line, counted from 1.
    pub column: u32,
    /// Whether it is true; `None` when what it rests on is unknown.
    pub truth: Option<bool>,
    /// The attributes it reads, by name; `None` is unknown.
    pub attributes: Vec<(String, Option<Value>)>,
}

impl Question {
    /// Parses and checks a condition.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn compile(text: &str, schema: &AttributeSchema) -> Result<Self, Vec<Finding>> {
        let compile = |text: &str| Expression::compile(text, schema, &[Shape::Boolean]);
        let whole = match compile(text) {
            Ok(whole) => whole,
            Err(messages) => return Err(located(text, messages, compile)),
        };
        let mut parts: Vec<Part> = Vec::new();
        for range in split::conjuncts(text) {
            let part = text.get(range.clone()).unwrap_or_default();
            // What is true as a whole is made of what can be read alone.
            let Ok(expression) = compile(part) else { continue };
            let mut attributes = BTreeSet::new();
            read_by(expression.tree(), &mut attributes);
            let place = place(text, range.start);
            parts.push(Part { text: part.to_owned(), place, expression, attributes });
        }
        Ok(Self { text: text.to_owned(), schema: schema.clone(), whole, parts })
    }

    /// Returns the condition as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether it holds for somebody; `None` when what it rests on is unknown.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> Option<bool> {
        self.whole.holds(&context(&Person::new(attributes, &self.schema)))
    }

    /// Returns every conjunct, as it stands for somebody.
    #[must_use]
    pub fn conjuncts(&self, attributes: &Attributes) -> Vec<Conjunct> {
        let person = Person::new(attributes, &self.schema);
        let context = context(&person);
        let conjunct = |part: &Part| Conjunct {
            text: part.text.clone(),
            line: part.place.0,
            column: part.place.1,
            truth: part.expression.holds(&context),
            attributes: part
                .attributes
                .iter()
                .map(|name| (name.clone(), person.get(name).cloned()))
                .collect(),
        };
        self.parts.iter().map(conjunct).collect()
    }
}

/// Finds the conjunct in which each thing is wrong.
fn located(
    text: &str,
    messages: Vec<String>,
    compile: impl Fn(&str) -> Result<Expression, Vec<String>>,
) -> Vec<Finding> {
    let ranges = split::conjuncts(text);
    let inside = |message: &String| {
        let wrong = |part: &str| compile(part).is_err_and(|found| found.contains(message));
        let range = ranges.iter().find(|range| text.get((*range).clone()).is_some_and(wrong));
        range.map_or((1, 1), |range| place(text, range.start))
    };
    messages
        .into_iter()
        .map(|message| {
            let (line, column) = stated(&message).unwrap_or_else(|| inside(&message));
            Finding { message, line, column }
        })
        .collect()
}

/// Returns the place that the parser's message names.
fn stated(message: &str) -> Option<(u32, u32)> {
    let (line, rest) = message.strip_prefix("is not CEL: line ")?.split_once(", column ")?;
    let (column, _message) = rest.split_once(' ')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// Returns line and column of a byte, counted from 1.
fn place(text: &str, byte: usize) -> (u32, u32) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Gathers the attributes that an expression reads.
fn read_by(expression: &IdedExpr, attributes: &mut BTreeSet<String>) {
    match &expression.expr {
        Expr::Select(select) => {
            attributes.insert(select.field.clone());
        }
        Expr::Call(call) => {
            for operand in call.target.as_deref().into_iter().chain(&call.args) {
                read_by(operand, attributes);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|one| read_by(one, attributes)),
        Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Unspecified => {}
    }
}
