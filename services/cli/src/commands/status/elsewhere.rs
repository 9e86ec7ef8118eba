//! The status of services that somebody else runs: what they say of themselves.

use std::process::ExitCode;

use futures::future::join_all;
use proto::catalogue::Service;
use serde::Serialize;
use tokio::time::timeout;

use super::{
    NoticesStatus, PATIENCE, ReleaseStatus, ResyncStatus, TOLD, TasksStatus, Told, asked, notices,
    release, released, tasks, told,
};
use crate::client::Mesh;
use crate::output::{Output, mebibytes, optional, table};

#[derive(Debug, Serialize)]
struct Status {
    services: Vec<ServiceStatus>,
    notices: Option<NoticesStatus>,
    tasks: Option<TasksStatus>,
    release: Option<ReleaseStatus>,
}

#[derive(Debug, Serialize)]
struct ServiceStatus {
    name: String,
    /// Why nothing else is known of it.
    problem: Option<String>,
    #[serde(flatten)]
    told: Told,
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

async fn look(service: Service, mesh: &Mesh) -> ServiceStatus {
    let (told, problem) = match timeout(PATIENCE, mesh.status(service)).await {
        Ok(Ok(told)) => (Some(told), None),
        Ok(Err(error)) => (None, Some(format!("{error:#}"))),
        Err(_elapsed) => (None, Some("does not answer".to_owned())),
    };
    ServiceStatus {
        name: service.to_string(),
        problem,
        memory_bytes: told.as_ref().map(|told| told.memory_bytes),
        told: told.map(Told::of).unwrap_or_default(),
    }
}

fn tables(status: &Status) -> String {
    let services = status.services.iter().map(|service| {
        let telling = service.told.resync.as_ref().and_then(ResyncStatus::telling);
        let state = service.problem.clone().or(telling).unwrap_or_else(|| "answers".to_owned());
        let memory = optional(service.memory_bytes.map(mebibytes));
        let own = [service.name.clone(), state].into_iter();
        own.chain(service.told.cells()).chain([memory]).collect()
    });
    let header = ["service", "state"].into_iter().chain(TOLD).chain(["memory "]);
    let services = table(&header.collect::<Vec<_>>(), services);
    let release = status.release.as_ref().map(released).unwrap_or_default();
    let notices = status.notices.as_ref().map(told).unwrap_or_default();
    let tasks = status.tasks.as_ref().map(asked).unwrap_or_default();
    format!("{services}\n\n{release}{notices}\n{tasks}").trim_end().to_owned()
}
