//! Prints the page of metrics; `cargo xtask gen` keeps it in `docs/metrics.md`.
#![expect(clippy::print_stdout, reason = "it is run for what it prints")]

use telemetry::{Kind, Metric};

fn main() {
    println!("# Metrics\n");
    println!("Written by `cargo xtask gen` from `services/lib/telemetry/src/metric.rs`.\n");
    println!(
        "Every service has them, over OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set and at\n\
         `/metrics` of its admin address for Prometheus.\n"
    );
    println!("| name (OTLP) | name (Prometheus) | kind | unit | labels | meaning |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for metric in Metric::ALL {
        let unit = if metric.unit() == "s" { "_seconds" } else { "" };
        let (kind, end) = match metric.kind() {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram => ("histogram", ""),
        };
        println!(
            "| `{name}` | `{name}{unit}{end}` | {kind} | {} | {} | {} |",
            metric.unit(),
            metric.labels().join(", "),
            metric.meaning(),
            name = metric.name(),
        );
    }
}
