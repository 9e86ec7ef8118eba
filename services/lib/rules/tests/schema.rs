//! The JSON Schema that is published says what documents look like.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, Schemas};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// Tells what is wrong with each of the documents in a YAML text.
fn problems(text: &str) -> Vec<String> {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("policy.json", rules::document::json_schema()).expect("a resource");
    let index = compiler.compile("policy.json", &mut schemas).expect("a schema");
    let mut bytes = text.as_bytes();
    let documents: Vec<Value> =
        serde_saphyr::read(&mut bytes).collect::<Result<_, _>>().expect("YAML");
    assert!(!documents.is_empty());
    documents
        .iter()
        .filter_map(|document| schemas.validate(document, index).err())
        .map(|error| error.to_string())
        .collect()
}

#[test]
fn the_published_schema_is_the_one_of_this_code() {
    let published = fs::read_to_string(root().join("docs/policy.schema.json")).unwrap();
    let published: Value = serde_json::from_str(&published).unwrap();

    assert_eq!(published, rules::document::json_schema(), "run `cargo xtask gen`");
}

#[test]
fn every_sample_fits_the_schema() {
    let mut files = 0;
    for sample in fs::read_dir(root().join("deploy/sample")).unwrap() {
        let policies = sample.unwrap().path().join("policies");
        for file in fs::read_dir(policies).into_iter().flatten() {
            let file = file.unwrap().path();
            let found = problems(&fs::read_to_string(&file).unwrap());
            assert_eq!(found, [""; 0], "{}", file.display());
            files += 1;
        }
    }
    assert!(files >= 4, "{files} files");
}

#[test]
fn a_slip_does_not_fit_the_schema() {
    let policy = |rest: &str| {
        format!(
            "apiVersion: tenure.dev/v1\nkind: AccessPolicy\nmetadata: {{name: a}}\n\
             spec: {{condition: 'true', grants: [{{bundle: b{rest}}}]}}\n"
        )
    };

    assert_eq!(problems(&policy("")).len(), 0);
    assert_eq!(problems(&policy(", start: {anchor: start_date, offset: -P5D}")).len(), 0);
    assert_eq!(problems(&policy(", mode: birthrite")).len(), 1);
    assert_eq!(problems(&policy(", begin: {anchor: start_date}")).len(), 1);
    assert_eq!(problems(&policy(", start: {anchor: end_date}")).len(), 1);
    assert_eq!(problems(&policy("").replace("AccessPolicy", "Policy")).len(), 1);
}
