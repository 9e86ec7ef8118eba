//! What a condition's text shows before it is parsed: its brackets, and how deep it goes.
//!
//! The parser takes chains of operators of any length, and what reads its tree descends once for each
//! link. Text too deep is refused here, in one pass over it.

/// How deep brackets and chains of operators may go together.
const DEPTH_MAX: usize = 96;
/// How many elements a list in square brackets may have.
const LIST_MAX: usize = 1_000;

/// A text's brackets: where each opens and closes.
pub(super) struct Scan {
    pub(super) brackets: Vec<(usize, usize)>,
}

/// What is open while the text is read.
#[derive(Default)]
struct Level {
    opened: usize,
    square: bool,
    links: usize,
    commas: usize,
}

/// Finds a text's brackets.
///
/// # Errors
/// The place and a sentence, when it is deeper or has a longer list than conditions may.
pub(super) fn scan(text: &str) -> Result<Scan, (usize, String)> {
    let mut brackets = Vec::new();
    let mut levels = vec![Level::default()];
    let mut depth = 0_usize;
    let code = code(text);
    for (index, &(offset, byte)) in code.iter().enumerate() {
        let twice = index.checked_sub(1).and_then(|before| code.get(before))
            == Some(&(offset.wrapping_sub(1), byte));
        match byte {
            b'(' | b'[' | b'{' => {
                if let Some(level) = levels.last_mut() {
                    level.links += 1;
                }
                depth += 1;
                levels.push(Level { opened: offset, square: byte == b'[', ..Level::default() });
            }
            b')' | b']' | b'}' if levels.len() > 1 => {
                if let Some(level) = levels.pop() {
                    depth -= level.links;
                    brackets.push((level.opened, offset));
                }
            }
            b',' => {
                if let Some(level) = levels.last_mut() {
                    depth -= std::mem::take(&mut level.links);
                    level.commas += 1;
                    if level.square && level.commas >= LIST_MAX {
                        let most = "has a list of more than 1000 elements; put what they have in \
                                    common into an attribute";
                        return Err((offset, most.to_owned()));
                    }
                }
            }
            b'&' | b'|' if twice => {
                if let Some(level) = levels.last_mut() {
                    depth -= std::mem::take(&mut level.links);
                }
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'.' | b'=' | b'<' | b'>' | b'!' | b'?' | b':' => {
                if let Some(level) = levels.last_mut() {
                    level.links += 1;
                    depth += 1;
                }
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            let deep = "goes too deep; use fewer brackets and operators inside each other";
            return Err((offset, deep.to_owned()));
        }
    }
    Ok(Scan { brackets })
}

/// Returns the bytes that stand neither in a text literal nor in a remark.
fn code(text: &str) -> Vec<(usize, u8)> {
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at = after_literal(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            }
            _ => {
                found.push((at, byte));
                at += 1;
            }
        }
    }
    found
}

/// Returns where the text literal ends whose quote stands at a place.
fn after_literal(bytes: &[u8], start: usize) -> usize {
    let quote = bytes.get(start).copied().unwrap_or_default();
    let raw = start.checked_sub(1).and_then(|before| bytes.get(before));
    let raw = matches!(raw, Some(b'r' | b'R'));
    let triple = bytes.get(start..start + 3).is_some_and(|three| three == [quote; 3]);
    let width = if triple { 3 } else { 1 };
    let mut at = start + width;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.first() == Some(&b'\\') && !raw {
            at += 2;
        } else if rest.len() >= width && rest.iter().take(width).all(|byte| *byte == quote) {
            return at + width;
        } else {
            at += 1;
        }
    }
    bytes.len()
}
