//! Operators' door to drift: translates, decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use domain::{DriftId, PersonId, ReadingId, Timestamp};
use proto::convert;
use proto::provisioning::v1::drift_service_server::DriftService;
use proto::provisioning::v1::{
    DecideDriftRequest, DecideDriftResponse, DriftDecision, DriftKind, DriftState, HeldRepairs,
    ListApplicationsRequest, ListApplicationsResponse, ListDriftRequest, ListDriftResponse,
    ListReadingsRequest, ListReadingsResponse, ReadApplicationRequest, ReadApplicationResponse,
    Reading, ReleaseRepairsRequest, ReleaseRepairsResponse, UndoRepairsRequest,
    UndoRepairsResponse, WatchedApplication,
};
use store::{Store, Tx};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::refuse;
use super::text::{named, optional_id, remark, unknown};
use crate::circuit;
use crate::dossier::{Dossier, announce};
use crate::drift::{self, Decision, Drift, table::Listed};
use crate::release;
use crate::watch::{self, Stage, Watch};

pub(crate) struct DriftDoor {
    store: Store,
}

const PAGE_MAX: u32 = 1_000;

impl DriftDoor {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn begin(&self) -> Result<Tx, Status> {
        self.store.begin().await.map_err(refuse)
    }
}

#[tonic::async_trait]
impl DriftService for DriftDoor {
    async fn list_applications(
        &self,
        _request: Request<ListApplicationsRequest>,
    ) -> Result<Response<ListApplicationsResponse>, Status> {
        let mut tx = self.begin().await?;
        let watches = watch::table::all(&mut tx).await.map_err(refuse)?;
        let mut circuits = circuit::table::all(&mut tx).await.map_err(refuse)?;
        let counts = drift::table::counts(&mut tx).await.map_err(refuse)?;
        let mut drift: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (application, kind, count) in counts {
            drift.entry(application).or_default().insert(kind, count.unsigned_abs());
        }
        let applications = watches
            .into_iter()
            .map(|watch| {
                let drift = drift.remove(&watch.application).unwrap_or_default();
                let open = circuits.remove(&watch.application).and_then(|circuit| circuit.open);
                shown(watch, drift, open)
            })
            .collect();
        Ok(Response::new(ListApplicationsResponse { applications }))
    }

    async fn read_application(
        &self,
        request: Request<ReadApplicationRequest>,
    ) -> Result<Response<ReadApplicationResponse>, Status> {
        let application = request.into_inner().application;
        if application.is_empty() {
            return Err(Status::invalid_argument("application: missing"));
        }
        let mut tx = self.begin().await?;
        let now = tx.now();
        if release::table::names(&mut tx, "Application", &application).await.map_err(refuse)? {
            watch::table::begin(&mut tx, &application).await.map_err(refuse)?;
        }
        let mut watch = watched(&mut tx, &application).await?;
        // A reading under way goes on; the next one begins when it has ended.
        if watch.lease.is_none() {
            watch.go_on(Stage::Read, now);
            watch::table::put(&mut tx, &watch).await.map_err(refuse)?;
        }
        tx.commit().await.map_err(refuse)?;
        Ok(Response::new(ReadApplicationResponse {}))
    }

    async fn list_drift(
        &self,
        request: Request<ListDriftRequest>,
    ) -> Result<Response<ListDriftResponse>, Status> {
        let request = request.into_inner();
        let kind = DriftKind::try_from(request.kind).map_err(|_unknown| unknown("kind"))?;
        let state = DriftState::try_from(request.state).map_err(|_unknown| unknown("state"))?;
        let person: Option<PersonId> = optional_id("person_id", &request.person_id)?;
        let after: Option<DriftId> = optional_id("page_token", &request.page_token)?;
        let size = match request.page_size {
            0 => PAGE_MAX,
            size => size.min(PAGE_MAX),
        };
        let listed = Listed {
            application: Some(request.application).filter(|name| !name.is_empty()),
            kind: drift::kind_from_wire(kind),
            state: drift::State::from_wire(state),
            person,
            after: after.map_or(Uuid::nil(), |id| id.0),
            limit: size.into(),
        };
        let mut tx = self.begin().await?;
        let found = drift::table::list(&mut tx, &listed).await.map_err(refuse)?;
        let full = found.len() == usize::try_from(size).unwrap_or(usize::MAX);
        let last = found.last().filter(|_| full).map(|drift| drift.id.to_string());
        Ok(Response::new(ListDriftResponse {
            drift: found.iter().map(Drift::shown).collect(),
            next_page_token: last.unwrap_or_default(),
        }))
    }

    async fn decide_drift(
        &self,
        request: Request<DecideDriftRequest>,
    ) -> Result<Response<DecideDriftResponse>, Status> {
        let request = request.into_inner();
        let id: DriftId = convert::id("drift_id", &request.drift_id)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut tx = self.begin().await?;
        let decision = decision(&request, tx.now())?;
        let missing = || Status::not_found("there is no such drift; `tenure drift list` shows it");
        let looked_at =
            drift::table::one(&mut tx, id).await.map_err(refuse)?.ok_or_else(missing)?;
        // Before people, as whoever reads the application does.
        let watch = watch::table::lock(&mut tx, &looked_at.application).await.map_err(refuse)?;
        let people: BTreeSet<PersonId> = looked_at.person.into_iter().collect();
        let mut dossier = Dossier::load(&mut tx, &people).await.map_err(refuse)?;
        dossier.load_access(&mut tx, &people).await.map_err(refuse)?;
        dossier.load_referred(&mut tx).await.map_err(refuse)?;
        // Under the lock it may look otherwise.
        let mut drift =
            drift::table::one(&mut tx, id).await.map_err(refuse)?.ok_or_else(missing)?;
        let before = drift.clone();
        drift
            .decide(decision)
            .map_err(|refused| Status::failed_precondition(refused.to_string()))?;
        match drift.person {
            Some(person) => {
                let key = (person, drift.application.clone());
                dossier.decide(&tx, &key, drift.clone());
                dossier.write(&mut tx).await.map_err(refuse)?;
            }
            None => {
                let before = BTreeMap::from([(id, before)]);
                announce(&mut tx, &before, vec![&mut drift]).await.map_err(refuse)?;
            }
        }
        // What is repaired without being on record with a person is an account of nobody: the watch does it.
        if drift.state == drift::State::Waiting
            && let Some(mut watch) = watch.filter(|watch| watch.stage == Stage::Rest)
        {
            watch.go_on(Stage::Judge, tx.now());
            watch::table::put(&mut tx, &watch).await.map_err(refuse)?;
        }
        tx.commit().await.map_err(refuse)?;
        Ok(Response::new(DecideDriftResponse { drift: Some(drift.shown()) }))
    }

    async fn list_readings(
        &self,
        request: Request<ListReadingsRequest>,
    ) -> Result<Response<ListReadingsResponse>, Status> {
        let request = request.into_inner();
        let application = Some(request.application.as_str()).filter(|name| !name.is_empty());
        let limit = match request.limit {
            0 => PAGE_MAX,
            limit => limit.min(PAGE_MAX),
        };
        let mut tx = self.begin().await?;
        let readings = watch::table::readings(&mut tx, application, limit.into()).await;
        let readings = readings.map_err(refuse)?.into_iter().map(shown_reading).collect();
        Ok(Response::new(ListReadingsResponse { readings }))
    }

    async fn undo_repairs(
        &self,
        request: Request<UndoRepairsRequest>,
    ) -> Result<Response<UndoRepairsResponse>, Status> {
        let request = request.into_inner();
        let reading: Option<ReadingId> = optional_id("reading_id", &request.reading_id)?;
        let reading = reading.ok_or_else(|| Status::invalid_argument("reading_id: missing"))?;
        let by = named("by", &request.by)?;
        let mut tx = self.begin().await?;
        let now = tx.now();
        let repaired = drift::table::repaired_by(&mut tx, reading).await.map_err(refuse)?;
        let people: BTreeSet<PersonId> = repaired.iter().filter_map(|one| one.person).collect();
        let mut dossier = Dossier::load(&mut tx, &people).await.map_err(refuse)?;
        dossier.load_access(&mut tx, &people).await.map_err(refuse)?;
        dossier.load_referred(&mut tx).await.map_err(refuse)?;
        // Under the lock it may look otherwise.
        let repaired = drift::table::repaired_by(&mut tx, reading).await.map_err(refuse)?;
        let undone: Vec<Drift> = repaired
            .iter()
            .filter_map(|drift| drift.undone(DriftId(tx.new_id()), &by, now))
            .collect();
        if undone.is_empty() {
            let message = "no repair of that reading can be taken back; `tenure drift readings` \
                           lists readings and how much each had repaired";
            return Err(Status::failed_precondition(message));
        }
        let hash = drift::gate::hash(&undone);
        let done = !request.hash.is_empty();
        if done && request.hash != hash {
            let message = "something else would be taken back by now; look again without a hash";
            return Err(Status::failed_precondition(message));
        }
        let (restored, awaiting): (Vec<&Drift>, Vec<&Drift>) =
            undone.iter().partition(|drift| drift.state == drift::State::Adopted);
        let shown = |drift: Vec<&Drift>| drift.into_iter().map(Drift::shown).collect();
        let answer = UndoRepairsResponse {
            hash,
            restored: shown(restored),
            awaiting: shown(awaiting),
            done,
        };
        if done {
            for drift in undone {
                let Some(person) = drift.person else { continue };
                let key = (person, drift.application.clone());
                dossier.decide(&tx, &key, drift);
            }
            dossier.write(&mut tx).await.map_err(refuse)?;
            tx.commit().await.map_err(refuse)?;
        }
        Ok(Response::new(answer))
    }

    async fn release_repairs(
        &self,
        request: Request<ReleaseRepairsRequest>,
    ) -> Result<Response<ReleaseRepairsResponse>, Status> {
        let request = request.into_inner();
        let by = named("by", &request.by)?;
        let mut tx = self.begin().await?;
        let now = tx.now();
        let mut watch = watched(&mut tx, &request.application).await?;
        let released = watch
            .release(&request.hash, &by)
            .map_err(|refused| Status::failed_precondition(refused.to_string()))?;
        // Whatever else is due is looked at again first; what was released stands as long as it is the same.
        if released && watch.stage == Stage::Rest {
            watch.go_on(Stage::Judge, now);
        }
        watch::table::put(&mut tx, &watch).await.map_err(refuse)?;
        tx.commit().await.map_err(refuse)?;
        Ok(Response::new(ReleaseRepairsResponse { released, released_by: watch.released_by }))
    }
}

/// The watch over an application, locked.
async fn watched(tx: &mut Tx, application: &str) -> Result<Watch, Status> {
    let watch = watch::table::lock(tx, application).await.map_err(refuse)?;
    watch.ok_or_else(|| {
        let message = format!(
            "no application {application} is watched; `tenure drift applications` lists them"
        );
        Status::not_found(message)
    })
}

fn shown(
    watch: Watch,
    drift: BTreeMap<String, u64>,
    open: Option<circuit::Open>,
) -> WatchedApplication {
    let held = (!watch.held.is_empty()).then(|| HeldRepairs {
        reading_id: watch.reading.map(|reading| reading.to_string()).unwrap_or_default(),
        hash: watch.hash.clone(),
        repairs: watch.repairs,
        limits: watch.held.clone(),
        released_by: watch.released_by.clone(),
    });
    let doing = match watch.stage {
        Stage::Rest => "",
        Stage::Read | Stage::Compare | Stage::Strangers | Stage::Judge | Stage::Apply => {
            watch.stage.as_str()
        }
    };
    WatchedApplication {
        application: watch.application,
        read_at: watch.read_at.map(Into::into),
        next_at: watch.due_at.filter(|_| watch.stage == Stage::Rest).map(Into::into),
        doing: doing.to_owned(),
        accounts: watch.accounts,
        holdings: watch.holdings,
        complete: watch.complete,
        error: watch.error,
        drift,
        held,
        out_of_reach_at: open.as_ref().map(|open| open.at.into()),
        out_of_reach_reason: open.map(|open| open.reason).unwrap_or_default(),
    }
}

fn shown_reading(reading: watch::table::Reading) -> Reading {
    Reading {
        reading_id: reading.id.to_string(),
        application: reading.application,
        began_at: Some(reading.began_at.to_jiff().into()),
        finished_at: Some(reading.finished_at.to_jiff().into()),
        accounts: reading.accounts.unsigned_abs(),
        holdings: reading.holdings.unsigned_abs(),
        complete: reading.complete,
        adopted: reading.adopted.unsigned_abs(),
        found: reading.found.0,
        repairs: reading.repairs.unsigned_abs(),
        released_by: reading.released_by,
    }
}

fn decision(request: &DecideDriftRequest, now: Timestamp) -> Result<Decision, Status> {
    let by = named("by", &request.by)?;
    let note = remark("note", &request.note)?;
    match DriftDecision::try_from(request.decision).map_err(|_unknown| unknown("decision"))? {
        DriftDecision::Unspecified => Err(Status::invalid_argument("decision: missing")),
        DriftDecision::Repair => Ok(Decision::Repair { by, note }),
        DriftDecision::Adopt => {
            let until = convert::optional_instant("until", request.until.as_ref())
                .map_err(|error| Status::invalid_argument(error.to_string()))?;
            if until.is_some_and(|until| until <= now) {
                return Err(Status::invalid_argument("until: lies in the past"));
            }
            Ok(Decision::Adopt { owner: named("owner", &request.owner)?, until, by, note })
        }
    }
}
