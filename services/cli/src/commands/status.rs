//! `tenure status`.

mod elsewhere;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::join_all;
use proto::catalogue::Service;
use proto::notification::v1::{GetProgressRequest, GetProgressResponse};
use proto::operations::v1::GetStatusResponse;
use serde::Serialize;
use tokio::time::timeout;

use crate::client::Mesh;
use crate::http;
use crate::launcher::{Board, Server, StateDir};
use crate::memory;
use crate::output::{Output, grouped, mebibytes, optional, table};

const PATIENCE: Duration = Duration::from_secs(5);

/// A mesh and how it is.
#[derive(Debug, Serialize)]
struct Status {
    state: String,
    pid: u32,
    ready: bool,
    services: Vec<ServiceStatus>,
    nats: ServerStatus,
    postgres: ServerStatus,
    /// Absent: notification does not answer.
    notices: Option<NoticesStatus>,
    /// Absent: provisioning does not answer.
    tasks: Option<TasksStatus>,
    /// Absent: policy-evaluation does not answer.
    release: Option<ReleaseStatus>,
}

/// What humans are to do.
#[derive(Debug, Serialize)]
struct TasksStatus {
    open: u64,
    unverified: u64,
    overdue: u64,
}

/// The active release, and how far everybody is evaluated with it.
#[derive(Debug, Serialize)]
struct ReleaseStatus {
    number: u64,
    people: u64,
    evaluated: u64,
}

#[derive(Debug, Serialize)]
struct NoticesStatus {
    pending: u64,
    sent: u64,
    failed: u64,
    undeliverable: u64,
    suppressed: u64,
    mail_configured: bool,
}

#[derive(Debug, Serialize)]
struct ServiceStatus {
    name: String,
    pid: u32,
    grpc: SocketAddr,
    admin: SocketAddr,
    restarts: u32,
    ready: bool,
    /// Why it is not, as it says itself.
    problem: Option<String>,
    #[serde(flatten)]
    told: Told,
    memory_bytes: u64,
}

/// What a service says of itself; empty where it says nothing.
#[derive(Debug, Default, Serialize)]
struct Told {
    outbox_unpublished: Option<u64>,
    outbox_oldest_seconds: Option<f64>,
    parked: Option<u64>,
    resync: Option<ResyncStatus>,
    consumers: Vec<ConsumerStatus>,
}

/// How far it has told its whole state again, since its epoch was raised.
#[derive(Debug, Serialize)]
struct ResyncStatus {
    epoch: u64,
    events: u64,
    finished: bool,
}

#[derive(Debug, Serialize)]
struct ConsumerStatus {
    name: String,
    pending: u64,
    in_flight: u64,
    redelivered: u64,
}

#[derive(Debug, Serialize)]
struct ServerStatus {
    address: String,
    pid: Option<u32>,
    restarts: u32,
    memory_bytes: Option<u64>,
}

pub(crate) async fn run(state: &StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    if state.is_elsewhere() {
        return elsewhere::run(&state.mesh()?, output).await;
    }
    let board = state.running()?;
    let mesh = state.mesh_of(&board)?;
    let services: Vec<ServiceStatus> =
        join_all(Service::ALL.map(|service| look(service, &board, &mesh)))
            .await
            .into_iter()
            .flatten()
            .collect();
    let status = Status {
        state: state.root().display().to_string(),
        pid: board.pid,
        ready: board.ready
            && services.len() == Service::ALL.len()
            && services.iter().all(|service| service.ready),
        services,
        nats: server(&board.nats),
        postgres: server(&board.postgres),
        notices: notices(&mesh).await,
        tasks: tasks(&mesh).await,
        release: release(&mesh).await,
    };
    output.print(&status, tables)?;
    Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl ResyncStatus {
    fn of(told: &GetStatusResponse) -> Option<Self> {
        told.resync.map(|resync| Self {
            epoch: resync.epoch,
            events: resync.events,
            finished: resync.finished,
        })
    }

    /// How far it is, in words, unless it has finished.
    fn telling(&self) -> Option<String> {
        let Self { epoch, events, finished } = self;
        (!finished).then(|| {
            format!("tells everything again in epoch {epoch}: {} events", grouped(*events))
        })
    }
}

impl Told {
    fn of(told: GetStatusResponse) -> Self {
        Self {
            outbox_unpublished: Some(told.outbox_unpublished),
            outbox_oldest_seconds: Some(told.outbox_oldest_seconds),
            parked: Some(told.parked),
            resync: ResyncStatus::of(&told),
            consumers: consumers(told),
        }
    }

    /// Its outbox, what is parked and what waits, as cells of a table.
    fn cells(&self) -> [String; 5] {
        let sum = |of: fn(&ConsumerStatus) -> u64| grouped(self.consumers.iter().map(of).sum());
        [
            optional(self.outbox_unpublished.map(grouped)),
            optional(self.outbox_oldest_seconds.map(|seconds| format!("{seconds:.1} s"))),
            optional(self.parked.map(grouped)),
            sum(|consumer| consumer.pending),
            sum(|consumer| consumer.in_flight),
        ]
    }
}

/// What those cells are.
const TOLD: [&str; 5] = ["outbox ", "oldest ", "parked ", "pending ", "in flight "];

impl ServiceStatus {
    fn state(&self) -> String {
        match (&self.problem, &self.told.resync) {
            (Some(problem), _) => problem.clone(),
            (None, resync) => resync
                .as_ref()
                .and_then(ResyncStatus::telling)
                .unwrap_or_else(|| "ready".to_owned()),
        }
    }
}

async fn look(service: Service, board: &Board, mesh: &Mesh) -> Option<ServiceStatus> {
    let entry = board.services.get(service.as_str())?.clone();
    let (health, asked) = tokio::join!(
        http::get(entry.admin, "/readyz", None),
        timeout(PATIENCE, mesh.status(service)),
    );
    let problem = match health {
        Ok(answer) if answer.status == 200 => None,
        Ok(answer) => Some(answer.body.trim().to_owned()),
        Err(_unreachable) => Some("does not answer".to_owned()),
    };
    let told = asked.ok().and_then(Result::ok);
    Some(ServiceStatus {
        name: service.to_string(),
        pid: entry.pid,
        grpc: entry.grpc,
        admin: entry.admin,
        restarts: entry.restarts,
        ready: problem.is_none(),
        problem,
        told: told.map(Told::of).unwrap_or_default(),
        memory_bytes: memory::of_tree(entry.pid),
    })
}

fn consumers(told: GetStatusResponse) -> Vec<ConsumerStatus> {
    told.consumers
        .into_iter()
        .map(|consumer| ConsumerStatus {
            name: consumer.name,
            pending: consumer.pending,
            in_flight: consumer.in_flight,
            redelivered: consumer.redelivered,
        })
        .collect()
}

fn server(server: &Server) -> ServerStatus {
    ServerStatus {
        address: server.address.clone(),
        pid: server.pid,
        restarts: server.restarts,
        memory_bytes: server.pid.map(memory::of_tree),
    }
}

async fn release(mesh: &Mesh) -> Option<ReleaseStatus> {
    let request = proto::policy::v1::GetProgressRequest {};
    let mut client = mesh.policy().ok()?;
    let told = timeout(PATIENCE, client.get_progress(request)).await.ok()?.ok()?.into_inner();
    Some(ReleaseStatus { number: told.release, people: told.people, evaluated: told.evaluated })
}

async fn tasks(mesh: &Mesh) -> Option<TasksStatus> {
    let request = proto::provisioning::v1::GetProgressRequest { since: None };
    let mut client = mesh.provisioning().ok()?;
    let told = timeout(PATIENCE, client.get_progress(request)).await.ok()?.ok()?.into_inner();
    Some(TasksStatus {
        open: told.tasks_open,
        unverified: told.tasks_unverified,
        overdue: told.tasks_overdue,
    })
}

/// How tasks stand, in a line; nothing where humans have nothing to do.
fn asked(tasks: &TasksStatus) -> String {
    if tasks.open + tasks.unverified == 0 {
        return String::new();
    }
    format!(
        "tasks: {} open, {} not verified, {} late\n",
        grouped(tasks.open),
        grouped(tasks.unverified),
        grouped(tasks.overdue)
    )
}

/// How the release stands, in a line.
fn released(release: &ReleaseStatus) -> String {
    match release.number {
        0 => "no release is active\n".to_owned(),
        number => format!(
            "release {number}: {} of {} people evaluated\n",
            grouped(release.evaluated),
            grouped(release.people)
        ),
    }
}

async fn notices(mesh: &Mesh) -> Option<NoticesStatus> {
    let mut client = mesh.notification().ok()?;
    let asked = timeout(PATIENCE, client.get_progress(GetProgressRequest {})).await;
    let GetProgressResponse {
        pending,
        sent,
        failed,
        undeliverable,
        suppressed,
        mail_configured,
        canceled: _,
        repeated: _,
        oldest_pending_at: _,
    } = asked.ok()?.ok()?.into_inner();
    Some(NoticesStatus { pending, sent, failed, undeliverable, suppressed, mail_configured })
}

/// How notices stand, in a line.
fn told(notices: &NoticesStatus) -> String {
    let note = if notices.mail_configured { "" } else { "; no mail server is configured" };
    format!(
        "notices: {} pending, {} sent, {} failed, {} undeliverable, {} suppressed{note}",
        grouped(notices.pending),
        grouped(notices.sent),
        grouped(notices.failed),
        grouped(notices.undeliverable),
        grouped(notices.suppressed),
    )
}

fn tables(status: &Status) -> String {
    let services = status.services.iter().map(|service| {
        let own = [
            service.name.clone(),
            service.state(),
            service.grpc.to_string(),
            service.pid.to_string(),
            service.restarts.to_string(),
        ];
        let memory = mebibytes(service.memory_bytes);
        own.into_iter().chain(service.told.cells()).chain([memory]).collect()
    });
    let header = ["service", "state", "address", "pid ", "restarts "].into_iter();
    let header: Vec<&str> = header.chain(TOLD).chain(["memory "]).collect();
    let services = table(&header, services);
    let servers = [("nats", &status.nats), ("postgres", &status.postgres)].map(|(name, server)| {
        vec![
            name.to_owned(),
            server.address.clone(),
            optional(server.pid),
            server.restarts.to_string(),
            optional(server.memory_bytes.map(mebibytes)),
        ]
    });
    let servers = table(&["server", "address", "pid ", "restarts ", "memory "], servers);
    let notices = status.notices.as_ref().map(|notices| told(notices) + "\n");
    let notices = notices.unwrap_or_default();
    let release = status.release.as_ref().map(released).unwrap_or_default();
    let tasks = status.tasks.as_ref().map(asked).unwrap_or_default();
    format!("{services}\n\n{servers}\n\n{release}{notices}{tasks}state: {}", status.state)
}
