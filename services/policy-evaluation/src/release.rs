//! Releases: documents checked as a whole, stored under a number that only grows, announced.
mod compiled;
pub(crate) mod table;

use domain::{Rejection, Timestamp, Version};
use proto::policy::v1::{DocumentDigest, DocumentReleased, ReleaseActivated, ReleaseAuthor};
use rules::{Document, Problem, Release};
use store::Tx;

pub(crate) use compiled::Compiled;

/// Why a stored release cannot be used.
///
/// All of them are retried: events wait for a version of this service that can read the release,
/// which is better than parking every person's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A document was stored that this version of the service does not understand.
    #[error("read document {name} of release {release}")]
    Document {
        /// The release's number.
        release: u64,
        /// The document's kind and name.
        name: String,
        /// What is wrong with it.
        source: Box<rules::document::Error>,
    },
    /// The documents were a release once, and are none to this version of the service.
    #[error("compile release {release}: {problems}")]
    Compile {
        /// The release's number.
        release: u64,
        /// What is wrong.
        problems: Refused,
    },
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Document { .. } | Error::Compile { .. } => Self::retry(error),
        }
    }
}

/// Documents that are no release, with every problem in them.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
pub(crate) struct Refused(pub(crate) Vec<Problem>);

/// Longer lists do not fit into the headers in which gRPC carries a status.
const PROBLEMS_BYTES_MAX: usize = 4096;

fn listed(problems: &[Problem]) -> String {
    let mut text = match problems.len() {
        1 => "1 problem; nothing was changed".to_owned(),
        count => format!("{count} problems; nothing was changed"),
    };
    for (index, problem) in problems.iter().enumerate() {
        let line = format!("\n{problem}");
        if text.len() + line.len() > PROBLEMS_BYTES_MAX {
            text.push_str(&format!("\nand {} more", problems.len() - index));
            break;
        }
        text.push_str(&line);
    }
    text
}

/// What became of documents that were applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Number of the active release.
    pub(crate) number: u64,
    /// False: this very content was active already.
    pub(crate) activated: bool,
}

/// Checks the documents of several files, each given as path and YAML text, as one release.
pub(crate) fn check<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Release, Refused> {
    let documents = rules::document::load_all(files).map_err(Refused)?;
    let release = Release::compile(0, documents).map_err(Refused)?;
    match rules::proof::problems(&release) {
        problems if problems.is_empty() => Ok(release),
        problems => Err(Refused(problems)),
    }
}

/// Who applied a release, over which other one, and who approved it.
#[derive(Debug)]
pub(crate) struct Record {
    /// The release it was previewed against; 0 if none was active.
    pub(crate) base_release: u64,
    pub(crate) author: ReleaseAuthor,
    pub(crate) preview_hash: String,
    /// Empty: it needed no second person.
    pub(crate) approved_by: String,
}

/// Activates checked documents under the next number; the caller holds the lock.
pub(crate) async fn activate(
    tx: &mut Tx,
    checked: &Release,
    record: &Record,
) -> Result<Applied, store::Error> {
    let number = table::insert(tx, checked, record).await?;
    announce(tx, checked, number, tx.now())?;
    Ok(Applied { number, activated: true })
}

/// Announces a release and its documents, in the transaction's epoch.
pub(crate) fn announce(
    tx: &mut Tx,
    release: &Release,
    number: u64,
    activated_at: Timestamp,
) -> Result<(), store::Error> {
    let version = Version { epoch: tx.epoch(), counter: i64::try_from(number).unwrap_or(i64::MAX) };
    let mut documents = Vec::new();
    for (document, digest) in release.documents() {
        tx.publish(&DocumentReleased {
            release: number,
            kind: document.kind().to_string(),
            name: document.name().to_owned(),
            digest: digest.to_owned(),
            content: document.canonical().into_bytes(),
            version: Some(version.into()),
        })?;
        documents.push(DocumentDigest {
            kind: document.kind().to_string(),
            name: document.name().to_owned(),
            digest: digest.to_owned(),
        });
    }
    tx.publish(&ReleaseActivated {
        release: number,
        content_hash: release.content_hash().to_owned(),
        documents,
        version: Some(version.into()),
        activated_at: Some(activated_at.into()),
    })
}

/// Compiles a stored release.
pub(crate) async fn load(tx: &mut Tx, number: u64) -> Result<Release, Error> {
    let documents = table::documents(tx, number)
        .await?
        .into_iter()
        .map(|(name, content)| {
            Document::from_json(content.as_bytes())
                .map_err(Box::new)
                .map_err(|source| Error::Document { release: number, name, source })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Release::compile(number, documents)
        .map_err(|problems| Error::Compile { release: number, problems: Refused(problems) })
}
