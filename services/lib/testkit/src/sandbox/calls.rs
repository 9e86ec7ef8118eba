//! The log of calls: the latest ones in full, all of them as counts.

use std::collections::{BTreeMap, VecDeque};

use domain::Timestamp;
use serde::Serialize;

const REMEMBERED_MAX: usize = 50_000;

/// One call that an application received.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Counts the calls from one.
    pub number: u64,
    /// When the call arrived.
    pub at: Timestamp,
    /// The method of the request.
    pub method: &'static str,
    /// The path with `{id}` in place of an id.
    pub template: &'static str,
    /// The id of the resource the call was about, if it was about one.
    pub resource: Option<String>,
    /// The status answered; 0 when the connection was cut instead.
    pub status: u16,
    /// How long the answer took.
    pub duration_us: u64,
    /// The query string; only while requests are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The body, unless there was none; only while requests are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// How often a kind of call was answered in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// The method of the requests.
    pub method: &'static str,
    /// The path with `{id}` in place of an id.
    pub template: &'static str,
    /// The status answered; 0 when the connection was cut instead.
    pub status: u16,
    /// How many there were.
    pub count: u64,
}

#[derive(Debug, Default)]
pub(super) struct CallLog {
    latest: VecDeque<Call>,
    total: u64,
    counts: BTreeMap<(&'static str, &'static str, u16), u64>,
}

impl CallLog {
    /// Takes a call in and gives it its number.
    pub(super) fn record(&mut self, mut call: Call) {
        self.total += 1;
        call.number = self.total;
        *self.counts.entry((call.method, call.template, call.status)).or_default() += 1;
        if self.latest.len() == REMEMBERED_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(call);
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The remembered calls after a number, oldest first.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Call> {
        let first = self.latest.partition_point(|call| call.number <= number);
        self.latest.range(first..)
    }

    pub(super) fn counters(&self) -> Vec<Counter> {
        self.counts
            .iter()
            .map(|(&(method, template, status), &count)| Counter {
                method,
                template,
                status,
                count,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_forgets_the_oldest_calls_but_counts_them() {
        let mut log = CallLog::default();
        for _ in 0..REMEMBERED_MAX + 2 {
            log.record(Call {
                number: 0,
                at: Timestamp::UNIX_EPOCH,
                method: "GET",
                template: "/Users",
                resource: None,
                status: 200,
                duration_us: 1,
                query: None,
                body: None,
            });
        }
        assert_eq!(log.after(0).count(), REMEMBERED_MAX);
        assert_eq!(log.after(0).next().unwrap().number, 3);
        assert_eq!(log.after(50_001).count(), 1);
        assert_eq!(log.counters()[0].count, 50_002);
    }
}
