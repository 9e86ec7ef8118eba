//! The mesh as a whole, in one process: every service on one private NATS and one private
//! PostgreSQL, under exactly the permissions of production, on one clock.

pub mod documents;
pub mod http;
pub mod processes;
pub mod programs;
pub mod stage;

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::{App, Resources, Running};
use clock::Clock;
use proto::catalogue::Service;
use store::Store;
use testkit::{Broker, Database};
use tokio::net::TcpListener;

/// How long a mesh may take to come to rest before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Every service at work.
#[derive(Debug)]
pub struct Mesh {
    /// The database server.
    pub database: Database,
    /// The broker.
    pub broker: Broker,
    /// The services' requests.
    pub client: cli::client::Mesh,
    clock: Clock,
    running: BTreeMap<Service, Running>,
}

impl Mesh {
    /// Starts servers and services.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(clock: Clock) -> Self {
        let (database, broker) = tokio::join!(Database::start(), Broker::start());
        let mut running = BTreeMap::new();
        for service in Service::ALL {
            running.insert(service, launch(&database, &broker, service, clock.clone(), 1).await);
        }
        let client = client(&running);
        Self { database, broker, client, clock, running }
    }

    /// Stops a service and starts it again, as a roll-out does.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self, service: Service) {
        self.restart_in_epoch(service, 1).await;
    }

    /// Does the same under settings that name an epoch.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart_in_epoch(&mut self, service: Service, epoch: i64) {
        self.stop_one(service).await;
        let clock = self.clock.clone();
        let launched = launch(&self.database, &self.broker, service, clock, epoch).await;
        self.running.insert(service, launched);
        self.client = client(&self.running);
    }

    /// Stops one service and leaves it stopped.
    pub async fn stop_one(&mut self, service: Service) {
        if let Some(running) = self.running.remove(&service) {
            running.stop().await;
        }
    }

    /// A service's database.
    ///
    /// # Panics
    /// When the service does not run.
    #[must_use]
    pub fn store(&self, service: Service) -> &Store {
        self.running.get(&service).expect("the service runs").store()
    }

    /// Waits until everybody is settled and nothing is on its way.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn settle(&self) {
        if let Err(error) = self.client.settle(DEADLINE, |_rest| {}).await {
            panic!("{error:#}");
        }
    }

    /// Drains and stops every service.
    pub async fn stop(self) {
        for (_service, running) in self.running {
            running.stop().await;
        }
    }
}

/// Makes a service's app on its own database, without starting it.
///
/// # Panics
/// When it cannot be made.
pub async fn app(database: &Database, service: Service, clock: Clock, epoch: i64) -> (App, Store) {
    let migrations = match service {
        Service::HrisIngest => &hris_ingest::MIGRATIONS,
        Service::PolicyEvaluation => &policy_evaluation::MIGRATIONS,
        Service::Provisioning => &provisioning::MIGRATIONS,
        Service::Notification => &notification::MIGRATIONS,
        Service::Audit => &audit::MIGRATIONS,
    };
    let store = database.store_in_epoch(service, migrations, clock, epoch).await;
    let app = match service {
        Service::HrisIngest => {
            hris_ingest::start(hris_ingest::Config::default(), store.clone()).await
        }
        Service::PolicyEvaluation => {
            policy_evaluation::start(policy_evaluation::Config::default(), store.clone()).await
        }
        Service::Provisioning => {
            // Applications of tests run beside the service.
            let allow = provisioning::connectors::Egress::loopback();
            let config = provisioning::Config {
                egress: provisioning::EgressConfig { allow },
                ..provisioning::Config::default()
            };
            provisioning::start(config, store.clone()).await
        }
        Service::Notification => {
            notification::start(notification::Config::default(), store.clone()).await
        }
        Service::Audit => audit::start(audit::Config::default(), store.clone()).await,
    };
    (app.unwrap_or_else(|error| panic!("make {service}: {error:#}")), store)
}

async fn launch(
    database: &Database,
    broker: &Broker,
    service: Service,
    clock: Clock,
    epoch: i64,
) -> Running {
    let (app, store) = app(database, service, clock, epoch).await;
    let resources = Resources {
        store,
        nats: broker.connect(service).await,
        grpc: TcpListener::bind("127.0.0.1:0").await.expect("a port is free"),
        credentials: None,
        token: None,
        admin: testkit::admin().await,
    };
    Running::start(app, resources).unwrap_or_else(|error| panic!("start {service}: {error:#}"))
}

fn client(running: &BTreeMap<Service, Running>) -> cli::client::Mesh {
    let addresses =
        running.iter().map(|(service, running)| (*service, running.addresses().grpc)).collect();
    cli::client::Mesh::new(&addresses).expect("addresses make URLs")
}
