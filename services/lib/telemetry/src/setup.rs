use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{Encoder as _, Registry, TextEncoder};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// What log lines on standard error look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

/// A process's telemetry; [`Telemetry::shutdown`] sends what is still held.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    meters: SdkMeterProvider,
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// Never exported: what the exporters themselves say would feed back into them.
const QUIET: &str = "info,sqlx=warn,async_nats=warn,hyper=off,tonic=off,h2=off,tower=off,\
                     opentelemetry=off,opentelemetry_sdk=off,opentelemetry_otlp=off,reqwest=off";

/// Sets up logs, traces and metrics of this process. `RUST_LOG` overrides which logs are kept.
///
/// # Errors
/// When an exporter cannot be made or a subscriber is installed already.
pub fn init(service: &'static str, instance: &str, format: Format) -> anyhow::Result<Telemetry> {
    let exported = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").is_ok();
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new("service.namespace", "tenure"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .build();
    let registry = Registry::new();
    let mut meters = SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_reader(opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?);
    let (mut traces, mut logs) = (None, None);
    if exported {
        let metrics =
            MetricExporter::builder().with_tonic().build().context("metrics over OTLP")?;
        meters = meters.with_periodic_exporter(metrics);
        let spans = SpanExporter::builder().with_tonic().build().context("traces over OTLP")?;
        traces = Some(
            SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(spans)
                .build(),
        );
        let records = LogExporter::builder().with_tonic().build().context("logs over OTLP")?;
        logs = Some(
            SdkLoggerProvider::builder()
                .with_resource(resource)
                .with_batch_exporter(records)
                .build(),
        );
    }
    let meters = meters.build();
    global::set_meter_provider(meters.clone());

    if let Some(traces) = &traces {
        crate::trace::export(traces.tracer("tenure"));
    }
    let filter =
        || EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new(QUIET));
    let lines = match format {
        Format::Text => {
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).boxed()
        }
        Format::Json => {
            tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed()
        }
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter()))
        .with(traces.as_ref().map(|traces| {
            tracing_opentelemetry::layer()
                .with_tracer(traces.tracer("tenure"))
                .with_filter(EnvFilter::new(QUIET))
        }))
        .with(logs.as_ref().map(|logs| OpenTelemetryTracingBridge::new(logs).with_filter(filter())))
        .try_init()
        .context("install the log subscriber")?;
    Ok(Telemetry { registry, meters, traces, logs })
}

impl Telemetry {
    /// A function that writes every metric in Prometheus' text format.
    pub fn scrape(&self) -> impl Fn() -> String + Send + Sync + Clone + 'static {
        let registry = self.registry.clone();
        move || {
            let mut text = Vec::new();
            match TextEncoder::new().encode(&registry.gather(), &mut text) {
                Ok(()) => String::from_utf8_lossy(&text).into_owned(),
                Err(error) => format!("# {error}\n"),
            }
        }
    }

    /// Sends what is still held, and stops.
    pub fn shutdown(self) {
        let results = [
            self.logs.map(|logs| logs.shutdown()),
            self.traces.map(|traces| traces.shutdown()),
            Some(self.meters.shutdown()),
        ];
        for error in results.into_iter().flatten().filter_map(Result::err) {
            tracing::debug!(%error, "telemetry did not shut down cleanly");
        }
    }
}
