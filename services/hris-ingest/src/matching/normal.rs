//! The normal form of a value, and its mark.

use domain::Value;
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use super::Comparison;

/// Digits by which telephone numbers are compared: what is left of them is written in many ways.
const PHONE_DIGITS: usize = 9;

/// Returns the mark of an attribute's value: 128 bits of a SHA-256 over its normal form. A value of which
/// nothing is left has none.
pub(crate) fn mark(attribute: &str, comparison: Comparison, value: &Value) -> Option<Uuid> {
    let normal = normal(comparison, value)?;
    let mut hash = Sha256::new();
    for part in [attribute, comparison.as_str(), &normal] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let mut mark = [0; 16];
    mark.copy_from_slice(&hash.finalize()[..16]);
    Some(Uuid::from_bytes(mark))
}

pub(super) fn normal(comparison: Comparison, value: &Value) -> Option<String> {
    let text = value.to_string();
    let normal = match comparison {
        Comparison::Exact | Comparison::Date => text,
        Comparison::Name => name(&text),
        Comparison::Mail => mail(&text)?,
        Comparison::Phone => phone(&text)?,
    };
    (!normal.is_empty()).then_some(normal)
}

/// `Lovelace, Áda M.` and `ada lovelace` are one name.
fn name(text: &str) -> String {
    let plain: String = text.nfkd().filter(|one| !is_combining_mark(*one)).collect();
    let plain = plain.to_lowercase().replace(['\'', '’'], "");
    let mut parts: Vec<&str> = plain.split(|one: char| !one.is_alphanumeric()).collect();
    parts.retain(|part| !part.is_empty());
    if parts.iter().any(|part| part.chars().count() > 1) {
        parts.retain(|part| part.chars().count() > 1);
    }
    parts.sort_unstable();
    parts.join(" ")
}

/// A text without exactly one place for `@` is no address, and says nothing.
fn mail(text: &str) -> Option<String> {
    let plain: String = text.trim().nfkc().collect();
    let (local, domain) = plain.split_once('@')?;
    let is_address = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
    is_address.then(|| plain.to_lowercase())
}

/// Fewer digits name a telephone within a house, and say nothing.
fn phone(text: &str) -> Option<String> {
    let digits: Vec<char> = text.nfkc().filter(char::is_ascii_digit).collect();
    let first = digits.len().checked_sub(PHONE_DIGITS)?;
    Some(digits[first..].iter().collect())
}
