//! `tenure person`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use proto::audit::v1::GetPersonHistoryRequest;
use proto::hris::v1::{FindPeopleRequest, GetTimelineRequest};
use proto::policy::v1::GetDesiredAccessRequest;
use proto::provisioning::v1::GetPersonRequest;
use serde_json::json;
use tonic::{Code, Response, Status};

use crate::client::Mesh;
use crate::launcher::StateDir;
use crate::output::{Output, tell};
use crate::view::{self, Found, Person};

/// People who are listed when a query fits several.
const FOUND_MAX: u32 = 20;
const PAGE_SIZE: u32 = 1000;
/// Events of one person that are shown.
const HISTORY_MAX: usize = 10_000;

pub(crate) async fn show(
    query: &str,
    history: bool,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let Some(one) = find_one(&mesh, query, output).await? else { return Ok(ExitCode::FAILURE) };
    output.print(&gather(&mesh, one, history).await?, view::person)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns whom a query means; lists those whom it fits when they are several.
pub(super) async fn find_one(
    mesh: &Mesh,
    query: &str,
    output: &Output,
) -> anyhow::Result<Option<Found>> {
    let mut people = find(mesh, query).await?;
    match people.len() {
        0 => bail!("nobody fits {query:?}"),
        1 => Ok(Some(people.remove(0))),
        count => {
            output.print(&json!({ "people": people }), |_result| view::found(&people))?;
            let more = if count == FOUND_MAX as usize { " or more" } else { "" };
            tell(&format!("{count}{more} people fit {query:?}: name one by person or worker id"));
            Ok(None)
        }
    }
}

async fn find(mesh: &Mesh, query: &str) -> anyhow::Result<Vec<Found>> {
    let request = FindPeopleRequest { query: query.to_owned(), page_size: FOUND_MAX };
    let answer = mesh.hris()?.find_people(request).await.context("look for the person")?;
    let mut people: Vec<Found> = answer
        .into_inner()
        .people
        .into_iter()
        .map(|one| Found {
            person: one.person_id,
            display_name: one.display_name,
            worker_id: one.worker_id,
        })
        .collect();
    // Whoever is named exactly is meant, whatever else the text is part of.
    if let Some(exact) = people.iter().position(|one| one.person == query || one.worker_id == query)
    {
        people = vec![people.swap_remove(exact)];
    }
    Ok(people)
}

/// Returns everything known of the person whose worker id this is.
pub(super) async fn of_worker(mesh: &Mesh, worker: &str) -> anyhow::Result<Person> {
    let found = find(mesh, worker).await?.into_iter().find(|one| one.worker_id == worker);
    let found = found.with_context(|| format!("nobody has the worker id {worker}"))?;
    gather(mesh, found, false).await
}

/// Returns the id of the person whose worker id this is.
pub(super) async fn id_of_worker(mesh: &Mesh, worker: &str) -> anyhow::Result<Option<String>> {
    let found = find(mesh, worker).await?.into_iter().find(|one| one.worker_id == worker);
    Ok(found.map(|found| found.person))
}

/// Returns the stream of each of the events that are on record of a person.
pub(super) async fn publishers(mesh: &Mesh, person: &str) -> anyhow::Result<Vec<String>> {
    Ok(recorded(mesh, person).await?.into_iter().map(|event| event.publisher).collect())
}

async fn gather(mesh: &Mesh, found: Found, history: bool) -> anyhow::Result<Person> {
    let id = || found.person.clone();
    let (mut hris, mut policy, mut provisioning) =
        (mesh.hris()?, mesh.policy()?, mesh.provisioning()?);
    let (timeline, access, dossier) = tokio::join!(
        hris.get_timeline(GetTimelineRequest { person_id: id(), known_at: None }),
        policy.get_desired_access(GetDesiredAccessRequest { person_id: id() }),
        provisioning.get_person(GetPersonRequest { person_id: id() }),
    );
    let timeline = known(timeline).context("ask for the timeline")?;
    let access = known(access).context("ask for the desired access")?;
    let dossier = known(dossier).context("ask for the accounts")?;

    let timeline = timeline.map(|answer| view::timeline(&answer.person_updated)).transpose()?;
    let access = access.map(|answer| view::access(&answer)).transpose()?;
    let dossier = dossier.map(view::dossier).unwrap_or_default();
    let open = view::open(access.as_ref(), &dossier);
    let history = match history {
        true => Some(recorded(mesh, &found.person).await?),
        false => None,
    };
    Ok(Person { found, timeline, access, dossier, open, history })
}

async fn recorded(mesh: &Mesh, person: &str) -> anyhow::Result<Vec<view::Event>> {
    let mut audit = mesh.audit()?;
    let (mut events, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = GetPersonHistoryRequest {
            person_id: person.to_owned(),
            page_size: PAGE_SIZE,
            page_token,
        };
        let page = audit.get_person_history(request).await.context("ask for the history")?;
        let page = page.into_inner();
        events.extend(page.events.into_iter().map(view::event));
        page_token = page.next_page_token;
        if page_token.is_empty() || events.len() >= HISTORY_MAX {
            return Ok(events);
        }
    }
}

/// An answer, or nothing when the service does not know the person.
fn known<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}
