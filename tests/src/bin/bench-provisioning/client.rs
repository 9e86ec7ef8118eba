//! A client that does nothing but ask.

use anyhow::Context as _;
use mesh_tests::processes;
use serde_json::Value;

/// A bare client of the applications.
#[derive(Debug, Clone)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new() -> anyhow::Result<Self> {
        // One TLS implementation per process; the applications' starter has it installed already.
        rustls::crypto::ring::default_provider().install_default().ok();
        Ok(Self(reqwest::Client::builder().build()?))
    }

    /// Asks, and returns the status and the whole answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        body: Option<String>,
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut request = self.0.request(method.parse()?, url).bearer_auth(processes::TOKEN);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body);
        }
        let answer = request.send().await.context("ask an application")?;
        let status = answer.status().as_u16();
        Ok((status, answer.bytes().await.context("read an answer")?.into()))
    }

    /// Makes an account usable or not, and reads that back.
    pub(crate) async fn set_active(&self, url: &str, active: bool) -> anyhow::Result<()> {
        let patch = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": active }],
        });
        let (status, _answer) = self.send("PATCH", url, Some(patch.to_string())).await?;
        anyhow::ensure!(status == 200, "a change was answered {status}");
        let (_status, answer) = self.send("GET", url, None).await?;
        let account: Value = serde_json::from_slice(&answer)?;
        anyhow::ensure!(account["active"] == active, "a change was not kept");
        Ok(())
    }
}
