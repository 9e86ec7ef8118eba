//! What has to be so of every text that somebody gives as a condition.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rules::Condition;
use rules::document::AttributeSchema;
use rules::proof::{Answer, Budget, Domain, Prover};

const SCHEMA: &str = r#"{"attributes": {
    "title": {"type": "string"}, "status": {"type": "string", "values": ["ab", "b", "x"]},
    "level": {"type": "integer"}, "hired": {"type": "date"}, "remote": {"type": "boolean"},
    "teams": {"type": "list"}}}"#;

static GIVEN: LazyLock<(AttributeSchema, Prover)> = LazyLock::new(|| {
    let schema: AttributeSchema = serde_json::from_str(SCHEMA).expect("it is a schema");
    // What is fuzzed is whether it is right; how long it may take is for other tests.
    let budget = Budget { conflicts: 500, rounds: 50, ..Budget::default() };
    let prover = Prover::new(Domain::of(&schema), Vec::new(), budget);
    (schema, prover)
});

/// Compiles a text; if it is a condition, asks it everything that can be asked.
pub(crate) fn check(text: &str) {
    let (schema, prover) = &*GIVEN;
    let Ok(condition) = Condition::compile(text, schema) else { return };
    let nobody = BTreeMap::new();
    let unknown = condition.holds(&nobody);
    let printed = condition.formula().to_string();
    let again = Condition::compile(&printed, schema)
        .unwrap_or_else(|found| panic!("{printed} does not compile: {found:?}"));
    assert_eq!(again.holds(&nobody), unknown, "{printed}");

    let answer = prover.never_true(condition.formula());

    match &answer {
        Answer::Proved => assert_ne!(unknown, Some(true), "{text}"),
        Answer::Refuted(witness) if !witness.possible => {
            assert_eq!(condition.holds(&witness.attributes), Some(true), "{text}: {witness}");
            assert_eq!(again.holds(&witness.attributes), Some(true), "{printed}: {witness}");
        }
        Answer::Refuted(witness) => assert!(!witness.assumes.is_empty(), "{text}: {witness}"),
        Answer::Undecided(_) => {}
    }
    let same = prover.equivalent(&[condition.formula()], &[again.formula()]);
    assert!(!matches!(&same, Answer::Refuted(witness) if !witness.possible), "{printed}");
}
