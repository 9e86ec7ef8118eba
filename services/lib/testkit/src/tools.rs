//! Programs of others, fetched by `deploy/tools/fetch.py`.

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// A Python with what tests need of its registry, fetched once into the cache.
///
/// # Panics
/// When it cannot be fetched.
pub async fn python() -> &'static str {
    static PYTHON: OnceCell<String> = OnceCell::const_new();
    PYTHON
        .get_or_init(|| async {
            fetched("python-peers").await.unwrap_or_else(|why| panic!("no Python: {why}"))
        })
        .await
}

/// Where a tool is, fetched once into the cache; or why it cannot be had here.
///
/// # Panics
/// When a tool that is not optional cannot be fetched.
pub(crate) async fn fetched(tool: &str) -> Result<String, String> {
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/tools/fetch.py");
    let output = Command::new("python3").args([fetch, tool]).output().await;
    let output = output.expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let tools: Value = serde_json::from_slice(&output.stdout).expect("it names its tools");
    match tools[tool].as_str() {
        Some(path) => Ok(path.to_owned()),
        None => Err(tools[tool]["skipped"].as_str().unwrap_or("it is not known why").to_owned()),
    }
}
