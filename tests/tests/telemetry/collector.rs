//! A collector that keeps what it is sent over OTLP.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use proto::prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Default)]
struct Kept {
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

/// A collector at work; ends with the test.
pub(crate) struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Clone)]
struct Door(Arc<Mutex<Kept>>);

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::<Mutex<Kept>>::default();
        let door = Door(Arc::clone(&kept));
        let served = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(door.clone()))
            .add_service(MetricsServiceServer::new(door.clone()))
            .add_service(LogsServiceServer::new(door))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(async move { served.await.unwrap() });
        Self { address, kept }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.kept.lock().unwrap().traces.clone()
    }

    pub(crate) fn metric_names(&self) -> BTreeSet<String> {
        let kept = self.kept.lock().unwrap();
        kept.metrics
            .iter()
            .flat_map(|request| &request.resource_metrics)
            .flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| &scope.metrics)
            .map(|metric| metric.name.clone())
            .collect()
    }

    /// The traces to which log records say that they belong.
    pub(crate) fn traces_of_logs(&self) -> BTreeSet<Vec<u8>> {
        let kept = self.kept.lock().unwrap();
        kept.logs
            .iter()
            .flat_map(|request| &request.resource_logs)
            .flat_map(|resource| &resource.scope_logs)
            .flat_map(|scope| &scope.log_records)
            .map(|record| record.trace_id.clone())
            .filter(|trace| !trace.is_empty())
            .collect()
    }

    pub(crate) fn bytes_of_traces(&self) -> Vec<u8> {
        bytes(&self.kept.lock().unwrap().traces)
    }

    pub(crate) fn bytes_of_metrics(&self) -> Vec<u8> {
        bytes(&self.kept.lock().unwrap().metrics)
    }

    pub(crate) fn bytes_of_logs(&self) -> Vec<u8> {
        bytes(&self.kept.lock().unwrap().logs)
    }
}

/// Texts stand in protobuf as they are.
fn bytes(requests: &[impl Message]) -> Vec<u8> {
    requests.iter().flat_map(Message::encode_to_vec).collect()
}

#[tonic::async_trait]
impl TraceService for Door {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().traces.push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Door {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.lock().unwrap().metrics.push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Door {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.0.lock().unwrap().logs.push(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
