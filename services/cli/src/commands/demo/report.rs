//! What a demonstration has shown.

use std::collections::BTreeMap;

use proto::provisioning::v1::GetProgressResponse;
use serde::Serialize;

use crate::output::{grouped, mebibytes, section, table};

const ACTION_FINISHED: &str = "tenure.provisioning.v1.ActionFinished";

/// The result of a demonstration.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) release: u64,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) people: u64,
    pub(crate) people_per_second: f64,
    pub(crate) imported_seconds: f64,
    pub(crate) settled_seconds: f64,
    pub(crate) recorded_seconds: f64,
    pub(crate) settle_seconds_p50: f64,
    pub(crate) settle_seconds_p99: f64,
    pub(crate) actions: Actions,
    pub(crate) parked: u64,
    pub(crate) messages: Vec<Messages>,
    pub(crate) memory_bytes: BTreeMap<String, u64>,
    pub(crate) repeat: Repeat,
    pub(crate) verified: String,
    pub(crate) differences: u64,
}

/// What was done in the applications.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Actions {
    done: u64,
    failed: u64,
    /// Made unnecessary by something newer before they began.
    superseded: u64,
    open: u64,
}

impl Actions {
    /// Every action that ends is announced; who neither was done nor failed was superseded.
    pub(crate) fn new(progress: &GetProgressResponse, messages: &[Messages]) -> Self {
        let ended = Messages::finished_actions(messages);
        Self {
            done: progress.actions_done,
            failed: progress.actions_failed,
            superseded: ended
                .saturating_sub(progress.actions_done)
                .saturating_sub(progress.actions_failed),
            open: progress.actions_open,
        }
    }
}

/// How often one kind of event was recorded.
#[derive(Debug, Serialize)]
pub(crate) struct Messages {
    pub(crate) publisher: String,
    pub(crate) r#type: String,
    pub(crate) events: u64,
}

impl Messages {
    pub(crate) fn finished_actions(messages: &[Self]) -> u64 {
        let ended = messages.iter().filter(|total| total.r#type == ACTION_FINISHED);
        ended.map(|total| total.events).sum()
    }
}

/// What importing the same file again caused.
#[derive(Debug, Serialize)]
pub(crate) struct Repeat {
    pub(crate) unchanged: u64,
    pub(crate) changed: u64,
    pub(crate) actions: u64,
    pub(crate) writes: u64,
}

impl Report {
    /// Whether everything is as it should be.
    pub(crate) fn is_good(&self) -> bool {
        self.differences == 0
            && self.parked == 0
            && self.repeat.changed == 0
            && self.repeat.actions == 0
            && self.repeat.writes == 0
    }

    /// The report for people; its last line is for programs.
    pub(crate) fn text(&self) -> String {
        let count = |name: &str, count: u64| (name.to_owned(), grouped(count));
        let seconds = |name: &str, seconds: f64| (name.to_owned(), format!("{seconds:.1} s"));
        let numbers = [
            count("rows", self.rows),
            count("rows rejected", self.rejected),
            count("people", self.people),
            count("actions done", self.actions.done),
            count("actions failed", self.actions.failed),
            count("actions superseded", self.actions.superseded),
            count("messages parked", self.parked),
            seconds("time to import", self.imported_seconds),
            seconds("time until all settled", self.settled_seconds),
            seconds("time until all recorded", self.recorded_seconds),
            seconds("time to settle, p50", self.settle_seconds_p50),
            seconds("time to settle, p99", self.settle_seconds_p99),
            ("throughput".to_owned(), format!("{:.0} people/s", self.people_per_second)),
        ];
        let numbers = numbers.map(|(name, value)| vec![name, value]);
        let mut text = section("first import", "", false, || table(&["", "value "], numbers));
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
        let Repeat { unchanged, changed, actions, writes } = &self.repeat;
        text += &format!(
            "the same file again\n  {} people unchanged, {} changed, {} actions, {} calls that \
             write to the applications\n\n",
            grouped(*unchanged),
            grouped(*changed),
            grouped(*actions),
            grouped(*writes),
        );
        text += &format!("{}\n\ndifferences: {}", self.verified, self.differences);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            release: 1,
            rows: 16_049,
            rejected: 1,
            people: 16_040,
            people_per_second: 412.4,
            imported_seconds: 3.21,
            settled_seconds: 38.9,
            recorded_seconds: 40.1,
            settle_seconds_p50: 20.0,
            settle_seconds_p99: 36.6,
            actions: Actions { done: 90_000, failed: 0, superseded: 0, open: 0 },
            parked: 0,
            messages: vec![Messages {
                publisher: "provisioning".to_owned(),
                r#type: ACTION_FINISHED.to_owned(),
                events: 90_000,
            }],
            memory_bytes: BTreeMap::from([("audit".to_owned(), 32 << 20)]),
            repeat: Repeat { unchanged: 16_040, changed: 0, actions: 0, writes: 0 },
            verified: "16040 people".to_owned(),
            differences: 0,
        }
    }

    #[test]
    fn the_last_line_is_the_number_of_differences() {
        let text = report().text();

        assert_eq!(text.lines().last(), Some("differences: 0"));
        assert!(text.contains("412 people/s"), "{text}");
        assert!(text.contains("ActionFinished"), "{text}");
    }

    #[test]
    fn a_good_report_has_no_difference_nothing_parked_and_nothing_repeated() {
        assert!(report().is_good());
        assert!(!Report { differences: 1, ..report() }.is_good());
        assert!(!Report { parked: 1, ..report() }.is_good());
        let repeat = Repeat { writes: 1, ..report().repeat };
        assert!(!Report { repeat, ..report() }.is_good());
    }

    #[test]
    fn actions_that_neither_were_done_nor_failed_were_superseded() {
        let progress =
            GetProgressResponse { actions_done: 7, actions_failed: 2, ..Default::default() };
        let messages = [Messages {
            publisher: "provisioning".to_owned(),
            r#type: ACTION_FINISHED.to_owned(),
            events: 10,
        }];

        let actions = Actions::new(&progress, &messages);

        assert_eq!(actions, Actions { done: 7, failed: 2, superseded: 1, open: 0 });
    }
}
