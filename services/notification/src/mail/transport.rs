//! The way to the mail server, a step at a time: what a failure means depends on how far it came.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chassis::Secret;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::time::{Instant, timeout_at};

use crate::config::{Smtp, Tls};

/// Connects to one mail server.
pub(crate) struct Transport {
    host: String,
    port: u16,
    tls: Tls,
    parameters: Option<TlsParameters>,
    credentials: Option<Credentials>,
    timeout: Duration,
}

/// Why a message was not handed over for sure. No reason holds a word of the server: it repeats
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was surely not taken over, and may be later.
    Later(String),
    /// It will never be.
    Refused(String),
    /// Nobody can say whether it was taken over.
    Unknown(String),
}

/// A connection that is ready for a message.
pub(crate) struct Connection(AsyncSmtpConnection);

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Transport {
    /// Reads what is needed to connect.
    ///
    /// # Errors
    /// When a file of the settings cannot be used.
    pub(crate) fn new(smtp: &Smtp) -> anyhow::Result<Self> {
        let parameters = match smtp.tls {
            Tls::None => None,
            Tls::Starttls | Tls::Implicit => Some(parameters(smtp)?),
        };
        let credentials = match (&smtp.user, &smtp.password_file) {
            (Some(user), Some(file)) => {
                let password = Secret::read(file).context("read smtp.password_file")?;
                Some(Credentials::new(user.clone(), password.expose().to_owned()))
            }
            (Some(_), None) | (None, Some(_) | None) => None,
        };
        let port = smtp.port.unwrap_or(match smtp.tls {
            Tls::None => 25,
            Tls::Starttls => 587,
            Tls::Implicit => 465,
        });
        Ok(Self {
            host: smtp.host.clone(),
            port,
            tls: smtp.tls,
            parameters,
            credentials,
            timeout: Duration::from_secs(smtp.timeout_seconds.get().into()),
        })
    }

    /// Connects, and signs in if that is asked for.
    pub(crate) async fn connect(
        &self,
        hello: &ClientId,
        deadline: Instant,
    ) -> Result<Connection, String> {
        let implicit = match self.tls {
            Tls::Implicit => self.parameters.clone(),
            Tls::None | Tls::Starttls => None,
        };
        let server = (self.host.as_str(), self.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), hello, implicit, None);
        let mut connection = self.early("connect", connecting, deadline).await?;
        if self.tls == Tls::Starttls
            && let Some(parameters) = &self.parameters
        {
            let starting = connection.starttls(parameters.clone(), hello);
            self.early("STARTTLS", starting, deadline).await?;
        }
        if let Some(credentials) = &self.credentials {
            let signing_in = connection.auth(DEFAULT_MECHANISMS, credentials);
            self.early("AUTH", signing_in, deadline).await?;
        }
        Ok(Connection(connection))
    }

    /// Hands a message over. Unless it succeeds the connection is of no further use.
    pub(crate) async fn deliver(
        &self,
        connection: &mut Connection,
        envelope: &Envelope,
        message: &[u8],
        deadline: Instant,
    ) -> Result<(), Fault> {
        let connection = &mut connection.0;
        let mut options = Vec::new();
        let addresses = envelope.to().iter().chain(envelope.from());
        if addresses.map(AsRef::<str>::as_ref).any(|address| !address.is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Fault::Refused(
                    "the address is not ASCII and the mail server does not offer SMTPUTF8"
                        .to_owned(),
                ));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        let mail = connection.command(Mail::new(envelope.from().cloned(), options));
        self.step("MAIL", mail, deadline).await?;
        for recipient in envelope.to() {
            let rcpt = connection.command(Rcpt::new(recipient.clone(), Vec::new()));
            self.step("RCPT", rcpt, deadline).await?;
        }
        self.step("DATA", connection.command(Data), deadline).await?;
        // From here on the server may have it, unless it says otherwise.
        match self.within(connection.message(message), deadline).await {
            Some(Ok(_taken)) => Ok(()),
            Some(Err(error)) if error.is_permanent() || error.is_transient() => {
                Err(fault("the message", &error))
            }
            Some(Err(_lost)) => {
                Err(Fault::Unknown("the connection was lost before the answer".to_owned()))
            }
            None => Err(Fault::Unknown("there was no answer in time".to_owned())),
        }
    }

    /// Ends a connection that is still good. Whether the server says goodbye does not matter.
    pub(crate) async fn close(&self, mut connection: Connection) {
        let deadline = Instant::now() + self.timeout;
        if !matches!(self.within(connection.0.quit(), deadline).await, Some(Ok(_))) {
            tracing::debug!("the mail server ended the connection its own way");
        }
    }

    /// A step before any message: what fails here says nothing about the message.
    async fn early<T>(
        &self,
        step: &str,
        doing: impl Future<Output = Result<T, Error>>,
        deadline: Instant,
    ) -> Result<T, String> {
        match self.within(doing, deadline).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => Err(match error.status() {
                Some(code) => format!("the mail server answered {code} to {step}"),
                None => format!("{step}: {error}"),
            }),
            None => Err(format!("no answer to {step} in time")),
        }
    }

    async fn step<T>(
        &self,
        step: &str,
        doing: impl Future<Output = Result<T, Error>>,
        deadline: Instant,
    ) -> Result<T, Fault> {
        match self.within(doing, deadline).await {
            Some(done) => done.map_err(|error| fault(step, &error)),
            None => Err(Fault::Later(format!("no answer to {step} in time"))),
        }
    }

    /// One answer of the server; nothing when it does not come in time.
    async fn within<T>(&self, doing: impl Future<Output = T>, deadline: Instant) -> Option<T> {
        timeout_at(deadline.min(Instant::now() + self.timeout), doing).await.ok()
    }
}

fn fault(step: &str, error: &Error) -> Fault {
    match error.status() {
        Some(code) if error.is_permanent() => {
            Fault::Refused(format!("the mail server answered {code} to {step}"))
        }
        Some(code) => Fault::Later(format!("the mail server answered {code} to {step}")),
        None => Fault::Later(format!("the connection was lost at {step}")),
    }
}

fn parameters(smtp: &Smtp) -> anyhow::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(smtp.host.clone());
    if let Some(file) = &smtp.ca_file {
        builder = builder.add_root_certificate(certificate(file)?);
    }
    builder.build_rustls().context("prepare TLS for the mail server")
}

fn certificate(file: &Path) -> anyhow::Result<Certificate> {
    let pem = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    Certificate::from_pem(&pem).with_context(|| format!("read a certificate in {}", file.display()))
}
