//! What was last told of a person's lifecycle, and whether there is something newer to tell.

use domain::Version;
use rules::Lifecycle;

/// The last announcement of a person's lifecycle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its version.
    pub(crate) version: Version,
    /// The digest of its content; none when nothing was ever announced.
    pub(crate) digest: Option<String>,
}

/// A lifecycle beside what was told of it before.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) lifecycle: Lifecycle,
    /// What is told once this is written.
    pub(crate) told: Told,
    /// It has to be announced.
    pub(crate) news: bool,
}

impl Telling {
    /// Compares; `next` makes the version that follows when there is news.
    ///
    /// Who was never announced stays so while there is nothing to tell: a first import of people
    /// who are long here announces nobody.
    pub(crate) fn of(
        lifecycle: Lifecycle,
        before: Told,
        next: impl FnOnce(Version) -> Version,
    ) -> Self {
        if before.digest.is_none() && !lifecycle.tells_something() {
            return Self { lifecycle, told: before, news: false };
        }
        let digest = lifecycle.digest();
        if before.digest.as_ref() == Some(&digest) {
            return Self { lifecycle, told: before, news: false };
        }
        let told = Told { version: next(before.version), digest: Some(digest) };
        Self { lifecycle, told, news: true }
    }
}
