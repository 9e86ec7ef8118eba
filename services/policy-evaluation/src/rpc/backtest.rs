//! Back-tests of drafts, a page of people after the other while the caller listens.

use std::pin::Pin;
use std::sync::Arc;

use domain::{Date, PersonId, Timestamp};
use futures::Stream;
use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use proto::convert::{self, Invalid};
use proto::policy::v1::{
    BacktestDocumentsRequest, BacktestDocumentsResponse, BacktestFigures, BacktestReport,
};
use store::Store;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;
use uuid::Uuid;

use super::{Error, PolicyEvaluation};
use crate::backtest::{Figures, Plan, Sample, Tally};
use crate::person::table as people;
use crate::person::table::changes;
use crate::release;
use crate::timeline::table as timelines;

/// Samples of one back-test.
const SAMPLES_MAX: usize = 400;
/// Releases that were active within one back-test; each is held compiled.
const RELEASES_MAX: usize = 64;
/// People evaluated at once.
const PAGE: u16 = 100;
const EVERY_DAYS: u32 = 7;
const REGRET_DAYS: u32 = 30;

/// The messages of one back-test.
pub(crate) type Messages =
    Pin<Box<dyn Stream<Item = Result<BacktestDocumentsResponse, Status>> + Send>>;

/// A back-test under way.
struct Course {
    store: Store,
    plan: Plan,
    tally: Tally,
    /// The last instant that is looked at.
    last: Timestamp,
    people: u64,
    done: u64,
    after: Uuid,
    over: bool,
    _permit: OwnedSemaphorePermit,
}

impl PolicyEvaluation {
    pub(super) async fn backtest(
        &self,
        request: BacktestDocumentsRequest,
    ) -> Result<Messages, Error> {
        let files = request.files.iter().map(|file| (file.path.as_str(), file.content.as_str()));
        let draft = release::check(files)?;
        let from = convert::date("from", request.from.as_ref())?.ok_or(Invalid::Missing("from"))?;
        let to = convert::date("to", request.to.as_ref())?.ok_or(Invalid::Missing("to"))?;
        let every = if request.every_days == 0 { EVERY_DAYS } else { request.every_days };
        let regret = if request.regret_days == 0 { REGRET_DAYS } else { request.regret_days };
        let mut samples = samples(from, to, every)?;
        let now = self.store.clock().now();
        let last = samples.last().map_or(now, |sample| sample.at);
        if last > now {
            return Err(Error::Range("it ends in the future; end it today at the latest"));
        }
        let permit = Arc::clone(&self.backtests)
            .try_acquire_owned()
            .map_err(|_none| Error::Busy(format!("{} back-tests", super::BACKTESTS_MAX)))?;
        let mut tx = self.store.begin().await?;
        let (people, _evaluated) = people::progress(&mut tx, 0).await?;
        drop(tx);
        self.recorded(&mut samples).await?;
        let plan = Plan {
            samples,
            draft,
            regret: SignedDuration::from_hours(24 * i64::from(regret)),
            zone: self.zone.clone(),
        };
        let course = Course {
            store: self.store.clone(),
            plan,
            tally: Tally::default(),
            last,
            people,
            done: 0,
            after: Uuid::nil(),
            over: false,
            _permit: permit,
        };
        Ok(Box::pin(futures::stream::unfold(course, |mut course| async move {
            let message = course.next().await?;
            Some((message.map_err(Status::from), course))
        })))
    }

    /// Finds the release that was active at each sample.
    async fn recorded(&self, samples: &mut [Sample]) -> Result<(), Error> {
        let mut found: Vec<Arc<rules::Release>> = Vec::new();
        for sample in samples {
            let mut tx = self.store.begin().await?;
            let Some((number, _since)) = release::table::active_at(&mut tx, sample.at).await?
            else {
                continue;
            };
            if found.last().is_none_or(|release| release.number() != number) {
                if found.len() >= RELEASES_MAX {
                    return Err(Error::Range(
                        "more than 64 releases were active in it; look at less of it",
                    ));
                }
                found.push(self.compiled.release(&mut tx, number).await?);
            }
            sample.recorded = found.last().cloned();
        }
        Ok(())
    }
}

/// Returns the days that are looked at, each as its beginning in UTC.
fn samples(from: Date, to: Date, every: u32) -> Result<Vec<Sample>, Error> {
    if to <= from {
        return Err(Error::Range("it ends before it begins; end it a day later at least"));
    }
    let mut samples = Vec::new();
    let mut day = from;
    while day < to {
        if samples.len() == SAMPLES_MAX {
            return Err(Error::Range("it has more than 400 samples; look at fewer days"));
        }
        let next = day.saturating_add(jiff::Span::new().days(i64::from(every))).min(to);
        let days = day.until(next).map(|span| span.get_days()).unwrap_or_default();
        let at =
            TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).unwrap_or(Timestamp::MAX);
        samples.push(Sample { at, days: u64::from(days.unsigned_abs()), recorded: None });
        day = next;
    }
    Ok(samples)
}

impl Course {
    /// Looks at one page of people; the last message has the report.
    async fn next(&mut self) -> Option<Result<BacktestDocumentsResponse, Error>> {
        if self.over {
            return None;
        }
        match self.page().await {
            Ok(more) => self.over = !more,
            Err(error) => {
                self.over = true;
                return Some(Err(error));
            }
        }
        let report = self.over.then(|| report(&self.plan, &self.tally));
        let people = self.people.max(self.done);
        Some(Ok(BacktestDocumentsResponse { done: self.done, people, report }))
    }

    async fn page(&mut self) -> Result<bool, Error> {
        let mut tx = self.store.begin().await?;
        let page: Vec<PersonId> = changes::page(&mut tx, self.after, PAGE).await?;
        let histories = timelines::received_by(&mut tx, &page, self.last).await?;
        drop(tx);
        for history in histories.values() {
            self.tally.add(&self.plan, history);
        }
        self.done += page.len() as u64;
        if let Some(last) = page.last() {
            self.after = last.0;
        }
        Ok(page.len() == usize::from(PAGE))
    }
}

fn report(plan: &Plan, tally: &Tally) -> BacktestReport {
    let named = |(name, found): (&String, &Figures)| figures(name, *found);
    BacktestReport {
        samples: u32::try_from(plan.samples.len()).unwrap_or(u32::MAX),
        people: tally.people,
        total: Some(figures("", tally.total)),
        policies: tally.policies.iter().map(named).collect(),
        applications: tally.applications.iter().map(named).collect(),
    }
}

fn figures(name: &str, found: Figures) -> BacktestFigures {
    BacktestFigures {
        name: name.to_owned(),
        held_days: found.held,
        granted_days: found.granted,
        covered_days: found.covered,
        excess_days: found.excess,
        gap_days: found.gap,
        revocations: found.revocations,
        regrets: found.regrets,
    }
}
