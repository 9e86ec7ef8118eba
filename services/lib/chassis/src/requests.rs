//! What happens around every gRPC request: who may ask, and how long it took.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use sha2::{Digest as _, Sha256};
use tonic::service::Interceptor;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::settings::Secret;

/// Lets those ask who know the operators' token; everybody where there is none.
#[derive(Clone)]
pub(crate) struct Doorkeeper(Option<[u8; 32]>);

impl Doorkeeper {
    pub(crate) fn new(token: Option<&Secret>) -> Self {
        Self(token.map(|token| Sha256::digest(token.expose()).into()))
    }
}

impl Interceptor for Doorkeeper {
    fn call(&mut self, request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        let Some(expected) = self.0 else { return Ok(request) };
        let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let token = given.and_then(|given| given.strip_prefix("Bearer "));
        // Digests are compared, so how long that takes tells nothing about the token.
        if token.is_some_and(|token| <[u8; 32]>::from(Sha256::digest(token)) == expected) {
            return Ok(request);
        }
        Err(Status::unauthenticated(
            "this service answers operators only: send the token of its grpc.token_file \
             (tenure: TENURE_TOKEN_FILE)",
        ))
    }
}

/// What OpenTelemetry calls a method that is none of those a server knows.
const OTHER: &str = "_OTHER";

/// Measures requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure;

/// A service whose requests are measured.
#[derive(Debug, Clone)]
pub(crate) struct Measured<S>(S);

impl<S> Layer<S> for Measure {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Measured(inner)
    }
}

impl<S, I, O> Service<Request<I>> for Measured<S>
where
    S: Service<Request<I>, Response = Response<O>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<I>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        // What nobody has judged yet may be any text.
        let judged = |code| !matches!(code, Code::Unimplemented | Code::Unauthenticated);
        let (begin, answer) = (Instant::now(), self.0.call(request));
        Box::pin(async move {
            let answer = answer.await?;
            let status = Status::from_header_map(answer.headers());
            let code = status.map_or(Code::Ok, |status| status.code());
            let method = if judged(code) { method } else { OTHER.to_owned() };
            telemetry::metrics().request(method, name(code), begin.elapsed().as_secs_f64());
            Ok(answer)
        })
    }
}

/// gRPC's own name of a code, as <https://grpc.io/docs/guides/status-codes/> lists them.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(token: Option<&str>, sent: Option<&str>) -> Code {
        let token = token.map(|token| Secret::new(token.to_owned()));
        let mut request = tonic::Request::new(());
        if let Some(sent) = sent {
            request.metadata_mut().insert("authorization", sent.parse().unwrap());
        }
        Doorkeeper::new(token.as_ref())
            .call(request)
            .map_or_else(|status| status.code(), |_| Code::Ok)
    }

    #[test]
    fn only_who_knows_the_token_may_ask() {
        assert_eq!(answer(Some("abc"), Some("Bearer abc")), Code::Ok);
        for sent in [None, Some("Bearer abd"), Some("Bearer "), Some("abc"), Some("bearer abc")] {
            assert_eq!(answer(Some("abc"), sent), Code::Unauthenticated, "{sent:?}");
        }
    }

    #[test]
    fn where_there_is_no_token_everybody_may_ask() {
        assert_eq!(answer(None, None), Code::Ok);
    }
}
