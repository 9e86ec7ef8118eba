//! From text to filters and paths, by descent whose depth is bounded.

use serde_json::{Number, Value};

use super::{Attribute, DEPTH_MAX, FILTER_BYTES_MAX, Filter, Operator, Path, TERMS_MAX};

/// What is wrong with a text, without what it says.
type Reason = String;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    OpenValues,
    /// With what follows it directly: `.value`.
    CloseValues(String),
    Word(String),
    Text(String),
    Number(Number),
}

pub(super) fn filter(text: &str) -> Result<Filter, Reason> {
    let mut parser = Parser::new(text)?;
    let filter = parser.any_of(0)?;
    parser.end()?;
    Ok(filter)
}

pub(super) fn path(text: &str) -> Result<Path, Reason> {
    let mut parser = Parser::new(text)?;
    let mut attribute = parser.attribute()?;
    let mut filter = None;
    if parser.take(&Token::OpenValues) {
        if attribute.sub.is_some() {
            return Err("asks for values of a part of a value".to_owned());
        }
        filter = Some(parser.any_of(1)?);
        let Some(Token::CloseValues(rest)) = parser.next() else {
            return Err("has a bracket that is not closed".to_owned());
        };
        if let Some(sub) = rest.strip_prefix('.') {
            attribute.sub = Some(name(sub)?);
        } else if !rest.is_empty() {
            return Err("goes on after a bracket without a dot".to_owned());
        }
    }
    parser.end()?;
    Ok(Path { attribute, filter })
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    terms: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Self, Reason> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(format!("is longer than {FILTER_BYTES_MAX} bytes"));
        }
        Ok(Self { tokens: tokens(text)?.into_iter().peekable(), terms: 0 })
    }

    fn next(&mut self) -> Option<Token> {
        self.tokens.next()
    }

    fn take(&mut self, token: &Token) -> bool {
        self.tokens.next_if(|next| next == token).is_some()
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is =
            |next: &Token| matches!(next, Token::Word(next) if next.eq_ignore_ascii_case(word));
        self.tokens.next_if(is).is_some()
    }

    fn end(&mut self) -> Result<(), Reason> {
        match self.next() {
            None => Ok(()),
            Some(_) => Err("goes on where it should end".to_owned()),
        }
    }

    fn any_of(&mut self, depth: usize) -> Result<Filter, Reason> {
        let mut filter = self.all_of(depth)?;
        while self.take_word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.all_of(depth)?));
        }
        Ok(filter)
    }

    fn all_of(&mut self, depth: usize) -> Result<Filter, Reason> {
        let mut filter = self.one(depth)?;
        while self.take_word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one(depth)?));
        }
        Ok(filter)
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Reason> {
        if depth > DEPTH_MAX {
            return Err(format!("is nested more than {DEPTH_MAX} deep"));
        }
        if self.take_word("not") {
            if !self.take(&Token::Open) {
                return Err("has a not without a parenthesis".to_owned());
            }
            return Ok(Filter::Not(Box::new(self.closed(depth)?)));
        }
        if self.take(&Token::Open) {
            return self.closed(depth);
        }
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(format!("has more than {TERMS_MAX} terms"));
        }
        let attribute = self.attribute()?;
        if self.take(&Token::OpenValues) {
            let filter = self.any_of(depth + 1)?;
            return match self.next() {
                Some(Token::CloseValues(rest)) if rest.is_empty() => {
                    Ok(Filter::Values(attribute, Box::new(filter)))
                }
                Some(_) | None => Err("has a bracket that is not closed".to_owned()),
            };
        }
        let Some(Token::Word(operator)) = self.next() else {
            return Err("has an attribute without an operator".to_owned());
        };
        if operator.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attribute));
        }
        let operator = Operator::from_name(&operator)
            .ok_or_else(|| "has an operator that does not exist".to_owned())?;
        let literal = match self.next() {
            Some(Token::Text(text)) => Value::String(text),
            Some(Token::Number(number)) => Value::Number(number),
            Some(Token::Word(word)) => literal(&word)?,
            Some(Token::Open | Token::Close | Token::OpenValues | Token::CloseValues(_)) | None => {
                return Err("has an operator without a value".to_owned());
            }
        };
        Ok(Filter::Compare(attribute, operator, literal))
    }

    fn closed(&mut self, depth: usize) -> Result<Filter, Reason> {
        let filter = self.any_of(depth + 1)?;
        if self.take(&Token::Close) {
            Ok(filter)
        } else {
            Err("has a parenthesis that is not closed".to_owned())
        }
    }

    fn attribute(&mut self) -> Result<Attribute, Reason> {
        match self.next() {
            Some(Token::Word(word)) => attribute(&word),
            Some(_) | None => Err("lacks the name of an attribute".to_owned()),
        }
    }
}

fn literal(word: &str) -> Result<Value, Reason> {
    match word {
        _ if word.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        _ if word.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        _ if word.eq_ignore_ascii_case("null") => Ok(Value::Null),
        _ => Err("has a value that is no text in quotes, number, boolean or null".to_owned()),
    }
}

/// Reads `schema:name.sub`; a schema's name has dots and colons of its own.
fn attribute(word: &str) -> Result<Attribute, Reason> {
    let is_urn = word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    let (schema, rest) = match word.rsplit_once(':') {
        Some((schema, rest)) if is_urn => (Some(schema.to_owned()), rest),
        Some(_) => return Err("has a colon outside the name of a schema".to_owned()),
        None => (None, word),
    };
    let (first, sub) = match rest.split_once('.') {
        Some((first, sub)) => (first, Some(name(sub)?)),
        None => (rest, None),
    };
    Ok(Attribute { schema, name: name(first)?, sub })
}

fn name(text: &str) -> Result<String, Reason> {
    let part = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '$');
    let begins = text.starts_with(|one: char| one.is_ascii_alphabetic() || one == '$');
    if begins && text.chars().all(part) {
        Ok(text.to_owned())
    } else {
        Err("has an attribute whose name is none".to_owned())
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Reason> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            ' ' | '\t' => {
                rest = &rest[1..];
                continue;
            }
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '[' => (Token::OpenValues, &rest[1..]),
            ']' => {
                let (word, after) = word(&rest[1..]);
                (Token::CloseValues(word.to_owned()), after)
            }
            '"' => string(rest)?,
            '-' | '0'..='9' => {
                let (word, after) = word(rest);
                let number = serde_json::from_str(word);
                (
                    Token::Number(number.map_err(|_error| "has a number that is none".to_owned())?),
                    after,
                )
            }
            _ => {
                let (word, after) = word(rest);
                if word.is_empty() {
                    return Err("has a character that does not belong there".to_owned());
                }
                (Token::Word(word.to_owned()), after)
            }
        };
        tokens.push(token);
        rest = after;
    }
    Ok(tokens)
}

/// Splits off what reaches to the next blank, quote, parenthesis or bracket.
fn word(text: &str) -> (&str, &str) {
    let ends = |one: char| matches!(one, ' ' | '\t' | '(' | ')' | '[' | ']' | '"');
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Splits off a text in quotes, which is written as JSON writes it.
fn string(text: &str) -> Result<(Token, &str), Reason> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, one)| {
        let ends = *one == '"' && !escaped;
        escaped = *one == '\\' && !escaped;
        ends
    });
    let (end, _) = end.ok_or_else(|| "has a quote that is not closed".to_owned())?;
    let (quoted, after) = text.split_at(end + 1);
    let read = serde_json::from_str(quoted);
    let read: String =
        read.map_err(|_error| "has a text that is not written as in JSON".to_owned())?;
    Ok((Token::Text(read), after))
}
