//! From a checked CEL expression to the analysable form.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelBool, CelInt, CelString};
use domain::{Attributes, Date, Value};

use super::check::attribute_name;
use super::person::Person;
use super::places::Places;
use super::{Opaque, context, exists};
use crate::document::{AttributeSchema, AttributeType};
use crate::formula::{Atom, Formula, Node};

/// Lowers an expression that the checker found to be a yes or no.
pub(super) fn lower(
    expression: &IdedExpr,
    schema: &AttributeSchema,
    places: &Places<'_>,
) -> Formula {
    Lowering { schema, places }.formula(expression)
}

struct Lowering<'a> {
    schema: &'a AttributeSchema,
    places: &'a Places<'a>,
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Lowering<'_> {
    fn formula(&self, expression: &IdedExpr) -> Formula {
        let node = self.node(expression).unwrap_or_else(|| self.opaque(expression));
        Formula { node, span: self.places.span(expression) }
    }

    /// Returns what an expression asks; `None` when only the interpreter can answer it.
    fn node(&self, expression: &IdedExpr) -> Option<Node> {
        if !reads_person(expression) {
            return match literal(expression)? {
                Value::Boolean(answer) => Some(Node::Constant(answer)),
                Value::Text(_) | Value::Integer(_) | Value::Date(_) | Value::List(_) => None,
            };
        }
        match &expression.expr {
            Expr::Select(select) if select.test => {
                Some(Node::Atom(Atom::Known { attribute: select.field.clone() }))
            }
            Expr::Select(_) => {
                let (attribute, kind) = self.attribute(expression)?;
                (kind == AttributeType::Boolean)
                    .then(|| one_of(attribute, [Value::Boolean(true)].into()))
            }
            Expr::Call(call) => self.call(call, &self.places.span(expression)),
            Expr::Comprehension(comprehension) => self.exists(comprehension),
            Expr::Literal(_)
            | Expr::Ident(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::Struct(_)
            | Expr::Unspecified => None,
        }
    }

    fn call(&self, call: &CallExpr, span: &Range<usize>) -> Option<Node> {
        if let Some(target) = &call.target {
            return self.method(call, target);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, operands) => {
                Some(Node::All(self.operands(operators::LOGICAL_AND, operands)))
            }
            (operators::LOGICAL_OR, operands) => {
                Some(Node::Any(self.operands(operators::LOGICAL_OR, operands)))
            }
            (operators::LOGICAL_NOT, [operand]) => Some(Node::Not(Box::new(self.formula(operand)))),
            (operators::EQUALS, [left, right]) => {
                self.compare(Comparison::Equal, left, right, span)
            }
            (operators::NOT_EQUALS, [left, right]) => {
                self.compare(Comparison::Equal, left, right, span).map(|node| not(node, span))
            }
            (operators::LESS, [left, right]) => self.compare(Comparison::Below, left, right, span),
            (operators::LESS_EQUALS, [left, right]) => {
                self.compare(Comparison::AtMost, left, right, span)
            }
            (operators::GREATER, [left, right]) => {
                self.compare(Comparison::Above, left, right, span)
            }
            (operators::GREATER_EQUALS, [left, right]) => {
                self.compare(Comparison::AtLeast, left, right, span)
            }
            (operators::IN, [element, list]) => self.membership(element, list),
            _ => None,
        }
    }

    /// Returns the operands of a chain, which the parser keeps as a tree.
    fn operands(&self, operator: &str, operands: &[IdedExpr]) -> Vec<Formula> {
        let mut found = Vec::new();
        let mut waiting: Vec<&IdedExpr> = operands.iter().rev().collect();
        while let Some(operand) = waiting.pop() {
            if let Expr::Call(CallExpr { func_name, target: None, args }) = &operand.expr
                && func_name == operator
            {
                waiting.extend(args.iter().rev());
            } else {
                found.push(self.formula(operand));
            }
        }
        found
    }

    fn method(&self, call: &CallExpr, target: &IdedExpr) -> Option<Node> {
        let (attribute, kind) = self.attribute(target)?;
        let [argument] = call.args.as_slice() else { return None };
        let Value::Text(text) = literal(argument)? else { return None };
        if kind != AttributeType::String {
            return None;
        }
        let attribute = attribute.to_owned();
        Some(Node::Atom(match call.func_name.as_str() {
            "startsWith" => Atom::StartsWith { attribute, text },
            "endsWith" => Atom::EndsWith { attribute, text },
            "contains" => Atom::Contains { attribute, text },
            _ => return None,
        }))
    }

    fn compare(
        &self,
        how: Comparison,
        left: &IdedExpr,
        right: &IdedExpr,
        span: &Range<usize>,
    ) -> Option<Node> {
        let (attribute, value, how) = match (self.attribute(left), self.attribute(right)) {
            (Some(attribute), None) => (attribute, literal(right)?, how),
            (None, Some(attribute)) => (attribute, literal(left)?, how.turned()),
            _ => return None,
        };
        let (name, kind) = attribute;
        let value = typed(value, kind)?;
        if how == Comparison::Equal {
            return Some(one_of(name, [value].into()));
        }
        let bound = match how {
            Comparison::Above | Comparison::AtMost => next(&value)?,
            Comparison::Below | Comparison::AtLeast | Comparison::Equal => Some(value),
        };
        let ordered = matches!(kind, AttributeType::Integer | AttributeType::Date);
        let at_least = match bound {
            Some(bound) if ordered => {
                Node::Atom(Atom::AtLeast { attribute: name.to_owned(), bound })
            }
            Some(_) => return None,
            None => one_of(name, BTreeSet::new()),
        };
        Some(match how {
            Comparison::Above | Comparison::AtLeast | Comparison::Equal => at_least,
            Comparison::Below | Comparison::AtMost => not(at_least, span),
        })
    }

    fn membership(&self, element: &IdedExpr, list: &IdedExpr) -> Option<Node> {
        if let Some((attribute, AttributeType::List)) = self.attribute(list) {
            let Value::Text(value) = literal(element)? else { return None };
            return Some(Node::Atom(Atom::Member { attribute: attribute.to_owned(), value }));
        }
        let Expr::List(list) = &list.expr else { return None };
        let (attribute, kind) = self.attribute(element)?;
        let mut values = BTreeSet::new();
        for element in &list.elements {
            // A text that is no date equals none.
            values.extend(typed(literal(element)?, kind));
        }
        (kind != AttributeType::List).then(|| one_of(attribute, values))
    }

    fn exists(&self, comprehension: &ComprehensionExpr) -> Option<Node> {
        let (list, variable, body) = exists::parts(comprehension)?;
        let attribute = attribute_name(list)?;
        let mut members = Vec::new();
        for element in exists::elements(body, variable)? {
            let Value::Text(value) = literal(element)? else { return None };
            let node = Node::Atom(Atom::Member { attribute: attribute.to_owned(), value });
            members.push(Formula { node, span: self.places.span(element) });
        }
        if members.is_empty() {
            // False of every list that is known.
            let node =
                Node::Atom(Atom::Member { attribute: attribute.to_owned(), value: String::new() });
            let member = Formula { node, span: self.places.span(list) };
            let not = Node::Not(Box::new(member.clone()));
            let span = member.span.clone();
            return Some(Node::All(vec![member, Formula { node: not, span }]));
        }
        Some(Node::Any(members))
    }

    fn attribute<'e>(&self, expression: &'e IdedExpr) -> Option<(&'e str, AttributeType)> {
        let name = attribute_name(expression)?;
        Some((name, self.schema.attributes.get(name)?.kind))
    }

    fn opaque(&self, expression: &IdedExpr) -> Node {
        let mut types = BTreeMap::new();
        visit(expression, &mut |part| {
            if let Expr::Select(select) = &part.expr
                && let Some(attribute) = self.schema.attributes.get(&select.field)
            {
                types.insert(select.field.clone(), attribute.clone());
            }
        });
        Node::Atom(Atom::Opaque(Arc::new(Opaque {
            text: self.places.text(&self.places.span(expression)).to_owned(),
            attributes: types.keys().cloned().collect(),
            types,
            program: Arc::new(expression.clone()),
        })))
    }
}

impl Comparison {
    /// The comparison that says the same with its sides exchanged.
    fn turned(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Below => Self::Above,
            Self::AtMost => Self::AtLeast,
            Self::Above => Self::Below,
            Self::AtLeast => Self::AtMost,
        }
    }
}

/// Returns the opposite of what one stretch of text says.
fn not(node: Node, span: &Range<usize>) -> Node {
    Node::Not(Box::new(Formula { node, span: span.clone() }))
}

fn one_of(attribute: &str, values: BTreeSet<Value>) -> Node {
    Node::Atom(Atom::OneOf { attribute: attribute.to_owned(), values })
}

/// Returns a literal as a value of an attribute's type, if it can be one.
fn typed(value: Value, kind: AttributeType) -> Option<Value> {
    match (value, kind) {
        (Value::Text(text), AttributeType::Date) => {
            text.parse::<Date>().ok().filter(|date| date.to_string() == text).map(Value::Date)
        }
        (value, kind) => kind.admits(&value).then_some(value),
    }
}

/// Returns the value after one, `None` after the last; none at all when values have no next.
#[expect(clippy::option_option, reason = "no order and no successor are different answers")]
fn next(value: &Value) -> Option<Option<Value>> {
    match value {
        Value::Integer(number) => Some(number.checked_add(1).map(Value::Integer)),
        Value::Date(date) => Some(date.tomorrow().ok().map(Value::Date)),
        Value::Text(_) | Value::Boolean(_) | Value::List(_) => None,
    }
}

/// Returns the value of an expression that asks nothing about the person.
fn literal(expression: &IdedExpr) -> Option<Value> {
    if let Expr::Literal(literal) = &expression.expr {
        return match literal {
            LiteralValue::String(text) => Some(Value::Text(text.inner().to_owned())),
            LiteralValue::Int(number) => Some(Value::Integer(*number.inner())),
            LiteralValue::Boolean(answer) => Some(Value::Boolean(*answer.inner())),
            LiteralValue::Bytes(_)
            | LiteralValue::Double(_)
            | LiteralValue::Null
            | LiteralValue::UInt(_) => None,
        };
    }
    if reads_person(expression) {
        return None;
    }
    let (nobody, nothing) = (Attributes::new(), AttributeSchema::default());
    let person = Person::new(&nobody, &nothing);
    let context = context(&person);
    let value = cel::Value::resolve_val(expression, &context).ok()?;
    if let Some(text) = value.downcast_ref::<CelString>() {
        return Some(Value::Text(text.inner().to_owned()));
    }
    if let Some(number) = value.downcast_ref::<CelInt>() {
        return Some(Value::Integer(*number.inner()));
    }
    value.downcast_ref::<CelBool>().map(|answer| Value::Boolean(*answer.inner()))
}

fn reads_person(expression: &IdedExpr) -> bool {
    let mut found = false;
    visit(expression, &mut |part| {
        found |= matches!(&part.expr, Expr::Ident(name) if name == "person");
    });
    found
}

/// Shows an expression and everything below it that a checked expression can have.
fn visit(expression: &IdedExpr, seen: &mut dyn FnMut(&IdedExpr)) {
    seen(expression);
    match &expression.expr {
        Expr::Select(select) => visit(&select.operand, seen),
        Expr::Call(call) => {
            for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                visit(part, seen);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|part| visit(part, seen)),
        Expr::Comprehension(comprehension) => {
            visit(&comprehension.iter_range, seen);
            visit(&comprehension.loop_step, seen);
        }
        Expr::Literal(_) | Expr::Ident(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}
