use std::sync::OnceLock;

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use opentelemetry::{KeyValue, global};

/// Boundaries in seconds: the default ones are meant for milliseconds.
const SECONDS: [f64; 16] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
];

/// Every metric of the mesh. Prometheus appends the unit and `_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Events handled, by consumer and outcome.
    EventsHandled,
    /// Events published, by type.
    EventsPublished,
    /// Time to handle one batch, by consumer.
    BatchDuration,
    /// Events that wait for the broker.
    OutboxPending,
    /// Age of the oldest of them.
    OutboxAge,
    /// Messages that wait for an operator.
    ParkedMessages,
    /// Timers that are past their instant.
    TimersOverdue,
    /// Actions that ended, by application, kind and outcome.
    ActionsFinished,
    /// Time from the recording of a timeline to settled.
    SettleDuration,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 9] = [
        Self::EventsHandled,
        Self::EventsPublished,
        Self::BatchDuration,
        Self::OutboxPending,
        Self::OutboxAge,
        Self::ParkedMessages,
        Self::TimersOverdue,
        Self::ActionsFinished,
        Self::SettleDuration,
    ];

    /// The instrument's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventsHandled => "tenure_events_handled",
            Self::EventsPublished => "tenure_events_published",
            Self::BatchDuration => "tenure_batch_duration",
            Self::OutboxPending => "tenure_outbox_pending",
            Self::OutboxAge => "tenure_outbox_age",
            Self::ParkedMessages => "tenure_parked_messages",
            Self::TimersOverdue => "tenure_timers_overdue",
            Self::ActionsFinished => "tenure_actions_finished",
            Self::SettleDuration => "tenure_settle_duration",
        }
    }
}

/// The instruments.
#[derive(Debug)]
pub struct Metrics {
    events_handled: Counter<u64>,
    events_published: Counter<u64>,
    batch_duration: Histogram<f64>,
    outbox_pending: Gauge<u64>,
    outbox_age: Gauge<f64>,
    parked_messages: Gauge<u64>,
    timers_overdue: Gauge<u64>,
    actions_finished: Counter<u64>,
    settle_duration: Histogram<f64>,
}

/// The instruments of this process; made when they are first used, so after [`crate::init`].
pub fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::new(&global::meter("tenure")))
}

impl Metrics {
    fn new(meter: &Meter) -> Self {
        let counter = |metric: Metric| meter.u64_counter(metric.name()).build();
        let gauge = |metric: Metric| meter.u64_gauge(metric.name()).build();
        let seconds = |metric: Metric| {
            meter
                .f64_histogram(metric.name())
                .with_unit("s")
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        Self {
            events_handled: counter(Metric::EventsHandled),
            events_published: counter(Metric::EventsPublished),
            batch_duration: seconds(Metric::BatchDuration),
            outbox_pending: gauge(Metric::OutboxPending),
            outbox_age: meter.f64_gauge(Metric::OutboxAge.name()).with_unit("s").build(),
            parked_messages: gauge(Metric::ParkedMessages),
            timers_overdue: gauge(Metric::TimersOverdue),
            actions_finished: counter(Metric::ActionsFinished),
            settle_duration: seconds(Metric::SettleDuration),
        }
    }

    /// Counts events that a consumer is done with; `outcome` is `handled`, `duplicate`, `parked`,
    /// `delayed` or `retried`.
    pub fn events_handled(&self, consumer: &'static str, outcome: &'static str, events: usize) {
        let labels = [KeyValue::new("consumer", consumer), KeyValue::new("outcome", outcome)];
        self.events_handled.add(count(events), &labels);
    }

    /// Counts events the broker has acknowledged.
    pub fn events_published(&self, stream: &'static str, events: usize) {
        self.events_published.add(count(events), &[KeyValue::new("stream", stream)]);
    }

    /// Records how long a batch took.
    pub fn batch_duration(&self, consumer: &'static str, seconds: f64) {
        self.batch_duration.record(seconds, &[KeyValue::new("consumer", consumer)]);
    }

    /// Sets what is measured from time to time.
    pub fn backlog(&self, pending: u64, oldest_seconds: f64, parked: u64, overdue: u64) {
        self.outbox_pending.record(pending, &[]);
        self.outbox_age.record(oldest_seconds, &[]);
        self.parked_messages.record(parked, &[]);
        self.timers_overdue.record(overdue, &[]);
    }

    /// Counts actions that ended.
    pub fn actions_finished(&self, application: &str, kind: &'static str, outcome: &'static str) {
        let labels = [
            KeyValue::new("application", application.to_owned()),
            KeyValue::new("kind", kind),
            KeyValue::new("outcome", outcome),
        ];
        self.actions_finished.add(1, &labels);
    }

    /// Records how long a person took to settle.
    pub fn settle_duration(&self, seconds: f64) {
        self.settle_duration.record(seconds, &[]);
    }
}

fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}
