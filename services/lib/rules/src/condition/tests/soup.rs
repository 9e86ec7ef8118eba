//! Whatever is written, the answer is a condition or what is wrong with it, and it comes soon.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::agreement::fixed;
use super::*;

const WORDS: [&str; 44] = [
    "person",
    ".",
    "agency",
    "level",
    "teams",
    "remote",
    "hired",
    "title",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "?",
    ":",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    " in ",
    "has(",
    "size(",
    "slug(",
    ".exists(t, ",
    ".map(",
    ".startsWith(",
    "\"a\"",
    "'b",
    "1",
    "0x7f",
    "9223372036854775808",
    "true",
    "//",
    "\n",
];

#[test]
fn a_soup_of_words_is_refused_or_understood() {
    soup(300, || {
        let words = prop::sample::select(WORDS.as_slice());
        proptest::collection::vec(words, 0..300).prop_map(|words| words.concat())
    });
}

#[test]
fn a_condition_with_a_hole_in_it_is_refused_or_understood() {
    soup(1_000, || {
        let place = any::<prop::sample::Index>();
        (agreement::condition(), place, 0..12_usize, ".{0,3}").prop_map(|broken| {
            let (text, place, length, patch) = broken;
            let mut letters: Vec<char> = text.chars().collect();
            let start = place.index(letters.len());
            let end = (start + length).min(letters.len());
            letters.splice(start..end, patch.chars());
            letters.into_iter().collect()
        })
    });
}

fn soup<S: Strategy<Value = String>>(cases: u32, texts: impl FnOnce() -> S + Send + 'static) {
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let run = small.spawn(move || {
        let (schema, person) = (schema(), attributes());
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        TestRunner::new_with_rng(config, fixed()).run(&texts(), |text| {
            match Condition::compile(&text, &schema) {
                Ok(condition) => {
                    let again = Condition::compile(&condition.formula().to_string(), &schema);
                    let again = again.map_err(|found| TestCaseError::fail(format!("{found:?}")))?;
                    prop_assert_eq!(again.holds(&person), condition.holds(&person));
                }
                Err(findings) => {
                    prop_assert!(!findings.is_empty());
                    for found in findings {
                        prop_assert!(text.is_char_boundary(found.offset), "{:?}", found);
                    }
                }
            }
            Ok(())
        })
    });

    run.unwrap().join().unwrap().unwrap();
}
