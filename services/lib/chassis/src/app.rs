use std::sync::Arc;

use axum::Router;
use bus::{Consumer, Handler, Intake, Recorder, Responder};
use domain::Rejection;
use proto::catalogue::Service;
use store::Store;
use tokio::net::TcpListener;
use tonic::service::{Routes, RoutesBuilder};

use crate::driver::{AnyDriver, Driver};
use crate::outside::{self, AnyDoor};

/// What a service is made of: its three doors.
pub struct App {
    pub(crate) service: Service,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) drivers: Vec<Arc<dyn AnyDriver>>,
    pub(crate) outside: Vec<Arc<dyn AnyDoor>>,
    pub(crate) routes: RoutesBuilder,
    pub(crate) http: Option<Http>,
}

/// A door for clients that speak HTTP, besides requests and health.
pub(crate) struct Http {
    pub(crate) listener: TcpListener,
    pub(crate) router: Router,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("service", &self.service)
            .field("consumers", &self.consumers)
            .field("drivers", &self.drivers.len())
            .finish_non_exhaustive()
    }
}

impl App {
    /// A service that does nothing yet.
    #[must_use]
    pub fn new(service: Service) -> Self {
        let (consumers, drivers, outside) = (Vec::new(), Vec::new(), Vec::new());
        Self { service, consumers, drivers, outside, routes: Routes::builder(), http: None }
    }

    /// Reacts to an event.
    #[must_use]
    pub fn on<H: Handler>(mut self, handler: H) -> Self {
        self.consumers.push(Consumer::handler(handler));
        self
    }

    /// Records every event of a stream.
    #[must_use]
    pub fn record<R: Recorder>(mut self, recorder: R) -> Self {
        self.consumers.push(Consumer::recorder(recorder));
        self
    }

    /// Takes over what systems outside of the mesh publish.
    #[must_use]
    pub fn receive<I: Intake>(mut self, intake: I) -> Self {
        self.outside.push(Arc::new(outside::Stream(intake)));
        self
    }

    /// Answers systems outside of the mesh over NATS.
    #[must_use]
    pub fn respond<R: Responder>(mut self, responder: R) -> Self {
        self.outside.push(Arc::new(outside::Requests(responder)));
        self
    }

    /// Drives work that falls due.
    #[must_use]
    pub fn drive<D: Driver>(mut self, driver: D) -> Self {
        self.drivers.push(Arc::new(driver));
        self
    }

    /// Answers requests.
    #[must_use]
    pub fn serve<S>(mut self, service: S) -> Self
    where
        S: tonic::codegen::Service<
                http::Request<tonic::body::Body>,
                Error = std::convert::Infallible,
            > + tonic::server::NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service);
        self
    }

    /// Answers clients that speak HTTP, on a listener of their own. A service has one such door.
    #[must_use]
    pub fn listen(mut self, listener: TcpListener, router: Router) -> Self {
        self.http = Some(Http { listener, router });
        self
    }

    /// Lets every driver do one batch, as tests that move time by hand want it.
    ///
    /// Says whether there was anything to do.
    ///
    /// # Errors
    /// When a driver cannot lease or record.
    pub async fn drive_once(&self, store: &Store) -> Result<bool, Rejection> {
        let mut worked = false;
        for driver in &self.drivers {
            worked |= driver.turn(store).await?;
        }
        Ok(worked)
    }

    /// What it serves, for tests that ask it without a network.
    #[must_use]
    pub fn routes(&self) -> Routes {
        self.routes.clone().routes()
    }

    /// Whose app it is.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    /// What it consumes, for tests that feed handlers directly and for the topology test.
    #[must_use]
    pub fn consumers(&self) -> &[Consumer] {
        &self.consumers
    }
}
