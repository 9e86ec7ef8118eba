//! Sends messages: leased and committed first, sent with no transaction open, recorded after.

use std::sync::Arc;

use chassis::Driver;
use domain::{Rejection, Timestamp};
use store::Tx;
use uuid::Uuid;

use super::Sources;
use crate::config::Config;
use crate::mail::{Fault, Letter, Line, Outgoing, Problem, Sender, TaskLine};
use crate::message::table::Record;
use crate::message::{self, Leased};
use crate::milestone::State;
use crate::notice::{self, Ending, Notice};
use crate::{backoff, code};

/// Sends.
#[derive(Debug)]
pub(crate) struct Sending {
    config: Arc<Config>,
    sender: Sender,
}

/// A message in hand.
#[derive(Debug)]
pub(crate) struct Job {
    message: Leased,
    lease: Uuid,
    /// Absent: whoever was to be told can no longer be.
    letter: Option<Letter>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Sent,
    Problem(Problem),
    Nobody,
    /// All its notices were canceled.
    Empty,
}

/// A message may be sent this often without anybody knowing what became of it.
const UNKNOWN_MAX: i32 = 2;

impl Sending {
    pub(crate) fn new(config: Arc<Config>, sender: Sender) -> Self {
        Self { config, sender }
    }
}

impl Driver for Sending {
    type Job = Job;
    type Outcome = Outcome;

    const NAME: &'static str = "notification.sending";
    const AT_ONCE: u16 = 32;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Job>, Rejection> {
        let now = tx.now();
        let until = now.saturating_add(self.config.lease()).unwrap_or(now);
        let lease = tx.new_id();
        let leased = message::table::lease(tx, lease, until, limit).await?;
        if leased.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = leased.iter().map(|message| message.id).collect();
        let mut notices = notice::table::of_messages(tx, &ids).await?;
        let told = leased.iter().map(|message| &message.told);
        let sources = Sources::load(tx, &self.config, notices.values().flatten(), told).await?;
        Ok(leased
            .into_iter()
            .map(|message| {
                let notices = notices.remove(&message.id).unwrap_or_default();
                let letter = sources.letter(&message, &notices);
                Job { message, lease, letter }
            })
            .collect())
    }

    async fn act(&self, jobs: &[Job]) -> Vec<Outcome> {
        let deadline = self.sender.deadline();
        let mut connection = None;
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut unreachable = None;
        for job in jobs {
            outcomes.push(match &job.letter {
                None => Outcome::Nobody,
                Some(letter) if letter.is_empty() => Outcome::Empty,
                Some(_) if job.message.unknown >= UNKNOWN_MAX => {
                    let reason = "it was in hand when its worker was lost, twice".to_owned();
                    Outcome::Problem(Problem::Fault(Fault::Unknown(reason)))
                }
                Some(letter) => match &unreachable {
                    // The server was out of reach a moment ago; the others wait, too.
                    Some(problem) => Outcome::Problem(Problem::clone(problem)),
                    None => {
                        let outgoing = Outgoing {
                            header: &job.message.header,
                            digest: job.message.digest,
                            letter,
                        };
                        match self.sender.send(&mut connection, &outgoing, deadline).await {
                            Ok(()) => Outcome::Sent,
                            Err(problem) => {
                                if matches!(problem, Problem::Unreachable(_)) {
                                    unreachable = Some(problem.clone());
                                }
                                Outcome::Problem(problem)
                            }
                        }
                    }
                },
            });
        }
        self.sender.close(connection).await;
        outcomes
    }

    async fn record(&self, tx: &mut Tx, done: &[(Job, Outcome)]) -> Result<(), Rejection> {
        for (job, outcome) in done {
            let verdict = decide(&self.config, &job.message, outcome, tx.now());
            let id = job.message.id;
            let held =
                message::table::record(tx, id, job.lease, &verdict.record, &verdict.error).await?;
            if !held {
                tracing::warn!(message.id = %id, "message {id} changed hands while it was sent");
                continue;
            }
            if let Some(state) = verdict.state {
                self.finish(tx, job, state, verdict.error).await?;
            }
        }
        Ok(())
    }
}

impl Sending {
    /// Ends the notices of a message, and announces it.
    async fn finish(
        &self,
        tx: &mut Tx,
        job: &Job,
        state: State,
        error: String,
    ) -> Result<(), Rejection> {
        let id = job.message.id;
        let notices = notice::table::finish(tx, id, state, &error).await?;
        if state != State::Sent {
            tracing::warn!(message.id = %id, "message {id} is not sent: {error}");
        }
        let ending = Ending {
            attempts: job.message.attempts.unsigned_abs(),
            digest: job.message.digest.then_some(id),
            error,
            at: tx.now(),
        };
        for notice in notices {
            if state == State::Sent {
                tx.publish(&notice.sent(&ending, tx.epoch()))?;
            } else {
                tx.publish(&notice.failed(&ending, tx.epoch()))?;
            }
        }
        Ok(())
    }
}

impl Sources {
    /// What a message says to whom; nothing when nobody is known any more.
    fn letter(&self, message: &Leased, notices: &[Notice]) -> Option<Letter> {
        let to = self.book.contact(&message.told)?;
        let lines = notices.iter().map(|notice| {
            let person = self.people.get(&notice.person);
            Line::new(notice, person, self.accounts.get(&notice.person), &to.addressee)
        });
        let address = message.told.address();
        let tasks = address.and_then(|address| self.tasks.get(&address)).into_iter().flatten();
        let tasks = tasks.map(|task| TaskLine::new(task, &self.people, self.now)).collect();
        Some(Letter { lines: lines.collect(), tasks, to })
    }
}

/// What is written about a message, and about its notices.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    record: Record,
    /// Absent: they stay as they are.
    state: Option<State>,
    error: String,
}

/// Decides what an outcome means. Pure.
fn decide(config: &Config, message: &Leased, outcome: &Outcome, now: Timestamp) -> Verdict {
    let over =
        |record: Record, state: State, error: String| Verdict { record, state: Some(state), error };
    let failed =
        |code: &str, reason: &str| over(Record::Failed, State::Failed, format!("{code}: {reason}"));
    let again = |code: &str, reason: &str, unknown: bool| {
        let pause = backoff::pause(config, message.attempts, message.id);
        let due_at = now.saturating_add(pause).unwrap_or(now);
        Verdict {
            record: Record::Again { due_at, unknown, tried: true },
            state: None,
            error: format!("{code}: {reason}"),
        }
    };
    let exhausted = message.attempts.unsigned_abs() >= config.attempts_max.get();
    match outcome {
        Outcome::Sent => over(Record::Sent, State::Sent, String::new()),
        Outcome::Empty => Verdict { record: Record::Empty, state: None, error: String::new() },
        Outcome::Nobody => over(
            Record::Failed,
            State::Undeliverable,
            format!("{}: whoever was to be told can no longer be", code::NOBODY),
        ),
        Outcome::Problem(problem) => match problem {
            Problem::NotTried => Verdict {
                record: Record::Again { due_at: now, unknown: false, tried: false },
                state: None,
                error: String::new(),
            },
            Problem::Unwritable(reason) => failed(code::UNWRITABLE, reason),
            Problem::Fault(Fault::Refused(reason)) => failed(code::REFUSED, reason),
            Problem::Fault(Fault::Unknown(reason)) if message.unknown + 1 >= UNKNOWN_MAX => {
                failed(code::UNKNOWN, reason)
            }
            Problem::Fault(Fault::Unknown(reason)) => again(code::UNKNOWN, reason, true),
            Problem::Unreachable(reason) | Problem::Fault(Fault::Later(reason)) if exhausted => {
                failed(code::GAVE_UP, reason)
            }
            Problem::Unreachable(reason) | Problem::Fault(Fault::Later(reason)) => {
                again(code::LATER, reason, false)
            }
        },
    }
}

#[cfg(test)]
mod tests;
