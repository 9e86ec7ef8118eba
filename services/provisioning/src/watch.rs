//! How an application is watched: when it is read, and how far its reading has come. Pure, but for `table`.

pub(crate) mod table;

use domain::{ReadingId, Timestamp, Version};
use proto::provisioning::v1::ApplicationRead;
use rules::document::Every;
use uuid::Uuid;

/// The watch over one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) application: String,
    pub(crate) stage: Stage,
    /// When something is to be done next; nobody asks for it: none.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) lease: Option<Uuid>,
    /// The reading in hand, or the last one.
    pub(crate) reading: Option<ReadingId>,
    pub(crate) began_at: Option<Timestamp>,
    /// Up to whom it has been compared.
    pub(crate) done_through: Uuid,
    /// Whether what it does not show is not there.
    pub(crate) complete: bool,
    /// Why not, or why it could not be read.
    pub(crate) error: String,
    pub(crate) attempts: u32,
    pub(crate) accounts: u64,
    pub(crate) holdings: u64,
    pub(crate) adopted: u64,
    pub(crate) repairs: u64,
    /// When a reading was held against what shall be for the first time, and for the last.
    pub(crate) first_read_at: Option<Timestamp>,
    pub(crate) read_at: Option<Timestamp>,
    /// The limits that its repairs exceed.
    pub(crate) held: Vec<String>,
    /// Stands for exactly these repairs.
    pub(crate) hash: String,
    pub(crate) released_by: Vec<String>,
    pub(crate) version: Version,
}

/// What is done with a reading, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing until it is due.
    Rest,
    /// The application is asked.
    Read,
    /// Accounts that are no single person's are looked at.
    Strangers,
    /// People's accounts are held against what they shall be, some at a time.
    Compare,
    /// The repairs are counted, and go or are held.
    Judge,
    /// The repairs begin, some people's at a time.
    Apply,
}

/// How long after the first reading of an application the second one begins at the latest.
const SECOND_READING: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);
/// People who have to agree before repairs go that the breaker holds.
const RELEASES: usize = 2;

impl Stage {
    const ALL: [Self; 6] =
        [Self::Rest, Self::Read, Self::Strangers, Self::Compare, Self::Judge, Self::Apply];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Read => "read",
            Self::Compare => "compare",
            Self::Strangers => "strangers",
            Self::Judge => "judge",
            Self::Apply => "apply",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

impl Watch {
    /// Begins a reading; the one before it is over, however far it came.
    pub(crate) fn begin(&mut self, reading: ReadingId, now: Timestamp) {
        self.stage = Stage::Read;
        self.reading = Some(reading);
        self.began_at = Some(now);
        self.done_through = Uuid::nil();
        (self.adopted, self.repairs) = (0, 0);
    }

    /// Goes on with the next stage, at once.
    pub(crate) fn go_on(&mut self, stage: Stage, now: Timestamp) {
        self.stage = stage;
        self.done_through = Uuid::nil();
        self.due_at = Some(now);
        self.lease = None;
    }

    /// Rests until the next reading is due. After the first one that is soon: by then people have taken over
    /// what was there for them, and the rest is nobody's.
    pub(crate) fn rest(&mut self, every: Every, now: Timestamp) {
        self.go_on(Stage::Rest, now);
        let began = self.began_at.unwrap_or(now);
        let after = every.duration().and_then(|every| jiff::SignedDuration::try_from(every).ok());
        let is_first = self.first_read_at >= self.began_at;
        let after = after.map(|after| if is_first { after.min(SECOND_READING) } else { after });
        self.due_at = after.map(|after| began.saturating_add(after).unwrap_or(Timestamp::MAX));
    }

    /// Takes over who wants the repairs to go; says whether they may. A person counts once, and asks for
    /// exactly what was looked at.
    pub(crate) fn release(&mut self, hash: &str, by: &str) -> Result<bool, Refused> {
        if self.held.is_empty() {
            return Err(Refused::NothingHeld);
        }
        if self.hash != hash {
            return Err(Refused::Other);
        }
        if self.released_by.iter().any(|known| known == by) {
            return Err(Refused::SamePerson);
        }
        self.released_by.push(by.to_owned());
        Ok(self.released_by.len() >= RELEASES)
    }

    /// Whether exactly these repairs were released.
    pub(crate) fn is_released(&self, hash: &str) -> bool {
        self.hash == hash && self.released_by.len() >= RELEASES
    }

    /// Announces what the reading came to.
    pub(crate) fn announce(
        &self,
        found: std::collections::BTreeMap<String, u64>,
        now: Timestamp,
    ) -> ApplicationRead {
        ApplicationRead {
            reading_id: self.reading.map(|reading| reading.to_string()).unwrap_or_default(),
            version: Some(self.version.into()),
            application: self.application.clone(),
            began_at: self.began_at.map(Into::into),
            finished_at: Some(now.into()),
            accounts: self.accounts,
            holdings: self.holdings,
            complete: self.complete,
            adopted: self.adopted,
            found,
            repairs: self.repairs,
            held: self.held.clone(),
            released_by: self.released_by.clone(),
        }
    }
}

/// Why repairs do not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("no repairs of the application are held")]
    NothingHeld,
    #[error("other repairs are held by now; look at them and name their hash")]
    Other,
    #[error("you have released them already; a second person has to")]
    SamePerson,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> Watch {
        Watch {
            application: "directory".to_owned(),
            stage: Stage::Judge,
            due_at: None,
            lease: None,
            reading: None,
            began_at: Some(at(0)),
            done_through: Uuid::nil(),
            complete: true,
            error: String::new(),
            attempts: 0,
            accounts: 0,
            holdings: 0,
            adopted: 0,
            repairs: 0,
            first_read_at: Some(at(-9_000)),
            read_at: None,
            held: vec!["too many".to_owned()],
            hash: "abc".to_owned(),
            released_by: Vec::new(),
            version: Version::default(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn repairs_go_when_a_second_person_asks_for_exactly_them() {
        let mut watch = watch();

        assert_eq!(watch.release("abd", "grace"), Err(Refused::Other));
        assert_eq!(watch.release("abc", "grace"), Ok(false));
        assert_eq!(watch.release("abc", "grace"), Err(Refused::SamePerson));
        assert_eq!(watch.release("abc", "ada"), Ok(true));
    }

    #[test]
    fn a_reading_is_due_so_long_after_the_last_one_began() {
        let mut watch = watch();

        watch.rest(Every::Minutes(60), at(600));
        assert_eq!((watch.stage, watch.due_at), (Stage::Rest, Some(at(3600))));
        watch.first_read_at = Some(at(600));
        watch.rest(Every::Minutes(60), at(600));
        assert_eq!(watch.due_at, Some(at(900)));
        watch.rest(Every::Never, at(600));
        assert_eq!(watch.due_at, None);
    }
}
