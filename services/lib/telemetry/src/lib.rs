//! Logs, traces and metrics of a service, after OpenTelemetry's semantic conventions.
//!
//! Logs go to standard error. When an OTLP endpoint is set (`OTEL_EXPORTER_OTLP_ENDPOINT`), logs,
//! traces and metrics go there as well. Metrics can always be scraped.
//!
//! Invariant: ids only. No name, mail address, attribute value or secret reaches any of the three.

mod metric;
mod setup;
mod trace;

pub use metric::{Metric, Metrics, metrics};
pub use setup::{Format, Telemetry, init};
pub use trace::{follow, link, traceparent};
