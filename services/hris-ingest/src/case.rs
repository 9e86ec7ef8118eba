//! What a human must decide, and what they decided.
//!
//! A case is opened in the transaction in which its cause is met, and closed in the one in which it is
//! decided, or in which its cause is no more. One is open for a key at most. What was decided is not asked
//! again until what speaks for and against has changed; what closed by itself is.
//!
//! Not here: what follows from a decision; that is where the case was opened, in `chunk` for workers.

mod evidence;
pub(crate) mod table;
mod told;

pub(crate) use evidence::{Compared, Evidence, Side, Verdict};

use std::collections::BTreeMap;

use domain::{CaseId, Date, EngagementId, PersonId, RunId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use store::Tx;

use crate::reader::{Reject, Row};
use crate::run::Run;

/// The longest note, and the longest name of whoever decides, in bytes.
const NOTE_BYTES_MAX: usize = 2_000;
const NAME_BYTES_MAX: usize = 200;
/// Cases of one source that are open at once: a source of which more is asked has another trouble.
const OPEN_MAX: u64 = 10_000;

/// What a case asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Is it a person who is known?
    UncertainMatch,
    /// Is it still the human who had the worker id?
    RecycledWorkerId,
    /// May somebody come back who is marked as not to be hired again?
    NotRehirable,
    /// Which of two sources is right?
    Conflict,
    /// Has somebody left of whom nothing is heard?
    MissingWorker,
    /// What does a value mean?
    UnknownValue,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// It is the person asked about.
    Same,
    /// It is nobody of those asked about.
    Other,
    /// It may happen.
    Allow,
    /// It may not.
    Refuse,
    /// It was looked at, and nothing follows here: the source will be corrected, or is right.
    Dismiss,
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Decided(Answer),
    NoLongerApplies,
}

/// What is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) kind: Kind,
    pub(crate) source: String,
    /// The source's own word for what it is about, such as a worker id.
    pub(crate) key: String,
    /// Whom it concerns, the likelier first.
    pub(crate) people: Vec<PersonId>,
    pub(crate) engagements: Vec<EngagementId>,
    pub(crate) evidence: Evidence,
    /// What is taken over as it is decided.
    pub(crate) waiting: Option<Waiting>,
}

/// What a source says of a worker, until a human has said who that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) worker_id: String,
    pub(crate) rows: Vec<Row>,
    /// The run that read the rows, whose mapping counts; of pushed ones, that of the source's document.
    pub(crate) run: RunId,
    pub(crate) pushed: bool,
    pub(crate) snapshot_date: Date,
    pub(crate) quiet: bool,
}

/// What a key's question has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It waits for a decision.
    Open(CaseId),
    /// It was decided, on the same evidence.
    Decided(CaseId, Answer),
    /// Too many of the source wait.
    TooMany,
}

/// A question and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) id: CaseId,
    pub(crate) question: Question,
    pub(crate) hash: String,
    pub(crate) opened_at: Timestamp,
    pub(crate) closed: Option<Closed>,
}

/// How and when a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) at: Timestamp,
    pub(crate) outcome: Outcome,
    /// Who was decided upon.
    pub(crate) person: Option<PersonId>,
    /// Who decided; nobody where it closed by itself.
    pub(crate) by: Option<String>,
    pub(crate) note: String,
}

/// One person's decision.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) case: CaseId,
    pub(crate) hash: String,
    pub(crate) answer: Answer,
    pub(crate) person: Option<PersonId>,
    pub(crate) by: String,
    pub(crate) note: String,
}

/// Why a decision does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no case {0} is known")]
    Unknown(CaseId),
    #[error("case {case} is closed already: {}", outcome.as_str())]
    Closed { case: CaseId, outcome: Outcome },
    #[error(
        "what speaks for and against in case {case} is not what was looked at: look again with \
         `tenure case show {case}`; its hash is {hash}"
    )]
    Moved { case: CaseId, hash: String },
    #[error("who are you? A name of at most {NAME_BYTES_MAX} bytes must be stated")]
    Nameless,
    #[error("the note is longer than {NOTE_BYTES_MAX} bytes")]
    Wordy,
    #[error(
        "{:?} is no answer to {}: {}", answer.as_str(), kind.as_str(),
        kind.answers().iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" or ")
    )]
    NoAnswer { kind: Kind, answer: Answer },
    #[error("case {0} asks about several people: name the one whom you mean")]
    Which(CaseId),
    #[error("case {case} does not ask about person {person}")]
    NotAsked { case: CaseId, person: PersonId },
    #[error("it cannot be taken over as decided: {} {}", .0.column, .0.reason)]
    Refused(Reject),
    #[error("the source has no document any more by which its rows are read: apply it again")]
    NoDocument,
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Question {
    /// The first day of what waits for the answer.
    pub(crate) fn needed_by(&self) -> Option<Date> {
        let rows = self.waiting.iter().flat_map(|waiting| &waiting.rows);
        rows.filter_map(|row| row.start_date).min()
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::UncertainMatch,
        Self::RecycledWorkerId,
        Self::NotRehirable,
        Self::Conflict,
        Self::MissingWorker,
        Self::UnknownValue,
    ];

    /// The kinds that ask who a worker is: at most one of them has a reason at a time.
    pub(crate) const OF_WORKERS: [Self; 3] =
        [Self::UncertainMatch, Self::RecycledWorkerId, Self::NotRehirable];

    /// The kinds that ask about a worker, so that they are settled when the worker is taken over.
    pub(crate) const ABOUT_WORKERS: [Self; 4] =
        [Self::UncertainMatch, Self::RecycledWorkerId, Self::NotRehirable, Self::MissingWorker];

    /// The kind's name in SQL.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UncertainMatch => "uncertain_match",
            Self::RecycledWorkerId => "recycled_worker_id",
            Self::NotRehirable => "not_rehirable",
            Self::Conflict => "conflict",
            Self::MissingWorker => "missing_worker",
            Self::UnknownValue => "unknown_value",
        }
    }

    /// What can be answered.
    pub(crate) const fn answers(self) -> &'static [Answer] {
        match self {
            Self::UncertainMatch | Self::RecycledWorkerId => {
                &[Answer::Same, Answer::Other, Answer::Dismiss]
            }
            Self::NotRehirable | Self::MissingWorker => &[Answer::Allow, Answer::Refuse],
            Self::Conflict | Self::UnknownValue => &[Answer::Dismiss],
        }
    }
}

impl Answer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Same, Self::Other, Self::Allow, Self::Refuse, Self::Dismiss];

    /// The answer's name in SQL.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Other => "other",
            Self::Allow => "allow",
            Self::Refuse => "refuse",
            Self::Dismiss => "dismiss",
        }
    }
}

impl Outcome {
    const NO_LONGER_APPLIES: &str = "no_longer_applies";

    /// The outcome's name in SQL.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Decided(answer) => answer.as_str(),
            Self::NoLongerApplies => Self::NO_LONGER_APPLIES,
        }
    }
}

impl Word {
    /// A decision that somebody stands for.
    ///
    /// # Errors
    /// When nobody does, or says too much.
    pub(crate) fn check_author(mut self) -> Result<Self, Error> {
        self.by = self.by.trim().to_owned();
        if self.by.is_empty()
            || self.by.len() > NAME_BYTES_MAX
            || self.by.chars().any(char::is_control)
        {
            return Err(Error::Nameless);
        }
        if self.note.len() > NOTE_BYTES_MAX {
            return Err(Error::Wordy);
        }
        Ok(self)
    }
}

impl Case {
    /// Asks whether a decision is one on this case as it stands; returns how it ends then.
    pub(crate) fn decide(&self, word: &Word, now: Timestamp) -> Result<Closed, Error> {
        if let Some(closed) = &self.closed {
            return Err(Error::Closed { case: self.id, outcome: closed.outcome });
        }
        if self.hash != word.hash {
            return Err(Error::Moved { case: self.id, hash: self.hash.clone() });
        }
        let kind = self.question.kind;
        if !kind.answers().contains(&word.answer) {
            return Err(Error::NoAnswer { kind, answer: word.answer });
        }
        Ok(Closed {
            at: now,
            outcome: Outcome::Decided(word.answer),
            person: self.meant(word)?,
            by: Some(word.by.clone()),
            note: word.note.clone(),
        })
    }

    /// Whom an answer means.
    fn meant(&self, word: &Word) -> Result<Option<PersonId>, Error> {
        let asked = &self.question.people;
        match (word.answer, word.person) {
            (_, Some(person)) if !asked.contains(&person) => {
                Err(Error::NotAsked { case: self.id, person })
            }
            (Answer::Same, None) if asked.len() > 1 => Err(Error::Which(self.id)),
            (Answer::Same, None) => Ok(asked.first().copied()),
            (Answer::Same, Some(person)) => Ok(Some(person)),
            (Answer::Other | Answer::Allow | Answer::Refuse | Answer::Dismiss, _) => Ok(None),
        }
    }
}

/// What a question has come to, of what is known of its key: the latest case, and whether it is open.
fn standing(latest: Option<&Latest>, hash: &str) -> Option<Standing> {
    let latest = latest?;
    match latest.outcome {
        None => Some(Standing::Open(latest.id)),
        Some(Outcome::Decided(answer)) if latest.hash == hash => {
            Some(Standing::Decided(latest.id, answer))
        }
        Some(Outcome::Decided(_) | Outcome::NoLongerApplies) => None,
    }
}

/// The latest case of a key.
#[derive(Debug, Clone)]
pub(crate) struct Latest {
    pub(crate) id: CaseId,
    pub(crate) hash: String,
    pub(crate) outcome: Option<Outcome>,
}

/// What tells questions apart.
pub(crate) type Key = (Kind, String);

/// Asks questions of one source, those that are not asked yet; says what each has come to. The caller
/// has locked the source.
pub(crate) async fn open(
    tx: &mut Tx,
    source: &str,
    questions: Vec<Question>,
) -> Result<BTreeMap<Key, Standing>, store::Error> {
    let mut standings = BTreeMap::new();
    if questions.is_empty() {
        return Ok(standings);
    }
    let keys: Vec<(Kind, &str)> =
        questions.iter().map(|one| (one.kind, one.key.as_str())).collect();
    let latest = table::latest(tx, source, &keys).await?;
    let mut room = OPEN_MAX.saturating_sub(table::count_open(tx, source).await?);
    let (mut opened, mut moved) = (Vec::new(), Vec::new());
    for question in questions {
        let key = (question.kind, question.key.clone());
        let (latest, hash) = (latest.get(&key), question.evidence.hash());
        let standing = match standing(latest, &hash) {
            Some(Standing::Open(id)) => {
                let same = latest.is_some_and(|latest| latest.hash == hash);
                if !same || question.waiting.is_some() {
                    moved.push((id, hash, question));
                }
                Standing::Open(id)
            }
            Some(standing) => standing,
            None if room == 0 => {
                tracing::warn!("{OPEN_MAX} cases of source {source} are open: no more are opened");
                Standing::TooMany
            }
            None => {
                room -= 1;
                let id = CaseId(tx.new_id());
                let opened_at = tx.now();
                opened.push(Case { id, question, hash, opened_at, closed: None });
                Standing::Open(id)
            }
        };
        standings.insert(key, standing);
    }
    table::insert(tx, &opened).await?;
    table::refresh(tx, &moved).await?;
    for case in &opened {
        tracing::info!(case.id = %case.id, "case {} is opened: {}", case.id, case.question.kind.as_str());
        tx.publish(&case.opened(tx.next_version(Version::default())))?;
    }
    Ok(standings)
}

/// Closes what is asked of keys no longer.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    source: &str,
    kinds: &[Kind],
    keys: &[&str],
) -> Result<(), store::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let closed = table::withdraw(tx, source, kinds, keys).await?;
    announce_all(tx, &closed, "applies no longer")
}

/// Closes what is asked of workers whom a full file lists no more, nor anything after it.
pub(crate) async fn withdraw_unlisted(tx: &mut Tx, run: &Run) -> Result<(), store::Error> {
    let closed = table::withdraw_unlisted(tx, run).await?;
    announce_all(tx, &closed, "asks about nobody who is listed")
}

/// Closes what is asked of workers who were missing, and whom a full file lists as it did before.
pub(crate) async fn withdraw_seen(tx: &mut Tx, run: &Run) -> Result<(), store::Error> {
    let closed = table::withdraw_seen(tx, run).await?;
    announce_all(tx, &closed, "asks about somebody who is listed again")
}

/// Closes a case that the caller has locked, as it was decided.
pub(crate) async fn close(tx: &mut Tx, case: &Case) -> Result<(), store::Error> {
    table::close(tx, std::slice::from_ref(case)).await?;
    tracing::info!(case.id = %case.id, "case {} is decided", case.id);
    announce(tx, case)
}

/// Announces cases that nobody decided.
fn announce_all(tx: &mut Tx, closed: &[Case], why: &str) -> Result<(), store::Error> {
    for case in closed {
        tracing::info!(case.id = %case.id, "case {} {why}", case.id);
        announce(tx, case)?;
    }
    Ok(())
}

fn announce(tx: &mut Tx, case: &Case) -> Result<(), store::Error> {
    let opened = tx.next_version(Version::default());
    match case.told(tx.next_version(opened)) {
        Some(event) => tx.publish(&event),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
