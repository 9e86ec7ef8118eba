//! Sends a batch of messages over as few connections as possible.

use std::time::Duration;

use anyhow::Context as _;
use clock::Clock;
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::Instant;

use super::transport::Connection;
use super::{Fault, Letter, Templates, Transport};
use crate::config::Config;

/// Writes and sends messages.
#[derive(Debug)]
pub(crate) struct Sender {
    templates: Templates,
    transport: Transport,
    from: Mailbox,
    hello: ClientId,
    lines_max: usize,
    budget: Duration,
    clock: Clock,
}

/// A message that is to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    /// The Message-ID.
    pub(crate) header: &'a str,
    pub(crate) digest: bool,
    pub(crate) letter: &'a Letter,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It could not be written; the reason names the template and no content.
    Unwritable(String),
    Fault(Fault),
    /// There is no connection to the mail server.
    Unreachable(String),
    /// There was no time left for it.
    NotTried,
}

impl Sender {
    /// Reads what is the same for every message.
    ///
    /// # Errors
    /// When there is no sender's address.
    pub(crate) fn new(
        config: &Config,
        templates: Templates,
        transport: Transport,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let from = config.smtp.as_ref().map(|smtp| smtp.from.parse()).transpose();
        let leased = Duration::from_secs(config.leased_seconds.get().into());
        Ok(Self {
            templates,
            transport,
            from: from.context("read smtp.from")?.context("smtp.from is missing")?,
            hello: ClientId::Domain(config.domain()),
            lines_max: config.digest_lines.get().into(),
            // Whoever takes a message over after its lease must not meet its former holder at work.
            budget: leased.mul_f64(0.8),
            clock,
        })
    }

    /// When a batch that begins now has to be through.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.budget
    }

    /// Sends one message, over the connection that is there or a new one.
    pub(crate) async fn send(
        &self,
        connection: &mut Option<Connection>,
        outgoing: &Outgoing<'_>,
        deadline: Instant,
    ) -> Result<(), Problem> {
        if Instant::now() >= deadline {
            return Err(Problem::NotTried);
        }
        let (envelope, bytes) = self.write(outgoing).map_err(Problem::Unwritable)?;
        let mut open = match connection.take() {
            Some(open) => open,
            None => {
                self.transport.connect(&self.hello, deadline).await.map_err(Problem::Unreachable)?
            }
        };
        self.transport
            .deliver(&mut open, &envelope, &bytes, deadline)
            .await
            .map_err(Problem::Fault)?;
        *connection = Some(open);
        Ok(())
    }

    /// Ends the batch's connection.
    pub(crate) async fn close(&self, connection: Option<Connection>) {
        if let Some(connection) = connection {
            self.transport.close(connection).await;
        }
    }

    fn write(&self, outgoing: &Outgoing<'_>) -> Result<(Envelope, Vec<u8>), String> {
        let letter = outgoing.letter;
        let rendered = match (outgoing.digest, letter.lines.first()) {
            _ if !letter.tasks.is_empty() => self.templates.tasks(&letter.tasks, self.lines_max),
            (false, Some(line)) => self.templates.notice(line),
            (true, _) | (false, None) => self.templates.digest(&letter.lines, self.lines_max),
        };
        // Of a template's error only its kind and place: the detail may repeat what was filled in.
        let rendered = rendered.map_err(|error| {
            let place = error.name().unwrap_or("a template").to_owned();
            format!("{:?} in {place}, line {}", error.kind(), error.line().unwrap_or_default())
        })?;
        let name = Some(letter.to.name.clone()).filter(|name| !name.is_empty());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, letter.to.address.clone()))
            .subject(rendered.subject)
            .message_id(Some(outgoing.header.to_owned()))
            .date(self.clock.now().into())
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(rendered.text, rendered.html));
        let message = message.map_err(|_error| "its parts make no message".to_owned())?;
        Ok((message.envelope().clone(), message.formatted()))
    }
}

/// Keeps other machines from answering (RFC 3834).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
