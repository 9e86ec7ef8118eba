//! W3C trace context across NATS: where an event is caused its context is kept, where it is
//! published and where it is handled a span follows.
//!
//! Spans of single messages and people are made apart from `tracing`: there are thousands of them,
//! they overlap, and when nothing is exported there is none at all.

use std::borrow::Cow;
use std::sync::OnceLock;

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// What the other side of a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A message is sent.
    Producer,
    /// A message is processed.
    Consumer,
    /// Nobody: work of this process.
    Internal,
}

/// What a span says of itself; ids only.
#[derive(Debug)]
pub struct Description {
    /// `{operation} {what is operated on}`, of few different values.
    pub name: Cow<'static, str>,
    /// After OpenTelemetry's semantic conventions.
    pub attributes: Vec<(&'static str, Cow<'static, str>)>,
}

/// A span about one message or one person; it ends when it is dropped.
#[derive(Debug)]
pub struct Traced(opentelemetry_sdk::trace::Span);

/// Spans are exported from here on.
pub(crate) fn export(tracer: SdkTracer) {
    // `init` is called once: it installs the subscriber of the process.
    TRACER.get_or_init(|| tracer);
}

/// Whether spans go anywhere.
#[must_use]
pub fn is_traced() -> bool {
    TRACER.get().is_some()
}

/// Begins a span as the child of a `traceparent`, or as the root of a trace of its own; it is
/// linked to the current span, which belongs to the batch it is part of.
///
/// Returns nothing, and asks for no description, when nothing is exported.
pub fn begin(
    role: Role,
    parent: Option<&str>,
    describe: impl FnOnce() -> Description,
) -> Option<Traced> {
    let tracer = TRACER.get()?;
    let mut above = Context::new();
    if let Some(parent) = parent.and_then(parse) {
        above = above.with_remote_span_context(parent);
    }
    let Description { name, attributes } = describe();
    let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
    let links = current().map(Link::with_context).into_iter().collect();
    let builder = SpanBuilder::from_name(name)
        .with_kind(match role {
            Role::Producer => SpanKind::Producer,
            Role::Consumer => SpanKind::Consumer,
            Role::Internal => SpanKind::Internal,
        })
        .with_attributes(attributes)
        .with_links(links);
    Some(Traced(tracer.build_with_context(builder, &above)))
}

impl Traced {
    /// The context under which whatever the span causes is published.
    #[must_use]
    pub fn traceparent(&self) -> String {
        write(self.0.span_context())
    }

    /// Says that what the span stands for came to nothing, by a word of few different values.
    pub fn fail(&mut self, kind: &'static str) {
        self.0.set_attribute(KeyValue::new("error.type", kind));
        self.0.set_status(Status::error(kind));
    }
}

/// Returns the `traceparent` of the current span, or `None` when nothing is traced.
#[must_use]
pub fn traceparent() -> Option<String> {
    is_traced().then(current).flatten().map(|span| write(&span))
}

/// Makes a span the child of the span a message was published under.
pub fn follow(span: &Span, traceparent: &str) {
    if !is_traced() {
        return;
    }
    if let Some(parent) = parse(traceparent) {
        let context = Context::new().with_remote_span_context(parent);
        if span.set_parent(context).is_err() {
            tracing::debug!("the span has begun and keeps its parent");
        }
    }
}

fn current() -> Option<SpanContext> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then_some(span)
}

fn write(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8())
}

/// Reads version 00 of the header: `00-<32 hex>-<16 hex>-<2 hex>`.
fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (_version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_survives_reading_and_writing() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(parse(text).map(|span| write(&span)).as_deref(), Some(text));
        for broken in ["", "00", "00-0-0-0", "00-xyz-b7ad6b7169203331-01"] {
            assert!(parse(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn nothing_is_described_when_nothing_is_exported() {
        assert!(begin(Role::Consumer, None, || panic!("described")).is_none());
        assert_eq!(traceparent(), None);
    }
}
