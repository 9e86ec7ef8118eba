//! Cases: listed, shown side by side, decided.
//!
//! Names of people and what cases rest on stand in answers alone.

use std::collections::BTreeMap;

use domain::{CaseId, PersonId};
use proto::convert;
use proto::hris::v1 as wire;
use proto::hris::v1::case_service_server::CaseService;
use sqlx::postgres::PgPool;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Rpc, internal, page, person_id};
use crate::case::table::Filter;
use crate::case::{self, Answer, Case, Compared, Error, Kind, Outcome, Side, Verdict, Word};
use crate::{chunk, person, roster};

#[tonic::async_trait]
impl CaseService for Rpc {
    async fn list_cases(
        &self,
        request: Request<wire::ListCasesRequest>,
    ) -> Result<Response<wire::ListCasesResponse>, Status> {
        let limit = page(request.get_ref().page_size);
        let filter = filter(request.get_ref())?;
        let pool = self.store.pool();
        let cases = case::table::list(pool, &filter, limit).await.map_err(internal)?;
        let full = i64::try_from(cases.len()).is_ok_and(|count| count == limit);
        let next = cases.last().filter(|_last| full).map(|last| last.id.to_string());
        let people = People::of(pool, &cases).await?;
        Ok(Response::new(wire::ListCasesResponse {
            cases: cases.iter().map(|case| people.tell(case)).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn get_case(
        &self,
        request: Request<wire::GetCaseRequest>,
    ) -> Result<Response<wire::GetCaseResponse>, Status> {
        let id = case_id(&request.get_ref().case_id)?;
        let pool = self.store.pool();
        let case = case::table::find(pool, id).await.map_err(internal)?;
        let case = case.ok_or_else(|| status(Error::Unknown(id)))?;
        let people = People::of(pool, std::slice::from_ref(&case)).await?;
        let answers = case.question.kind.answers().iter();
        Ok(Response::new(wire::GetCaseResponse {
            sides: case.question.evidence.sides.iter().map(side).collect(),
            answers: answers
                .map(|answer| wire::CaseOutcome::from(Outcome::Decided(*answer)).into())
                .collect(),
            case: Some(people.tell(&case)),
        }))
    }

    async fn decide_case(
        &self,
        request: Request<wire::DecideCaseRequest>,
    ) -> Result<Response<wire::DecideCaseResponse>, Status> {
        let word = word(request.into_inner())?;
        let case = chunk::decide(&self.store, &self.config, &word).await.map_err(status)?;
        let people = People::of(self.store.pool(), std::slice::from_ref(&case)).await?;
        Ok(Response::new(wire::DecideCaseResponse { case: Some(people.tell(&case)) }))
    }
}

fn filter(request: &wire::ListCasesRequest) -> Result<Filter, Status> {
    let invalid = |what: &str| Status::invalid_argument(format!("{what}: unknown enum value"));
    let kind = wire::CaseKind::try_from(request.kind).map_err(|_unknown| invalid("kind"))?;
    let state = wire::CaseState::try_from(request.state).map_err(|_unknown| invalid("state"))?;
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Ok(Filter {
        kind: match kind {
            wire::CaseKind::Unspecified => None,
            wire::CaseKind::UncertainMatch => Some(Kind::UncertainMatch),
            wire::CaseKind::RecycledWorkerId => Some(Kind::RecycledWorkerId),
            wire::CaseKind::NotRehirable => Some(Kind::NotRehirable),
            wire::CaseKind::Conflict => Some(Kind::Conflict),
            wire::CaseKind::MissingWorker => Some(Kind::MissingWorker),
            wire::CaseKind::UnknownValue => Some(Kind::UnknownValue),
        },
        open: match state {
            wire::CaseState::Unspecified => None,
            wire::CaseState::Open => Some(true),
            wire::CaseState::Closed => Some(false),
        },
        source: given(&request.source),
        person: given(&request.person_id).map(|id| person_id(&id)).transpose()?,
        after: given(&request.page_token).map(|id| case_id(&id)).transpose()?,
    })
}

fn word(request: wire::DecideCaseRequest) -> Result<Word, Status> {
    let wire::DecideCaseRequest { case_id: id, hash, answer, person_id: person, by, note } =
        request;
    let answer = match wire::CaseOutcome::try_from(answer) {
        Ok(wire::CaseOutcome::Same) => Answer::Same,
        Ok(wire::CaseOutcome::Other) => Answer::Other,
        Ok(wire::CaseOutcome::Allow) => Answer::Allow,
        Ok(wire::CaseOutcome::Refuse) => Answer::Refuse,
        Ok(wire::CaseOutcome::Dismiss) => Answer::Dismiss,
        Ok(wire::CaseOutcome::Unspecified | wire::CaseOutcome::NoLongerApplies) | Err(_) => {
            return Err(Status::invalid_argument("answer: is no decision"));
        }
    };
    let person = Some(person).filter(|person| !person.is_empty());
    let person = person.map(|person| person_id(&person)).transpose()?;
    let word = Word { case: case_id(&id)?, hash, answer, person, by, note };
    word.check_author().map_err(status)
}

/// The names and worker ids of those whom cases concern.
struct People {
    names: BTreeMap<Uuid, String>,
    workers: BTreeMap<Uuid, Vec<String>>,
}

impl People {
    async fn of(pool: &PgPool, cases: &[Case]) -> Result<Self, Status> {
        let ids: Vec<Uuid> =
            cases.iter().flat_map(|case| &case.question.people).map(|person| person.0).collect();
        let names = person::table::names(pool, &ids).await.map_err(internal)?;
        let workers = roster::table::of_people(pool, &ids).await.map_err(internal)?;
        Ok(Self { names, workers })
    }

    fn tell(&self, case: &Case) -> wire::Case {
        let person = |person: &PersonId| wire::CasePerson {
            person_id: person.to_string(),
            display_name: self.names.get(&person.0).cloned().unwrap_or_default(),
            worker_ids: self.workers.get(&person.0).cloned().unwrap_or_default(),
        };
        let state =
            if case.closed.is_some() { wire::CaseState::Closed } else { wire::CaseState::Open };
        let told = wire::Case {
            case_id: case.id.to_string(),
            kind: wire::CaseKind::from(case.question.kind).into(),
            state: state.into(),
            source: case.question.source.clone(),
            key: case.question.key.clone(),
            hash: case.hash.clone(),
            people: case.question.people.iter().map(person).collect(),
            engagement_ids: case.question.engagements.iter().map(ToString::to_string).collect(),
            opened_at: Some(case.opened_at.into()),
            needed_by: case.question.needed_by().map(Into::into),
            ..wire::Case::default()
        };
        let Some(closed) = &case.closed else { return told };
        wire::Case {
            closed_at: Some(closed.at.into()),
            outcome: wire::CaseOutcome::from(closed.outcome).into(),
            person_id: closed.person.map(|person| person.to_string()).unwrap_or_default(),
            closed_by: closed.by.clone().unwrap_or_default(),
            note: closed.note.clone(),
            ..told
        }
    }
}

fn side(side: &Side) -> wire::CaseSide {
    let attribute = |one: &Compared| wire::CaseAttribute {
        name: one.name.clone(),
        verdict: match one.verdict {
            Verdict::Agrees => wire::CaseVerdict::Agrees,
            Verdict::Differs => wire::CaseVerdict::Differs,
            Verdict::Unknown => wire::CaseVerdict::Unknown,
        }
        .into(),
        stated: one.stated.clone().unwrap_or_default(),
        known: one.known.clone().unwrap_or_default(),
    };
    wire::CaseSide {
        person_id: side.person.map(|person| person.to_string()).unwrap_or_default(),
        points: side.points,
        attributes: side.attributes.iter().map(attribute).collect(),
    }
}

fn case_id(text: &str) -> Result<CaseId, Status> {
    convert::id("case_id", text).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn status(error: Error) -> Status {
    match error {
        Error::Unknown(_) => Status::not_found(error.to_string()),
        Error::Nameless
        | Error::Wordy
        | Error::NoAnswer { .. }
        | Error::Which(_)
        | Error::NotAsked { .. } => Status::invalid_argument(error.to_string()),
        Error::Closed { .. } | Error::Moved { .. } | Error::Refused(_) | Error::NoDocument => {
            Status::failed_precondition(error.to_string())
        }
        Error::Store(error) => internal(error),
    }
}
