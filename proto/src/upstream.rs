//! The subjects under which systems outside of the mesh speak to it, each under its source's name.
//!
//! NATS accounts, the stream of what they send and its consumers are made from these functions.
//! Which of them publishes what is a matter of accounts: one may send under its own name alone.

use domain::Lane;

use crate::catalogue::{Durable, EventRow, Service};
use crate::event::Event as _;
use crate::hris::v1::IntakeReceived;

/// The service that they speak to.
pub const SERVICE: Service = Service::HrisIngest;
/// The stream of what is to be taken over later, and answered by a receipt.
pub const STREAM: &str = "INTAKE";
/// What reads that stream.
pub const CONSUMER: &str = "hris-ingest-receive-intake";
/// How long the stream keeps an event that waits.
pub const MAX_AGE_DAYS: u16 = 7;
/// What is answered at once, for every source.
pub const REQUESTS: &str = "tenure.submit.*";
/// The subjects of the stream.
pub const INTAKE: &str = "tenure.intake.>";

/// What the subjects of receipts begin with.
const RECEIPTS: &str = "tenure.receipt";
/// The longest name of a source, in bytes.
const NAME_BYTES_MAX: usize = 63;
/// The last token of what does not wait behind a source's bulk.
const URGENT: &str = "leaver";

/// Whether a source may have this name: lower-case letters, digits and `-`, as a label of DNS. Such a
/// name is one token of a subject, and needs no quotes in any configuration.
#[must_use]
pub fn is_source_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Where a source sends what it wants answered after the commit.
#[must_use]
pub fn request(source: &str) -> String {
    format!("tenure.submit.{source}")
}

/// Where a source sends what is answered by a receipt. What it sends in the leaver lane does not wait
/// behind what it sent in the other.
#[must_use]
pub fn intake(source: &str, lane: Lane) -> String {
    match lane {
        Lane::Leaver => format!("tenure.intake.{source}.{URGENT}"),
        Lane::Regular => format!("tenure.intake.{source}"),
    }
}

/// Where one source hears its receipts.
#[must_use]
pub fn receipts(source: &str) -> String {
    format!("{RECEIPTS}.{source}.*")
}

/// What the broker publishes once more for sources, of the events of which stream, and to where.
///
/// They cannot be given the events themselves: what came into an account as a request, as all that a
/// service publishes does, the broker exports to no other.
#[must_use]
pub fn republished() -> (&'static str, String, String) {
    let row = IntakeReceived::row();
    let EventRow { noun, verb, stream, .. } = row;
    let from = format!("tenure.{}.v1.{noun}.{verb}.*.*.*", row.stream().token);
    // Of what the wildcards stand for, the lane is nobody's business.
    (stream, from, format!("{RECEIPTS}.{{{{wildcard(2)}}}}.{{{{wildcard(3)}}}}"))
}

/// The source under whose name a message came, by its subject: a request's or one of the stream's.
#[must_use]
pub fn source(subject: &str) -> Option<&str> {
    let mut tokens = subject.split('.');
    let mesh = tokens.next() == Some("tenure");
    let door = matches!(tokens.next(), Some("submit" | "intake"));
    tokens.next().filter(|name| mesh && door && is_source_name(name))
}

/// The durable consumers of the stream, the urgent lane first.
#[must_use]
pub fn durables() -> Vec<Durable> {
    let durable = |lane: Lane| Durable {
        name: format!("{CONSUMER}-{lane}"),
        stream: STREAM,
        filter: intake("*", lane),
        lane: Some(lane),
    };
    Lane::ALL.into_iter().map(durable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_the_source_that_may_send_there() {
        for lane in Lane::ALL {
            assert_eq!(source(&intake("payroll", lane)), Some("payroll"));
        }
        assert_eq!(source(&request("payroll")), Some("payroll"));
        for other in ["tenure.submit", "tenure.hris.v1", "tenure.submit.A", "x.submit.payroll", ""]
        {
            assert_eq!(source(other), None, "{other}");
        }
    }

    #[test]
    fn receipts_are_told_apart_by_their_sources() {
        let (stream, from, to) = republished();

        assert_eq!((stream, receipts("payroll").as_str()), ("HRIS", "tenure.receipt.payroll.*"));
        assert_eq!(from, "tenure.hris.v1.intake.received.*.*.*");
        assert_eq!(to, "tenure.receipt.{{wildcard(2)}}.{{wildcard(3)}}");
    }

    #[test]
    fn a_name_is_one_token_and_no_wildcard() {
        for name in ["payroll", "a", "city-workforce", "7"] {
            assert!(is_source_name(name), "{name}");
        }
        for name in ["", "*", ">", "a.b", "-a", "a-", "A", "a b", "a\"", &"a".repeat(64)] {
            assert!(!is_source_name(name), "{name}");
        }
    }
}
