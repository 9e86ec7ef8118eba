//! Runs that exceed a limit of their source, and how two people let them be applied.
//!
//! A word is given for a hash: the hash stands for exactly what the run would change, and for what
//! was known of those people. It is worked out again before a word counts, and when something was
//! learnt meanwhile the word is refused and the difference is to be looked at again.
//!
//! Not here: what is held at all; that is `gate`.

mod look;
pub(crate) mod table;

pub(crate) use look::Look;

use domain::breaker::{Exceeded, Grouping};
use domain::{RunId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Store, Tx};

use crate::config::Config;
use crate::gate::Difference;
use crate::mapping::{self, Source};
use crate::roster;
use crate::run::{self, Run, State};

/// The longest name of whoever gives a word.
const NAME_BYTES_MAX: usize = 200;

/// What a run is held for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) run: RunId,
    pub(crate) hash: String,
    pub(crate) difference: Difference,
    /// None for what is left of a run of which a part was released.
    pub(crate) exceeded: Vec<Reason>,
    pub(crate) held_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A limit that is exceeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reason {
    pub(crate) sentence: String,
    /// The group that exceeds it; absent: the source.
    pub(crate) group: Option<String>,
}

/// One person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) approved_at: Timestamp,
}

/// What two people let be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) groups: Vec<String>,
    pub(crate) approved_by: String,
    pub(crate) released_by: String,
    pub(crate) released_at: Timestamp,
}

/// What somebody wants to be let through.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) run: RunId,
    pub(crate) hash: String,
    pub(crate) by: String,
    /// In order, each once; none: everybody.
    pub(crate) groups: Vec<String>,
}

/// What a word has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It takes another person's word.
    Approved(String),
    /// What was held is being applied.
    Released([String; 2]),
}

/// Why a word does not count, or a run cannot be given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no run {0} is known")]
    Unknown(RunId),
    #[error("run {run} is {}, and nothing of it is held", state.as_str())]
    NotHeld { run: RunId, state: State },
    #[error("who are you? A name of at most {NAME_BYTES_MAX} bytes must be stated")]
    Nameless,
    #[error("there is no group {group:?} in what run {run} would change")]
    NoGroup { run: RunId, group: String },
    #[error("{name} has given a word for it already: it takes another person's")]
    Twice { name: String },
    #[error(
        "what run {run} would change is not what was looked at: look again with `tenure source show \
         {run}`; its hash is {hash}"
    )]
    Moved { run: RunId, hash: String },
    #[error("run {run} was held until {expires_at}: import the file again")]
    Expired { run: RunId, expires_at: Timestamp },
    #[error("run {other} reads another file of the source: wait for its end")]
    Busy { other: RunId },
    #[error("a newer file than that of run {run} was taken over: what it says is out of date")]
    Older { run: RunId },
    #[error(transparent)]
    Mapping(#[from] mapping::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Reason {
    /// Says of a limit how it is exceeded.
    pub(crate) fn new(exceeded: &Exceeded) -> Self {
        let group = match exceeded.limit.per {
            Grouping::Group => Some(exceeded.group.clone()),
            Grouping::Change
            | Grouping::Source
            | Grouping::Application
            | Grouping::Department
            | Grouping::Privilege => None,
        };
        Self { sentence: exceeded.to_string(), group }
    }
}

impl Word {
    /// A word of somebody for some groups, or for everybody.
    ///
    /// # Errors
    /// When nobody gives it.
    pub(crate) fn try_new(
        run: RunId,
        hash: String,
        by: &str,
        mut groups: Vec<String>,
    ) -> Result<Self, Error> {
        groups.sort_unstable();
        groups.dedup();
        Ok(Self { run, hash, by: name(by)?, groups })
    }
}

/// Checks the name of whoever acts.
pub(crate) fn name(by: &str) -> Result<String, Error> {
    let by = by.trim();
    if by.is_empty() || by.len() > NAME_BYTES_MAX || by.chars().any(char::is_control) {
        return Err(Error::Nameless);
    }
    Ok(by.to_owned())
}

/// Decides what a word comes to beside those that were given before for the same.
pub(crate) fn decide(before: &[Approval], by: &str) -> Result<Outcome, Error> {
    let same = |approval: &&Approval| approval.name.to_lowercase() == by.to_lowercase();
    match (before.iter().find(same), before.first()) {
        (Some(same), _) => Err(Error::Twice { name: same.name.clone() }),
        (None, Some(first)) => Ok(Outcome::Released([first.name.clone(), by.to_owned()])),
        (None, None) => Ok(Outcome::Approved(by.to_owned())),
    }
}

/// Records a word for what a held run would change, and with the second one lets it be applied.
pub(crate) async fn release(store: &Store, config: &Config, word: &Word) -> Result<Outcome, Error> {
    let mut tx = store.begin().await?;
    let (run, hold) = find(&mut tx, word.run).await?;
    drop(tx);
    check(&hold, word, store.clock().now())?;
    let source = Source::parse_in(&run.mapping, config.zone.as_deref())?;
    let (difference, hash) = look(store, config, &run, &source).await?;

    let mut tx = store.begin().await?;
    let (run, hold) = find(&mut tx, word.run).await?;
    if hash != hold.hash {
        let difference = Difference { departed: hold.difference.departed, ..difference };
        table::update(&mut tx, &Hold { hash: hash.clone(), difference, ..hold }).await?;
        tx.commit().await?;
        return Err(Error::Moved { run: run.id, hash });
    }
    check(&hold, word, tx.now())?;
    let before = table::approvals(&mut tx, run.id, &hash, Some(&word.groups)).await?;
    let outcome = decide(&before, &word.by)?;
    table::approve(&mut tx, word).await?;
    match &outcome {
        Outcome::Approved(_) => {}
        Outcome::Released(names) => {
            if let Some(other) = run::table::find_open(&mut tx, &run.source).await? {
                return Err(Error::Busy { other: other.id });
            }
            table::release(&mut tx, word, &names[0]).await?;
            let groups = (!word.groups.is_empty()).then_some(word.groups.as_slice());
            run::table::release(&mut tx, run.id, groups).await?;
            let (date, format) = (run.snapshot_date, source.format().as_str());
            if !run::table::take_over(&mut tx, &run.source, date, format).await? {
                return Err(Error::Older { run: run.id });
            }
        }
    }
    tx.commit().await?;
    tracing::info!(run.id = %run.id, "a word was given for run {}, which is {outcome}", run.id);
    Ok(outcome)
}

/// Finds out what a run would change.
pub(crate) async fn look(
    store: &Store,
    config: &Config,
    run: &Run,
    source: &Source,
) -> Result<(Difference, String), store::Error> {
    let mut look = Look::new(run, source, config);
    while !look.is_done() {
        let mut tx = store.begin().await?;
        look.step(&mut tx, store.clock()).await?;
    }
    look.count_passed(store).await?;
    let mut tx = store.begin().await?;
    let present = roster::table::present(&mut tx, source.name(), run.snapshot_date).await?;
    let (mut difference, hash) = look.finish();
    difference.totals.present = present;
    Ok((difference, hash))
}

/// Gives a held run up.
pub(crate) async fn discard(store: &Store, id: RunId, by: &str) -> Result<(), Error> {
    let by = name(by)?;
    let mut tx = store.begin().await?;
    find(&mut tx, id).await?;
    let error = format!("{by} discarded it: nobody was changed by what was held of it");
    run::table::fail(&mut tx, id, &error).await?;
    Ok(tx.commit().await?)
}

/// Gives up the held run of a source that another run makes out of date.
pub(crate) async fn supersede(tx: &mut Tx, newer: &Run) -> Result<(), store::Error> {
    let Some(held) = run::table::find_held(tx, &newer.source).await? else { return Ok(()) };
    if held.id == newer.id || !newer.supersedes(&held) {
        return Ok(());
    }
    let error = format!(
        "run {} read a newer file of the source: nobody was changed by what was held of this one",
        newer.id
    );
    run::table::fail(tx, held.id, &error).await
}

/// Returns a held run, locked, and what it is held for.
async fn find(tx: &mut Tx, id: RunId) -> Result<(Run, Hold), Error> {
    let run = run::table::lock(tx, id).await?.ok_or(Error::Unknown(id))?;
    let state = run.state;
    let hold = table::find(tx, id).await?;
    match (state, hold) {
        (State::Held, Some(hold)) => Ok((run, hold)),
        (State::Held, None)
        | (State::Staging | State::Applying | State::Finished | State::Failed, _) => {
            Err(Error::NotHeld { run: id, state })
        }
    }
}

/// Asks whether a word is for what a run is held for.
fn check(hold: &Hold, word: &Word, now: Timestamp) -> Result<(), Error> {
    if hold.expires_at <= now {
        return Err(Error::Expired { run: hold.run, expires_at: hold.expires_at });
    }
    if hold.hash != word.hash {
        return Err(Error::Moved { run: hold.run, hash: hold.hash.clone() });
    }
    let known = |name: &String| hold.difference.groups.iter().any(|group| group.group == *name);
    match word.groups.iter().find(|name| !known(name)) {
        Some(group) => Err(Error::NoGroup { run: hold.run, group: group.clone() }),
        None => Ok(()),
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Approved(_) => "held until another one is given",
            Self::Released(_) => "released",
        })
    }
}

#[cfg(test)]
mod tests;
