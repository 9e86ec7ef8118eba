//! One NATS account per service, generated from the catalogue.
//!
//! Streams belong to an account of their own, `TENURE`. A service's account imports exactly what it
//! needs from there: its publish subjects, the pull, acknowledgement and info of its own consumers,
//! and its own stream's info. Permissions inside one account would not be a boundary: a pull
//! request's reply subject can name any subject that a stream listens on.
//!
//! A source that publishes from outside of the mesh has an account of its own as well. It may send under
//! its own name, and hears its own receipts, which the broker republishes.

use std::fmt::Write as _;

use domain::Lane;
use proto::catalogue::{self, Service, StreamRow};
use proto::upstream;

/// The account that owns the streams.
pub const OWNER: &str = "TENURE";
/// The user of that account; only set-up uses it.
pub const OWNER_USER: &str = "tenure-admin";

/// The password of each user.
#[derive(Clone)]
pub struct Passwords {
    /// Of [`OWNER_USER`].
    pub owner: String,
    /// Of each service; the user has the service's name.
    pub services: Vec<(Service, String)>,
    /// Of each source that publishes from outside; its name is one that
    /// [`upstream::is_source_name`] allows, and the user is [`user_of`] it.
    pub sources: Vec<(String, String)>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords(..)")
    }
}

/// Where the owner's JetStream API is imported to. Under its own name, `$JS.API`, every account
/// already has an API: that of its own JetStream, which services do not have, and which would answer
/// as well.
const API_PREFIX: &str = "TENURE.API";

/// JetStream as a service's account sees it.
#[must_use]
pub fn jetstream(client: async_nats::Client) -> async_nats::jetstream::Context {
    async_nats::jetstream::with_prefix(client, API_PREFIX)
}

/// Something a service may send to the owner's account.
struct Door {
    /// The subject in the owner's account.
    there: String,
    /// The subject in the service's account.
    here: String,
    /// Whether several answers come.
    stream: bool,
}

fn doors(service: Service) -> Vec<Door> {
    let same = |subject: String| Door { here: subject.clone(), there: subject, stream: false };
    let api = |call: String, stream: bool| Door {
        there: format!("$JS.API.{call}"),
        here: format!("{API_PREFIX}.{call}"),
        stream,
    };
    let mut doors = Vec::new();
    if let Some(StreamRow { name, token, .. }) = catalogue::stream_of(service) {
        doors.push(same(format!("tenure.{token}.v1.>")));
        doors.push(api(format!("STREAM.INFO.{name}"), false));
    }
    for durable in catalogue::durables_of(service) {
        let (stream, name) = (durable.stream, &durable.name);
        doors.push(api(format!("CONSUMER.INFO.{stream}.{name}"), false));
        doors.push(api(format!("CONSUMER.MSG.NEXT.{stream}.{name}"), true));
        doors.push(same(format!("$JS.ACK.{stream}.{name}.>")));
    }
    doors
}

/// Returns the accounts part of a nats-server configuration file.
#[must_use]
pub fn configuration(passwords: &Passwords) -> String {
    let mut text = String::from("accounts {\n");
    owner(&mut text, passwords);
    for (service, password) in &passwords.services {
        account(&mut text, *service, password, &passwords.sources);
    }
    for (source, password) in &passwords.sources {
        source_account(&mut text, source, password);
    }
    text.push_str("}\n");
    text
}

/// The name of a service's account.
#[must_use]
pub fn account_of(service: Service) -> String {
    service.database().to_uppercase()
}

/// The name of a source's account.
fn account_of_source(source: &str) -> String {
    format!("SOURCE_{}", source.to_uppercase().replace('-', "_"))
}

/// The user as which a source publishes.
#[must_use]
pub fn user_of(source: &str) -> String {
    format!("source-{source}")
}

fn owner(text: &mut String, passwords: &Passwords) {
    let mut exports = String::new();
    for (service, _password) in &passwords.services {
        for door in doors(*service) {
            let response = if door.stream { "stream" } else { "singleton" };
            line(
                &mut exports,
                format_args!(
                    "      {{ service: \"{}\", accounts: [{}], response_type: {response} }}",
                    door.there,
                    account_of(*service)
                ),
            );
        }
    }
    for (source, _password) in &passwords.sources {
        let account = account_of_source(source);
        for subject in intake_of(source) {
            line(
                &mut exports,
                format_args!(
                    "      {{ service: \"{subject}\", accounts: [{account}], response_type: \
                     singleton }}"
                ),
            );
        }
        let receipts = upstream::receipts(source);
        line(
            &mut exports,
            format_args!("      {{ stream: \"{receipts}\", accounts: [{account}] }}"),
        );
    }
    line(
        text,
        format_args!(
            "  {OWNER}: {{\n    jetstream: enabled\n    users: [{{ user: {OWNER_USER}, password: \
         {:?} }}]\n    exports: [\n{exports}    ]\n  }}",
            passwords.owner
        ),
    );
}

/// Where a source may publish what it wants a receipt of.
fn intake_of(source: &str) -> [String; 2] {
    Lane::ALL.map(|lane| upstream::intake(source, lane))
}

fn account(text: &mut String, service: Service, password: &str, sources: &[(String, String)]) {
    let mut imports = String::new();
    let mut publish = String::new();
    for Door { there, here, stream: _ } in doors(service) {
        line(
            &mut imports,
            format_args!(
                "      {{ service: {{ account: {OWNER}, subject: \"{there}\" }}, to: \"{here}\" }}"
            ),
        );
        line(&mut publish, format_args!("          \"{here}\""));
    }
    let mut exports = String::new();
    let mut hears = format!("\"{}.>\"", service.inbox_prefix());
    let mut answers = "";
    if service == upstream::SERVICE {
        for (source, _password) in sources {
            let (subject, account) = (upstream::request(source), account_of_source(source));
            line(
                &mut exports,
                format_args!(
                    "      {{ service: \"{subject}\", accounts: [{account}], response_type: \
                     singleton }}"
                ),
            );
        }
        write!(hears, ", \"{}\"", upstream::REQUESTS).expect("writing to a String cannot fail");
        answers = ANSWERS;
    }
    line(
        text,
        format_args!(
            "  {}: {{\n    users: [{{\n      user: {service}, password: {password:?}\n      \
         permissions: {{\n        publish: {{ allow: [\n{publish}        ] }}\n        \
         subscribe: {{ allow: [{hears}] }}\n{answers}      }}\n    }}]\n    \
         exports: [\n{exports}    ]\n    imports: [\n{imports}    ]\n  }}",
            account_of(service),
        ),
    );
}

/// Who answers requests may publish one answer to each, wherever it is to go.
const ANSWERS: &str = "        allow_responses: { max: 1, expires: \"2m\" }\n";

/// Nobody else's subjects are in a source's account, so its inboxes need no prefix of their own.
fn source_account(text: &mut String, source: &str, password: &str) {
    let (request, receipts) = (upstream::request(source), upstream::receipts(source));
    let mut imports = String::new();
    let service = account_of(upstream::SERVICE);
    line(
        &mut imports,
        format_args!("      {{ service: {{ account: {service}, subject: \"{request}\" }} }}"),
    );
    let mut publish = format!("\"{request}\"");
    for subject in intake_of(source) {
        line(
            &mut imports,
            format_args!("      {{ service: {{ account: {OWNER}, subject: \"{subject}\" }} }}"),
        );
        write!(publish, ", \"{subject}\"").expect("writing to a String cannot fail");
    }
    line(
        &mut imports,
        format_args!("      {{ stream: {{ account: {OWNER}, subject: \"{receipts}\" }} }}"),
    );
    line(
        text,
        format_args!(
            "  {}: {{\n    users: [{{\n      user: {}, password: {password:?}\n      \
         permissions: {{\n        publish: {{ allow: [{publish}] }}\n        \
         subscribe: {{ allow: [\"_INBOX.>\", \"{receipts}\"] }}\n      }}\n    }}]\n    \
         imports: [\n{imports}    ]\n  }}",
            account_of_source(source),
            user_of(source),
        ),
    );
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a String cannot fail");
}
