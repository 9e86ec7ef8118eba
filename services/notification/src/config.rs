use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use anyhow::ensure;
use jiff::SignedDuration;
use lettre::Address;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

/// What only notification is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The mail server. Absent: nothing is sent, and every notice stays pending.
    pub smtp: Option<Smtp>,
    /// What Message-IDs end in; the domain of `smtp.from` unless told otherwise.
    pub message_id_domain: Option<String>,
    /// How long before a start people are told of it.
    pub lead_days: u16,
    /// How long a notice waits for others to the same recipient.
    pub gather_seconds: u32,
    /// More notices than this to one recipient, gathered together, become one message.
    pub digest_threshold: NonZeroU16,
    /// How many of its notices a digest lists; it counts all.
    pub digest_lines: NonZeroU16,
    /// How long a notice waits for a manager of whom nothing was heard yet.
    pub recipient_wait_seconds: u32,
    /// Whoever is told what has no other recipient.
    pub owner_of_last_resort: Option<Owner>,
    /// How often a message is tried before it has failed for good.
    pub attempts_max: NonZeroU32,
    /// How long after the first attempt the second one follows; every later pause is twice as long.
    pub backoff_seconds: NonZeroU32,
    /// The longest pause.
    pub backoff_max_seconds: NonZeroU32,
    /// How long a batch of messages belongs to the worker that took it.
    pub leased_seconds: NonZeroU32,
    /// A folder whose files replace the built-in templates of the same name.
    pub templates: Option<PathBuf>,
}

/// The mail server, and who writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Smtp {
    /// Its name; TLS holds its certificate against it.
    pub host: String,
    /// 587 with `starttls`, 465 with `implicit` and 25 with `none` unless told otherwise.
    pub port: Option<u16>,
    /// How the connection is kept secret.
    pub tls: Tls,
    /// A file of PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Who signs in; absent: nobody.
    pub user: Option<String>,
    /// The file that holds the user's password.
    pub password_file: Option<PathBuf>,
    /// Who writes: `Tenure <tenure@example.org>`.
    pub from: String,
    /// How long one answer of the server may take.
    pub timeout_seconds: NonZeroU32,
}

/// How the connection to the mail server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Not at all: for a server on this machine.
    None,
    /// By STARTTLS, which the server has to offer.
    Starttls,
    /// From the first byte on.
    Implicit,
}

/// Somebody who is told by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// How to address them.
    #[serde(default)]
    pub name: String,
    /// Where they read it.
    pub mail: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            smtp: None,
            message_id_domain: None,
            lead_days: 14,
            gather_seconds: 60,
            digest_threshold: const { NonZeroU16::new(5).unwrap() },
            digest_lines: const { NonZeroU16::new(50).unwrap() },
            recipient_wait_seconds: 600,
            owner_of_last_resort: None,
            attempts_max: const { NonZeroU32::new(30).unwrap() },
            backoff_seconds: const { NonZeroU32::new(10).unwrap() },
            backoff_max_seconds: const { NonZeroU32::new(3600).unwrap() },
            leased_seconds: const { NonZeroU32::new(600).unwrap() },
            templates: None,
        }
    }
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: None,
            tls: Tls::Starttls,
            ca_file: None,
            user: None,
            password_file: None,
            from: String::new(),
            timeout_seconds: const { NonZeroU32::new(30).unwrap() },
        }
    }
}

impl Config {
    /// Holds the settings against each other, and names every problem at once.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let mut problems = Vec::new();
        if let Some(owner) = &self.owner_of_last_resort
            && owner.mail.parse::<Address>().is_err()
        {
            problems.push("owner_of_last_resort.mail is no mail address");
        }
        if self.message_id_domain.as_ref().is_some_and(|domain| !is_domain(domain)) {
            problems.push("message_id_domain is no domain: letters, digits, dots and hyphens");
        }
        if let Some(smtp) = &self.smtp {
            if smtp.host.is_empty() {
                problems.push("smtp.host is missing: the name of the mail server");
            }
            if smtp.from.parse::<Mailbox>().is_err() {
                problems.push("smtp.from is no sender like: Tenure <tenure@example.org>");
            }
            if smtp.user.is_some() != smtp.password_file.is_some() {
                problems.push("smtp.user and smtp.password_file belong together");
            }
            if smtp.timeout_seconds >= self.leased_seconds {
                problems.push("smtp.timeout_seconds has to be below leased_seconds");
            }
        }
        ensure!(problems.is_empty(), "notification's settings:\n  {}", problems.join("\n  "));
        Ok(())
    }

    pub(crate) fn lead(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.lead_days))
    }

    pub(crate) fn gather(&self) -> SignedDuration {
        SignedDuration::from_secs(self.gather_seconds.into())
    }

    pub(crate) fn recipient_wait(&self) -> SignedDuration {
        SignedDuration::from_secs(self.recipient_wait_seconds.into())
    }

    pub(crate) fn lease(&self) -> SignedDuration {
        SignedDuration::from_secs(self.leased_seconds.get().into())
    }

    /// What Message-IDs end in.
    pub(crate) fn domain(&self) -> String {
        self.message_id_domain
            .clone()
            .or_else(|| {
                let from = self.smtp.as_ref()?.from.parse::<Mailbox>().ok()?;
                Some(from.email.domain().to_owned()).filter(|domain| is_domain(domain))
            })
            .unwrap_or_else(|| "tenure.invalid".to_owned())
    }
}

fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}
