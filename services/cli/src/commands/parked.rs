//! `tenure parked`.

use std::process::ExitCode;

use domain::Timestamp;
use proto::catalogue::Service;
use proto::convert::optional_instant;
use proto::operations::v1::{ListParkedRequest, ParkedMessage, ReplayParkedRequest};
use serde::Serialize;
use serde_json::json;

use crate::launcher::StateDir;
use crate::output::{Output, instant, table};

const PAGE_SIZE: u32 = 1000;

/// A message that a service could not handle.
#[derive(Debug, Serialize)]
struct Parked {
    service: String,
    event: String,
    consumer: String,
    r#type: String,
    reason: String,
    parked_at: Option<Timestamp>,
    replays: u32,
}

pub(crate) async fn list(state: &StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let mut parked = Vec::new();
    for service in Service::ALL {
        let request = ListParkedRequest { page_size: PAGE_SIZE };
        let listed = mesh.operations(service)?.list_parked(request).await?.into_inner();
        parked.extend(listed.messages.into_iter().map(|message| read(service, message)));
    }
    output.print(&parked, |parked| match parked.as_slice() {
        [] => "nothing is parked".to_owned(),
        parked => table(
            &["event", "consumer", "type", "parked", "replays ", "reason"],
            parked.iter().map(|one| {
                vec![
                    one.event.clone(),
                    one.consumer.clone(),
                    one.r#type.clone(),
                    instant(one.parked_at),
                    one.replays.to_string(),
                    one.reason.clone(),
                ]
            }),
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn replay(
    ids: &[uuid::Uuid],
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let event_ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut replayed = 0;
    for service in Service::ALL {
        let request = ReplayParkedRequest { event_ids: event_ids.clone() };
        replayed += mesh.operations(service)?.replay_parked(request).await?.into_inner().replayed;
    }
    output.print(&json!({ "replayed": replayed }), |_result| {
        format!("{replayed} messages are handed to their handlers again")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read(service: Service, message: ParkedMessage) -> Parked {
    Parked {
        service: service.to_string(),
        event: message.event_id,
        consumer: message.consumer,
        r#type: message.r#type,
        reason: message.reason,
        parked_at: optional_instant("parked_at", message.parked_at.as_ref()).unwrap_or_default(),
        replays: message.replays,
    }
}
