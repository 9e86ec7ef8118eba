//! Takes a condition's text apart at the `&&` that join it.

use std::ops::Range;

/// Returns the parts of a condition that all have to be true, as ranges of bytes in its order.
///
/// A condition that is no conjunction is one part. Brackets around a part are not of it.
pub(super) fn conjuncts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    gather(text, 0..text.len(), &mut parts);
    parts
}

fn gather(text: &str, range: Range<usize>, parts: &mut Vec<Range<usize>>) {
    let range = trimmed(text, range);
    let marks = marks(text, range.clone());
    if let Some(inner) = marks.bracketed {
        return gather(text, inner, parts);
    }
    if marks.loose || marks.ands.is_empty() {
        parts.push(range);
        return;
    }
    let mut start = range.start;
    for and in marks.ands {
        gather(text, start..and, parts);
        start = and + 2;
    }
    gather(text, start..range.end, parts);
}

/// What stands outside of all brackets and quotes.
#[derive(Default)]
struct Marks {
    /// Where each `&&` begins.
    ands: Vec<usize>,
    /// Something binds less than `&&`.
    loose: bool,
    /// What is inside, if one pair of round brackets holds everything.
    bracketed: Option<Range<usize>>,
}

fn marks(text: &str, range: Range<usize>) -> Marks {
    let bytes = text.as_bytes();
    let mut marks = Marks::default();
    let mut depth = 0_usize;
    let mut at = range.start;
    let mut around = bytes.get(at) == Some(&b'(');
    while let Some(byte) = bytes.get(at).filter(|_byte| at < range.end) {
        let next = bytes.get(at + 1);
        match byte {
            b'"' | b'\'' => {
                let raw = at > range.start && matches!(bytes.get(at - 1), Some(b'r' | b'R'));
                at = after_text(bytes, at, *byte, raw);
                continue;
            }
            b'/' if next == Some(&b'/') => {
                while bytes.get(at).is_some_and(|byte| *byte != b'\n') {
                    at += 1;
                }
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                around &= depth > 0 || at + 1 == range.end;
            }
            b'&' if depth == 0 && next == Some(&b'&') => {
                marks.ands.push(at);
                at += 1;
            }
            b'|' | b'?' if depth == 0 => marks.loose = true,
            _ => {}
        }
        at += 1;
    }
    if around && range.len() >= 2 {
        marks.bracketed = Some(range.start + 1..range.end - 1);
    }
    marks
}

/// Returns the byte after a text literal that begins here.
fn after_text(bytes: &[u8], start: usize, quote: u8, raw: bool) -> usize {
    let triple = bytes.get(start..start + 3) == Some(&[quote; 3]);
    let end: &[u8] = if triple { &[quote; 3] } else { &[quote] };
    let mut at = start + end.len();
    while at < bytes.len() {
        if !raw && bytes.get(at) == Some(&b'\\') {
            at += 2;
        } else if bytes.get(at..at + end.len()) == Some(end) {
            return at + end.len();
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let Some(part) = text.get(range.clone()) else { return range };
    let start = range.start + (part.len() - part.trim_start().len());
    start..(range.end - (part.len() - part.trim_end().len())).max(start)
}
