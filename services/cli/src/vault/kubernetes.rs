//! Secrets of a Kubernetes namespace, through the API server, as the pod's own service account.
//!
//! Paths and verbs are those of <https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/>;
//! writing is a server-side apply, so what others keep in the same Secret stays.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::Files;

/// The name under which this program owns what it writes.
const MANAGER: &str = "tenure-setup";
/// How long one answer of the API server may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of an answer at most; Kubernetes keeps no Secret above 1 MiB.
const ANSWER_MAX: usize = 4 << 20;

/// The Secrets of one namespace whose names begin alike.
pub(crate) struct Cluster {
    client: Client,
    /// `https://host:port/api/v1/namespaces/<namespace>/secrets`.
    secrets: String,
    token: chassis::Secret,
    prefix: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Secret {
    #[serde(default)]
    data: Files,
}

impl Cluster {
    /// Finds the API server as pods do: by `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, and
    /// the files of the service account.
    pub(crate) fn find(
        account: &Path,
        namespace: Option<&str>,
        prefix: String,
    ) -> anyhow::Result<Self> {
        let variable = |name: &str| {
            std::env::var(name).with_context(|| {
                format!("{name} is not set: this runs in a pod, or with --folder elsewhere")
            })
        };
        let (host, port) =
            (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let own = chassis::Secret::read(&account.join("namespace"));
        let namespace = match namespace {
            Some(namespace) => namespace.to_owned(),
            None => own?.expose().to_owned(),
        };
        let authority = account.join("ca.crt");
        let pem =
            std::fs::read(&authority).with_context(|| format!("read {}", authority.display()))?;
        // One TLS implementation per process; it may have one already.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(&pem).context("read the cluster's ca.crt")?])
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("prepare to speak to Kubernetes")?;
        let secrets = format!("https://{host}:{port}/api/v1/namespaces/{namespace}/secrets");
        let token = chassis::Secret::read(&account.join("token"))?;
        Ok(Self { client, secrets, token, prefix })
    }

    pub(super) async fn read(&self, name: &str) -> anyhow::Result<Files> {
        let name = self.name(name);
        let url = format!("{}/{name}", self.secrets);
        let asked = self.client.get(url).bearer_auth(self.token.expose());
        let answer =
            asked.send().await.with_context(|| format!("ask Kubernetes for Secret {name}"))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(Files::new());
        }
        let body = body(answer, &format!("read Secret {name}")).await?;
        let secret: Secret =
            serde_json::from_slice(&body).with_context(|| format!("read Secret {name}"))?;
        secret
            .data
            .into_iter()
            .map(|(file, encoded)| {
                let bytes = STANDARD.decode(encoded).context("no base64")?;
                Ok((file, String::from_utf8(bytes).context("no text")?))
            })
            .collect::<anyhow::Result<Files>>()
            .with_context(|| format!("read Secret {name}"))
    }

    pub(super) async fn write(&self, name: &str, files: &Files) -> anyhow::Result<()> {
        let name = self.name(name);
        let data: Files =
            files.iter().map(|(file, text)| (file.clone(), STANDARD.encode(text))).collect();
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": {
                    "app.kubernetes.io/part-of": "tenure",
                    "app.kubernetes.io/managed-by": MANAGER,
                },
            },
            "type": "Opaque",
            "data": data,
        });
        let applied = self
            .client
            .patch(format!("{}/{name}", self.secrets))
            .query(&[("fieldManager", MANAGER), ("force", "true")])
            .bearer_auth(self.token.expose())
            .header("content-type", "application/apply-patch+yaml")
            // YAML includes JSON.
            .body(secret.to_string());
        let answer =
            applied.send().await.with_context(|| format!("send Secret {name} to Kubernetes"))?;
        body(answer, &format!("write Secret {name}")).await?;
        Ok(())
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }
}

/// Reads an answer; what Kubernetes says of a failure names objects and verbs, no secret.
async fn body(mut answer: reqwest::Response, during: &str) -> anyhow::Result<Vec<u8>> {
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.with_context(|| during.to_owned())? {
        if body.len() + chunk.len() > ANSWER_MAX {
            bail!("{during}: the answer is larger than {ANSWER_MAX} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return Ok(body);
    }
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let why = told["message"].as_str().unwrap_or("no reason given");
    bail!("{during}: Kubernetes answers {status}: {why}")
}
