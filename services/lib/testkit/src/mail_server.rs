use std::path::PathBuf;
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A mail server that somebody else wrote: `aiosmtpd` of the Python registry. It takes messages for
/// anybody and sends none on. Ends when it is dropped.
#[derive(Debug)]
pub struct MailServer {
    port: u16,
    folder: TempDir,
    process: Child,
}

/// A message that the server has taken over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Mail {
    /// Who wrote it, as the envelope says.
    pub from: String,
    /// Whom it is for, as the envelope says.
    pub to: Vec<String>,
    /// Its Message-ID.
    pub message_id: String,
    /// Its subject, decoded.
    pub subject: String,
    /// The names of its headers, in lower case.
    pub headers: Vec<String>,
    /// Its plain body.
    pub text: String,
    /// Its HTML body.
    pub html: String,
}

/// How a mail server misbehaves; each number counts messages.
#[derive(Debug, Clone, Default, Serialize)]
pub struct MailTrouble {
    /// Answered 451.
    pub later: u32,
    /// Addresses answered 550.
    pub refuse: Vec<String>,
    /// Not taken, and the connection drops without an answer.
    pub lose: u32,
    /// Taken, and the connection drops without an answer.
    pub drop_before: u32,
    /// Taken and answered, and the connection drops.
    pub drop_after: u32,
}

impl MailServer {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be fetched or started.
    pub async fn start() -> Self {
        let folder = servers::scratch().expect("a scratch folder can be made");
        let messages = folder.path().join("messages");
        let switches = folder.path().join("switches");
        std::fs::write(&messages, "").expect("the messages' file can be made");
        std::fs::write(&switches, "{}").expect("the switches can be written");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail_server.py");
        let mut process = Command::new(crate::tools::python().await)
            .arg("-B")
            .arg(script)
            .args([&messages, &switches])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("aiosmtpd starts");
        let output = process.stdout.take().expect("its output is piped");
        let line = BufReader::new(output).lines().next_line().await;
        let line = line.expect("its output can be read").expect("it says where it listens");
        Self { port: line.parse().expect("it says a port"), folder, process }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes it misbehave from the next message on.
    ///
    /// # Panics
    /// When the switches cannot be written.
    pub fn trouble(&self, trouble: &MailTrouble) {
        let text = serde_json::to_string(trouble).expect("switches are JSON");
        let partial = self.path("partial");
        std::fs::write(&partial, text).expect("the switches can be written");
        // It reads the old switches or the new ones, never half of them.
        std::fs::rename(partial, self.path("switches")).expect("the switches can be written");
    }

    /// Returns every message it has taken over, in order.
    ///
    /// # Panics
    /// When what it wrote cannot be read.
    #[must_use]
    pub fn received(&self) -> Vec<Mail> {
        let text = std::fs::read_to_string(self.path("messages")).expect("messages can be read");
        text.lines().map(|line| serde_json::from_str(line).expect("a message is JSON")).collect()
    }

    /// Ends it, so that connections are refused.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) {
        self.process.kill().await.expect("aiosmtpd ends");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
