//! What a release would change, for whom, and whether it may be applied without a second person.
//!
//! Everybody is read page by page, so that no more than a page is in memory; of those whom the change
//! may concern, desired access is computed before and after, at one instant.
pub(crate) mod apply;
mod gate;
mod impact;
pub(crate) mod table;

use domain::Timestamp;
use jiff::tz::TimeZone;
use proto::policy::v1::{DocumentDifference, ReleaseAuthor, ReleasePreview};
use rules::{Access, Change, Release};
use store::Store;
use uuid::Uuid;

use crate::person::table as people;
use crate::timeline::table as timelines;
use impact::Impact;

/// People read in one transaction.
const PAGE: u16 = 500;
/// People who are shown one by one, at most.
pub(crate) const PEOPLE_MAX: usize = 1_000;

/// How far a preview is: people looked at, of how many.
pub(crate) type Tell<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// A release that is about to be applied, beside the one that is active.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// None while no release was ever active.
    pub(crate) base: Option<Release>,
    pub(crate) release: Release,
    pub(crate) author: ReleaseAuthor,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) summary: ReleasePreview,
}

impl Preview {
    /// The hash that stands for exactly this change.
    pub(crate) fn hash(&self) -> &str {
        &self.summary.hash
    }
}

impl Candidate {
    /// The number of the release that is active; 0 if none is.
    pub(crate) fn base_number(&self) -> u64 {
        self.base.as_ref().map_or(0, Release::number)
    }

    /// Computes what would change at this instant.
    pub(crate) async fn preview(
        &self,
        store: &Store,
        zone: &TimeZone,
        people_max: usize,
        tell: Tell<'_>,
    ) -> Result<Preview, store::Error> {
        let now = store.clock().now();
        let change = self.base.as_ref().map(|base| Change::between(base, &self.release));
        let mut impact = Impact::new(people_max.min(PEOPLE_MAX));
        let mut tx = store.begin().await?;
        let (total, _evaluated) = people::progress(&mut tx, 0).await?;
        drop(tx);
        let (mut after, mut done) = (Uuid::nil(), 0_u64);
        loop {
            let mut tx = store.begin().await?;
            let page = people::page(&mut tx, after, PAGE).await?;
            let keys: Vec<_> = page.iter().map(|(key, _access)| *key).collect();
            let mut known = timelines::read(&mut tx, &keys).await?;
            drop(tx);
            let Some((last, _access)) = page.last() else { break };
            after = last.0.0;
            for (key, stored) in page {
                done += 1;
                let Some(known) = known.remove(&key) else { continue };
                self.look(&mut impact, change.as_ref(), key.0, &known.timeline, &stored, zone, now);
            }
            tell(done, total.max(done));
        }
        let held = gate::held(self, &impact);
        Ok(Preview { summary: self.summary(impact, change.as_ref(), held, now) })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one person of a page, and what is the same for all"
    )]
    fn look(
        &self,
        impact: &mut Impact,
        change: Option<&Change<'_>>,
        person: domain::PersonId,
        timeline: &rules::Timeline,
        stored: &Access,
        zone: &TimeZone,
        now: Timestamp,
    ) {
        let department = rules::change::department(timeline, zone, now).unwrap_or_default();
        let privilege = |application: &str, entitlement: &str| {
            let of = |release: &Release| release.privilege(application, entitlement);
            self.base
                .as_ref()
                .map_or_else(|| of(&self.release), |base| of(base).max(of(&self.release)))
        };
        impact.known(department, stored, &privilege);
        if change.is_some_and(|change| !change.may_affect(timeline)) {
            return;
        }
        let desired =
            |release: &Release| rules::desired_after(stored, timeline, release, zone, now).access;
        let before = self.base.as_ref().map(desired).unwrap_or_default();
        impact.affected(person, department, &before, &desired(&self.release), &privilege);
    }

    fn summary(
        &self,
        impact: Impact,
        change: Option<&Change<'_>>,
        held: Vec<String>,
        now: Timestamp,
    ) -> ReleasePreview {
        let documents = match change {
            Some(change) => {
                change.documents().iter().map(|one| (one.kind, one.name.clone(), one.how)).collect()
            }
            None => self
                .release
                .documents()
                .map(|(document, _digest)| {
                    (document.kind(), document.name().to_owned(), rules::change::How::Added)
                })
                .collect::<Vec<_>>(),
        };
        let documents = documents
            .into_iter()
            .map(|(kind, name, how)| DocumentDifference {
                kind: kind.to_string(),
                name,
                how: how.as_str().to_owned(),
            })
            .collect();
        let content_hash = self.release.content_hash().to_owned();
        ReleasePreview {
            hash: impact.hash(self.base_number(), &content_hash),
            base_release: self.base_number(),
            content_hash,
            documents,
            at: Some(now.into()),
            expires_at: Some((now + table::KEPT).into()),
            people: impact.people(),
            people_affected: impact.people_affected(),
            totals: Some(impact.totals()),
            groups: impact.groups(),
            sample: impact.into_sample(),
            held,
            proved: Vec::new(),
        }
    }
}
