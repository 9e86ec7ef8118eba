//! Workers of whom it is not certain who they are: they wait for a human.

use store::{Error, Tx};

use crate::case::{self, Kind, Question, Standing};
use crate::reader::Reject;

/// Why a worker is not taken over.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What is said of them is wrong.
    Reject(Reject),
    /// A human must decide.
    Doubt(Box<Doubt>),
}

/// What is asked of a worker, and where the row stands that led to it.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) question: Question,
    pub(super) line: u64,
    pub(super) column: String,
    /// What is wrong, without any value.
    pub(super) reason: &'static str,
}

/// Asks what is doubtful; returns for each doubt, in order, why the worker's rows are not taken over.
pub(super) async fn ask(tx: &mut Tx, source: &str, doubts: &[Doubt]) -> Result<Vec<Reject>, Error> {
    for kind in Kind::ABOUT_WORKERS {
        // What was asked of them in other words before.
        let others = doubts.iter().filter(|doubt| doubt.question.kind != kind);
        let keys: Vec<&str> = others.map(|doubt| doubt.question.key.as_str()).collect();
        case::withdraw(tx, source, &[kind], &keys).await?;
    }
    let questions = doubts.iter().map(|doubt| doubt.question.clone()).collect();
    let standings = case::open(tx, source, questions).await?;
    let reject = |doubt: &Doubt| {
        let key = (doubt.question.kind, doubt.question.key.clone());
        let what = match standings.get(&key) {
            Some(Standing::Open(id)) => format!("decide it with `tenure case show {id}`"),
            Some(Standing::Decided(id, answer)) => {
                format!("case {id} was decided: {}", answer.as_str())
            }
            Some(Standing::TooMany) | None => {
                "too many cases of the source are open to ask".to_owned()
            }
        };
        let reason = format!("{}; {what}", doubt.reason);
        Reject { line: doubt.line, column: doubt.column.clone(), reason, worker_id: None }
    };
    Ok(doubts.iter().map(reject).collect())
}

/// Closes what was asked of workers who were taken over.
pub(super) async fn settle(tx: &mut Tx, source: &str, workers: &[String]) -> Result<(), Error> {
    let keys: Vec<&str> = workers.iter().map(String::as_str).collect();
    case::withdraw(tx, source, &Kind::ABOUT_WORKERS, &keys).await
}
