//! A mesh as its operators reach it: one gRPC connection per service.
//!
//! Whoever changes something and wants to look at its effect waits until the mesh is at rest:
//!
//! ```no_run
//! # async fn example(mesh: cli::client::Mesh) -> anyhow::Result<()> {
//! let documents = cli::client::read_documents("policies".as_ref())?;
//! mesh.apply(documents).await?;
//! let rest = mesh.settle(std::time::Duration::from_secs(60), |_look| {}).await?;
//! assert_eq!(rest.settled, rest.people);
//! # Ok(())
//! # }
//! ```
//!
//! At rest means: no event is on its way, not even to audit, everybody is evaluated with the active
//! release and has settled, and no action is open. A parked message keeps a mesh from its rest only
//! through the people whom it concerns, so look at `status().parked`, too.

mod bearer;
mod holds;
mod import;
mod releases;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
pub use bearer::Bearer;
use chassis::Secret;
pub use import::Import;
use proto::audit::v1::audit_service_client::AuditServiceClient;
use proto::catalogue::Service;
use proto::hris::v1::case_service_client::CaseServiceClient;
use proto::hris::v1::hris_ingest_service_client::HrisIngestServiceClient;
use proto::hris::v1::person_service_client::PersonServiceClient;
use proto::hris::v1::source_service_client::SourceServiceClient;
use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use proto::operations::v1::{GetStatusRequest, GetStatusResponse};
use proto::policy::v1::policy_evaluation_service_client::PolicyEvaluationServiceClient;
use proto::policy::v1::{ApplyDocumentsResponse, DocumentFile, ReleaseAuthor};
use proto::provisioning::v1::drift_service_client::DriftServiceClient;
use proto::provisioning::v1::provisioning_service_client::ProvisioningServiceClient;
use proto::provisioning::v1::task_service_client::TaskServiceClient;
use proto::{policy, provisioning};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// A release's documents travel in one message.
const MESSAGE_MAX: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a mesh is asked whether it has come to rest.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A connection on which every request is signed.
pub type Line = InterceptedService<Channel, Bearer>;

/// The services of one mesh. Connections are opened when they are first used.
#[derive(Debug, Clone)]
pub struct Mesh {
    lines: BTreeMap<Service, Line>,
}

/// How far a mesh is from rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    /// People whom policy-evaluation knows.
    pub people: u64,
    /// Of these, evaluated with the active release.
    pub evaluated: u64,
    /// Of these, settled.
    pub settled: u64,
    /// Events on their way: in an outbox, not yet handled by a consumer, or due by a timer.
    pub events: u64,
    /// Actions that have not ended.
    pub actions: u64,
}

impl Rest {
    /// Whether nothing is on its way and nothing is open.
    #[must_use]
    pub fn reached(&self) -> bool {
        self.events == 0
            && self.actions == 0
            && self.evaluated == self.people
            && self.settled == self.people
    }
}

impl Mesh {
    /// Names the services' addresses on this machine, where everybody may ask.
    ///
    /// # Errors
    /// When an address makes no URL.
    pub fn new(addresses: &BTreeMap<Service, SocketAddr>) -> anyhow::Result<Self> {
        let urls =
            addresses.iter().map(|(service, address)| (*service, format!("http://{address}")));
        Self::at(&urls.collect(), None)
    }

    /// Names the services' URLs and the token of those who may ask.
    ///
    /// # Errors
    /// When a URL is none, or the token holds characters that no header may.
    pub fn at(urls: &BTreeMap<Service, String>, token: Option<&Secret>) -> anyhow::Result<Self> {
        let bearer = Bearer::new(token)?;
        let lines = urls
            .iter()
            .map(|(service, url)| {
                let endpoint = Endpoint::from_shared(url.clone())
                    .with_context(|| format!("the address of {service}"))?
                    .connect_timeout(CONNECT_TIMEOUT);
                let channel = endpoint.connect_lazy();
                Ok((*service, InterceptedService::new(channel, bearer.clone())))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { lines })
    }

    fn line(&self, service: Service) -> anyhow::Result<Line> {
        match self.lines.get(&service) {
            Some(line) => Ok(line.clone()),
            None => bail!("no address is known for {service}"),
        }
    }

    /// hris-ingest's own requests.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn hris(&self) -> anyhow::Result<HrisIngestServiceClient<Line>> {
        Ok(HrisIngestServiceClient::new(self.line(Service::HrisIngest)?))
    }

    /// hris-ingest's requests about what humans must decide.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn cases(&self) -> anyhow::Result<CaseServiceClient<Line>> {
        Ok(CaseServiceClient::new(self.line(Service::HrisIngest)?))
    }

    /// hris-ingest's requests about two ids of one human, and one id of two.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn people(&self) -> anyhow::Result<PersonServiceClient<Line>> {
        Ok(PersonServiceClient::new(self.line(Service::HrisIngest)?))
    }

    /// provisioning's requests about what humans are to do.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn tasks(&self) -> anyhow::Result<TaskServiceClient<Line>> {
        Ok(TaskServiceClient::new(self.line(Service::Provisioning)?))
    }

    /// provisioning's requests about how applications differ from what they shall hold.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn drift(&self) -> anyhow::Result<DriftServiceClient<Line>> {
        Ok(DriftServiceClient::new(self.line(Service::Provisioning)?))
    }

    /// policy-evaluation's own requests.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn policy(&self) -> anyhow::Result<PolicyEvaluationServiceClient<Line>> {
        Ok(PolicyEvaluationServiceClient::new(self.line(Service::PolicyEvaluation)?)
            .max_decoding_message_size(MESSAGE_MAX)
            .max_encoding_message_size(MESSAGE_MAX))
    }

    /// provisioning's own requests.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn provisioning(&self) -> anyhow::Result<ProvisioningServiceClient<Line>> {
        Ok(ProvisioningServiceClient::new(self.line(Service::Provisioning)?))
    }

    /// notification's own requests.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn notification(&self) -> anyhow::Result<NotificationServiceClient<Line>> {
        Ok(NotificationServiceClient::new(self.line(Service::Notification)?))
    }

    /// audit's own requests.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn audit(&self) -> anyhow::Result<AuditServiceClient<Line>> {
        Ok(AuditServiceClient::new(self.line(Service::Audit)?)
            .max_decoding_message_size(MESSAGE_MAX))
    }

    /// The requests every service answers.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn operations(&self, service: Service) -> anyhow::Result<OperationsServiceClient<Line>> {
        Ok(OperationsServiceClient::new(self.line(service)?))
    }

    /// Returns the status of a service.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self, service: Service) -> anyhow::Result<GetStatusResponse> {
        let answer = self.operations(service)?.get_status(GetStatusRequest {}).await;
        Ok(answer.with_context(|| format!("ask {service} for its status"))?.into_inner())
    }

    /// Applies policy documents as a release.
    ///
    /// # Errors
    /// When a document is refused, with every problem and its place, or the change is held.
    pub async fn apply(&self, files: Vec<DocumentFile>) -> anyhow::Result<ApplyDocumentsResponse> {
        self.apply_as(files, ReleaseAuthor::default()).await
    }

    /// hris-ingest's requests about sources that push.
    ///
    /// # Errors
    /// When its address is not known.
    pub fn sources(&self) -> anyhow::Result<SourceServiceClient<Line>> {
        Ok(SourceServiceClient::new(self.line(Service::HrisIngest)?))
    }

    /// Returns how far the mesh is from rest.
    ///
    /// # Errors
    /// When a service does not answer.
    pub async fn rest(&self) -> anyhow::Result<Rest> {
        let mut rest = Rest::default();
        for service in self.lines.keys() {
            let status = self.status(*service).await?;
            rest.events += status.outbox_unpublished + status.timers_overdue;
            rest.events += u64::from(status.resync.is_some_and(|resync| !resync.finished));
            rest.events += status
                .consumers
                .iter()
                .map(|consumer| consumer.pending + consumer.in_flight)
                .sum::<u64>();
        }
        let request = policy::v1::GetProgressRequest {};
        let evaluation =
            self.policy()?.get_progress(request).await.context("ask for progress")?.into_inner();
        let request = provisioning::v1::GetProgressRequest::default();
        let carried = self
            .provisioning()?
            .get_progress(request)
            .await
            .context("ask for progress")?
            .into_inner();
        rest.people = evaluation.people;
        rest.evaluated = evaluation.evaluated;
        rest.settled = carried.settled;
        rest.actions = carried.actions_open;
        Ok(rest)
    }

    /// Waits until the mesh has come to rest; tells of every look at it.
    ///
    /// Two looks in a row must agree, since an event may be between an outbox and a consumer.
    ///
    /// # Errors
    /// When it has not by the deadline, with how far it came.
    pub async fn settle(
        &self,
        deadline: Duration,
        mut look: impl FnMut(&Rest),
    ) -> anyhow::Result<Rest> {
        let mut reached = 0;
        let at_rest = |rest: &Rest| {
            look(rest);
            reached = if rest.reached() { reached + 1 } else { 0 };
            reached >= 2
        };
        self.until("come to rest", deadline, at_rest).await
    }

    /// Waits until the mesh has done something, `what`, as its state says; returns that state.
    ///
    /// A mesh that is out of reach for a while has not done it yet.
    ///
    /// # Errors
    /// When it has not by the deadline, with how far it came.
    pub async fn until(
        &self,
        what: &str,
        deadline: Duration,
        mut done: impl FnMut(&Rest) -> bool,
    ) -> anyhow::Result<Rest> {
        let started = tokio::time::Instant::now();
        let mut ask = tokio::time::interval(ASK_EVERY);
        ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ask.tick().await;
            let rest = self.rest().await;
            if let Ok(rest) = &rest
                && done(rest)
            {
                return Ok(*rest);
            }
            if started.elapsed() > deadline {
                bail!("the mesh has not {what} after {deadline:?}: {:?}", rest?);
            }
        }
    }
}

/// Reads policy documents: a file, or every `.yaml` and `.yml` file of a folder and below it.
///
/// # Errors
/// When something cannot be read, or a folder holds none.
pub fn read_documents(path: &Path) -> anyhow::Result<Vec<DocumentFile>> {
    let mut found = Vec::new();
    gather(path, &mut found)?;
    if found.is_empty() {
        bail!("{} holds no .yaml or .yml file", path.display());
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn gather(path: &Path, found: &mut Vec<DocumentFile>) -> anyhow::Result<()> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("read the folder {}", path.display()))?;
        for entry in entries {
            let entry =
                entry.with_context(|| format!("read the folder {}", path.display()))?.path();
            let yaml = entry
                .extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml");
            if entry.is_dir() || yaml {
                gather(&entry, found)?;
            }
        }
        return Ok(());
    }
    let content =
        std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    found.push(DocumentFile { path: path.display().to_string(), content });
    Ok(())
}
