//! What a demonstration has shown.

use std::collections::BTreeMap;

use proto::hris::v1::HeldRun;
use proto::provisioning::v1::{GetProgressRequest, GetProgressResponse};
use serde::{Serialize, Serializer};

use super::city::messages;
use super::mail::Mail;
use crate::client::Mesh;
use crate::commands::source::held;
use crate::output::{grouped, mebibytes, section, table};
use crate::view::{self, Person};

/// Messages of the small company that are listed.
const MAILS_SHOWN: usize = 12;
const ACTION_FINISHED: &str = "tenure.provisioning.v1.ActionFinished";

/// The result of a demonstration.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) company: Company,
    pub(super) city: City,
}

/// The small company and some of its people.
#[derive(Debug, Serialize)]
pub(super) struct Company {
    pub(super) people: u64,
    pub(super) joined: u64,
    pub(super) changed: u64,
    pub(super) left: u64,
    pub(super) shown: Vec<Shown>,
    /// Notices sent; a message may carry several.
    pub(super) notices: u64,
    pub(super) mails: Vec<Mail>,
    pub(super) parked: u64,
}

/// Somebody, and why they are shown.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) what: String,
    pub(super) person: Person,
}

/// A city over some years.
#[derive(Debug, Serialize)]
pub(super) struct City {
    pub(super) release: u64,
    pub(super) years: Vec<Year>,
    pub(super) parked: u64,
    pub(super) messages: Vec<Messages>,
    pub(super) memory_bytes: BTreeMap<String, u64>,
}

/// One full file and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct Year {
    pub(super) file: String,
    pub(super) rows: u64,
    pub(super) rejected: u64,
    pub(super) joined: u64,
    pub(super) changed: u64,
    pub(super) left: u64,
    pub(super) unchanged: u64,
    /// What it was held for, if it was.
    pub(super) held: Option<Held>,
    /// Everybody known, with those who left.
    pub(super) people: u64,
    pub(super) people_per_second: f64,
    pub(super) imported_seconds: f64,
    pub(super) settled_seconds: f64,
    pub(super) recorded_seconds: f64,
    pub(super) settle_seconds_p50: f64,
    pub(super) settle_seconds_p99: f64,
    pub(super) actions: Actions,
    /// Notices sent, and the messages that carried them.
    pub(super) notices: u64,
    pub(super) mails: u64,
    pub(super) by_hand: ByHand,
    pub(super) read: Read,
    pub(super) repeat: Repeat,
    pub(super) verified: String,
    pub(super) differences: u64,
}

/// What a file would change that exceeded a limit of its source, and who released it.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    pub(super) released_by: Vec<String>,
    #[serde(serialize_with = "difference")]
    pub(super) difference: HeldRun,
}

fn difference<S: Serializer>(held: &HeldRun, to: S) -> Result<S::Ok, S::Error> {
    held::difference(held).serialize(to)
}

/// What was done in the applications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Actions {
    done: u64,
    failed: u64,
    /// Made unnecessary by something newer before they began.
    superseded: u64,
    /// Left to people.
    manual: u64,
    open: u64,
}

impl Actions {
    /// Everything that was done since the mesh began.
    pub(super) async fn so_far(mesh: &Mesh) -> anyhow::Result<Self> {
        let request = GetProgressRequest::default();
        let progress = mesh.provisioning()?.get_progress(request).await?.into_inner();
        Ok(Self::new(&progress, &messages(mesh).await?))
    }

    /// Every action that ends is announced; who neither was done nor failed was superseded.
    fn new(progress: &GetProgressResponse, messages: &[Messages]) -> Self {
        let ended = messages.iter().filter(|total| total.r#type == ACTION_FINISHED);
        let ended: u64 = ended.map(|total| total.events).sum();
        Self {
            done: progress.actions_done,
            failed: progress.actions_failed,
            superseded: ended
                .saturating_sub(progress.actions_done)
                .saturating_sub(progress.actions_failed)
                .saturating_sub(progress.actions_manual),
            manual: progress.actions_manual,
            open: progress.actions_open,
        }
    }

    /// What was done since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            done: self.done.saturating_sub(before.done),
            failed: self.failed.saturating_sub(before.failed),
            superseded: self.superseded.saturating_sub(before.superseded),
            manual: self.manual.saturating_sub(before.manual),
            open: self.open,
        }
    }

    /// However they ended, and if they have not.
    pub(super) fn all(&self) -> u64 {
        self.done + self.failed + self.superseded + self.manual + self.open
    }
}

/// How often one kind of event was recorded.
#[derive(Debug, Serialize)]
pub(super) struct Messages {
    pub(super) publisher: String,
    pub(super) r#type: String,
    pub(super) events: u64,
}

/// What became of the tasks of people, since the mesh began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct ByHand {
    /// Verified by somebody's word, and by a list of the application's accounts.
    pub(super) attested: u64,
    pub(super) listed: u64,
    /// Done, and not verified.
    pub(super) unverified: u64,
    pub(super) open: u64,
    pub(super) late: u64,
}

/// What the mesh itself saw when it read the applications as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Read {
    pub(super) accounts: u64,
    pub(super) memberships: u64,
    /// Drift that it found and that stands.
    pub(super) differences: u64,
}

/// What importing the same file again caused.
#[derive(Debug, Serialize)]
pub(super) struct Repeat {
    pub(super) unchanged: u64,
    pub(super) changed: u64,
    pub(super) actions: u64,
    pub(super) writes: u64,
    pub(super) notices: u64,
}

impl Report {
    /// Whether everything is as it should be.
    pub(super) fn is_good(&self) -> bool {
        self.differences() == 0
            && self.city.parked + self.company.parked == 0
            && self.city.years.iter().all(|year| {
                let Repeat { changed, actions, writes, notices, unchanged: _ } = year.repeat;
                year.actions.failed == 0
                    && year.read.differences == 0
                    && changed + actions + writes + notices == 0
            })
    }

    fn differences(&self) -> u64 {
        self.city.years.iter().map(|year| year.differences).sum()
    }

    /// The report for people; its last line is for programs.
    pub(super) fn text(&self) -> String {
        let mut text = self.company.text();
        text += &self.city.text();
        text += &format!("differences: {}", self.differences());
        text
    }
}

impl Company {
    fn text(&self) -> String {
        let mut text = format!(
            "the small company\n  {} people; a week later {} joined, {} changed, {} left\n\n",
            grouped(self.people),
            grouped(self.joined),
            grouped(self.changed),
            grouped(self.left),
        );
        for Shown { what, person } in &self.shown {
            text += &section(what, "", false, || view::person(person));
        }
        let what = format!("told by mail: {} notices", grouped(self.notices));
        text += &section(&what, "nothing", self.mails.is_empty(), || {
            let rows = self.mails.iter().take(MAILS_SHOWN);
            let listed = table(
                &["to", "subject"],
                rows.map(|mail| vec![mail.to.join(", "), mail.subject.clone()]),
            );
            match self.mails.len().saturating_sub(MAILS_SHOWN) {
                0 => listed,
                more => format!("{}\nand {more} more", listed.trim_end()),
            }
        });
        text
    }
}

impl City {
    fn text(&self) -> String {
        let mut text = String::new();
        for year in &self.years {
            text += &year.text();
        }
        text += &section("messages by stream", "none", self.messages.is_empty(), || {
            let rows = self.messages.iter().map(|one| {
                let name = one.r#type.rsplit('.').next().unwrap_or(&one.r#type).to_owned();
                vec![one.publisher.clone(), name, grouped(one.events)]
            });
            table(&["publisher", "event", "messages "], rows)
        });
        text += &section("memory", "unknown", self.memory_bytes.is_empty(), || {
            let rows =
                self.memory_bytes.iter().map(|(name, bytes)| vec![name.clone(), mebibytes(*bytes)]);
            table(&["process", "memory "], rows)
        });
        text += &format!("messages parked: {}\n", grouped(self.parked));
        text
    }
}

impl Year {
    fn text(&self) -> String {
        let count = |name: &str, count: u64| (name.to_owned(), grouped(count));
        let seconds = |name: &str, seconds: f64| (name.to_owned(), format!("{seconds:.1} s"));
        let numbers = [
            count("rows", self.rows),
            count("rows rejected", self.rejected),
            count("people joined", self.joined),
            count("people changed", self.changed),
            count("people left", self.left),
            count("people unchanged", self.unchanged),
            count("actions done", self.actions.done),
            count("actions failed", self.actions.failed),
            count("actions superseded", self.actions.superseded),
            count("actions left to people", self.actions.manual),
            count("notices sent", self.notices),
            count("messages by mail", self.mails),
            seconds("time to import", self.imported_seconds),
            seconds("time until all settled", self.settled_seconds),
            seconds("time until all recorded", self.recorded_seconds),
            seconds("time to settle, p50", self.settle_seconds_p50),
            seconds("time to settle, p99", self.settle_seconds_p99),
            ("throughput".to_owned(), format!("{:.0} people/s", self.people_per_second)),
        ];
        let numbers = numbers.map(|(name, value)| vec![name, value]);
        let mut text = section(&format!("import of {}", self.file), "", false, || {
            table(&["", "value "], numbers)
        });
        if let Some(Held { released_by, difference }) = &self.held {
            let exceeded = difference.exceeded.join("\n");
            text += &section("held", "", false, || {
                let by = released_by.join(" and ");
                format!("{exceeded}\nreleased by {by}, whose time is not counted")
            });
            text += &held::by_group(difference);
        }
        let ByHand { attested, listed, unverified, open, late } = &self.by_hand;
        text += &format!(
            "  tasks of people: {} attested, {} verified by a list, {} not verified, {} open, {} \
             late\n",
            grouped(*attested),
            grouped(*listed),
            grouped(*unverified),
            grouped(*open),
            grouped(*late),
        );
        let Read { accounts, memberships, differences } = &self.read;
        text += &format!(
            "  read as a whole by the mesh itself: {} accounts, {} memberships, {} differences\n\n",
            grouped(*accounts),
            grouped(*memberships),
            grouped(*differences),
        );
        let Repeat { unchanged, changed, actions, writes, notices } = &self.repeat;
        text += &format!(
            "  the same file again: {} people unchanged, {} changed, {} actions, {} calls that \
             write to the applications, {} notices\n\n",
            grouped(*unchanged),
            grouped(*changed),
            grouped(*actions),
            grouped(*writes),
            grouped(*notices),
        );
        text += &section("compared with an independent calculation", "", false, || {
            format!("{}\n{} differences", self.verified, self.differences)
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year() -> Year {
        Year {
            file: "FY2012.csv".to_owned(),
            rows: 16_049,
            rejected: 1,
            joined: 16_040,
            changed: 0,
            left: 0,
            unchanged: 0,
            held: None,
            people: 16_040,
            people_per_second: 412.4,
            imported_seconds: 3.21,
            settled_seconds: 38.9,
            recorded_seconds: 40.1,
            settle_seconds_p50: 20.0,
            settle_seconds_p99: 36.6,
            actions: Actions { done: 90_000, failed: 0, superseded: 0, manual: 0, open: 0 },
            notices: 0,
            mails: 0,
            by_hand: ByHand { attested: 4, listed: 4, unverified: 1, open: 1, late: 0 },
            read: Read { accounts: 28_000, memberships: 40_000, differences: 0 },
            repeat: Repeat { unchanged: 16_040, changed: 0, actions: 0, writes: 0, notices: 0 },
            verified: "16040 people".to_owned(),
            differences: 0,
        }
    }

    fn report(year: Year) -> Report {
        Report {
            company: Company {
                people: 200,
                joined: 4,
                changed: 4,
                left: 0,
                shown: Vec::new(),
                notices: 0,
                mails: Vec::new(),
                parked: 0,
            },
            city: City {
                release: 1,
                years: vec![year],
                parked: 0,
                messages: vec![Messages {
                    publisher: "provisioning".to_owned(),
                    r#type: ACTION_FINISHED.to_owned(),
                    events: 90_000,
                }],
                memory_bytes: BTreeMap::from([("audit".to_owned(), 32 << 20)]),
            },
        }
    }

    #[test]
    fn the_last_line_is_the_number_of_differences() {
        let text = report(year()).text();

        assert_eq!(text.lines().last(), Some("differences: 0"));
        assert!(text.contains("412 people/s"), "{text}");
        assert!(text.contains("ActionFinished"), "{text}");
    }

    #[test]
    fn a_good_report_has_no_difference_nothing_parked_and_nothing_repeated() {
        assert!(report(year()).is_good());
        assert!(!report(Year { differences: 1, ..year() }).is_good());
        let drifted = Read { differences: 1, ..year().read };
        assert!(!report(Year { read: drifted, ..year() }).is_good());
        let mut parked = report(year());
        parked.company.parked = 1;
        assert!(!parked.is_good());
        let repeat = Repeat { writes: 1, ..year().repeat };
        assert!(!report(Year { repeat, ..year() }).is_good());
        let repeat = Repeat { notices: 1, ..year().repeat };
        assert!(!report(Year { repeat, ..year() }).is_good());
    }

    #[test]
    fn actions_that_neither_were_done_nor_failed_were_superseded() {
        let progress = GetProgressResponse {
            actions_done: 7,
            actions_failed: 2,
            actions_manual: 1,
            ..Default::default()
        };
        let messages = [Messages {
            publisher: "provisioning".to_owned(),
            r#type: ACTION_FINISHED.to_owned(),
            events: 11,
        }];

        let actions = Actions::new(&progress, &messages);

        assert_eq!(actions, Actions { done: 7, failed: 2, superseded: 1, manual: 1, open: 0 });
        assert_eq!(actions.since(&actions).all(), 0);
    }
}
