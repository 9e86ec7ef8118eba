//! From a candidate to the active release: previewed, judged, approved if need be, and activated.

use jiff::tz::TimeZone;
use proto::policy::v1::{ReleaseAuthor, ReleasePreview};
use rules::{Document, Release};
use store::{Store, Tx};

use super::table::Stored;
use super::{Candidate, Preview, Tell, table};
use crate::release::{self, Applied, Record, Refused};

/// Why a release is not applied, or not previewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("there is no release {0}; `tenure release list` names them")]
    UnknownRelease(u64),
    #[error("no preview has the hash {0}, or it has expired; `tenure preview` makes one")]
    UnknownPreview(String),
    #[error(
        "release {now} was activated since the preview, which is against release {then}; preview \
         again"
    )]
    BaseMoved { then: u64, now: u64 },
    #[error(
        "what would be gained and lost is not what was previewed; nothing was changed. Preview \
         again and look at it:\n{}", .0.join("\n")
    )]
    Moved(Vec<String>),
    #[error(
        "held, because it is above the limits; nothing was changed:\n{}\nlook at it with `tenure \
         preview`; somebody else than {by} approves it with `tenure approve {hash} --as NAME`, and \
         then `tenure apply --preview {hash}` goes through", limits.join("\n")
    )]
    Held { hash: String, limits: Vec<String>, by: String },
    #[error("an approval needs a name: --as NAME")]
    NoName,
    #[error("{0} made this preview and cannot approve it; somebody else has to")]
    Own(String),
    #[error(transparent)]
    Release(#[from] release::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What is to be applied.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Checked documents.
    Documents(Box<Release>),
    /// Those of an earlier release.
    Earlier(u64),
}

/// Lays a candidate beside the active release.
pub(crate) async fn candidate(
    store: &Store,
    wanted: Wanted,
    author: ReleaseAuthor,
) -> Result<Candidate, Error> {
    let mut tx = store.begin().await?;
    let base = match release::table::active(&mut tx).await? {
        Some(number) => Some(release::load(&mut tx, number).await?),
        None => None,
    };
    let release = match wanted {
        Wanted::Documents(release) => *release,
        Wanted::Earlier(number) => {
            release::table::record(&mut tx, number).await?.ok_or(Error::UnknownRelease(number))?;
            release::load(&mut tx, number).await?
        }
    };
    Ok(Candidate { base, release, author })
}

/// Previews a candidate and keeps the preview.
pub(crate) async fn preview(
    store: &Store,
    zone: &TimeZone,
    candidate: &Candidate,
    people_max: usize,
    tell: Tell<'_>,
) -> Result<Preview, Error> {
    let preview = candidate.preview(store, zone, people_max, tell).await?;
    let mut tx = store.begin().await?;
    table::keep(&mut tx, &candidate.release, &preview.summary, &candidate.author).await?;
    tx.commit().await?;
    Ok(preview)
}

/// Applies a candidate unless its content is active already or it is held.
pub(crate) async fn apply(
    store: &Store,
    zone: &TimeZone,
    candidate: &Candidate,
) -> Result<(Applied, String), Error> {
    if let Some(applied) = candidate.is_active_already() {
        return Ok((applied, String::new()));
    }
    let preview = preview(store, zone, candidate, 0, &|_done, _total| {}).await?;
    let applied = activate(store, candidate, &preview).await?;
    Ok((applied, preview.summary.hash))
}

/// Applies exactly what was previewed.
pub(crate) async fn apply_preview(
    store: &Store,
    zone: &TimeZone,
    hash: &str,
    author: ReleaseAuthor,
) -> Result<(Applied, Candidate), Error> {
    let mut tx = store.begin().await?;
    let stored = table::find(&mut tx, hash).await?;
    drop(tx);
    let stored = stored.ok_or_else(|| Error::UnknownPreview(hash.to_owned()))?;
    let then = stored.summary.as_ref().map_or(0, |summary| summary.base_release);
    let release = compile(&stored)?;
    let author = ReleaseAuthor {
        name: author.name,
        message: or(author.message, &stored.author.message),
        revision: or(author.revision, &stored.author.revision),
    };
    let candidate = candidate(store, Wanted::Documents(Box::new(release)), author).await?;
    if let Some(applied) = candidate.is_active_already() {
        return Ok((applied, candidate));
    }
    let now = candidate.base_number();
    if then != now {
        return Err(Error::BaseMoved { then, now });
    }
    let preview = candidate.preview(store, zone, 0, &|_done, _total| {}).await?;
    if preview.hash() != hash {
        return Err(Error::Moved(moved(stored.summary.as_ref(), &preview.summary)));
    }
    let applied = activate(store, &candidate, &preview).await?;
    Ok((applied, candidate))
}

/// Keeps a second person's word; returns who made the preview.
pub(crate) async fn approve(store: &Store, hash: &str, name: &str) -> Result<ReleaseAuthor, Error> {
    if name.trim().is_empty() {
        return Err(Error::NoName);
    }
    let mut tx = store.begin().await?;
    let stored = table::find(&mut tx, hash).await?;
    let stored = stored.ok_or_else(|| Error::UnknownPreview(hash.to_owned()))?;
    if stored.author.name == name {
        return Err(Error::Own(name.to_owned()));
    }
    table::approve(&mut tx, hash, name).await?;
    tx.commit().await?;
    Ok(stored.author)
}

async fn activate(
    store: &Store,
    candidate: &Candidate,
    preview: &Preview,
) -> Result<Applied, Error> {
    let mut tx = store.begin().await?;
    release::table::lock(&mut tx).await?;
    let then = candidate.base_number();
    let now = release::table::active(&mut tx).await?.unwrap_or_default();
    if then != now {
        return Err(Error::BaseMoved { then, now });
    }
    let approved_by = approval(&mut tx, candidate, preview).await?;
    let record = Record {
        base_release: then,
        author: candidate.author.clone(),
        preview_hash: preview.summary.hash.clone(),
        approved_by,
    };
    let applied = release::activate(&mut tx, &candidate.release, &record).await?;
    tx.commit().await?;
    Ok(applied)
}

/// Returns the second person, if one was needed.
async fn approval(tx: &mut Tx, candidate: &Candidate, preview: &Preview) -> Result<String, Error> {
    if preview.summary.held.is_empty() {
        return Ok(String::new());
    }
    let by = &candidate.author.name;
    let another = table::approved_by_another(tx, preview.hash(), by).await?;
    another.ok_or_else(|| Error::Held {
        hash: preview.hash().to_owned(),
        limits: preview.summary.held.clone(),
        by: if by.is_empty() { "whoever applies it".to_owned() } else { by.clone() },
    })
}

impl Candidate {
    fn is_active_already(&self) -> Option<Applied> {
        let base = self.base.as_ref()?;
        (base.content_hash() == self.release.content_hash())
            .then(|| Applied { number: base.number(), activated: false })
    }
}

fn compile(stored: &Stored) -> Result<Release, Error> {
    let documents = stored
        .documents
        .iter()
        .map(|content| {
            Document::from_json(content.as_bytes()).map_err(Box::new).map_err(|source| {
                release::Error::Document { release: 0, name: "of a preview".to_owned(), source }
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Release::compile(0, documents).map_err(Refused)?)
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}

/// Lines of a refusal that say what has moved, at most.
const MOVED_MAX: usize = 20;

/// Says which counts are not what they were.
fn moved(then: Option<&ReleasePreview>, now: &ReleasePreview) -> Vec<String> {
    use std::collections::BTreeMap;
    let counted = |summary: &ReleasePreview| -> BTreeMap<(String, String), (u64, u64)> {
        let groups = summary.groups.iter().filter(|group| group.grouping != "department");
        groups
            .map(|group| {
                let counts = group.counts.unwrap_or_default();
                ((group.grouping.clone(), group.group.clone()), (counts.gained, counts.lost))
            })
            .collect()
    };
    let (then, now) = (then.map(counted).unwrap_or_default(), counted(now));
    let keys: std::collections::BTreeSet<_> = then.keys().chain(now.keys()).collect();
    let mut lines: Vec<String> = keys
        .into_iter()
        .filter_map(|key| {
            let pair = |side: &BTreeMap<_, (u64, u64)>| side.get(key).copied().unwrap_or_default();
            let (was, is) = (pair(&then), pair(&now));
            (was != is).then(|| {
                let (grouping, group) = key;
                format!(
                    "{grouping} {group}: gained {} (previewed {}), lost {} (previewed {})",
                    is.0, was.0, is.1, was.1
                )
            })
        })
        .collect();
    if lines.is_empty() {
        lines.push("as many grants, of other people or in other accounts".to_owned());
    }
    if lines.len() > MOVED_MAX {
        let more = lines.len() - MOVED_MAX;
        lines.truncate(MOVED_MAX);
        lines.push(format!("and {more} more"));
    }
    lines
}
