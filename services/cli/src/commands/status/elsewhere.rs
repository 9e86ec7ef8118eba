//! The status of services that somebody else runs: what they say of themselves.

use std::process::ExitCode;

use futures::future::join_all;
use proto::catalogue::Service;
use serde::Serialize;
use tokio::time::timeout;

use super::{
    ConsumerStatus, NoticesStatus, PATIENCE, ReleaseStatus, ResyncStatus, TasksStatus, asked,
    consumers, notices, release, released, tasks, told,
};
use crate::client::Mesh;
use crate::output::{Output, grouped, mebibytes, optional, table};

#[derive(Debug, Serialize)]
struct Status {
    services: Vec<Told>,
    notices: Option<NoticesStatus>,
    tasks: Option<TasksStatus>,
    release: Option<ReleaseStatus>,
}

#[derive(Debug, Serialize)]
struct Told {
    name: String,
    /// Why nothing else is known of it.
    problem: Option<String>,
    outbox_unpublished: Option<u64>,
    outbox_oldest_seconds: Option<f64>,
    parked: Option<u64>,
    resync: Option<ResyncStatus>,
    consumers: Vec<ConsumerStatus>,
    memory_bytes: Option<u64>,
}

pub(super) async fn run(mesh: &Mesh, output: &Output) -> anyhow::Result<ExitCode> {
    let services = join_all(Service::ALL.map(|service| look(service, mesh))).await;
    let ready = services.iter().all(|service| service.problem.is_none());
    let status = Status {
        services,
        notices: notices(mesh).await,
        tasks: tasks(mesh).await,
        release: release(mesh).await,
    };
    output.print(&status, tables)?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(service: Service, mesh: &Mesh) -> Told {
    let (told, problem) = match timeout(PATIENCE, mesh.status(service)).await {
        Ok(Ok(told)) => (Some(told), None),
        Ok(Err(error)) => (None, Some(format!("{error:#}"))),
        Err(_elapsed) => (None, Some("does not answer".to_owned())),
    };
    Told {
        name: service.to_string(),
        problem,
        outbox_unpublished: told.as_ref().map(|told| told.outbox_unpublished),
        outbox_oldest_seconds: told.as_ref().map(|told| told.outbox_oldest_seconds),
        parked: told.as_ref().map(|told| told.parked),
        resync: told.as_ref().and_then(ResyncStatus::of),
        memory_bytes: told.as_ref().map(|told| told.memory_bytes),
        consumers: told.map(consumers).unwrap_or_default(),
    }
}

fn tables(status: &Status) -> String {
    let services = status.services.iter().map(|service| {
        let sum = |of: fn(&ConsumerStatus) -> u64| grouped(service.consumers.iter().map(of).sum());
        let telling = service.resync.as_ref().and_then(ResyncStatus::telling);
        vec![
            service.name.clone(),
            service.problem.clone().or(telling).unwrap_or_else(|| "answers".to_owned()),
            optional(service.outbox_unpublished.map(grouped)),
            optional(service.outbox_oldest_seconds.map(|seconds| format!("{seconds:.1} s"))),
            optional(service.parked.map(grouped)),
            sum(|consumer| consumer.pending),
            sum(|consumer| consumer.in_flight),
            optional(service.memory_bytes.map(mebibytes)),
        ]
    });
    let header =
        ["service", "state", "outbox ", "oldest ", "parked ", "pending ", "in flight ", "memory "];
    let services = table(&header, services);
    let release = status.release.as_ref().map(released).unwrap_or_default();
    let notices = status.notices.as_ref().map(told).unwrap_or_default();
    let tasks = status.tasks.as_ref().map(asked).unwrap_or_default();
    format!("{services}\n\n{release}{notices}\n{tasks}").trim_end().to_owned()
}
