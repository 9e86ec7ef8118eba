//! The sandbox applications beside a demonstration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::stage::Names;
use crate::http;
use crate::launcher::{Options, Process, Spawner, Stdin};
use crate::vault::write_private;

pub(super) const READY_MAX: Duration = Duration::from_secs(30);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// Applications in one process of their own; dropping this ends them.
#[derive(Debug)]
pub(crate) struct Applications {
    process: Process,
}

/// Where the applications are, and how to sign in.
#[derive(Clone)]
pub(crate) struct Sites {
    urls: BTreeMap<String, String>,
    token: String,
    token_file: PathBuf,
}

impl std::fmt::Debug for Sites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sites").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl Applications {
    /// Starts them and waits until they answer.
    pub(crate) async fn start(
        options: &Options,
        place: &Path,
        names: &Names<'_>,
    ) -> anyhow::Result<(Self, Sites)> {
        let (token_file, ports_file) = (place.join("token"), place.join("applications.json"));
        let token: String =
            rand::random::<[u8; 24]>().iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&token_file, &token)?;
        let mut arguments = vec!["--until-stdin-closes".to_owned()];
        for name in names.applications {
            arguments.extend(["--application".to_owned(), (*name).to_owned()]);
        }
        if let Some(name) = names.directory {
            arguments.extend(["--directory".to_owned(), name.to_owned()]);
        }
        for (option, path) in [("--token-file", &token_file), ("--ports-file", &ports_file)] {
            arguments.extend([option.to_owned(), path.display().to_string()]);
        }
        let mut process = Process::spawn(
            &Spawner::find().await,
            &options.program("sandbox")?,
            &arguments,
            &BTreeMap::new(),
            Stdin::Open,
            place.join("sandbox.log"),
        )?;
        let urls = tokio::select! {
            how = process.ended() => bail!("the applications ended at once: {how}"),
            urls = timeout(READY_MAX, urls(&ports_file)) => {
                urls.context("the applications do not become ready")?
            }
        };
        Ok((Self { process }, Sites { urls, token, token_file }))
    }

    /// Waits for their end and tells how it came.
    pub(crate) async fn ended(&mut self) -> String {
        self.process.ended().await
    }

    pub(crate) async fn stop(mut self) {
        self.process.stop(GRACE).await;
    }
}

impl Sites {
    /// What provisioning is told: where they are, and how to sign in.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        self.urls
            .iter()
            .flat_map(|(name, url)| {
                [
                    (variable(name, "URL"), url.clone()),
                    (variable(name, "TOKEN"), self.token.clone()),
                ]
            })
            .collect()
    }

    /// Where each is and where the token is, as the verifying script wants it.
    pub(crate) fn targets(&self) -> impl Iterator<Item = String> {
        let token = self.token_file.display();
        self.urls.iter().map(move |(name, url)| format!("{name}={url},token=file:{token}"))
    }

    /// Returns how many calls were meant to change something.
    pub(crate) async fn writes(&self) -> anyhow::Result<u64> {
        let mut writes = 0;
        // A directory keeps no count.
        for url in self.urls.values().filter(|url| url.starts_with("http://")) {
            let answer = http::get(address(url)?, "/sandbox/counters", Some(&self.token)).await?;
            anyhow::ensure!(answer.status == 200, "an application answered {}", answer.status);
            writes += count_writes(&answer.body)?;
        }
        Ok(writes)
    }
}

async fn urls(ports_file: &Path) -> BTreeMap<String, String> {
    loop {
        if let Ok(text) = std::fs::read(ports_file)
            && let Ok(urls) = serde_json::from_slice(&text)
        {
            return urls;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// `TENURE_APP_FIELD_WORK_URL`, as the sample's documents name it.
fn variable(application: &str, what: &str) -> String {
    format!("TENURE_APP_{}_{what}", application.to_uppercase().replace('-', "_"))
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let rest = url.strip_prefix("http://").context("an application has no plain address")?;
    let authority = rest.split_once('/').map_or(rest, |(authority, _path)| authority);
    authority.parse().context("an application has no plain address")
}

fn count_writes(body: &str) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Counters {
        counters: Vec<Counter>,
    }
    #[derive(Deserialize)]
    struct Counter {
        method: String,
        count: u64,
    }
    let read: Counters = serde_json::from_str(body).context("read an application's counters")?;
    let writes = read.counters.into_iter().filter(|counter| counter.method != "GET");
    Ok(writes.map(|counter| counter.count).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_not_writing() {
        let body = r#"{"total": 6, "users": 1, "counters": [
            {"method": "GET", "template": "/Users", "status": 200, "count": 3},
            {"method": "POST", "template": "/Users", "status": 201, "count": 1},
            {"method": "PATCH", "template": "/Groups/{id}", "status": 204, "count": 2}]}"#;

        assert_eq!(count_writes(body).unwrap(), 3);
    }

    #[test]
    fn an_application_is_found_by_its_variables() {
        assert_eq!(variable("field-work", "URL"), "TENURE_APP_FIELD_WORK_URL");
        assert_eq!(address("http://127.0.0.1:81/scim/v2").unwrap().port(), 81);
    }
}
