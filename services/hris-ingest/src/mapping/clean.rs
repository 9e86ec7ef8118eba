//! What is done to a text before it is read, so that another way of writing is not news.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};

use super::Unlisted;
use super::document::Replace;
use super::transform::collapse;

/// The most replacements of one field.
const REPLACEMENTS_MAX: usize = 10;
/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256;
/// The most memory that one compiled pattern may take.
const PATTERN_SIZE_MAX: usize = 1 << 20;
/// The most values that one field may name.
const VALUES_MAX: usize = 1_000;

/// First every pattern is replaced, in the order of the mapping; then a value that the mapping names
/// as a whole becomes another one. White space is normal before, between and after.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clean {
    replacements: Vec<(Regex, String)>,
    values: BTreeMap<String, String>,
    /// What the mapping changes values to, which are as good as listed.
    targets: BTreeSet<String>,
    unlisted: Unlisted,
}

/// A text after it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cleaned {
    pub(crate) text: String,
    /// What becomes of it, where a value map does not list it.
    pub(crate) unlisted: Option<Unlisted>,
}

impl Clean {
    /// Checks what a field's `replace` and `values` say; `problem` is told of everything wrong.
    pub(super) fn check(
        replace: &[Replace],
        values: &BTreeMap<String, String>,
        mut problem: impl FnMut(String),
    ) -> Self {
        if replace.len() > REPLACEMENTS_MAX {
            problem(format!("there are more than {REPLACEMENTS_MAX} replacements"));
        }
        if values.len() > VALUES_MAX {
            problem(format!("there are more than {VALUES_MAX} values"));
        }
        let mut seen = BTreeSet::new();
        for value in values.keys() {
            if value.trim().is_empty() {
                problem("a value to be changed is empty".to_owned());
            } else if !seen.insert(collapse(value)) {
                problem(format!("the value {value:?} is there twice"));
            }
        }
        let replacements =
            replace.iter().filter_map(|replace| replacement(replace, &mut problem)).collect();
        let values: BTreeMap<_, _> =
            values.iter().map(|(from, to)| (collapse(from), collapse(to))).collect();
        let targets = values.values().cloned().collect();
        Self { replacements, values, targets, unlisted: Unlisted::default() }
    }

    /// Does this with values that are not listed.
    pub(super) fn with_unlisted(self, unlisted: Unlisted) -> Self {
        Self { unlisted, ..self }
    }

    /// Changes a text whose white space is normal.
    pub(crate) fn apply(&self, text: String) -> Cleaned {
        let mut text = text;
        for (pattern, with) in &self.replacements {
            if pattern.is_match(&text) {
                text = collapse(&pattern.replace_all(&text, with.as_str()));
            }
        }
        if let Some(value) = self.values.get(&text) {
            return Cleaned { text: value.clone(), unlisted: None };
        }
        let is_listed = self.values.is_empty() || text.is_empty() || self.targets.contains(&text);
        Cleaned { text, unlisted: (!is_listed).then_some(self.unlisted) }
    }
}

impl PartialEq for Clean {
    fn eq(&self, other: &Self) -> bool {
        let written = |clean: &Self| {
            let written = |(pattern, with): &(Regex, String)| (pattern.to_string(), with.clone());
            clean.replacements.iter().map(written).collect::<Vec<_>>()
        };
        written(self) == written(other)
            && self.values == other.values
            && self.unlisted == other.unlisted
    }
}

impl Eq for Clean {}

fn replacement(
    Replace { pattern, with }: &Replace,
    problem: &mut impl FnMut(String),
) -> Option<(Regex, String)> {
    if pattern.len() > PATTERN_BYTES_MAX {
        problem(format!("a pattern is longer than {PATTERN_BYTES_MAX} bytes"));
        return None;
    }
    let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_MAX).build();
    let regex = match compiled {
        Ok(regex) => regex,
        Err(regex::Error::CompiledTooBig(_)) => {
            problem(format!("the pattern {pattern:?} takes too much memory"));
            return None;
        }
        Err(error) => {
            // The last line says what is wrong; those before it draw where.
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            problem(format!("the pattern {pattern:?}: {reason}"));
            return None;
        }
    };
    if regex.is_match("") {
        problem(format!("the pattern {pattern:?} fits nothing at all, and so every place"));
        return None;
    }
    for group in groups(with) {
        let known = group.parse().map_or_else(
            |_name| regex.capture_names().flatten().any(|name| name == group),
            |number: usize| number < regex.captures_len(),
        );
        if !known {
            problem(format!("the pattern {pattern:?} has no group {group:?}"));
        }
    }
    Some((regex, with.clone()))
}

/// The names or numbers of the groups that a replacement repeats: `$1`, `${name}`; `$$` is a dollar.
fn groups(with: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    let mut rest = with;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let (braced, after) = match after.strip_prefix('{') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let part = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let end = if braced { after.find('}') } else { after.find(|one| !part(one)) };
        let (group, after) = after.split_at(end.unwrap_or(after.len()));
        if braced || !group.is_empty() {
            groups.push(group);
        }
        rest = after;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(pattern: &str, with: &str) -> Replace {
        Replace { pattern: pattern.to_owned(), with: with.to_owned() }
    }

    fn problems(replace: &[Replace]) -> Vec<String> {
        let mut problems = Vec::new();
        Clean::check(replace, &BTreeMap::new(), |problem| problems.push(problem));
        problems
    }

    fn clean(replace: &[Replace], values: &[(&str, &str)]) -> Clean {
        let values =
            values.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        Clean::check(replace, &values, |problem| panic!("{problem}"))
    }

    #[test]
    fn patterns_go_before_values_and_white_space_stays_normal() {
        let clean = clean(
            &[replace(r"\s*\(\d+\)$", ""), replace("^HLTH-", "Health: ")],
            &[("Health:  Clinic", "Clinics")],
        );

        assert_eq!(clean.apply("Police Department (133)".to_owned()).text, "Police Department");
        assert_eq!(clean.apply("Fire Department (MIL)".to_owned()).text, "Fire Department (MIL)");
        assert_eq!(clean.apply("HLTH-Clinic (7)".to_owned()).text, "Clinics");
        assert_eq!(clean.apply("(7)".to_owned()).text, "");
    }

    #[test]
    fn a_value_is_listed_that_the_map_changes_or_changes_something_to() {
        let clean = clean(&[], &[("R&D", "Research")]).with_unlisted(Unlisted::Unknown);
        let unlisted = |text: &str| clean.apply(text.to_owned()).unlisted;

        assert_eq!((unlisted("R&D"), unlisted("Research"), unlisted("")), (None, None, None));
        assert_eq!(unlisted("Reserch"), Some(Unlisted::Unknown));
    }

    #[test]
    fn a_replacement_repeats_groups() {
        let clean = clean(&[replace(r"^(\w+), (?<given>\w+)$", "${given} $1")], &[]);

        assert_eq!(clean.apply("Lovelace, Ada".to_owned()).text, "Ada Lovelace");
    }

    #[test]
    fn everything_wrong_with_replacements_is_told() {
        let long = "x".repeat(PATTERN_BYTES_MAX + 1);
        let replacements = [
            replace("(", ""),
            replace(r"\w{9999}", ""),
            replace("x*", "y"),
            replace("(a)b", "$2 $$3 ${name} $1"),
            replace(&long, ""),
        ];

        assert_eq!(
            problems(&replacements),
            [
                "the pattern \"(\": unclosed group",
                "the pattern \"\\\\w{9999}\" takes too much memory",
                "the pattern \"x*\" fits nothing at all, and so every place",
                "the pattern \"(a)b\" has no group \"2\"",
                "the pattern \"(a)b\" has no group \"name\"",
                "a pattern is longer than 256 bytes",
            ]
        );
        let many: Vec<_> = (0..11).map(|_| replace("a", "b")).collect();
        assert_eq!(problems(&many), ["there are more than 10 replacements"]);
    }
}
