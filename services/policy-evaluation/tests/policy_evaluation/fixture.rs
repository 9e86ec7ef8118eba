//! What the tests share: a service on a private database, and its documents and people.

use std::collections::BTreeMap;

use clock::TestClock;
use domain::{Date, Timestamp};
use futures::StreamExt as _;
use policy_evaluation::rpc::PolicyEvaluation;
use policy_evaluation::{Config, MIGRATIONS, start};
use proto::catalogue::Service;
use proto::common::v1::{AccountState, Lane, Value, Version};
use proto::hris::v1::{ChangeKind, Engagement, PersonUpdated, Slice};
use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationService as _;
use proto::policy::v1::{
    ApplyDocumentsRequest, ApplyDocumentsResponse, ApplyPreviewRequest, ApplyPreviewResponse,
    ApproveReleaseRequest, ApproveReleaseResponse, DesiredAccessChanged, DesiredAccessConfirmed,
    DocumentFile, GetDesiredAccessRequest, GetProgressRequest, GetProgressResponse,
    LifecycleChanged, ListReleasesRequest, PreviewReleaseRequest, ReleaseAuthor, ReleasePreview,
    ReleaseRecord, preview_release_response,
};
use proto::prost::Message as _;
use testkit::{Database, Feed};
use tonic::{Code, Request, Status};

/// The service, its clock, and everything around it.
pub(crate) struct Fixture {
    pub(crate) feed: Feed,
    /// A second replica on the same database.
    pub(crate) replica: Feed,
    pub(crate) clock: TestClock,
    pub(crate) rpc: PolicyEvaluation,
    _database: Database,
}

pub(crate) const DOCUMENTS: &str = r#"
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: city}
spec:
  attributes:
    agency: {type: string}
    display_name: {type: string}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  account:
    login: slug(person.display_name)
    attributes: {department: person.agency}
  entitlements:
    - {name: all-staff}
    - {name: police}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: staff}
spec:
  entitlements: [{application: directory, entitlement: all-staff}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: police-core}
spec:
  entitlements: [{application: directory, entitlement: police}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: everybody}
spec:
  condition: "true"
  grants: [{bundle: staff}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: police-birthright}
spec:
  condition: person.agency == "Police"
  grants: [{bundle: police-core}]
  lead: P5D
"#;

/// Somebody who wants a release.
pub(crate) fn author(name: &str) -> ReleaseAuthor {
    ReleaseAuthor {
        name: name.to_owned(),
        message: "because".to_owned(),
        revision: "4f2a91c".to_owned(),
    }
}

fn files(documents: &str) -> Vec<DocumentFile> {
    vec![DocumentFile { path: "city.yaml".to_owned(), content: documents.to_owned() }]
}

impl Fixture {
    /// Starts two replicas of the service at an instant.
    pub(crate) async fn start(now: &str) -> Self {
        let database = Database::start().await;
        let clock = TestClock::at(now.parse().unwrap());
        let store = database.store(Service::PolicyEvaluation, &MIGRATIONS, clock.clock()).await;
        let app = start(Config::default(), store.clone()).await.unwrap();
        let other = start(Config::default(), store.clone()).await.unwrap();
        let rpc = PolicyEvaluation::new(store.clone());
        let (feed, replica) = (Feed::new(app, store.clone()), Feed::new(other, store));
        Self { feed, replica, clock, rpc, _database: database }
    }

    /// Starts the service with [`DOCUMENTS`] active.
    pub(crate) async fn with_release(now: &str) -> Self {
        let fixture = Self::start(now).await;
        fixture.apply(DOCUMENTS).await.unwrap();
        fixture
    }

    /// Applies documents, with a second person where one is needed.
    pub(crate) async fn apply(&self, documents: &str) -> Result<ApplyDocumentsResponse, Status> {
        let held = match self.apply_alone(documents).await {
            Err(status) if status.code() == Code::FailedPrecondition => status,
            applied => return applied,
        };
        let preview = self.preview(documents).await?;
        assert!(held.message().contains(&preview.hash), "{held}");
        self.approve(&preview.hash, "grace").await?;
        let applied = self.apply_preview(&preview.hash, "ada").await?;
        Ok(ApplyDocumentsResponse {
            release: applied.release,
            content_hash: applied.content_hash,
            activated: applied.activated,
            documents: applied.documents,
            preview_hash: preview.hash,
        })
    }

    /// Applies documents as ada.
    pub(crate) async fn apply_alone(
        &self,
        documents: &str,
    ) -> Result<ApplyDocumentsResponse, Status> {
        let request =
            ApplyDocumentsRequest { files: files(documents), author: Some(author("ada")) };
        self.rpc.apply_documents(Request::new(request)).await.map(tonic::Response::into_inner)
    }

    /// Previews documents as ada.
    pub(crate) async fn preview(&self, documents: &str) -> Result<ReleasePreview, Status> {
        let files = files(documents);
        self.preview_of(PreviewReleaseRequest { files, ..PreviewReleaseRequest::default() }).await
    }

    /// Previews as ada, with everybody shown.
    pub(crate) async fn preview_of(
        &self,
        request: PreviewReleaseRequest,
    ) -> Result<ReleasePreview, Status> {
        let author = Some(author("ada"));
        let request = PreviewReleaseRequest { author, people_max: 1000, ..request };
        let mut reports = self.rpc.preview_release(Request::new(request)).await?.into_inner();
        while let Some(report) = reports.next().await {
            if let Some(preview_release_response::Report::Preview(preview)) = report?.report {
                return Ok(preview);
            }
        }
        panic!("the preview ended without a result");
    }

    pub(crate) async fn approve(
        &self,
        hash: &str,
        name: &str,
    ) -> Result<ApproveReleaseResponse, Status> {
        let request = ApproveReleaseRequest { hash: hash.to_owned(), name: name.to_owned() };
        self.rpc.approve_release(Request::new(request)).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn apply_preview(
        &self,
        hash: &str,
        name: &str,
    ) -> Result<ApplyPreviewResponse, Status> {
        let request = ApplyPreviewRequest { hash: hash.to_owned(), author: Some(author(name)) };
        self.rpc.apply_preview(Request::new(request)).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn releases(&self) -> Vec<ReleaseRecord> {
        let request = Request::new(ListReleasesRequest::default());
        self.rpc.list_releases(request).await.unwrap().into_inner().releases
    }

    pub(crate) async fn progress(&self) -> GetProgressResponse {
        self.rpc.get_progress(Request::new(GetProgressRequest {})).await.unwrap().into_inner()
    }

    /// What a person shall hold, and when that changes next.
    pub(crate) async fn desired(
        &self,
        person: &str,
    ) -> Result<(DesiredAccessChanged, Option<Timestamp>), Status> {
        let request = Request::new(GetDesiredAccessRequest { person_id: person.to_owned() });
        let response = self.rpc.get_desired_access(request).await?.into_inner();
        let access = DesiredAccessChanged::decode(response.desired_access.as_slice()).unwrap();
        let boundary =
            proto::convert::optional_instant("next_boundary", response.next_boundary.as_ref());
        Ok((access, boundary.unwrap()))
    }

    /// Moves the clock and lets the drivers work.
    pub(crate) async fn advance_to(&self, instant: &str) {
        self.clock.advance_to(instant.parse().unwrap());
        self.feed.drive().await;
    }

    pub(crate) async fn changed(&self) -> Vec<DesiredAccessChanged> {
        self.feed.published().await
    }

    pub(crate) async fn told(&self) -> Vec<LifecycleChanged> {
        self.feed.published().await
    }

    pub(crate) async fn confirmed(&self) -> Vec<DesiredAccessConfirmed> {
        self.feed.published().await
    }
}

/// A person of an agency, in New York.
#[derive(Debug, Clone)]
pub(crate) struct Hire {
    pub(crate) number: u32,
    pub(crate) version: u64,
    pub(crate) agency: &'static str,
    pub(crate) starts: &'static str,
    pub(crate) last_working_day: Option<&'static str>,
    pub(crate) lane: Lane,
    pub(crate) mail: Option<&'static str>,
    pub(crate) quiet_through: Option<&'static str>,
    /// The number of the person to whom the person reports.
    pub(crate) manager: Option<u32>,
}

impl Hire {
    pub(crate) fn police(number: u32, starts: &'static str) -> Self {
        Self {
            number,
            version: 1,
            agency: "Police",
            starts,
            last_working_day: None,
            lane: Lane::Regular,
            mail: None,
            quiet_through: None,
            manager: None,
        }
    }

    pub(crate) fn id(&self) -> String {
        id(self.number)
    }

    pub(crate) fn mail(self, mail: &'static str) -> Self {
        Self { mail: Some(mail), ..self }
    }

    /// What took effect on this day or before it is history.
    pub(crate) fn quiet_through(self, day: &'static str) -> Self {
        Self { quiet_through: Some(day), ..self }
    }

    pub(crate) fn reports_to(self, manager: u32) -> Self {
        Self { manager: Some(manager), ..self }
    }

    pub(crate) fn version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn agency(self, agency: &'static str) -> Self {
        Self { agency, ..self }
    }

    pub(crate) fn leaves(self, last_working_day: &'static str) -> Self {
        Self { last_working_day: Some(last_working_day), ..self }
    }

    pub(crate) fn urgent(self) -> Self {
        Self { lane: Lane::Leaver, ..self }
    }

    pub(crate) fn event(&self) -> PersonUpdated {
        let engagement_id = format!("018f0000-0000-7000-9000-{:012x}", self.number);
        let text = |text: &str| Value::from(domain::Value::Text(text.to_owned()));
        let mut attributes = BTreeMap::from([
            ("agency".to_owned(), text(self.agency)),
            ("display_name".to_owned(), text("Ada Lovelace")),
            ("department".to_owned(), text(self.agency)),
        ]);
        attributes.extend(self.mail.map(|mail| ("mail".to_owned(), text(mail))));
        let start_date = Some(date(self.starts));
        PersonUpdated {
            person_id: self.id(),
            version: Some(Version { epoch: 1, counter: self.version }),
            lane: self.lane.into(),
            change: ChangeKind::Changed.into(),
            engagements: vec![Engagement {
                engagement_id: engagement_id.clone(),
                source: "city-workforce".to_owned(),
                start_date,
                last_working_day: self.last_working_day.map(date),
                termination_date: None,
                ends_at: None,
                quiet_through: self.quiet_through.map(date),
            }],
            slices: vec![Slice {
                engagement_id,
                from: start_date,
                until: None,
                attributes,
                manager_person_id: self.manager.map(id).unwrap_or_default(),
            }],
            zone: "America/New_York".to_owned(),
            recorded_at: Some("2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap().into()),
            held_since: None,
            kin: None,
        }
    }
}

pub(crate) fn id(number: u32) -> String {
    format!("018f0000-0000-7000-8000-{number:012x}")
}

fn date(text: &str) -> proto::common::v1::CivilDate {
    text.parse::<Date>().unwrap().into()
}

/// One line that says what an event gives: version, lane, grants, accounts.
pub(crate) fn line(event: &DesiredAccessChanged) -> String {
    let grants: Vec<&str> = event.grants.iter().map(|grant| grant.entitlement.as_str()).collect();
    let accounts: Vec<&str> = event
        .accounts
        .iter()
        .map(|account| match account.state() {
            AccountState::Active => "active",
            AccountState::Suspended => "suspended",
            AccountState::Unspecified | AccountState::None | AccountState::Deleted => "none",
        })
        .collect();
    let lane = match event.lane() {
        Lane::Leaver => "leaver",
        Lane::Regular => "regular",
        Lane::Unspecified => "unspecified",
    };
    let version = event.version.unwrap_or_default();
    format!(
        "{}.{} {lane} [{}] [{}]",
        version.epoch,
        version.counter,
        grants.join(" "),
        accounts.join(" ")
    )
}

pub(crate) fn lines(events: &[DesiredAccessChanged]) -> Vec<String> {
    events.iter().map(line).collect()
}
