//! Releases as notification knows them: who answers for which application, usable once every
//! document was received.

pub(crate) mod table;

use proto::convert::{self, Invalid};
use proto::policy::v1::{DocumentReleased, ReleaseActivated};
use sha2::{Digest as _, Sha256};

use crate::config::Owner;
use crate::standing::clean;

/// One document, known by its content.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) digest: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Of an application: who answers for it.
    pub(crate) owner: Option<Owner>,
}

/// A release that was activated.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) number: i64,
    /// The epoch in which it was announced.
    pub(crate) epoch: i64,
    pub(crate) content_hash: String,
    pub(crate) digests: Vec<String>,
}

const APPLICATION: &str = "Application";

impl Document {
    /// Reads an event, and holds the content against its digest.
    pub(crate) fn read(event: DocumentReleased) -> Result<Self, Invalid> {
        let digest = event.digest.to_lowercase();
        let hash = Sha256::digest(&event.content);
        let computed: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        if digest != computed {
            return Err(Invalid::field("digest", "not the SHA-256 of the content"));
        }
        let owner = (event.kind == APPLICATION).then(|| owner(&event.content)).flatten();
        Ok(Self { digest, kind: event.kind, name: event.name, owner })
    }
}

/// Reads `spec.owner` of a document; one that says nothing of it has none.
fn owner(content: &[u8]) -> Option<Owner> {
    let document: serde_json::Value = serde_json::from_slice(content).ok()?;
    let owner = document.get("spec")?.get("owner")?;
    let text =
        |name| clean(owner.get(name).and_then(serde_json::Value::as_str).unwrap_or_default());
    let mail = text("mail");
    (!mail.is_empty()).then(|| Owner { name: text("name"), mail })
}

impl Release {
    /// Reads an event.
    pub(crate) fn read(event: &ReleaseActivated) -> Result<Self, Invalid> {
        let mut digests: Vec<String> =
            event.documents.iter().map(|document| document.digest.to_lowercase()).collect();
        digests.sort_unstable();
        digests.dedup();
        let number = i64::try_from(event.release).ok().filter(|number| *number > 0);
        Ok(Self {
            epoch: convert::version("version", event.version.as_ref())?.epoch,
            number: number.ok_or_else(|| Invalid::field("release", "not a release's number"))?,
            content_hash: event.content_hash.clone(),
            digests,
        })
    }
}
