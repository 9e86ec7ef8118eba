//! The type checker: which shape an expression's value has, and everything wrong on the way.

use std::collections::BTreeSet;
use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, SelectExpr, operators,
};
use domain::Date;

use super::exists;
use crate::document::{Attribute, AttributeSchema, AttributeType};
use crate::suggest::did_you_mean;

/// What the value of an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Integer,
    Boolean,
    Date,
    Texts,
    Integers,
    /// A list without elements fits every list.
    Nothing,
    /// Something is wrong with it, which has been said already.
    Wrong,
}

/// What expressions are about: what its attributes are called, and where they are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    /// What stands before the dot.
    pub(crate) name: &'static str,
    /// An attribute, as an example.
    pub(crate) example: &'static str,
    /// What its attributes are called.
    pub(crate) part: &'static str,
    /// What declares them.
    pub(crate) declared: &'static str,
}

/// Whoever a policy is asked about.
pub(crate) const PERSON: Subject = Subject {
    name: "person",
    example: "person.title",
    part: "an attribute",
    declared: "the AttributeSchema",
};

/// A row of a source's file.
pub(crate) const ROW: Subject = Subject {
    name: "row",
    example: "row.family_name",
    part: "a field",
    declared: "no field with a column",
};

/// What the schema says of attributes beyond their type.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) subject: Subject,
    /// The only values of a text or list, if they are known.
    pub(crate) values: fn(&Attribute) -> Option<&BTreeSet<String>>,
    /// Whether somebody may be without it for good.
    pub(crate) optional: fn(&Attribute) -> bool,
}

pub(crate) const FACTS: Facts = Facts {
    subject: PERSON,
    values: |attribute| (!attribute.values.is_empty()).then_some(&attribute.values),
    optional: |attribute| attribute.optional,
};

/// Returns the shape of an expression's value, and a sentence with its node for everything wrong.
pub(crate) fn check<'a>(
    expression: &'a IdedExpr,
    schema: &'a AttributeSchema,
    facts: Facts,
) -> (Shape, Vec<(&'a IdedExpr, String)>) {
    let mut checker =
        Checker { schema, facts, looping: false, at: expression, problems: Vec::new() };
    let shape = checker.expression(expression);
    (shape, checker.problems)
}

const METHODS: [&str; 5] = ["contains", "endsWith", "exists", "size", "startsWith"];
const FUNCTIONS: [&str; 4] = ["has", "size", "slug", "string"];

struct Checker<'a> {
    schema: &'a AttributeSchema,
    facts: Facts,
    looping: bool,
    /// The node that is looked at.
    at: &'a IdedExpr,
    problems: Vec<(&'a IdedExpr, String)>,
}

impl<'a> Checker<'a> {
    fn wrong(&mut self, problem: impl Into<String>) -> Shape {
        self.problems.push((self.at, problem.into()));
        Shape::Wrong
    }

    fn expression(&mut self, expression: &'a IdedExpr) -> Shape {
        let outer = std::mem::replace(&mut self.at, expression);
        let shape = self.node(expression);
        self.at = outer;
        shape
    }

    fn node(&mut self, expression: &'a IdedExpr) -> Shape {
        match &expression.expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Ident(name) if name == self.facts.subject.name => {
                let Subject { name, example, part, .. } = self.facts.subject;
                self.wrong(format!("uses `{name}` as a whole; name {part}, as in {example}"))
            }
            Expr::Ident(name) => self.wrong(format!(
                "uses `{name}`, which is nothing a condition sees; attributes are written \
                 {}.<name>, texts stand in quotes",
                self.facts.subject.name
            )),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.list(list),
            Expr::Comprehension(comprehension) => self.exists(comprehension),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.wrong("uses { }, which policies have no need of")
            }
        }
    }

    fn literal(&mut self, literal: &LiteralValue) -> Shape {
        match literal {
            LiteralValue::Boolean(_) => Shape::Boolean,
            LiteralValue::Int(_) => Shape::Integer,
            LiteralValue::String(_) => Shape::Text,
            LiteralValue::Null => self.wrong(format!(
                "uses null; ask whether an attribute is known with has({})",
                self.facts.subject.example
            )),
            LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => self.wrong(
                "uses a literal that no attribute can equal; write texts, whole numbers, true \
                 or false",
            ),
        }
    }

    fn select(&mut self, select: &'a SelectExpr) -> Shape {
        let Subject { name, declared, .. } = self.facts.subject;
        if select.operand.expr != Expr::Ident(name.to_owned()) {
            return self.wrong(format!(
                "selects `.{}` of something that is not the {name}; only {name}.<name> has parts",
                select.field
            ));
        }
        match self.schema.attributes.get(&select.field) {
            None => {
                let known = self.schema.attributes.keys().map(String::as_str);
                let hint = did_you_mean(&select.field, known);
                let unknown = match self.facts.subject {
                    PERSON => format!("which {declared} does not declare"),
                    _ => format!("and there is {declared} of that name"),
                };
                self.wrong(format!("uses {name}.{}, {unknown}{hint}", select.field))
            }
            Some(_) if select.test => Shape::Boolean,
            Some(attribute) => match attribute.kind {
                AttributeType::String => Shape::Text,
                AttributeType::Integer => Shape::Integer,
                AttributeType::Boolean => Shape::Boolean,
                AttributeType::Date => Shape::Date,
                AttributeType::List => Shape::Texts,
            },
        }
    }

    fn list(&mut self, list: &'a ListExpr) -> Shape {
        if !list.optional_indices.is_empty() {
            return self.wrong("uses `?` in a list; name every element");
        }
        let mut shape = Shape::Nothing;
        for element in &list.elements {
            let found = match self.expression(element) {
                Shape::Text | Shape::Date => Shape::Texts,
                Shape::Integer => Shape::Integers,
                Shape::Wrong => Shape::Wrong,
                Shape::Boolean | Shape::Texts | Shape::Integers | Shape::Nothing => {
                    self.wrong("has a list of something else than texts or whole numbers")
                }
            };
            shape = match (shape, found) {
                (Shape::Wrong, _) | (_, Shape::Wrong) => Shape::Wrong,
                (Shape::Nothing, found) => found,
                (shape, found) if shape == found => shape,
                _ => self.wrong("mixes texts and numbers in one list"),
            };
        }
        shape
    }

    fn call(&mut self, call: &'a CallExpr) -> Shape {
        if let Some(target) = &call.target {
            return self.method(call, target);
        }
        let name = readable(&call.func_name);
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, operands) => {
                self.all(operands, Shape::Boolean, name)
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                self.same(left, right, name);
                self.listed(left, right);
                self.listed(right, left);
                Shape::Boolean
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [left, right],
            ) => {
                let shape = self.same(left, right, name);
                if !matches!(shape, Shape::Text | Shape::Integer | Shape::Date | Shape::Wrong) {
                    self.wrong(format!(
                        "orders {shape} with `{name}`, which is for texts, numbers and dates"
                    ));
                }
                Shape::Boolean
            }
            (operators::IN, [element, list]) => self.membership(element, list),
            (operators::CONDITIONAL, [condition, then, otherwise]) => {
                self.all(std::slice::from_ref(condition), Shape::Boolean, name);
                self.same(then, otherwise, name)
            }
            (operators::ADD, [left, right]) => match self.same(left, right, name) {
                shape @ (Shape::Text | Shape::Integer | Shape::Wrong) => shape,
                shape @ (Shape::Boolean
                | Shape::Date
                | Shape::Texts
                | Shape::Integers
                | Shape::Nothing) => {
                    self.wrong(format!("adds {shape} with `+`, which is for texts and numbers"))
                }
            },
            (
                operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | operators::NEGATE,
                operands,
            ) => self.all(operands, Shape::Integer, name),
            ("slug", operands @ [_]) => self.all(operands, Shape::Text, name),
            ("size", [argument]) => self.size(argument),
            ("string", [argument]) => match self.expression(argument) {
                Shape::Text | Shape::Integer | Shape::Boolean | Shape::Date | Shape::Wrong => {
                    Shape::Text
                }
                shape @ (Shape::Texts | Shape::Integers | Shape::Nothing) => {
                    self.wrong(format!("makes one text of {shape} with `string`"))
                }
            },
            _ => self.unknown(name, &FUNCTIONS),
        }
    }

    fn method(&mut self, call: &'a CallExpr, target: &'a IdedExpr) -> Shape {
        let name = call.func_name.as_str();
        match (name, call.args.as_slice()) {
            ("startsWith" | "endsWith" | "contains", operands @ [_]) => {
                match self.expression(target) {
                    Shape::Text | Shape::Wrong => {}
                    Shape::Texts => {
                        self.wrong(format!(
                            "asks a list with `{name}`; write \"x\" in person.teams"
                        ));
                    }
                    shape @ (Shape::Integer
                    | Shape::Boolean
                    | Shape::Date
                    | Shape::Integers
                    | Shape::Nothing) => {
                        self.wrong(format!("asks {shape} with `{name}`, which is for texts"));
                    }
                }
                self.all(operands, Shape::Text, name);
                Shape::Boolean
            }
            ("size", []) => self.size(target),
            _ => self.unknown(name, &METHODS),
        }
    }

    /// Demands one shape of every operand and returns it.
    fn all(&mut self, operands: &'a [IdedExpr], wanted: Shape, name: &str) -> Shape {
        for operand in operands {
            let shape = self.expression(operand);
            if shape != wanted && shape != Shape::Wrong {
                self.wrong(format!("gives {shape} to `{name}`, which needs {wanted}"));
            }
        }
        wanted
    }

    /// Demands that both sides have the same shape and returns it.
    fn same(&mut self, left: &'a IdedExpr, right: &'a IdedExpr, name: &str) -> Shape {
        match (self.expression(left), self.expression(right)) {
            (Shape::Wrong, _) | (_, Shape::Wrong) => Shape::Wrong,
            (Shape::Date, Shape::Text) => self.date(right),
            (Shape::Text, Shape::Date) => self.date(left),
            (one, other) if one.fits(other) => one,
            (one, other) => self.wrong(format!("puts {one} beside {other} with `{name}`")),
        }
    }

    fn membership(&mut self, element: &'a IdedExpr, list: &'a IdedExpr) -> Shape {
        let shapes = (self.expression(element), self.expression(list));
        if let Expr::List(list) = &list.expr {
            for literal in &list.elements {
                self.listed(element, literal);
                if shapes == (Shape::Date, Shape::Texts) && matches!(literal.expr, Expr::Literal(_))
                {
                    self.date(literal);
                }
            }
        }
        match shapes {
            (Shape::Wrong, _)
            | (_, Shape::Wrong)
            | (Shape::Text | Shape::Date, Shape::Texts)
            | (Shape::Integer, Shape::Integers)
            | (_, Shape::Nothing) => {
                self.listed(list, element);
            }
            (one, Shape::Texts | Shape::Integers) => {
                self.wrong(format!("looks for {one} in a list that cannot have it"));
            }
            (_, other) => {
                self.wrong(format!("looks with `in` into {other}, which is no list"));
            }
        }
        Shape::Boolean
    }

    fn exists(&mut self, comprehension: &'a ComprehensionExpr) -> Shape {
        let parts = exists::parts(comprehension).and_then(|(list, variable, body)| {
            let elements = exists::elements(body, variable)?;
            (variable != "person").then_some((list, elements))
        });
        let Some((list, elements)) = parts else {
            return self.wrong(
                "uses a loop that policies do not know; ask for one element with `in`, as in \
                 \"x\" in person.teams, or for one of several with \
                 person.teams.exists(team, team in [\"x\", \"y\"])",
            );
        };
        if attribute_name(list).is_none() {
            return self.wrong("uses `exists` on something that is not an attribute");
        }
        match self.expression(list) {
            Shape::Texts | Shape::Wrong => {}
            shape @ (Shape::Text
            | Shape::Integer
            | Shape::Boolean
            | Shape::Date
            | Shape::Integers
            | Shape::Nothing) => {
                self.wrong(format!("uses `exists` on {shape}, and it is for lists"));
            }
        }
        if std::mem::replace(&mut self.looping, true) {
            return self.wrong("uses one `exists` inside another; ask for each on its own");
        }
        for element in elements {
            let shape = self.expression(element);
            if !matches!(shape, Shape::Text | Shape::Wrong) {
                self.wrong(format!("looks for {shape} in a list of texts"));
            }
            self.listed(list, element);
        }
        self.looping = false;
        Shape::Boolean
    }

    /// Demands that a text literal is one of the attribute's values, where these are listed.
    fn listed(&mut self, attribute: &'a IdedExpr, literal: &'a IdedExpr) {
        let (Some(name), Expr::Literal(LiteralValue::String(text))) =
            (attribute_name(attribute), &literal.expr)
        else {
            return;
        };
        let values = self.schema.attributes.get(name).and_then(self.facts.values);
        if let Some(values) = values
            && !values.contains(text.inner())
        {
            let hint = did_you_mean(text.inner(), values.iter().map(String::as_str));
            let outer = std::mem::replace(&mut self.at, literal);
            self.wrong(format!(
                "asks for a value that person.{name} never has by the AttributeSchema{hint}"
            ));
            self.at = outer;
        }
    }

    fn size(&mut self, argument: &'a IdedExpr) -> Shape {
        match self.expression(argument) {
            Shape::Text | Shape::Texts | Shape::Integers | Shape::Nothing | Shape::Wrong => {
                Shape::Integer
            }
            shape @ (Shape::Integer | Shape::Boolean | Shape::Date) => {
                self.wrong(format!("counts {shape} with `size`, which is for texts and lists"))
            }
        }
    }

    /// Demands that a text beside a date is a date in quotes.
    fn date(&mut self, text: &'a IdedExpr) -> Shape {
        if let Expr::Literal(LiteralValue::String(literal)) = &text.expr
            && is_date(literal.inner())
        {
            return Shape::Date;
        }
        self.wrong("puts a date beside a text that is none; write it as \"2026-01-31\"")
    }

    fn unknown(&mut self, name: &str, known: &[&'static str]) -> Shape {
        let mut advice = did_you_mean(name, known.iter().copied());
        if advice.is_empty() {
            advice = "; there are == != < <= > >= && || ! ?: + - in, has(), size(), slug(), \
                      string(), startsWith(), endsWith(), contains() and exists()"
                .to_owned();
        }
        self.wrong(format!("uses `{name}` in a way that policies do not know{advice}"))
    }
}

/// Returns the attribute that an expression is, if it is one.
pub(super) fn attribute_name(expression: &IdedExpr) -> Option<&str> {
    if let Expr::Select(SelectExpr { operand, field, test: false }) = &expression.expr
        && matches!(&operand.expr, Expr::Ident(name) if name == "person")
    {
        return Some(field);
    }
    None
}

/// Tells whether a text is a date as conditions see it; other spellings would not compare equal.
fn is_date(text: &str) -> bool {
    text.parse().is_ok_and(|date: Date| date.to_string() == text)
}

/// The name of a function or operator as people write it.
fn readable(name: &str) -> &str {
    match name {
        operators::CONDITIONAL => "?:",
        operators::IN => "in",
        operators::INDEX | operators::OPT_INDEX => "[]",
        operators::OPT_SELECT => ".?",
        name => name.trim_matches('_'),
    }
}

impl Shape {
    fn fits(self, other: Self) -> bool {
        let list = |shape| matches!(shape, Self::Texts | Self::Integers | Self::Nothing);
        self == other
            || (self == Self::Nothing && list(other))
            || (other == Self::Nothing && list(self))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Boolean => "a yes or no",
            Self::Date => "a date",
            Self::Texts => "a list of texts",
            Self::Integers => "a list of numbers",
            Self::Nothing => "an empty list",
            Self::Wrong => "something wrong",
        })
    }
}
