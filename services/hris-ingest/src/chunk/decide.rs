//! What a human decides of a worker: taken over at once, in the transaction that closes the case.

use domain::{CaseId, PersonId, RunId};
use store::{Store, Tx};

use super::crowd::Listed;
use super::doubt::Refusal;
use super::{Purpose, Scope, Told, meet, tell_all, too_large};
use crate::case::{self, Answer, Case, Error, Kind, Waiting, Word};
use crate::config::Config;
use crate::facts::Contract;
use crate::mapping::Source;
use crate::reader::{Marks, Reject};
use crate::{roster, run, source};

/// Who a worker is, as a human says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// This person, whoever was known by the worker id.
    Is(PersonId),
    /// Nobody who is known.
    Nobody,
    /// Whoever it is by all that is known, and they may be hired again.
    MayReturn,
    /// Whoever holds the worker id, and they are gone by the day of the file that left them out.
    HasLeft,
}

/// Decides a case, and takes over what waited for it.
///
/// # Errors
/// When the decision does not count, or what follows from it cannot be; then nothing is changed.
pub(crate) async fn decide(store: &Store, config: &Config, word: &Word) -> Result<Case, Error> {
    let unknown = |id: CaseId| Error::Unknown(id);
    let case = case::table::find(store.pool(), word.case).await?;
    let case = case.ok_or_else(|| unknown(word.case))?;
    let mut tx = store.begin().await?;
    // As whoever opens cases: the source first, then the case.
    roster::table::lock_source(&mut tx, &case.question.source).await?;
    let case = case::table::lock(&mut tx, word.case).await?.ok_or_else(|| unknown(word.case))?;
    let closed = case.decide(word, tx.now())?;
    let decided = follows(case.question.kind, word.answer, closed.person);
    if let (Some(decided), Some(waiting)) = (decided, &case.question.waiting) {
        settle(&mut tx, store, config, &case, waiting, decided).await?;
    }
    let case = Case { closed: Some(closed), ..case };
    case::close(&mut tx, &case).await?;
    tx.commit().await?;
    Ok(case)
}

/// What follows from an answer for the worker asked about.
fn follows(kind: Kind, answer: Answer, person: Option<PersonId>) -> Option<Decided> {
    match (kind, answer) {
        (Kind::UncertainMatch | Kind::RecycledWorkerId, Answer::Same) => person.map(Decided::Is),
        (Kind::UncertainMatch | Kind::RecycledWorkerId, Answer::Other) => Some(Decided::Nobody),
        (Kind::NotRehirable, Answer::Allow) => Some(Decided::MayReturn),
        (Kind::MissingWorker, Answer::Allow) => Some(Decided::HasLeft),
        (
            Kind::UncertainMatch
            | Kind::RecycledWorkerId
            | Kind::NotRehirable
            | Kind::Conflict
            | Kind::MissingWorker
            | Kind::UnknownValue,
            Answer::Same | Answer::Other | Answer::Allow | Answer::Refuse | Answer::Dismiss,
        ) => None,
    }
}

async fn settle(
    tx: &mut Tx,
    store: &Store,
    config: &Config,
    case: &Case,
    waiting: &Waiting,
    decided: Decided,
) -> Result<(), Error> {
    let mapping = if waiting.pushed {
        source::table::find(tx, &case.question.source).await?
    } else {
        run::table::mapping(tx, waiting.run).await?
    };
    let source = mapping.and_then(|yaml| Source::parse_in(&yaml, config.zone.as_deref()).ok());
    let source = source.ok_or(Error::NoDocument)?;
    let scope = Scope {
        quiet: waiting.quiet,
        ..Scope::new(RunId(tx.new_id()), &source, waiting.snapshot_date)
    };
    let has_left = decided == Decided::HasLeft;
    let worker = Listed {
        worker_id: waiting.worker_id.clone(),
        rows: waiting.rows.clone(),
        contract: if has_left { Contract::Full } else { Contract::Partial },
        decided: Some(decided),
        leaves: false,
    };
    let mut crowd = meet(tx, scope, std::slice::from_ref(&worker), Purpose::Write).await?;
    match crowd.take(scope, store.clock(), worker) {
        Ok(_) => {}
        Err(Refusal::Reject(reject)) => return Err(Error::Refused(reject)),
        Err(Refusal::Doubt(doubt)) => {
            let (line, column, reason) = (doubt.line, doubt.column, doubt.reason.to_owned());
            return Err(Error::Refused(Reject { line, column, reason, worker_id: None }));
        }
    }
    let marks: Vec<Marks> = waiting.rows.iter().filter_map(|row| row.marks).collect();
    let listed = [(waiting.worker_id.clone(), (!has_left).then_some(marks))].into();
    let told = tell_all(tx, scope, &source, &crowd, listed, |_draft, _change| true).await?;
    match told.fates.iter().find(|fate| fate.end == Told::TooLarge) {
        Some(fate) => Err(Error::Refused(too_large(fate.draft))),
        None => Ok(()),
    }
}
