//! What a collector was told, as a graph.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

/// A span's service and name, and those of the span above it.
pub(crate) type Edge = (&'static str, &'static str, &'static str, &'static str);

struct Span {
    service: String,
    name: String,
    trace: Vec<u8>,
    id: Vec<u8>,
    above: Vec<u8>,
    links: Vec<Vec<u8>>,
}

/// Every span of every service.
pub(crate) struct Spans(BTreeMap<Vec<u8>, Span>);

impl Spans {
    pub(crate) fn read(requests: &[ExportTraceServiceRequest]) -> Self {
        let mut spans = BTreeMap::new();
        for resource in requests.iter().flat_map(|request| &request.resource_spans) {
            let attributes = resource.resource.iter().flat_map(|resource| &resource.attributes);
            let service = attributes
                .filter(|attribute| attribute.key == "service.name")
                .filter_map(|attribute| attribute.value.as_ref()?.value.clone())
                .find_map(
                    |value| if let Value::StringValue(text) = value { Some(text) } else { None },
                )
                .unwrap_or_default();
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let span = Span {
                    service: service.clone(),
                    name: span.name.clone(),
                    trace: span.trace_id.clone(),
                    id: span.span_id.clone(),
                    above: span.parent_span_id.clone(),
                    links: span.links.iter().map(|link| link.span_id.clone()).collect(),
                };
                spans.insert(span.id.clone(), span);
            }
        }
        Self(spans)
    }

    /// Holds that one trace with a root of this name has all of these edges.
    pub(crate) fn assert_connected(&self, root: &str, edges: &[Edge]) {
        let mut told = String::new();
        for root in self.0.values().filter(|span| span.name == root) {
            match edges.iter().find(|edge| !self.has(&root.trace, edge)) {
                None => return,
                Some((service, name, above_service, above_name)) => writeln!(
                    told,
                    "{service}: {name} is not below {above_service}: {above_name}\n{}",
                    self.outline(&root.trace)
                )
                .unwrap(),
            }
        }
        panic!("no trace of {root} has every edge:\n{told}");
    }

    fn has(&self, trace: &[u8], edge: &Edge) -> bool {
        let (service, name, above_service, above_name) = edge;
        self.0.values().any(|span| {
            span.trace == trace
                && span.service == *service
                && span.name == *name
                && self.0.get(&span.above).is_some_and(|above| {
                    above.service == *above_service && above.name == *above_name
                })
        })
    }

    /// Holds that each message that was processed is linked to the batch it was part of.
    pub(crate) fn assert_linked_to_batches(&self) {
        let processed: Vec<&Span> =
            self.0.values().filter(|span| span.name.starts_with("process ")).collect();
        assert!(!processed.is_empty(), "nothing was processed");
        for span in processed {
            let linked =
                span.links.iter().filter_map(|link| self.0.get(link)).any(|batch| {
                    batch.service == span.service && batch.name.starts_with("handle ")
                });
            assert!(linked, "{}: {} is linked to no batch", span.service, span.name);
        }
    }

    fn outline(&self, trace: &[u8]) -> String {
        let mut text = String::new();
        for span in self.0.values().filter(|span| span.trace == trace) {
            let above = self.0.get(&span.above).map_or("nothing", |above| &above.name);
            writeln!(text, "{}: {} below {above}", span.service, span.name).unwrap();
        }
        text
    }
}
