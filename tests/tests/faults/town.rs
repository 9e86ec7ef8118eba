//! A mesh of processes, the sample's applications, and files of the city's workforce that grow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cli::client::{Import, Mesh, read_documents};
use mesh_tests::processes::{Applications, Tenure};
use proto::audit::v1::GetTotalsRequest;
use proto::catalogue::Service;
use proto::hris::v1::{FileContract, ImportRequest, OpenImport, import_request};
use proto::{notification, policy, provisioning};
use serde_json::Value;
use testkit::{MailServer, until};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::victim::{Victim, is_there, tell_to_end};

const SNAPSHOT_DATE: &str = "2012-06-30";
const PERSON_UPDATED: &str = "tenure.hris.v1.PersonUpdated";
const ACTION_FINISHED: &str = "tenure.provisioning.v1.ActionFinished";
/// Workers in one transaction: a file of some hundred people is taken over in several steps.
const CHUNK: &str = "40";
/// How often an import that broke off is begun again.
const IMPORT_EVERY: Duration = Duration::from_millis(500);
const SETTLED_MAX: Duration = Duration::from_secs(90);
/// What the chart gives a service to end, without the pause before it.
const GRACE_SECONDS: f64 = 40.0;
/// How many notices of a digest are listed: every one of them.
const DIGEST_LINES: &str = "65535";

/// Everything that runs, and what is imported.
pub(crate) struct Town {
    pub(crate) applications: Applications,
    pub(crate) mesh: Mesh,
    pub(crate) mail: MailServer,
    tenure: Tenure,
    sample: PathBuf,
    file: PathBuf,
    mapping: String,
    // Last: the others work in it.
    _folder: tempfile::TempDir,
}

/// What was there before a death.
pub(crate) struct Counts {
    status: Value,
    pub(crate) duplicates: BTreeMap<Service, u64>,
}

impl Counts {
    pub(crate) fn restarts_of(&self, victim: Victim) -> u64 {
        victim.restarts(&self.status)
    }
}

impl Town {
    /// Starts everything and applies the sample's policies.
    pub(crate) async fn start() -> Self {
        let folder = servers::scratch().unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/sample/city-workforce");
        let applications = Applications::start(folder.path()).unwrap();
        let mut environment = applications.environment();
        environment
            .insert("TENURE_HRIS_INGEST__SERVICE__CHUNK_WORKERS".to_owned(), CHUNK.to_owned());
        let mail = MailServer::start().await;
        environment.extend(
            [
                ("SMTP__HOST", "127.0.0.1"),
                ("SMTP__PORT", &mail.port().to_string()),
                ("SMTP__TLS", "none"),
                ("SMTP__FROM", "Tenure <tenure@city.example>"),
                ("GATHER_SECONDS", "1"),
                ("DIGEST_LINES", DIGEST_LINES),
                // Short of the default: a message in the hands of whoever died is soon sent again.
                ("SMTP__TIMEOUT_SECONDS", "5"),
                ("LEASED_SECONDS", "10"),
                ("BACKOFF_SECONDS", "1"),
            ]
            .map(|(name, value)| {
                (format!("TENURE_NOTIFICATION__SERVICE__{name}"), value.to_owned())
            }),
        );
        let tenure = Tenure::up(folder.path(), &environment).unwrap();
        let mesh = tenure.mesh().unwrap();
        mesh.apply(read_documents(&sample.join("policies")).unwrap()).await.unwrap();
        Self {
            applications,
            mesh,
            mail,
            tenure,
            file: folder.path().join("people.csv"),
            // Each file doubles the one before: that is no accident here.
            mapping: std::fs::read_to_string(sample.join("source.yaml")).unwrap()
                + "  limits: {joiners_percent: null}\n",
            sample,
            _folder: folder,
        }
    }

    /// Begins to import a file of so many people, kills in the middle, and sees that the whole file
    /// is taken over in the end. Returns what had been reached, and when.
    pub(crate) async fn kill_during_import(
        &self,
        victim: Victim,
        people: u64,
    ) -> (String, Instant) {
        self.write_file(people);
        let pid = victim.find(&self.tenure);
        let applied = AtomicU64::new(0);
        let killed = async {
            if victim == Victim::Sending {
                return self.kill_while_sending(pid).await;
            }
            let when = self.middle(victim, people, &applied).await;
            if victim == Victim::Rolling {
                return self.roll().await;
            }
            victim.kill(pid, &self.tenure);
            (when, Instant::now())
        };
        let imported = async {
            if victim == Victim::Sending {
                // Only once that import has been broken off.
                return;
            }
            self.import(&applied).await;
        };
        let (killed, ()) = tokio::join!(killed, imported);
        if victim == Victim::Sending {
            self.import(&applied).await;
        }
        killed
    }

    /// Waits until everybody has settled and everything is recorded; returns when.
    pub(crate) async fn settle(&self, people: u64) -> Instant {
        let rest = self.mesh.settle(SETTLED_MAX, |_rest| {}).await.unwrap();
        assert_eq!(rest.people, people, "policy-evaluation knows another number of people");
        // What the broker has lost is on nobody's way until its publisher notices.
        until("audit has every event", async || {
            let (updates, finished) =
                (self.recorded(PERSON_UPDATED).await, self.recorded(ACTION_FINISHED).await);
            (updates == people && finished == self.progress().await.actions_done).then_some(())
        })
        .await;
        let settled_at = Instant::now();
        until("notification has sent everything", async || {
            (self.notices().await.pending == 0).then_some(())
        })
        .await;
        settled_at
    }

    pub(crate) async fn counts(&self) -> Counts {
        Counts { status: self.tenure.status().unwrap(), duplicates: self.duplicates().await }
    }

    pub(crate) fn restarts_of(&self, victim: Victim) -> u64 {
        victim.restarts(&self.tenure.status().unwrap())
    }

    /// How many events each service was given that it had handled before, since it started.
    pub(crate) async fn duplicates(&self) -> BTreeMap<Service, u64> {
        let mut duplicates = BTreeMap::new();
        for entry in self.tenure.status().unwrap()["services"].as_array().unwrap() {
            let service = Service::from_name(entry["name"].as_str().unwrap()).unwrap();
            let url = format!("http://{}/metrics", entry["admin"].as_str().unwrap());
            let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
            let came_again = metrics
                .lines()
                .filter(|line| line.starts_with("tenure_events_handled_total"))
                .filter(|line| line.contains("outcome=\"duplicate\""))
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a counter of some thousand events"
            )]
            duplicates.insert(service, came_again.sum::<f64>() as u64);
        }
        duplicates
    }

    /// The independent calculation's arguments, besides the program.
    pub(crate) fn verification(&self) -> Vec<String> {
        let verify = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify/verify.py");
        let fixed = [
            verify.display().to_string(),
            format!("--snapshot={SNAPSHOT_DATE}={}", self.file.display()),
            format!("--policies={}", self.sample.join("policies").display()),
        ];
        fixed.into_iter().chain(self.applications.targets()).collect()
    }

    pub(crate) fn stop(self) {
        self.tenure.down().unwrap();
    }

    fn write_file(&self, people: u64) {
        let whole = std::fs::read_to_string(self.sample.join("FY2012.csv")).unwrap();
        let lines = usize::try_from(people).unwrap() + 1;
        let part: String = whole.split_inclusive('\n').take(lines).collect();
        std::fs::write(&self.file, part).unwrap();
    }

    /// Imports the file as an operator does: an import that breaks off is begun again.
    async fn import(&self, applied: &AtomicU64) {
        let import = Import {
            mapping: &self.mapping,
            file: &self.file,
            contract: FileContract::Full,
            snapshot_date: SNAPSHOT_DATE.parse().unwrap(),
            author: None,
            notify: false,
        };
        let begin = Instant::now();
        let mut attempts = tokio::time::interval(IMPORT_EVERY);
        loop {
            attempts.tick().await;
            let tell = |step: &proto::hris::v1::ImportProgress| {
                if step.stage == "apply" {
                    applied.fetch_max(step.done, Ordering::SeqCst);
                }
            };
            let Err(error) = self.mesh.import(import, tell).await else { return };
            // Whoever reads it must know what to do.
            let told = format!("{error:#}");
            assert!(told.contains("again") || told.contains("wait for its end"), "{told}");
            assert!(begin.elapsed() < SETTLED_MAX, "the file is not taken over: {told}");
        }
    }

    /// Waits until an eighth of what the import adds has come to the victim.
    async fn middle(&self, victim: Victim, people: u64, applied: &AtomicU64) -> String {
        let added = crate::added(victim);
        let wanted = people - added + added / 8;
        let what = match victim {
            Victim::Sending | Victim::Service(Service::HrisIngest) => "applied",
            Victim::Service(Service::PolicyEvaluation) => "evaluated",
            Victim::Service(Service::Audit) => "recorded",
            Victim::Service(Service::Notification) => "told of",
            Victim::Service(Service::Provisioning)
            | Victim::Nats
            | Victim::Store
            | Victim::Backend
            | Victim::Postmaster
            | Victim::Postgres
            | Victim::Rolling => "settled",
        };
        let told = self.notices().await.sent;
        let reached = until("the import is in its middle", async || {
            let reached = match what {
                "applied" => applied.load(Ordering::SeqCst),
                "evaluated" => self.evaluated().await,
                "recorded" => self.recorded(PERSON_UPDATED).await,
                "told of" => {
                    let sent = self.notices().await.sent - told;
                    return (sent > 0).then_some(sent);
                }
                _ => self.progress().await.settled,
            };
            (reached >= wanted).then_some(reached)
        })
        .await;
        match victim {
            Victim::Service(Service::Notification) => format!("{reached} notices sent"),
            Victim::Service(_)
            | Victim::Sending
            | Victim::Nats
            | Victim::Store
            | Victim::Backend
            | Victim::Postmaster
            | Victim::Postgres
            | Victim::Rolling => format!("{reached} of {people} people {what}"),
        }
    }

    async fn evaluated(&self) -> u64 {
        let request = policy::v1::GetProgressRequest {};
        self.mesh.policy().unwrap().get_progress(request).await.unwrap().into_inner().people
    }

    pub(crate) async fn notices(&self) -> notification::v1::GetProgressResponse {
        let request = notification::v1::GetProgressRequest {};
        let mut client = self.mesh.notification().unwrap();
        client.get_progress(request).await.unwrap().into_inner()
    }

    async fn progress(&self) -> provisioning::v1::GetProgressResponse {
        let request = provisioning::v1::GetProgressRequest::default();
        self.mesh.provisioning().unwrap().get_progress(request).await.unwrap().into_inner()
    }

    /// How many events of a kind are in audit's log.
    async fn recorded(&self, kind: &str) -> u64 {
        let totals = self.mesh.audit().unwrap().get_totals(GetTotalsRequest {}).await.unwrap();
        let updates = totals.into_inner().totals.into_iter();
        let updates = updates.filter(|total| total.r#type == kind);
        updates.map(|total| total.events).sum()
    }

    /// Tells every service to end, one after the other, each once the one before is ready again.
    async fn roll(&self) -> (String, Instant) {
        let mut drained = Vec::new();
        for service in Service::ALL {
            let victim = Victim::Service(service);
            let (pid, before) = (victim.find(&self.tenure), self.restarts_of(victim));
            let told = Instant::now();
            tell_to_end(pid);
            until("a service that was told to end has ended", async || {
                (!is_there(pid)).then_some(())
            })
            .await;
            let seconds = told.elapsed().as_secs_f64();
            assert!(seconds < GRACE_SECONDS, "{service} took {seconds:.1} s to end");
            drained.push(format!("{seconds:.1}"));
            until("it is ready again", async || {
                let status = self.tenure.status().ok()?;
                let entries = status["services"].as_array()?.clone();
                let entry = entries.into_iter().find(|entry| entry["name"] == service.as_str())?;
                (entry["ready"] == true && victim.restarts(&status) > before).then_some(())
            })
            .await;
            let log = self.tenure.state().join(format!("logs/{service}.log"));
            let log = std::fs::read_to_string(log).unwrap();
            assert!(log.contains("drains"), "{service} did not drain");
            assert!(!log.contains("did not finish within"), "{service} dropped what it held");
        }
        (format!("ended after {} s", drained.join(", ")), Instant::now())
    }

    /// Sends half of the file, kills whom it was sent to, and sees that the sender is told.
    async fn kill_while_sending(&self, pid: u32) -> (String, Instant) {
        let content = std::fs::read(&self.file).unwrap();
        let (parts, stream) = mpsc::channel(2);
        let open = OpenImport {
            mapping: self.mapping.clone(),
            file_name: "people.csv".to_owned(),
            contract: FileContract::Full.into(),
            snapshot_date: Some(SNAPSHOT_DATE.parse::<domain::Date>().unwrap().into()),
            size_bytes: u64::try_from(content.len()).unwrap(),
            ..OpenImport::default()
        };
        let half = content[..content.len() / 2].to_vec();
        for part in [import_request::Part::Open(open), import_request::Part::Content(half.into())] {
            parts.send(ImportRequest { part: Some(part) }).await.unwrap();
        }
        let answer = self.mesh.hris().unwrap().import(ReceiverStream::new(stream)).await;
        let mut reports = answer.unwrap().into_inner();
        reports.message().await.unwrap();

        Victim::Sending.kill(pid, &self.tenure);
        let killed_at = Instant::now();
        while let Ok(report) = reports.message().await {
            assert!(report.is_some(), "the import ended as if nothing had happened");
        }
        ("half of the file sent".to_owned(), killed_at)
    }
}
