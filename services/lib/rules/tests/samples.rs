//! The policies of every sample are a release.

use std::fs;
use std::path::Path;

use rules::Release;
use rules::document::load_all;

#[test]
fn every_samples_policies_are_a_release() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/sample");
    let mut found = 0;
    for sample in fs::read_dir(samples).unwrap() {
        let policies = sample.unwrap().path().join("policies");
        if !policies.is_dir() {
            continue;
        }
        let mut files: Vec<_> =
            fs::read_dir(&policies).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts: Vec<_> = files
            .iter()
            .map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap()))
            .collect();
        let documents = load_all(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())));

        let release = Release::compile(1, documents.unwrap()).unwrap();

        assert!(release.policies().len() > 1, "{}", policies.display());
        assert_eq!(rules::proof::problems(&release), [], "{}", policies.display());
        found += 1;
    }
    assert!(found >= 2, "{found} samples");
}
