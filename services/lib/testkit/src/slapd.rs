//! A directory that somebody else wrote: Debian's `slapd`, with a private folder of its own.

mod ldif;
mod settings;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use settings::{ADMINISTRATOR, ADMINISTRATOR_PASSWORD, BASE, config};

use crate::tools::fetched;

pub use ldif::Entry;

/// OpenLDAP's server with people, groups, a policy for passwords, and a service account. Ends when it is dropped.
///
/// What it holds is read and changed with OpenLDAP's own clients, which share no code with ours.
#[derive(Debug)]
pub struct Slapd {
    ports: Ports,
    folder: TempDir,
    process: Option<Child>,
}

/// Where it listens: in the clear, where a connection can be secured, and secured from the start.
#[derive(Debug, Clone, Copy)]
struct Ports {
    plain: u16,
    secure: u16,
}

/// The server takes a port by number, and somebody else may take it first.
const PORTS_TRIED: usize = 5;
/// How long it may take to listen.
const STARTING: Duration = Duration::from_secs(30);
/// The password of the service account.
const PASSWORD: &str = "s3cret";

impl Slapd {
    /// Starts an empty directory.
    ///
    /// # Panics
    /// When it cannot be fetched or started.
    pub async fn start() -> Self {
        Self::start_with(false).await
    }

    /// Starts an empty directory with a certificate of its own.
    ///
    /// # Panics
    /// When it cannot be fetched or started.
    pub async fn secured() -> Self {
        Self::start_with(true).await
    }

    async fn start_with(secured: bool) -> Self {
        let folder = servers::scratch().expect("a scratch folder can be made");
        let path = folder.path();
        std::fs::create_dir(path.join("data")).expect("a folder for its data can be made");
        std::fs::write(path.join("password"), PASSWORD).expect("the password can be written");
        std::fs::write(path.join("admin"), ADMINISTRATOR_PASSWORD).expect("so can the other");
        if secured {
            certify(path).await;
        }
        let config = config(tree().await, path, secured);
        std::fs::write(path.join("slapd.conf"), config).expect("its settings can be written");
        for _attempt in 0..PORTS_TRIED {
            let ports = Ports { plain: free_port(), secure: free_port() };
            if let Some(process) = launch(path, ports).await {
                let slapd = Self { ports, folder, process: Some(process) };
                slapd.change(BASE).await;
                return slapd;
            }
        }
        panic!("slapd ended before it listened, on {PORTS_TRIED} ports");
    }

    /// Where it serves.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.ports.plain)
    }

    /// Where it serves over TLS, if it has a certificate.
    #[must_use]
    pub fn secure_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.ports.secure)
    }

    /// Its certificate, if it has one.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The account that the connector signs in with: it may write people and groups, and nothing else.
    #[must_use]
    pub fn bind_dn(&self) -> &'static str {
        "cn=tenure,ou=services,dc=city,dc=example"
    }

    /// Its password.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A reference to a file that holds the password, as policy documents name secrets.
    #[must_use]
    pub fn password_reference(&self) -> String {
        format!("file:{}", self.folder.path().join("password").display())
    }

    /// Below which entry accounts lie.
    #[must_use]
    pub fn accounts_base(&self) -> &'static str {
        "ou=people,dc=city,dc=example"
    }

    /// Below which entry groups lie.
    #[must_use]
    pub fn groups_base(&self) -> &'static str {
        "ou=groups,dc=city,dc=example"
    }

    /// Kills it without warning.
    ///
    /// # Panics
    /// When it is not running.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await.expect("it can be killed");
    }

    /// Starts it again where it was, with what it held.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn restart(&mut self) {
        let process = launch(self.folder.path(), self.ports).await;
        self.process = Some(process.expect("slapd starts again"));
    }

    /// Returns what is found below an entry, operational attributes included.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn search(&self, base: &str, filter: &str) -> Vec<Entry> {
        let password = self.folder.path().join("admin");
        search((&self.url(), ADMINISTRATOR, &password), base, filter).await
    }

    /// Returns every account.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn accounts(&self) -> Vec<Entry> {
        self.search(self.accounts_base(), "(objectClass=inetOrgPerson)").await
    }

    /// Returns the only account of that login.
    ///
    /// # Panics
    /// When there is none, or another one.
    pub async fn account(&self, login: &str) -> Entry {
        let mut found = self.search(self.accounts_base(), &format!("(uid={login})")).await;
        assert_eq!(found.len(), 1, "accounts of that login");
        found.remove(0)
    }

    /// Returns the logins of those members of a group that are accounts, in order.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let found = self.search(self.groups_base(), &format!("(cn={group})")).await;
        let members = found.iter().flat_map(|group| group.all("member"));
        let mut logins: Vec<String> = members
            .filter_map(|dn| Some(dn.strip_prefix("uid=")?.split(',').next()?.to_owned()))
            .collect();
        logins.sort();
        logins
    }

    /// Applies changes written as LDIF, as the administrator.
    ///
    /// # Panics
    /// When it refuses them.
    pub async fn change(&self, ldif: &str) {
        let (status, text) = self.client("ldapmodify", &[], ldif).await;
        assert!(status, "ldapmodify: {text}");
    }

    /// Gives an account a password.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn set_password(&self, dn: &str, password: &str) {
        let change = format!(
            "dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: {password}\n"
        );
        self.change(&change).await;
    }

    /// Whether somebody can sign in.
    ///
    /// # Panics
    /// When no client can be started.
    pub async fn can_sign_in(&self, dn: &str, password: &str) -> bool {
        let file = self.folder.path().join("somebody");
        std::fs::write(&file, password).expect("the password can be written");
        let url = self.url();
        let mut command = program("ldapwhoami").await;
        command.args(["-x", "-H", &url, "-D", dn, "-y"]).arg(file);
        command.output().await.expect("ldapwhoami starts").status.success()
    }

    async fn client(&self, name: &str, arguments: &[&str], input: &str) -> (bool, String) {
        let password = self.folder.path().join("admin");
        client(name, (&self.url(), ADMINISTRATOR, &password), arguments, input).await
    }
}

/// Runs a client of OpenLDAP for somebody who is named with a file that holds the password; returns
/// whether it succeeded, and what it wrote.
pub(crate) async fn client(
    name: &str,
    (url, dn, password): (&str, &str, &Path),
    arguments: &[&str],
    input: &str,
) -> (bool, String) {
    let mut child = program(name)
        .await
        .args(["-x", "-H", url, "-D", dn, "-y"])
        .arg(password)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a client of OpenLDAP starts");
    let mut stdin = child.stdin.take().expect("its input is piped");
    stdin.write_all(input.as_bytes()).await.expect("it reads its input");
    drop(stdin);
    let output = child.wait_with_output().await.expect("its output can be read");
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Returns what somebody finds below an entry, operational attributes included.
pub(crate) async fn search(who: (&str, &str, &Path), base: &str, filter: &str) -> Vec<Entry> {
    let arguments = ["-LLL", "-o", "ldif-wrap=no", "-b", base, filter, "*", "+"];
    let (status, text) = client("ldapsearch", who, &arguments, "").await;
    assert!(status, "ldapsearch: {text}");
    ldif::read(&text)
}

/// Starts the server; `None` when it ended before it listened.
async fn launch(folder: &Path, ports: Ports) -> Option<Child> {
    let mut process = Command::new(tree().await.join("usr/sbin/slapd"))
        .env("LD_LIBRARY_PATH", libraries(tree().await))
        .arg("-f")
        .arg(folder.join("slapd.conf"))
        .args(["-h", &listening(folder, ports), "-d", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("slapd starts");
    let listens = async {
        while TcpStream::connect(("127.0.0.1", ports.plain)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ended = process.wait() => None,
        () = listens => Some(process),
        () = tokio::time::sleep(STARTING) => panic!("slapd does not listen after {STARTING:?}"),
    }
}

fn listening(folder: &Path, ports: Ports) -> String {
    let plain = format!("ldap://127.0.0.1:{}", ports.plain);
    if folder.join("certificate.pem").exists() {
        return format!("{plain} ldaps://127.0.0.1:{}", ports.secure);
    }
    plain
}

/// Makes a key and a certificate for loopback.
async fn certify(folder: &Path) {
    let template = folder.join("template");
    let content = "cn = directory\nip_address = 127.0.0.1\nexpiration_days = 1\ntls_www_server\n";
    std::fs::write(&template, content).expect("the template can be written");
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let mut make_key = program("certtool").await;
    make_key.args(["--generate-privkey", "--key-type", "ecdsa", "--outfile"]).arg(&key);
    let mut sign = program("certtool").await;
    sign.args(["--generate-self-signed", "--load-privkey"]).arg(&key);
    sign.arg("--template").arg(template).arg("--outfile").arg(certificate);
    for command in [&mut make_key, &mut sign] {
        let output = command.output().await.expect("certtool starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A program of the tree.
async fn program(name: &str) -> Command {
    let mut command = Command::new(tree().await.join("usr/bin").join(name));
    command.env("LD_LIBRARY_PATH", libraries(tree().await)).kill_on_drop(true);
    command
}

fn libraries(tree: &Path) -> String {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders = ["usr/lib", "lib"].map(|part| tree.join(part).join(&triplet));
    let [one, other] = folders.map(|folder| folder.display().to_string());
    format!("{one}:{other}:{}", tree.join("lib").display())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is free")
        .port()
}

/// The tree that slapd was unpacked into, fetched once into the cache.
async fn tree() -> &'static Path {
    static TREE: OnceCell<PathBuf> = OnceCell::const_new();
    TREE.get_or_init(|| async {
        let program = fetched("slapd").await.unwrap_or_else(|why| panic!("no slapd here: {why}"));
        let tree = Path::new(&program).ancestors().nth(3);
        tree.expect("the program lies in a tree").to_owned()
    })
    .await
}
