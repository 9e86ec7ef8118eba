//! What the fuzzer found worth keeping, and what is nested or huge, is refused or compiled in bounds.

#[path = "corpus/condition.rs"]
mod condition;

use std::fs;
use std::path::Path;

use rules::Release;
use rules::document::load;
use rules::proof::verify;

#[test]
fn every_condition_of_the_corpus_is_refused_or_compiled() {
    for text in corpus("conditions") {
        condition::check(&text);
    }
}

#[test]
fn every_document_of_the_corpus_is_refused_or_compiled() {
    let mut compiled = 0;
    for text in corpus("documents") {
        let release = load("corpus.yaml", &text).and_then(|found| Release::compile(1, found));
        if let Ok(release) = release {
            assert!(verify(&release).undecided.is_empty());
            compiled += 1;
        }
    }
    assert!(compiled > 0);
}

#[test]
fn nested_and_huge_conditions_are_refused() {
    let refused = [
        format!("{}person.remote{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("{}person.remote", "!".repeat(5_000)),
        vec!["person.remote"; 5_000].join(" && "),
        format!("person.level {} == 1", "+ 1 ".repeat(5_000)),
        format!("person.title in [{}]", "[".repeat(5_000)),
    ];
    let schema = serde_json::from_str(
        r#"{"attributes": {"remote": {"type": "boolean"},
        "level": {"type": "integer"}, "title": {"type": "string"}}}"#,
    );
    let schema = schema.unwrap();

    for text in refused {
        assert!(rules::Condition::compile(&text, &schema).is_err(), "{}", &text[..40]);
    }
}

#[test]
fn nested_and_huge_documents_are_refused() {
    let bomb: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect();
    let refused = [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        format!("a0: &a0 [x]\n{bomb}"),
        "---\n".repeat(100_000),
    ];

    for text in refused {
        let found = load("huge.yaml", &text);
        assert!(found.is_err() || found.is_ok_and(|found| found.is_empty()), "{}", &text[..20]);
    }
}

fn corpus(target: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(folder).expect("there is a corpus");
    let mut paths: Vec<_> = files.map(|file| file.expect("it can be read").path()).collect();
    paths.sort();
    assert!(paths.len() > 3);
    paths.into_iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}
