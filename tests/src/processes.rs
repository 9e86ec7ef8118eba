//! A mesh of processes, started as an operator starts it, and applications in a process of their
//! own: what is measured and what is killed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use cli::client::Mesh;
use proto::catalogue::Service;
use serde_json::Value;

/// The applications that the sample's policies name.
pub const APPLICATIONS: [&str; 3] = ["directory", "records", "field-work"];

/// The bearer token of all of them.
pub const TOKEN: &str = "loopback-only";
const READY_MAX: Duration = Duration::from_secs(30);
/// Resources on one page; the applications' own limit.
const PAGE: usize = 1_000;
/// Calls read at once.
const CALLS: usize = 10_000;

/// Returns a program of the workspace, built beside this one.
///
/// # Errors
/// When it is not there.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    // Tests stand one folder below what they start.
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    match found.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("{name} is not built: run `cargo build --bins`"),
    }
}

/// The sample's applications; dropping this ends them.
#[derive(Debug)]
pub struct Applications {
    child: Child,
    bases: BTreeMap<String, String>,
    token_file: PathBuf,
    client: reqwest::Client,
}

/// A user as an application lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The application's own id.
    pub id: String,
    /// What the person signs in with.
    pub user_name: String,
    /// The id that Tenure gave it.
    pub external_id: String,
}

impl Applications {
    /// Starts them and waits until they answer.
    ///
    /// # Errors
    /// When they do not.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::named(folder, &APPLICATIONS.map(str::to_owned))
    }

    /// Starts applications of these names in one process and waits until they answer.
    ///
    /// # Errors
    /// When they do not.
    pub fn named(folder: &Path, names: &[String]) -> anyhow::Result<Self> {
        let token_file = folder.join("token");
        std::fs::write(&token_file, TOKEN).context("write the token")?;
        let mut command = Command::new(program("sandbox")?);
        for application in names {
            command.args(["--application", application]);
        }
        command.arg("--token-file").arg(&token_file).arg("--until-stdin-closes");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the applications")?;
        let bases = match where_they_are(&mut child) {
            Ok(bases) => bases,
            Err(error) => {
                // It may hang, and nobody else knows of it.
                child.kill().context("end the applications")?;
                child.wait().context("end the applications")?;
                return Err(error);
            }
        };
        // One TLS implementation per process; it may have one already.
        rustls::crypto::ring::default_provider().install_default().ok();
        Ok(Self { child, bases, token_file, client: reqwest::Client::new() })
    }

    /// Where an application's SCIM begins.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn base(&self, application: &str) -> anyhow::Result<&str> {
        let base = self.bases.get(application).map(String::as_str);
        base.with_context(|| format!("there is no application {application}"))
    }

    /// The process that they are.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file with their token.
    #[must_use]
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// Sets the switches that are named and leaves the others as they are.
    ///
    /// # Errors
    /// When the application refuses.
    pub async fn switch(&self, application: &str, switches: &Value) -> anyhow::Result<()> {
        let base = self.base(application)?.trim_end_matches("/scim/v2");
        let request = self.client.post(format!("{base}/sandbox/switches")).bearer_auth(TOKEN);
        let answer = request.json(switches).send().await.context("set switches")?;
        answer.error_for_status().context("set switches").map(drop)
    }

    /// What provisioning is told: where they are, and how to sign in.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let variable = |name: &str, what: &str| {
            format!("TENURE_APP_{}_{what}", name.to_uppercase().replace('-', "_"))
        };
        self.bases
            .iter()
            .flat_map(|(name, base)| {
                [(variable(name, "URL"), base.clone()), (variable(name, "TOKEN"), TOKEN.to_owned())]
            })
            .collect()
    }

    /// The arguments by which the independent calculation finds them.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        let token = self.token_file.display();
        let targets = self.bases.iter();
        targets
            .map(|(name, base)| format!("--application={name}={base},token=file:{token}"))
            .collect()
    }

    /// Returns how often each kind of call was answered with each status.
    ///
    /// # Errors
    /// When the application does not answer.
    pub async fn counters(
        &self,
        application: &str,
    ) -> anyhow::Result<BTreeMap<(String, u64), u64>> {
        let answer = self.control(application, "counters").await?;
        let mut counters = BTreeMap::new();
        for counter in answer["counters"].as_array().into_iter().flatten() {
            let kind = format!("{} {}", text(counter, "method"), text(counter, "template"));
            let status = counter["status"].as_u64().unwrap_or_default();
            *counters.entry((kind, status)).or_default() +=
                counter["count"].as_u64().unwrap_or_default();
        }
        Ok(counters)
    }

    /// Returns the remembered calls after a number, oldest first.
    ///
    /// # Errors
    /// When the application does not answer.
    pub async fn calls(&self, application: &str, after: u64) -> anyhow::Result<Vec<Value>> {
        let mut calls: Vec<Value> = Vec::new();
        loop {
            let last = calls.last().and_then(|call| call["number"].as_u64()).unwrap_or(after);
            let what = format!("calls?after={last}&limit={CALLS}");
            let mut answer = self.control(application, &what).await?;
            let Some(more) = answer["calls"].as_array_mut() else { bail!("no calls are told") };
            if more.is_empty() {
                return Ok(calls);
            }
            calls.append(more);
        }
    }

    /// Returns every user of an application.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn accounts(&self, application: &str) -> anyhow::Result<Vec<Account>> {
        let mut accounts = Vec::new();
        loop {
            let start = accounts.len() + 1;
            let path = format!(
                "{}/Users?startIndex={start}&count={PAGE}&attributes=id,userName,externalId",
                self.base(application)?
            );
            let answer = self.get(&path).await?;
            let found = answer["Resources"].as_array().map(Vec::as_slice).unwrap_or_default();
            accounts.extend(found.iter().map(|user| Account {
                id: text(user, "id"),
                user_name: text(user, "userName"),
                external_id: text(user, "externalId"),
            }));
            let total = answer["totalResults"].as_u64().unwrap_or_default();
            if found.is_empty() || u64::try_from(accounts.len())? >= total {
                return Ok(accounts);
            }
        }
    }

    async fn control(&self, application: &str, what: &str) -> anyhow::Result<Value> {
        let base = self.base(application)?.trim_end_matches("/scim/v2");
        self.get(&format!("{base}/sandbox/{what}")).await
    }

    async fn get(&self, url: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(url).bearer_auth(TOKEN).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).context("ask it")?;
        answer.json().await.context("read its answer")
    }
}

/// Waits for the line that applications print once they answer: where each of them begins.
fn where_they_are(child: &mut Child) -> anyhow::Result<BTreeMap<String, String>> {
    let output = child.stdout.take().context("the applications have no output")?;
    let (told, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Whoever has waited too long hears nothing of it.
        told.send(read.map(|_bytes| line)).ok();
    });
    let line = wait.recv_timeout(READY_MAX).context("the applications do not become ready")?;
    let line = line.context("read where the applications are")?;
    serde_json::from_str(&line).context("the applications ended before they were ready")
}

impl Drop for Applications {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends with its input; a status that nobody can read changes nothing.
        self.child.wait().ok();
    }
}

/// A mesh under its launcher; dropping this stops it.
#[derive(Debug)]
pub struct Tenure {
    state: PathBuf,
    up: bool,
}

impl Tenure {
    /// Starts a mesh in a folder and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn up(folder: &Path, environment: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let tenure = Self { state: folder.join("state"), up: true };
        let mut command = tenure.command(&["up", "--detach"])?;
        command.env_remove("TENURE_NATS_URL").env_remove("TENURE_DATABASE_URL").envs(environment);
        let status = command.stdout(Stdio::null()).status().context("start tenure")?;
        if !status.success() {
            bail!("tenure up ended with {status}");
        }
        Ok(tenure)
    }

    /// Returns what runs where; services that are just being started may be missing.
    ///
    /// # Errors
    /// When no mesh runs.
    pub fn status(&self) -> anyhow::Result<Value> {
        let output = self.command(&["status", "--output", "json"])?.output()?;
        serde_json::from_slice(&output.stdout).context("read the status")
    }

    /// The folder that everything is in.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The services, as operators reach them.
    ///
    /// # Errors
    /// When no mesh runs.
    pub fn mesh(&self) -> anyhow::Result<Mesh> {
        let status = self.status()?;
        let mut urls: BTreeMap<Service, String> = BTreeMap::new();
        for entry in status["services"].as_array().into_iter().flatten() {
            let service = Service::from_name(&text(entry, "name")).context("an unknown service")?;
            urls.insert(service, format!("http://{}", text(entry, "grpc")));
        }
        let token = chassis::Secret::read(&self.state.join("secrets/operators/token"))?;
        Mesh::at(&urls, Some(&token))
    }

    /// Every process of a status by its name.
    #[must_use]
    pub fn pids(status: &Value) -> BTreeMap<String, u32> {
        let services = status["services"].as_array().into_iter().flatten();
        let services = services.map(|entry| (text(entry, "name"), &entry["pid"]));
        let servers = [("nats-server", "nats"), ("postgresql", "postgres")]
            .map(|(name, key)| (name.to_owned(), &status[key]["pid"]));
        services
            .chain(servers)
            .filter_map(|(name, pid)| Some((name, u32::try_from(pid.as_u64()?).ok()?)))
            .collect()
    }

    /// Stops the mesh in order.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn down(mut self) -> anyhow::Result<()> {
        self.up = false;
        let status = self.command(&["down"])?.stdout(Stdio::null()).status()?;
        if !status.success() {
            bail!("tenure down ended with {status}");
        }
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program("tenure")?);
        command.args(arguments).arg("--state").arg(&self.state);
        Ok(command)
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        if !self.up {
            return;
        }
        if let Ok(mut command) = self.command(&["down"]) {
            // A test that fails stops its mesh and tells of its own failure only.
            command.stdout(Stdio::null()).status().ok();
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
