use std::sync::OnceLock;

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use opentelemetry::{KeyValue, global};

/// Boundaries in seconds: the default ones are meant for milliseconds.
const SECONDS: [f64; 16] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
];

/// Every metric of the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Events a consumer is done with.
    EventsHandled,
    /// Events the broker has acknowledged.
    EventsPublished,
    /// Events made pending again because a stream has lost them.
    EventsRepublished,
    /// Time to handle one batch.
    BatchDuration,
    /// Messages a consumer has not been given yet.
    ConsumerPending,
    /// Messages a consumer has been given and is not done with.
    ConsumerUnacknowledged,
    /// Time to answer one request.
    RequestDuration,
    /// Events that wait for the broker.
    OutboxPending,
    /// Age of the oldest of them.
    OutboxAge,
    /// Messages that wait for an operator.
    ParkedMessages,
    /// Timers that are past their instant.
    TimersOverdue,
    /// Time an application took to answer one request.
    ConnectorRequestDuration,
    /// Applications that are out of reach.
    CircuitsOpen,
    /// Actions that ended.
    ActionsFinished,
    /// Time from the recording of a timeline to settled.
    SettleDuration,
    /// Time from the end of somebody's access to its last account closed.
    LeaverDuration,
    /// Whether the broker is connected.
    BrokerConnected,
    /// Connections to the database.
    DatabaseConnections,
    /// When the service's credentials for the broker end.
    CredentialExpiryTime,
    /// Which version runs.
    BuildInfo,
}

/// What kind of instrument a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; Prometheus appends `_total`.
    Counter,
    /// The present value.
    Gauge,
    /// A distribution; Prometheus appends `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 20] = [
        Self::EventsHandled,
        Self::EventsPublished,
        Self::EventsRepublished,
        Self::BatchDuration,
        Self::ConsumerPending,
        Self::ConsumerUnacknowledged,
        Self::RequestDuration,
        Self::OutboxPending,
        Self::OutboxAge,
        Self::ParkedMessages,
        Self::TimersOverdue,
        Self::ConnectorRequestDuration,
        Self::CircuitsOpen,
        Self::ActionsFinished,
        Self::SettleDuration,
        Self::LeaverDuration,
        Self::BrokerConnected,
        Self::DatabaseConnections,
        Self::CredentialExpiryTime,
        Self::BuildInfo,
    ];

    /// The instrument's name, as OTLP carries it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventsHandled => "tenure_events_handled",
            Self::EventsPublished => "tenure_events_published",
            Self::EventsRepublished => "tenure_events_republished",
            Self::BatchDuration => "tenure_batch_duration",
            Self::ConsumerPending => "tenure_consumer_pending",
            Self::ConsumerUnacknowledged => "tenure_consumer_unacknowledged",
            Self::RequestDuration => "tenure_request_duration",
            Self::OutboxPending => "tenure_outbox_pending",
            Self::OutboxAge => "tenure_outbox_age",
            Self::ParkedMessages => "tenure_parked_messages",
            Self::TimersOverdue => "tenure_timers_overdue",
            Self::ConnectorRequestDuration => "tenure_connector_request_duration",
            Self::CircuitsOpen => "tenure_circuits_open",
            Self::ActionsFinished => "tenure_actions_finished",
            Self::SettleDuration => "tenure_settle_duration",
            Self::LeaverDuration => "tenure_leaver_duration",
            Self::BrokerConnected => "tenure_broker_connected",
            Self::DatabaseConnections => "tenure_database_connections",
            Self::CredentialExpiryTime => "tenure_credential_expiry_time",
            Self::BuildInfo => "tenure_build_info",
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::EventsHandled
            | Self::EventsPublished
            | Self::EventsRepublished
            | Self::ActionsFinished => Kind::Counter,
            Self::ConsumerPending
            | Self::OutboxPending
            | Self::OutboxAge
            | Self::ParkedMessages
            | Self::TimersOverdue
            | Self::CircuitsOpen
            | Self::ConsumerUnacknowledged
            | Self::BrokerConnected
            | Self::DatabaseConnections
            | Self::CredentialExpiryTime
            | Self::BuildInfo => Kind::Gauge,
            Self::BatchDuration
            | Self::ConnectorRequestDuration
            | Self::RequestDuration
            | Self::SettleDuration
            | Self::LeaverDuration => Kind::Histogram,
        }
    }

    /// Its unit after UCUM; empty: a plain number of things.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::BatchDuration
            | Self::OutboxAge
            | Self::ConnectorRequestDuration
            | Self::RequestDuration
            | Self::SettleDuration
            | Self::LeaverDuration
            | Self::CredentialExpiryTime => "s",
            Self::EventsHandled
            | Self::EventsPublished
            | Self::EventsRepublished
            | Self::ConsumerPending
            | Self::OutboxPending
            | Self::ParkedMessages
            | Self::TimersOverdue
            | Self::CircuitsOpen
            | Self::ConsumerUnacknowledged
            | Self::BrokerConnected
            | Self::DatabaseConnections
            | Self::BuildInfo
            | Self::ActionsFinished => "",
        }
    }

    /// Its labels.
    #[must_use]
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::EventsHandled => &["consumer", "outcome"],
            Self::EventsPublished | Self::EventsRepublished => &["stream"],
            Self::BatchDuration | Self::ConsumerPending | Self::ConsumerUnacknowledged => {
                &["consumer"]
            }
            Self::RequestDuration => &["method", "code"],
            Self::DatabaseConnections => &["state"],
            Self::BuildInfo => &["version"],
            Self::ConnectorRequestDuration => &["application", "outcome"],
            Self::CircuitsOpen => &["application"],
            Self::ActionsFinished => &["application", "kind", "outcome"],
            Self::OutboxPending
            | Self::OutboxAge
            | Self::ParkedMessages
            | Self::TimersOverdue
            | Self::SettleDuration
            | Self::LeaverDuration
            | Self::BrokerConnected
            | Self::CredentialExpiryTime => &[],
        }
    }

    /// What it tells, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::EventsHandled => {
                "Events a consumer is done with: `handled`, `duplicate`, `parked`, `delayed` or `refused`."
            }
            Self::EventsPublished => "Events the broker has acknowledged.",
            Self::EventsRepublished => {
                "Events published once more because their stream was lost, whole or in part."
            }
            Self::BatchDuration => "Time to handle one batch, its commit included.",
            Self::ConsumerPending => {
                "Messages a durable consumer has not been given yet: how far it lags behind."
            }
            Self::ConsumerUnacknowledged => {
                "Messages a durable consumer has been given and is not done with."
            }
            Self::RequestDuration => {
                "Time to answer one gRPC request; `code` is gRPC's name of the status."
            }
            Self::OutboxPending => "Events that are committed and wait for the broker.",
            Self::OutboxAge => "Age of the oldest event that waits for the broker.",
            Self::ParkedMessages => {
                "Messages that could not be handled and wait for `tenure parked replay`."
            }
            Self::TimersOverdue => "Timers that are past their instant and not handled yet.",
            Self::ConnectorRequestDuration => {
                "Time an application took to answer one request: `ok`, `refused`, `throttled`, \
                 `failed` or `unreachable`."
            }
            Self::CircuitsOpen => {
                "Whether an application is out of reach, so that its work waits (PROV-140): 1 or 0."
            }
            Self::ActionsFinished => {
                "Actions that ended: `done`, `already`, `failed` or `superseded`."
            }
            Self::SettleDuration => {
                "Time from the recording of a timeline until everything of the person agrees with it."
            }
            Self::LeaverDuration => {
                "Time from the instant at which access of a leaver had to end until everything of them \
                 was read as they should have it."
            }
            Self::BrokerConnected => "Whether the service is connected to the broker: 1 or 0.",
            Self::DatabaseConnections => "Connections to the service's database: `used` or `idle`.",
            Self::CredentialExpiryTime => {
                "Unix time at which the service's credentials for the broker end."
            }
            Self::BuildInfo => "Which version runs; always 1.",
        }
    }
}

/// The instruments.
#[derive(Debug)]
pub struct Metrics {
    events_handled: Counter<u64>,
    events_published: Counter<u64>,
    events_republished: Counter<u64>,
    batch_duration: Histogram<f64>,
    consumer_pending: Gauge<u64>,
    outbox_pending: Gauge<u64>,
    outbox_age: Gauge<f64>,
    parked_messages: Gauge<u64>,
    timers_overdue: Gauge<u64>,
    connector_request_duration: Histogram<f64>,
    circuits_open: Gauge<u64>,
    actions_finished: Counter<u64>,
    settle_duration: Histogram<f64>,
    leaver_duration: Histogram<f64>,
    consumer_unacknowledged: Gauge<u64>,
    request_duration: Histogram<f64>,
    broker_connected: Gauge<u64>,
    database_connections: Gauge<u64>,
    credential_expiry_time: Gauge<f64>,
    build_info: Gauge<u64>,
}

/// The instruments of this process; made when they are first used, so after [`crate::init`].
pub fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::new(&global::meter("tenure")))
}

impl Metrics {
    fn new(meter: &Meter) -> Self {
        let counter = |metric: Metric| {
            meter.u64_counter(metric.name()).with_description(metric.meaning()).build()
        };
        let gauge = |metric: Metric| {
            meter.u64_gauge(metric.name()).with_description(metric.meaning()).build()
        };
        let instant = |metric: Metric| {
            meter
                .f64_gauge(metric.name())
                .with_unit(metric.unit())
                .with_description(metric.meaning())
                .build()
        };
        let seconds = |metric: Metric| {
            meter
                .f64_histogram(metric.name())
                .with_unit(metric.unit())
                .with_description(metric.meaning())
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        Self {
            events_handled: counter(Metric::EventsHandled),
            events_published: counter(Metric::EventsPublished),
            events_republished: counter(Metric::EventsRepublished),
            batch_duration: seconds(Metric::BatchDuration),
            consumer_pending: gauge(Metric::ConsumerPending),
            outbox_pending: gauge(Metric::OutboxPending),
            outbox_age: instant(Metric::OutboxAge),
            parked_messages: gauge(Metric::ParkedMessages),
            timers_overdue: gauge(Metric::TimersOverdue),
            connector_request_duration: seconds(Metric::ConnectorRequestDuration),
            circuits_open: gauge(Metric::CircuitsOpen),
            actions_finished: counter(Metric::ActionsFinished),
            settle_duration: seconds(Metric::SettleDuration),
            leaver_duration: seconds(Metric::LeaverDuration),
            consumer_unacknowledged: gauge(Metric::ConsumerUnacknowledged),
            request_duration: seconds(Metric::RequestDuration),
            broker_connected: gauge(Metric::BrokerConnected),
            database_connections: gauge(Metric::DatabaseConnections),
            credential_expiry_time: instant(Metric::CredentialExpiryTime),
            build_info: gauge(Metric::BuildInfo),
        }
    }

    /// Counts events that a consumer is done with; `outcome` is `handled`, `duplicate`, `parked`,
    /// `delayed` or, of one from outside of the mesh, `refused`.
    pub fn events_handled(&self, consumer: &'static str, outcome: &'static str, events: usize) {
        let labels = [KeyValue::new("consumer", consumer), KeyValue::new("outcome", outcome)];
        self.events_handled.add(count(events), &labels);
    }

    /// Counts events the broker has acknowledged.
    pub fn events_published(&self, stream: &'static str, events: usize) {
        self.events_published.add(count(events), &[KeyValue::new("stream", stream)]);
    }

    /// Counts events that are published again because their stream has lost them.
    pub fn events_republished(&self, stream: &'static str, events: u64) {
        self.events_republished.add(events, &[KeyValue::new("stream", stream)]);
    }

    /// Records how long a batch took.
    pub fn batch_duration(&self, consumer: &'static str, seconds: f64) {
        self.batch_duration.record(seconds, &[KeyValue::new("consumer", consumer)]);
    }

    /// Sets how far a durable consumer lags behind: what it has not been given, and what it has been
    /// given and is not done with.
    pub fn consumer_lag(&self, durable: String, pending: u64, unacknowledged: u64) {
        let labels = [KeyValue::new("consumer", durable)];
        self.consumer_pending.record(pending, &labels);
        self.consumer_unacknowledged.record(unacknowledged, &labels);
    }

    /// Records how long a request took; `method` is one of the service's, `code` gRPC's name.
    pub fn request(&self, method: String, code: &'static str, seconds: f64) {
        let labels = [KeyValue::new("method", method), KeyValue::new("code", code)];
        self.request_duration.record(seconds, &labels);
    }

    /// Sets how a service is joined to what it runs on.
    pub fn connections(&self, broker: bool, used: u64, idle: u64) {
        self.broker_connected.record(u64::from(broker), &[]);
        self.database_connections.record(used, &[KeyValue::new("state", "used")]);
        self.database_connections.record(idle, &[KeyValue::new("state", "idle")]);
    }

    /// Sets when the credentials for the broker end, in seconds of Unix time.
    #[expect(clippy::cast_precision_loss, reason = "seconds of this age are far below 2^52")]
    pub fn credential_expires(&self, at: i64) {
        self.credential_expiry_time.record(at as f64, &[]);
    }

    /// Says which version runs.
    pub fn build_info(&self, version: &'static str) {
        self.build_info.record(1, &[KeyValue::new("version", version)]);
    }

    /// Sets what is measured from time to time.
    pub fn backlog(&self, pending: u64, oldest_seconds: f64, parked: u64, overdue: u64) {
        self.outbox_pending.record(pending, &[]);
        self.outbox_age.record(oldest_seconds, &[]);
        self.parked_messages.record(parked, &[]);
        self.timers_overdue.record(overdue, &[]);
    }

    /// Records how long an application took to answer; `outcome` is `ok`, `refused`, `throttled`,
    /// `failed` or `unreachable`.
    pub fn connector_request(&self, application: &str, outcome: &'static str, seconds: f64) {
        let labels = [
            KeyValue::new("application", application.to_owned()),
            KeyValue::new("outcome", outcome),
        ];
        self.connector_request_duration.record(seconds, &labels);
    }

    /// Sets whether an application is out of reach.
    pub fn circuit_open(&self, application: &str, open: bool) {
        let labels = [KeyValue::new("application", application.to_owned())];
        self.circuits_open.record(u64::from(open), &labels);
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

    /// Records how long somebody's last account stayed open beyond the end of their access.
    pub fn leaver_duration(&self, seconds: f64) {
        self.leaver_duration.record(seconds, &[]);
    }
}

fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}
