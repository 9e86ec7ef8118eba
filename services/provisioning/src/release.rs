//! Releases as provisioning knows them: usable once every document they name was received.

pub(crate) mod table;

use std::collections::BTreeMap;

use domain::Timestamp;
use proto::policy::v1::{DocumentReleased, ReleaseActivated};
use proto::{Invalid, convert};
use rules::document::{self, Spec};
use sha2::{Digest as _, Sha256};
use store::{Error, Tx};

/// One document, known by its content.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) digest: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// A release that was activated.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) number: i64,
    pub(crate) epoch: i64,
    pub(crate) content_hash: String,
    pub(crate) digests: Vec<String>,
    pub(crate) activated_at: Timestamp,
}

/// Returns what the newest usable release says of applications, by their names. What cannot be read is left out.
pub(crate) async fn applications(
    tx: &mut Tx,
) -> Result<BTreeMap<String, document::Application>, Error> {
    let Some((number, _epoch)) = table::newest(tx).await? else { return Ok(BTreeMap::new()) };
    let stored = table::documents(tx, number, "Application").await?;
    let read = |stored: Document| match document::Document::from_json(&stored.content).ok()?.spec {
        Spec::Application(application) => Some((stored.name, *application)),
        Spec::AttributeSchema(_)
        | Spec::Bundle(_)
        | Spec::AccessPolicy(_)
        | Spec::SeparationOfDuties(_)
        | Spec::LifecyclePlan(_)
        | Spec::Breaker(_) => None,
    };
    Ok(stored.into_iter().filter_map(read).collect())
}

impl Document {
    /// Reads an event, and holds the content against its digest.
    pub(crate) fn read(event: DocumentReleased) -> Result<Self, Invalid> {
        let digest = event.digest.to_lowercase();
        let hash = Sha256::digest(&event.content);
        let computed: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        if digest != computed {
            return Err(Invalid::field("digest", "not the SHA-256 of the content"));
        }
        Ok(Self { digest, kind: event.kind, name: event.name, content: event.content })
    }
}

impl Release {
    /// Reads an event.
    pub(crate) fn read(event: &ReleaseActivated) -> Result<Self, Invalid> {
        let mut digests: Vec<String> =
            event.documents.iter().map(|document| document.digest.to_lowercase()).collect();
        digests.sort_unstable();
        digests.dedup();
        Ok(Self {
            number: crate::access::release(event.release)?,
            epoch: convert::version("version", event.version.as_ref())?.epoch,
            content_hash: event.content_hash.clone(),
            digests,
            activated_at: convert::instant("activated_at", event.activated_at.as_ref())?,
        })
    }
}
