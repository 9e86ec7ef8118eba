//! People who are merged and split: looked at, decided.

use std::collections::BTreeSet;

use domain::PersonId;
use proto::hris::v1 as wire;
use proto::hris::v1::person_service_server::PersonService;
use tonic::{Request, Response, Status};

use super::{Rpc, internal, person_id};
use crate::kin::{self, Change, Error, Outcome, Part, Word};
use crate::person::Person;

/// Workers that are named at once, at most.
const WORKERS_MAX: usize = 100;

#[tonic::async_trait]
impl PersonService for Rpc {
    async fn preview_kin(
        &self,
        request: Request<wire::PreviewKinRequest>,
    ) -> Result<Response<wire::PreviewKinResponse>, Status> {
        let change = change(request.into_inner().change)?;
        let preview = kin::preview(&self.store, &change).await.map_err(status)?;
        let Outcome { keeps, other, moved } = &preview.outcome;
        let is_known = change.people().1.is_some();
        let person = |person: &Person, is_known: bool| {
            let engagements = person.timeline.engagements.iter().map(|one| wire::KinEngagement {
                engagement_id: one.id.to_string(),
                worker: Some(wire::Worker {
                    source: one.source.clone(),
                    worker_id: one.worker_id.clone(),
                }),
                start_date: Some(one.start_date.into()),
                last_working_day: one.last_working_day.map(Into::into),
                moves: moved.engagements.contains(&one.id),
            });
            wire::KinPerson {
                person_id: if is_known { person.id.to_string() } else { String::new() },
                display_name: person.display_name().unwrap_or_default().to_owned(),
                engagements: engagements.collect(),
            }
        };
        Ok(Response::new(wire::PreviewKinResponse {
            people: vec![person(keeps, true), person(other, is_known)],
            hash: preview.hash,
            reports: u32::try_from(preview.reports).unwrap_or(u32::MAX),
        }))
    }

    async fn change_kin(
        &self,
        request: Request<wire::ChangeKinRequest>,
    ) -> Result<Response<wire::ChangeKinResponse>, Status> {
        let wire::ChangeKinRequest { change: asked, hash, by, note } = request.into_inner();
        let word = Word { change: change(asked)?, hash, by, note };
        let outcome = kin::carry_out(&self.store, &word).await.map_err(status)?;
        Ok(Response::new(wire::ChangeKinResponse {
            person_id: outcome.keeps.id.to_string(),
            other_person_id: outcome.other.id.to_string(),
            engagements: u32::try_from(outcome.moved.engagements.len()).unwrap_or(u32::MAX),
        }))
    }
}

fn change(change: Option<wire::KinChange>) -> Result<Change, Status> {
    let missing = || Status::invalid_argument("what is to be changed must be stated");
    match change.and_then(|change| change.change).ok_or_else(missing)? {
        wire::kin_change::Change::Merge(merge) => Ok(Change::Merge {
            survivor: person_id(&merge.survivor_person_id)?,
            retired: person_id(&merge.retired_person_id)?,
        }),
        wire::kin_change::Change::Split(split) => {
            let person: PersonId = person_id(&split.person_id)?;
            let part = match split.part.ok_or_else(missing)? {
                wire::split_person::Part::MergedPersonId(merged) => {
                    Part::Merged(person_id(&merged)?)
                }
                wire::split_person::Part::Workers(list) => Part::Workers(workers(list)?),
            };
            Ok(Change::Split { person, part })
        }
    }
}

fn workers(list: wire::WorkerList) -> Result<BTreeSet<kin::WorkerKey>, Status> {
    if list.workers.len() > WORKERS_MAX {
        return Err(Status::invalid_argument(format!(
            "more than {WORKERS_MAX} workers are named at once"
        )));
    }
    Ok(list.workers.into_iter().map(|one| (one.source, one.worker_id)).collect())
}

fn status(error: Error) -> Status {
    match error {
        Error::Unknown(_) => Status::not_found(error.to_string()),
        Error::Same(_)
        | Error::NotMerged { .. }
        | Error::NotTheirs { .. }
        | Error::Nothing
        | Error::NoneLeft { .. }
        | Error::Nameless
        | Error::Wordy => Status::invalid_argument(error.to_string()),
        Error::Merged { .. }
        | Error::Everything(_)
        | Error::Asked { .. }
        | Error::Reports
        | Error::Moved { .. }
        | Error::TooLarge(_) => Status::failed_precondition(error.to_string()),
        Error::Store(error) => internal(error),
    }
}
