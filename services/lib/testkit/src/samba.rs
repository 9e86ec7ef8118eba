//! A domain controller of an Active Directory that somebody else wrote: Debian's Samba.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::slapd::{Entry, client, search};
use crate::tools::fetched;

/// An empty domain with places for people and groups. Ends when it is dropped.
///
/// Samba serves LDAP on fixed ports. It has a network of its own here, which nobody reaches; it is
/// reached by its socket, for which a port of 127.0.0.1 stands.
#[derive(Debug)]
pub struct Samba {
    url: String,
    folder: TempDir,
    relay: JoinHandle<()>,
    _process: Child,
}

const SCRIPT: &str = include_str!("samba/domain.py");
const ENTER: &str = include_str!("samba/enter.sh");
const ADMINISTRATOR: &str = "CN=Administrator,CN=Users,DC=city,DC=example";
/// Long and mixed enough for a domain's own rules.
const PASSWORD: &str = "Passw0rd!x9";
/// How long it may take to listen.
const STARTING: Duration = Duration::from_secs(60);
/// Where people and groups lie.
const BASE: &str = "\
dn: OU=people,DC=city,DC=example
changetype: add
objectClass: organizationalUnit

dn: OU=groups,DC=city,DC=example
changetype: add
objectClass: organizationalUnit
";

impl Samba {
    /// Starts it; or says why it cannot be had here.
    ///
    /// # Panics
    /// When it cannot be started although this machine can.
    pub async fn start() -> Result<Self, String> {
        let program = fetched("samba").await?;
        let tree = Path::new(&program).ancestors().nth(3).expect("the program lies in a tree");
        check_namespaces().await?;
        let folder = servers::scratch().expect("a scratch folder can be made");
        std::fs::write(folder.path().join("password"), PASSWORD).expect("it can be written");
        provide_domain(tree, folder.path()).await;
        let process = enter(tree, folder.path(), &["serve"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("samba starts");
        let socket = folder.path().join("domain/private/ldapi");
        let listens = async {
            while UnixStream::connect(&socket).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(STARTING, listens).await;
        assert!(waited.is_ok(), "samba does not listen after {STARTING:?}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("the port has a number");
        let relay = tokio::spawn(relay(listener, socket));
        let samba = Self { url: format!("ldap://{address}"), folder, relay, _process: process };
        samba.change(BASE).await;
        Ok(samba)
    }

    /// Where it serves.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The account that the connector signs in with.
    #[must_use]
    pub fn bind_dn(&self) -> &'static str {
        ADMINISTRATOR
    }

    /// Its password.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Below which entry accounts lie.
    #[must_use]
    pub fn accounts_base(&self) -> &'static str {
        "OU=people,DC=city,DC=example"
    }

    /// Below which entry groups lie.
    #[must_use]
    pub fn groups_base(&self) -> &'static str {
        "OU=groups,DC=city,DC=example"
    }

    /// Returns what is found below an entry.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn search(&self, base: &str, filter: &str) -> Vec<Entry> {
        let password = self.folder.path().join("password");
        search((&self.url, ADMINISTRATOR, &password), base, filter).await
    }

    /// Applies changes written as LDIF, as the administrator.
    ///
    /// # Panics
    /// When it refuses them.
    pub async fn change(&self, ldif: &str) {
        let password = self.folder.path().join("password");
        let who = (self.url.as_str(), ADMINISTRATOR, password.as_path());
        let (status, text) = client("ldapmodify", who, &[], ldif).await;
        assert!(status, "ldapmodify: {text}");
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

/// Hands connections on to a socket, each in a task that ends with it.
async fn relay(listener: TcpListener, socket: PathBuf) {
    while let Ok((mut outside, _address)) = listener.accept().await {
        let socket = socket.clone();
        tokio::spawn(async move {
            if let Ok(mut inside) = UnixStream::connect(socket).await
                && let Err(error) = copy_bidirectional(&mut outside, &mut inside).await
            {
                tracing::trace!(%error, "a connection to samba ended");
            }
        });
    }
}

/// A domain is made once for a tree, and copied from then on: making one takes seconds.
async fn provide_domain(tree: &Path, folder: &Path) {
    let mut hasher = DefaultHasher::new();
    (SCRIPT, ENTER, PASSWORD).hash(&mut hasher);
    let mut name = tree.file_name().unwrap_or_default().to_owned();
    name.push(format!("-domain-{:016x}", hasher.finish()));
    let made = tree.with_file_name(name);
    let here = folder.join("domain");
    if made.is_dir() && copy(&made, &here).await.status.success() {
        return;
    }
    let output = enter(tree, folder, &["provision", PASSWORD]).output().await.expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the domain cannot be made: {said}");
    // Who may write into the cache leaves it there for the others; whoever comes second does not.
    if let Some(Ok(beside)) = tree.parent().map(tempfile::tempdir_in) {
        let copied = beside.path().join("domain");
        if copy(&here, &copied).await.status.success()
            && let Err(error) = std::fs::rename(copied, made)
        {
            tracing::debug!(%error, "the next domain takes as long as this one");
        }
    }
}

async fn copy(from: &Path, to: &Path) -> Output {
    let mut command = Command::new("cp");
    command.arg("-R").args([from, to]).output().await.expect("cp starts")
}

async fn check_namespaces() -> Result<(), String> {
    let tried = namespaces().arg("true").output().await;
    let output = tried.map_err(|error| format!("samba needs unshare: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("samba needs namespaces of its own: {}", said.trim()))
}

/// Begins a command in which its user is root, and which ends with all that it started.
fn namespaces() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--net", "--pid"]);
    command.args(["--fork", "--kill-child", "--"]).kill_on_drop(true);
    command
}

/// Runs the script in the tree, with a folder of ours.
fn enter(tree: &Path, folder: &Path, arguments: &[&str]) -> Command {
    std::fs::write(folder.join("domain.py"), SCRIPT).expect("the script can be written");
    let mut command = namespaces();
    command.args(["sh", "-c", ENTER, "enter.sh"]).args([tree, folder]);
    command.args(["/usr/bin/python3.11", "/home/domain.py"]).args(arguments);
    command
}
