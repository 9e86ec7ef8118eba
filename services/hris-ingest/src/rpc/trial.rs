//! The request that tries a file: it comes in as for an import, and what it would change goes out.

use std::pin::Pin;

use futures::{Stream, StreamExt as _, future, stream};
use proto::hris::v1 as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::upload::{self, Opened, status};
use super::{REJECTS_LISTED_MAX, Rpc, holds};
use crate::gate::{Changes, Person, Said};
use crate::import::trial::{self, Trial};
use crate::import::{Error, Progress, Spool};
use crate::reader::{Reject, Row};

/// Reports that the client has not read yet; further progress is not told.
const REPORTS: usize = 64;
/// Changes of one attribute that are told.
const PAIRS: usize = 10;

type Report = Result<wire::TryImportResponse, Status>;

/// What goes out.
pub(crate) type Reports = Pin<Box<dyn Stream<Item = Report> + Send>>;

/// Reads what is to be tried; the rest happens as the reports are read.
pub(super) async fn begin(
    rpc: Rpc,
    mut parts: Streaming<wire::ImportRequest>,
) -> Result<Reports, Status> {
    let Opened { permit, announced, order, source: _ } = upload::open(&rpc, &mut parts).await?;
    let (sender, receiver) = mpsc::channel(REPORTS);
    let work = Box::pin(async move {
        let tell = |progress: Progress| {
            if sender.try_send(Ok(told(progress))).is_err() {
                tracing::trace!("progress is not read and not told");
            }
        };
        let outcome = async {
            let spool = |error| status(Error::Spool(error));
            let folder = rpc.config.spool_folder.as_deref();
            let arriving = Spool::create(folder).map_err(spool)?;
            let file = arriving.incoming();
            let limit = rpc.config.file_bytes_max;
            let receiving = upload::receive(limit, parts, announced, arriving, &tell);
            let finding = Box::pin(trial::find_out(&rpc.store, &rpc.config, &order, &file, &tell));
            let trial = upload::meanwhile(receiving, finding).await?;
            let report = wire::try_import_response::Report::Trial(found(&trial));
            Ok(wire::TryImportResponse { report: Some(report) })
        };
        let outcome = outcome.await;
        if sender.send(outcome).await.is_err() {
            tracing::debug!("nobody reads the trial's outcome");
        }
        drop(permit);
    });
    let quiet = stream::once(work).filter_map(|()| future::ready(None));
    Ok(Box::pin(stream::select(ReceiverStream::new(receiver), quiet)))
}

fn told(progress: Progress) -> wire::TryImportResponse {
    let Progress { stage, done, total } = progress;
    let progress = wire::ImportProgress { stage: stage.as_str().to_owned(), done, total };
    wire::TryImportResponse { report: Some(wire::try_import_response::Report::Progress(progress)) }
}

fn found(trial: &Trial) -> wire::Trial {
    let reject = |reject: &Reject| wire::Reject {
        line: reject.line,
        column: reject.column.clone(),
        reason: reject.reason.clone(),
    };
    let unlisted = |(field, value, becomes, rows): (&str, &str, crate::mapping::Unlisted, u64)| {
        wire::UnlistedValue {
            field: field.to_owned(),
            value: value.to_owned(),
            rows,
            becomes: becomes.as_str().to_owned(),
        }
    };
    let difference = &trial.difference;
    wire::Trial {
        rows: trial.rows,
        rejected: trial.rejected,
        rejects: trial.rejects.iter().take(REJECTS_LISTED_MAX).map(reject).collect(),
        refused: trial.refused.clone().unwrap_or_default(),
        exceeded: trial.exceeded.iter().map(|reason| reason.sentence.clone()).collect(),
        totals: Some(holds::counts(difference.totals)),
        unchanged: difference.unchanged,
        departed: difference.departed,
        window_days: difference.window_days.into(),
        group_by: difference.group_by.clone().unwrap_or_default(),
        groups: holds::groups(&trial.exceeded, difference, |_example| String::new()),
        people: trial.examples.people.iter().map(person).collect(),
        changes: trial.examples.changes.iter().map(change).collect(),
        unlisted: trial.unlisted.of(&trial.source).map(unlisted).collect(),
        sample: trial.sample.iter().map(row).collect(),
        proves_absence: trial.proves_absence,
    }
}

fn person(person: &Person) -> wire::TriedPerson {
    wire::TriedPerson {
        person_id: person.id.map(|id| id.to_string()).unwrap_or_default(),
        worker_id: person.worker_id.clone(),
        change: person.change.as_str().to_owned(),
        display_name: person.name.clone().unwrap_or_default(),
        values: person.said.iter().map(value).collect(),
    }
}

fn value(Said { name, before, after }: &Said) -> wire::TriedValue {
    wire::TriedValue { name: name.clone(), before: before.clone(), after: after.clone() }
}

/// The most frequent changes of one thing.
fn change((name, changes): (&String, &Changes)) -> wire::TriedChange {
    let mut pairs: Vec<_> = changes.pairs.iter().collect();
    pairs.sort_by_key(|(_, people)| std::cmp::Reverse(**people));
    let pair = |((before, after), people): (&(Option<String>, Option<String>), &u64)| {
        wire::TriedPair { before: before.clone(), after: after.clone(), people: *people }
    };
    wire::TriedChange {
        name: name.clone(),
        people: changes.people,
        pairs: pairs.into_iter().take(PAIRS).map(pair).collect(),
    }
}

fn row(row: &Row) -> wire::TriedRow {
    let dates = [
        ("effective_date", row.effective_date),
        ("start_date", row.start_date),
        ("last_working_day", row.last_working_day),
        ("termination_date", row.termination_date),
    ];
    let dates = dates.into_iter().filter_map(|(name, day)| Some((name, day?.to_string())));
    let texts = [("manager", &row.manager), ("match", &row.identity), ("zone", &row.zone)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?)));
    let key = (!row.engagement_key.is_empty()).then(|| ("engagement", row.engagement_key.clone()));
    let members = key.into_iter().chain(dates).chain(texts);
    let members = members.map(|(name, text)| (name.to_owned(), text));
    let attributes = row.attributes.iter().map(|(name, value)| (name.clone(), value.to_string()));
    let value = |(name, after)| wire::TriedValue { name, before: None, after: Some(after) };
    wire::TriedRow {
        line: row.line,
        worker_id: row.worker_id.clone(),
        values: members.chain(attributes).map(value).collect(),
    }
}
