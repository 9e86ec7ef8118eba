//! The one CEL text of a formula. Compiling it gives a formula that says the same.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter, Write};

use domain::Value;

use super::{Atom, Formula, Node};

impl Display for Formula {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print(self, f, Around::Nothing)
    }
}

/// What stands around a part, and so whether it needs brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    All,
    Any,
    Not,
}

fn print(formula: &Formula, f: &mut Formatter<'_>, around: Around) -> fmt::Result {
    match &formula.node {
        Node::Constant(answer) => write!(f, "{answer}"),
        Node::Atom(atom) => print_atom(atom, f, around),
        Node::Not(part) => match &part.node {
            Node::Atom(Atom::OneOf { attribute, values }) if values.len() == 1 => {
                match values.first() {
                    Some(Value::Boolean(answer)) => {
                        write!(f, "{}person.{attribute}", if *answer { "!" } else { "" })
                    }
                    Some(value) => bracketed(f, around == Around::Not, |f| {
                        write!(f, "person.{attribute} != ")?;
                        print_value(value, f)
                    }),
                    None => Ok(()),
                }
            }
            Node::Atom(Atom::AtLeast { attribute, bound }) => {
                bracketed(f, around == Around::Not, |f| {
                    write!(f, "person.{attribute} < ")?;
                    print_value(bound, f)
                })
            }
            Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::All(_) | Node::Any(_) => {
                f.write_char('!')?;
                print(part, f, Around::Not)
            }
        },
        Node::All(parts) => chain(&flat(parts, true), f, " && ", "true", around, Around::All),
        Node::Any(parts) => {
            chain(&merged(flat(parts, false)), f, " || ", "false", around, Around::Any)
        }
    }
}

/// The parts of a chain, those of chains of the same kind inside it among them.
fn flat(parts: &[Formula], all: bool) -> Vec<Formula> {
    let mut found = Vec::new();
    for part in parts {
        match &part.node {
            Node::All(inner) if all => found.extend(flat(inner, all)),
            Node::Any(inner) if !all => found.extend(flat(inner, all)),
            Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::All(_) | Node::Any(_) => {
                found.push(part.clone());
            }
        }
    }
    found
}

/// Alternatives with one question for each attribute whose value is one of several.
fn merged(parts: Vec<Formula>) -> Vec<Formula> {
    let mut found: Vec<Formula> = Vec::new();
    for part in parts {
        if let Node::Atom(Atom::OneOf { attribute, values }) = &part.node {
            let same = found.iter_mut().find_map(|known| match &mut known.node {
                Node::Atom(Atom::OneOf { attribute: other, values }) if other == attribute => {
                    Some(values)
                }
                Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::All(_) | Node::Any(_) => {
                    None
                }
            });
            if let Some(known) = same {
                known.extend(values.iter().cloned());
                continue;
            }
        }
        found.push(part);
    }
    found
}

fn chain(
    parts: &[Formula],
    f: &mut Formatter<'_>,
    operator: &str,
    empty: &str,
    around: Around,
    kind: Around,
) -> fmt::Result {
    match parts {
        [] => f.write_str(empty),
        [only] => print(only, f, around),
        [first, rest @ ..] => bracketed(f, around != Around::Nothing, |f| {
            print(first, f, kind)?;
            for part in rest {
                f.write_str(operator)?;
                print(part, f, kind)?;
            }
            Ok(())
        }),
    }
}

fn print_atom(atom: &Atom, f: &mut Formatter<'_>, around: Around) -> fmt::Result {
    let not = around == Around::Not;
    match atom {
        Atom::Known { attribute } => write!(f, "has(person.{attribute})"),
        Atom::OneOf { attribute, values } => print_one_of(attribute, values, f, around),
        Atom::AtLeast { attribute, bound } => bracketed(f, not, |f| {
            write!(f, "person.{attribute} >= ")?;
            print_value(bound, f)
        }),
        Atom::StartsWith { attribute, text } => method(attribute, "startsWith", text, f),
        Atom::EndsWith { attribute, text } => method(attribute, "endsWith", text, f),
        Atom::Contains { attribute, text } => method(attribute, "contains", text, f),
        Atom::Member { attribute, value } => bracketed(f, not, |f| {
            quoted(value, f)?;
            write!(f, " in person.{attribute}")
        }),
        Atom::Opaque(opaque) => {
            bracketed(f, around != Around::Nothing, |f| f.write_str(&opaque.text))
        }
    }
}

fn print_one_of(
    attribute: &str,
    values: &BTreeSet<Value>,
    f: &mut Formatter<'_>,
    around: Around,
) -> fmt::Result {
    let answers =
        [Value::Boolean(false), Value::Boolean(true)].map(|value| values.contains(&value));
    match (answers, values.first()) {
        ([true, true], _) => write!(f, "(person.{attribute} || !person.{attribute})"),
        ([false, true], _) => write!(f, "person.{attribute}"),
        ([true, false], _) => write!(f, "!person.{attribute}"),
        ([false, false], Some(value)) if values.len() == 1 => {
            bracketed(f, around == Around::Not, |f| {
                write!(f, "person.{attribute} == ")?;
                print_value(value, f)
            })
        }
        ([false, false], _) => bracketed(f, around == Around::Not, |f| {
            write!(f, "person.{attribute} in [")?;
            for (index, value) in values.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ", " })?;
                print_value(value, f)?;
            }
            f.write_char(']')
        }),
    }
}

fn method(attribute: &str, name: &str, text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "person.{attribute}.{name}(")?;
    quoted(text, f)?;
    f.write_char(')')
}

fn bracketed(
    f: &mut Formatter<'_>,
    needed: bool,
    inside: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str(if needed { "(" } else { "" })?;
    inside(f)?;
    f.write_str(if needed { ")" } else { "" })
}

fn print_value(value: &Value, f: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Value::Text(text) => quoted(text, f),
        Value::Integer(number) => write!(f, "{number}"),
        Value::Boolean(answer) => write!(f, "{answer}"),
        Value::Date(date) => write!(f, "\"{date}\""),
        Value::List(items) => {
            f.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ", " })?;
                quoted(item, f)?;
            }
            f.write_char(']')
        }
    }
}

fn quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            letter if letter.is_control() => write!(f, "\\u{:04x}", u32::from(letter))?,
            letter => f.write_char(letter)?,
        }
    }
    f.write_char('"')
}
