use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use proto::catalogue::Service;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What every service is told, and below `service` what is its own.
///
/// Read from the file named by `TENURE_<SERVICE>_CONFIG` (TOML), overridden by the environment:
/// `TENURE_<SERVICE>__DATABASE__URL`. What is the service's own may stand at the top there:
/// `TENURE_<SERVICE>__SMTP__HOST` is `service.smtp.host`. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings<C> {
    /// The broker.
    pub nats: NatsSettings,
    /// The service's own database.
    pub database: DatabaseSettings,
    /// Where requests are served.
    pub grpc: GrpcSettings,
    /// Where health and metrics are served.
    pub admin: AdminSettings,
    /// Where to write the addresses that were bound, as JSON; for launchers that let the system
    /// pick ports.
    pub address_file: Option<PathBuf>,
    /// One JSON object per log line, for log collectors.
    pub log_json: bool,
    /// What only this service is told.
    pub service: C,
}

impl<C> Settings<C> {
    /// Takes what is the service's own apart from what every service is told.
    pub(crate) fn split(self) -> (C, Settings<()>) {
        let Self { nats, database, grpc, admin, address_file, log_json, service } = self;
        (service, Settings { nats, database, grpc, admin, address_file, log_json, service: () })
    }
}

/// The broker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsSettings {
    /// `nats://host:port`; a `tls://` URL asks for TLS.
    pub url: String,
    /// The file with the service's credentials (`nats.creds`); read at every connection, so that it may
    /// be replaced at any time before they end.
    pub credentials_file: Option<PathBuf>,
    /// The file with certificates of authorities that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self { url: "nats://127.0.0.1:4222".to_owned(), credentials_file: None, ca_file: None }
    }
}

/// The service's own database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `postgres://role@host:port/database`.
    pub url: String,
    /// The file that holds the role's password.
    pub password_file: Option<PathBuf>,
    /// Connections at most.
    pub connections_max: u32,
    /// Whether to bring the schema up to date at the start, with the same role. Otherwise the service
    /// waits until somebody has, by its own `migrate` command and another role.
    pub migrate: bool,
    /// Raised only when the service's whole state is published again.
    pub epoch: i64,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: "postgres://127.0.0.1:5432".to_owned(),
            password_file: None,
            connections_max: 16,
            migrate: true,
            epoch: 1,
        }
    }
}

/// Where requests are served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcSettings {
    /// Address to bind; port 0 lets the system pick. Loopback, unless there is a token.
    pub address: SocketAddr,
    /// The file with the token that whoever asks must send.
    pub token_file: Option<PathBuf>,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), token_file: None }
    }
}

impl GrpcSettings {
    /// Reads the token.
    ///
    /// # Errors
    /// When the file cannot be read or is empty, or when others could ask without one.
    pub(crate) fn token(&self) -> anyhow::Result<Option<Secret>> {
        let token = self.token_file.as_deref().map(Secret::read).transpose()?;
        if token.as_ref().is_some_and(|token| token.expose().is_empty()) {
            bail!("the file of grpc.token_file is empty");
        }
        if token.is_none() && !self.address.ip().is_loopback() {
            bail!(
                "grpc.address {} can be reached from elsewhere: name a grpc.token_file, or listen on \
                 127.0.0.1",
                self.address
            );
        }
        Ok(token)
    }
}

/// Where health and metrics are served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminSettings {
    /// Address to bind; port 0 lets the system pick.
    pub address: SocketAddr,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }
}

/// A text that nothing prints.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Reads a file; a line end at its end does not count.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("read the secret in {}", path.display()))?;
        Ok(Self(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The text itself; for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Reads a service's settings: defaults, then the file, then the environment.
///
/// # Errors
/// Names every problem at once.
pub fn load<C>(service: Service) -> anyhow::Result<Settings<C>>
where
    C: DeserializeOwned + Serialize + Default,
{
    let name = service.database().to_uppercase();
    let defaults = Serialized::defaults(Settings::<C>::default());
    let mut figment = Figment::from(defaults);
    let shared = shared_keys(&figment)?;
    if let Ok(path) = std::env::var(format!("TENURE_{name}_CONFIG")) {
        figment = figment.merge(Toml::file_exact(path));
    }
    let prefix = format!("TENURE_{name}__");
    let own = Env::prefixed(&prefix).map(move |key| {
        let first = key.as_str().split("__").next().unwrap_or_default();
        let is_shared = shared.iter().any(|shared| shared.eq_ignore_ascii_case(first));
        if is_shared { key.into() } else { format!("service__{key}").into() }
    });
    figment = figment.merge(own.split("__"));
    figment.extract().or_else(|errors| {
        let problems: Vec<String> = errors.into_iter().map(|error| error.to_string()).collect();
        bail!("the settings of {service} are not usable:\n  {}", problems.join("\n  "))
    })
}

/// The keys that every service has.
fn shared_keys(figment: &Figment) -> anyhow::Result<Vec<String>> {
    let defaults = figment.extract::<figment::value::Dict>().context("read the defaults")?;
    Ok(defaults.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_from_elsewhere_need_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = |text: &str| {
            let path = folder.path().join("token");
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let at = |address: &str, token_file| GrpcSettings {
            address: address.parse().unwrap(),
            token_file,
        };

        assert!(at("127.0.0.1:9090", None).token().unwrap().is_none());
        let refused = at("0.0.0.0:9090", None).token().unwrap_err().to_string();
        assert!(refused.contains("grpc.token_file"), "{refused}");
        assert!(at("0.0.0.0:9090", file("\n")).token().is_err(), "an empty token is none");
        let token = at("[::]:9090", file("abc\n")).token().unwrap().unwrap();
        assert_eq!(token.expose(), "abc");
    }
}
