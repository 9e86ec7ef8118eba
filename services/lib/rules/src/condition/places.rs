//! From the nodes of a parsed expression to the text that says them.

use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SourceInfo};

use super::exists;

/// The text of an expression, and where its parts stand.
///
/// The parser remembers one token for each node: the operator, or the bracket that a call opens.
/// A node's text is what reaches from the first to the last token below it, with every bracket closed.
pub(super) struct Places<'a> {
    text: &'a str,
    source: &'a SourceInfo,
    brackets: Vec<(usize, usize)>,
}

impl<'a> Places<'a> {
    pub(super) fn new(
        text: &'a str,
        source: &'a SourceInfo,
        brackets: Vec<(usize, usize)>,
    ) -> Self {
        Self { text, source, brackets }
    }

    pub(super) fn into_brackets(self) -> Vec<(usize, usize)> {
        self.brackets
    }

    pub(super) fn text(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// Returns the bytes of the text that say an expression.
    pub(super) fn span(&self, expression: &IdedExpr) -> Range<usize> {
        let mut span = self.hull(expression);
        let mut grown = true;
        while grown {
            grown = false;
            for &(open, close) in &self.brackets {
                let (opens, closes) = (span.contains(&open), span.contains(&close));
                if opens != closes {
                    span = span.start.min(open)..span.end.max(close + 1);
                    grown = true;
                }
            }
        }
        span
    }

    fn hull(&self, expression: &IdedExpr) -> Range<usize> {
        let token = self.source.offset_for(expression.id).unwrap_or_default();
        let mut span = to_usize(token.0)..to_usize(token.1) + 1;
        let mut cover = |other: Range<usize>| {
            span = span.start.min(other.start)..span.end.max(other.end);
        };
        match &expression.expr {
            Expr::Literal(literal) => {
                let negative = matches!(literal, LiteralValue::Int(number) if *number.inner() < 0);
                if negative && self.text.as_bytes().get(span.start) != Some(&b'-') {
                    span.start = self.before(span.start, |byte| byte == b'-');
                }
            }
            Expr::Select(select) if select.test => {
                cover(self.hull(&select.operand));
                span.start = self.name(token);
            }
            Expr::Select(select) => {
                cover(self.hull(&select.operand));
                let rest = self.text.get(span.end..).unwrap_or_default();
                let name = rest.trim_start();
                let letters = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                span.end += rest.len() - name.len() + letters.unwrap_or(name.len());
            }
            Expr::Call(CallExpr { func_name, target, args }) => {
                for part in target.iter().map(AsRef::as_ref).chain(args) {
                    cover(self.hull(part));
                }
                if target.is_none() && func_name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    span.start = self.name(token);
                }
            }
            Expr::List(list) => list.elements.iter().for_each(|part| cover(self.hull(part))),
            Expr::Comprehension(comprehension) => {
                cover(self.hull(&comprehension.iter_range));
                if let Some((_, _, body)) = exists::parts(comprehension) {
                    cover(self.hull(body));
                }
            }
            Expr::Ident(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
        }
        span
    }

    /// Returns where the name begins that stands before a call's bracket.
    fn name(&self, token: (u32, u32)) -> usize {
        let bracket = to_usize(token.0);
        if self.text.as_bytes().get(bracket) != Some(&b'(') {
            return bracket;
        }
        self.before(bracket, |byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// Returns where the letters begin that stand before a place, spaces between left out.
    fn before(&self, place: usize, letter: impl Fn(u8) -> bool) -> usize {
        let before = self.text.get(..place).unwrap_or_default().trim_end();
        let letters = before.bytes().rev().take_while(|byte| letter(*byte)).count();
        before.len() - letters
    }
}

fn to_usize(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
