//! The mail server beside a demonstration, and what it was given to deliver.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::applications::{GRACE, LOOK_EVERY, READY_MAX};
use crate::arguments::Demo;
use crate::client::Mesh;
use crate::launcher::{Process, Spawner, Stdin};

/// Nothing is pending for longer, unless it cannot be sent.
const SENT_MAX: Duration = Duration::from_secs(600);

/// A mail server in a process of its own.
#[derive(Debug)]
pub(crate) struct MailServer {
    process: Process,
}

/// Everything the mail server took.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    messages: PathBuf,
    port: u16,
}

/// A message, as much of it as is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    #[serde(skip_serializing)]
    message_id: String,
}

impl MailServer {
    /// Starts it and waits until it listens.
    pub(crate) async fn start(demo: &Demo, place: &Path) -> anyhow::Result<(Self, Mailbox)> {
        let (messages, switches) = (place.join("messages"), place.join("switches"));
        let log = place.join("mail.log");
        for (path, content) in [(&messages, ""), (&switches, "{}"), (&log, "")] {
            std::fs::write(path, content).with_context(|| format!("write {}", path.display()))?;
        }
        let files = [&demo.mail_server, &messages, &switches];
        let mut arguments = vec!["-B".to_owned()];
        arguments.extend(files.map(|path| path.display().to_string()));
        let mut process = Process::spawn(
            &Spawner::find().await,
            &demo.python,
            &arguments,
            &BTreeMap::new(),
            Stdin::Nothing,
            log.clone(),
        )?;
        let port = tokio::select! {
            how = process.ended() => bail!("the mail server ended at once: {how}"),
            port = timeout(READY_MAX, port(&log)) => {
                port.context("the mail server does not become ready")?
            }
        };
        Ok((Self { process }, Mailbox { messages, port }))
    }

    /// Waits for its end and tells how it came.
    pub(crate) async fn ended(&mut self) -> String {
        self.process.ended().await
    }

    pub(crate) async fn stop(mut self) {
        self.process.stop(GRACE).await;
    }
}

impl Mailbox {
    /// What notification is told.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let told = [
            ("SMTP__HOST", "127.0.0.1".to_owned()),
            ("SMTP__PORT", self.port.to_string()),
            ("SMTP__TLS", "none".to_owned()),
            ("SMTP__FROM", "Tenure <tenure@demo.example>".to_owned()),
            ("GATHER_SECONDS", "2".to_owned()),
        ];
        let told = told.into_iter();
        told.map(|(name, value)| (format!("TENURE_NOTIFICATION__{name}"), value)).collect()
    }

    /// Returns every message, once each, in the order in which they came.
    pub(crate) fn received(&self) -> anyhow::Result<Vec<Mail>> {
        let text = std::fs::read_to_string(&self.messages).context("read the messages")?;
        read(&text)
    }
}

/// Returns how many notices were sent since the mesh began, once none is pending.
pub(crate) async fn notices(mesh: &Mesh) -> anyhow::Result<u64> {
    let sent = async {
        loop {
            let request = proto::notification::v1::GetProgressRequest {};
            let progress = mesh.notification()?.get_progress(request).await?.into_inner();
            if progress.pending == 0 {
                return anyhow::Ok(progress.sent);
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(SENT_MAX, sent).await.context("notices stay pending; notification's log says why")?
}

fn read(text: &str) -> anyhow::Result<Vec<Mail>> {
    let mut received: Vec<Mail> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines() {
        let mail: Mail = serde_json::from_str(line).context("read a message")?;
        if seen.insert(mail.message_id.clone()) {
            received.push(mail);
        }
    }
    Ok(received)
}

/// It says its port on the first line.
async fn port(log: &Path) -> u16 {
    loop {
        if let Ok(text) = std::fs::read_to_string(log)
            && let Some(port) = text.lines().find_map(|line| line.parse().ok())
            && text.ends_with('\n')
        {
            return port;
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_came_twice_is_one_message() {
        let line = r#"{"to": ["a@b.example"], "subject": "S", "message_id": "<1@c>", "text": ""}"#;

        let received = read(&format!("{line}\n{line}\n")).unwrap();

        assert_eq!(received.len(), 1);
        assert_eq!(received[0].subject, "S");
    }
}
