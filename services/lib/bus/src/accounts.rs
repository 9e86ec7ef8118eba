//! One NATS account per service, generated from the catalogue.
//!
//! Streams belong to an account of their own, `TENURE`. A service's account imports exactly what it
//! needs from there: its publish subjects, the pull, acknowledgement and info of its own consumers,
//! and its own stream's info. Permissions inside one account would not be a boundary: a pull
//! request's reply subject can name any subject that a stream listens on.
//!
//! A source that publishes from outside of the mesh has an account of its own as well. It may send under
//! its own name, and hears its own receipts, which the broker republishes.
//!
//! [`account`] says what each may do; [`Authority`] signs it, and signs credentials that end soon.

mod authority;
mod token;

use domain::Lane;
use proto::catalogue::{self, Service, StreamRow};
use proto::upstream;

pub use authority::{Authority, AuthorityError, Seeds};

/// Where the owner's JetStream API is imported to. Under its own name, `$JS.API`, every account
/// already has an API: that of its own JetStream, which services do not have, and which would answer
/// as well.
const API_PREFIX: &str = "TENURE.API";

/// JetStream as a service's account sees it.
#[must_use]
pub fn jetstream(client: async_nats::Client) -> async_nats::jetstream::Context {
    async_nats::jetstream::with_prefix(client, API_PREFIX)
}

/// Who signs in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// Set-up: owns the streams.
    Owner,
    /// A service.
    Service(Service),
    /// A source that publishes from outside; its name is one that [`upstream::is_source_name`] allows.
    Source(String),
}

impl Holder {
    /// The owner, every service, and these sources.
    pub fn all<'a>(sources: &'a [String]) -> impl Iterator<Item = Self> + 'a {
        let services = Service::ALL.into_iter().map(Self::Service);
        let sources = sources.iter().cloned().map(Self::Source);
        std::iter::once(Self::Owner).chain(services).chain(sources)
    }

    /// The name of its account.
    #[must_use]
    pub fn account(&self) -> String {
        match self {
            Self::Owner => "TENURE".to_owned(),
            Self::Service(service) => service.database().to_uppercase(),
            Self::Source(source) => format!("SOURCE_{}", source.to_uppercase().replace('-', "_")),
        }
    }

    /// The name of its user, for logs and for whoever looks at the broker: `audit`, `source-payroll`.
    #[must_use]
    pub fn user(&self) -> String {
        match self {
            Self::Owner => "setup".to_owned(),
            Self::Service(service) => service.to_string(),
            Self::Source(source) => format!("source-{source}"),
        }
    }
}

/// What an account's users may do, and how it is joined to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Whether it keeps streams.
    pub jetstream: bool,
    /// Subjects its users may publish to; none: all of its own.
    pub publish: Vec<String>,
    /// Subjects its users may subscribe to; none: all of its own.
    pub subscribe: Vec<String>,
    /// Whether its users may answer requests, once each, wherever the answer is to go.
    pub answers: bool,
    /// What it offers to others.
    pub exports: Vec<Export>,
    /// What it takes from others.
    pub imports: Vec<Import>,
}

/// Something that an account offers to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The subject in this account.
    pub subject: String,
    /// Which way messages go.
    pub kind: Kind,
}

/// Something that an account takes from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The account that offers it.
    pub from: Holder,
    /// The subject there.
    pub there: String,
    /// The subject in this account.
    pub here: String,
    /// Which way messages go.
    pub kind: Kind,
}

/// Which way messages go between accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From who exports to who imports.
    Stream,
    /// From who imports to who exports, which answers once.
    Service,
    /// The same, and it may answer many times.
    ServiceOfMany,
}

/// What a holder's account may do.
#[must_use]
pub fn account(holder: &Holder, sources: &[String]) -> Account {
    match holder {
        Holder::Owner => owner(sources),
        Holder::Service(service) => of_service(*service, sources),
        Holder::Source(source) => of_source(source),
    }
}

fn owner(sources: &[String]) -> Account {
    let mut exports = Vec::new();
    for service in Service::ALL {
        let doors = doors(service).into_iter();
        exports.extend(doors.map(|door| Export { subject: door.there, kind: door.kind }));
    }
    for source in sources {
        let intake = intake_of(source).into_iter();
        exports.extend(intake.map(|subject| Export { subject, kind: Kind::Service }));
        exports.push(Export { subject: upstream::receipts(source), kind: Kind::Stream });
    }
    Account { jetstream: true, exports, ..Account::default() }
}

fn of_service(service: Service, sources: &[String]) -> Account {
    let doors = doors(service);
    let mut account = Account {
        publish: doors.iter().map(|door| door.here.clone()).collect(),
        subscribe: vec![format!("{}.>", service.inbox_prefix())],
        imports: doors
            .into_iter()
            .map(|Door { there, here, kind }| Import { from: Holder::Owner, there, here, kind })
            .collect(),
        ..Account::default()
    };
    if service == upstream::SERVICE {
        let requests = sources.iter().map(|source| upstream::request(source));
        account.exports = requests.map(|subject| Export { subject, kind: Kind::Service }).collect();
        account.subscribe.push(upstream::REQUESTS.to_owned());
        account.answers = true;
    }
    account
}

/// Nobody else's subjects are in a source's account, so its inboxes need no prefix of their own.
fn of_source(source: &str) -> Account {
    let (request, receipts) = (upstream::request(source), upstream::receipts(source));
    let import = |from: Holder, subject: &String, kind: Kind| Import {
        from,
        there: subject.clone(),
        here: subject.clone(),
        kind,
    };
    let intake = intake_of(source);
    let mut imports = vec![import(Holder::Service(upstream::SERVICE), &request, Kind::Service)];
    imports.extend(intake.iter().map(|subject| import(Holder::Owner, subject, Kind::Service)));
    imports.push(import(Holder::Owner, &receipts, Kind::Stream));
    Account {
        publish: std::iter::once(request).chain(intake).collect(),
        subscribe: vec!["_INBOX.>".to_owned(), receipts],
        imports,
        ..Account::default()
    }
}

/// Something a service may send to the owner's account.
struct Door {
    there: String,
    here: String,
    kind: Kind,
}

fn doors(service: Service) -> Vec<Door> {
    let same =
        |subject: String| Door { here: subject.clone(), there: subject, kind: Kind::Service };
    let api = |call: String, kind: Kind| Door {
        there: format!("$JS.API.{call}"),
        here: format!("{API_PREFIX}.{call}"),
        kind,
    };
    let mut doors = Vec::new();
    if let Some(StreamRow { name, token, .. }) = catalogue::stream_of(service) {
        doors.push(same(format!("tenure.{token}.v1.>")));
        doors.push(api(format!("STREAM.INFO.{name}"), Kind::Service));
    }
    for durable in catalogue::durables_of(service) {
        let (stream, name) = (durable.stream, &durable.name);
        doors.push(api(format!("CONSUMER.INFO.{stream}.{name}"), Kind::Service));
        doors.push(api(format!("CONSUMER.MSG.NEXT.{stream}.{name}"), Kind::ServiceOfMany));
        doors.push(same(format!("$JS.ACK.{stream}.{name}.>")));
    }
    doors
}

/// Where a source may publish what it wants a receipt of.
fn intake_of(source: &str) -> [String; 2] {
    Lane::ALL.map(|lane| upstream::intake(source, lane))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_imported_is_exported_there() {
        let sources = ["payroll".to_owned(), "lines".to_owned()];
        for holder in Holder::all(&sources) {
            for import in account(&holder, &sources).imports {
                let exports = account(&import.from, &sources).exports;
                let offered = Export { subject: import.there.clone(), kind: import.kind };
                assert!(exports.contains(&offered), "{holder:?} imports {offered:?}");
            }
        }
    }

    #[test]
    fn a_service_may_publish_only_what_it_imports() {
        for holder in Service::ALL.map(Holder::Service) {
            let Account { publish, imports, .. } = account(&holder, &[]);
            let imported: Vec<String> = imports.into_iter().map(|import| import.here).collect();
            assert_eq!(publish, imported, "{holder:?}");
            assert!(!publish.is_empty());
        }
    }
}
