//! Logs, traces and metrics of a service, after OpenTelemetry's semantic conventions.
//!
//! Logs go to standard error. When an OTLP endpoint is set (`OTEL_EXPORTER_OTLP_ENDPOINT`), logs,
//! traces and metrics go there as well. Metrics can always be scraped.
//!
//! Invariants:
//! - ids only: no name, mail address, attribute value or secret reaches any of the three;
//! - a trace is one person's change, from where it was learnt to the record of what came of it;
//! - when nothing is exported, no span of a message or a person is made.

mod metric;
mod setup;
mod trace;

pub use metric::{Kind, Metric, Metrics, metrics};
pub use setup::{Format, Telemetry, init};
pub use trace::{Description, Role, Traced, begin, follow, is_traced, traceparent};
