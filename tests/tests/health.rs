//! What a service says of its health while it drains, and while its broker is away.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;

use chassis::{Admin, App, Driver, Resources, Running};
use clock::Clock;
use domain::Rejection;
use proto::catalogue::Service;
use sqlx::migrate::Migrator;
use store::Tx;
use testkit::{Broker, Database, until};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Does one job, which takes as long as the test wants.
struct Slow {
    begun: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
}

impl Driver for Slow {
    type Job = ();
    type Outcome = ();

    const NAME: &'static str = "test.slow";
    const AT_ONCE: u16 = 1;

    async fn lease(&self, _tx: &mut Tx, _limit: u16) -> Result<Vec<()>, Rejection> {
        Ok(if self.begun.available_permits() == 0 { vec![()] } else { Vec::new() })
    }

    async fn act(&self, jobs: &[()]) -> Vec<()> {
        self.begun.add_permits(1);
        self.may_end.acquire().await.unwrap().forget();
        jobs.to_vec()
    }

    async fn record(&self, _tx: &mut Tx, _done: &[((), ())]) -> Result<(), Rejection> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_not_ready_without_its_broker_nor_while_it_drains() {
    let (database, mut broker) = tokio::join!(Database::start(), Broker::start());
    let none = Migrator::with_migrations(Vec::new());
    let store = database.store(Service::HrisIngest, &none, Clock::system()).await;
    let (begun, may_end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let slow = Slow { begun: Arc::clone(&begun), may_end: Arc::clone(&may_end) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = Admin::open(listener, Some(|| "metrics".to_owned())).unwrap();
    let address = admin.address().to_string();
    let answer = mesh_tests::http::get(&address, "/readyz").await;
    assert_eq!(answer, Some((503, "starting\n".to_owned())));
    let answer = mesh_tests::http::get(&address, "/livez").await;
    assert_eq!(answer, Some((200, "ok\n".to_owned())));
    let resources = Resources {
        store,
        nats: broker.connect(Service::HrisIngest).await,
        grpc: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        credentials: None,
        token: None,
        admin,
    };
    let app = App::new(Service::HrisIngest).drive(slow);
    let running = Running::start(app, resources).unwrap();
    let admin = running.addresses().admin.to_string();
    let get = async |path: &str| mesh_tests::http::get(&admin, path).await;
    let becomes = async |status: u16, text: &str| {
        until(text, async || {
            (get("/readyz").await == Some((status, format!("{text}\n")))).then_some(())
        })
        .await;
    };

    becomes(200, "ok").await;
    broker.server().kill().await;
    becomes(503, "no connection to NATS").await;
    assert_eq!(get("/livez").await, Some((200, "ok\n".to_owned())), "it lives on");
    broker.server().restart().await.unwrap();
    becomes(200, "ok").await;

    begun.acquire().await.unwrap().forget();
    begun.add_permits(1);
    let stopping = tokio::spawn(running.stop());
    becomes(503, "draining").await;
    assert_eq!(get("/livez").await, Some((200, "ok\n".to_owned())), "it lives while it drains");
    assert_eq!(get("/metrics").await, Some((200, "metrics".to_owned())), "and can be scraped");
    may_end.add_permits(1);
    stopping.await.unwrap();
    assert_eq!(get("/livez").await, None, "it has stopped answering");
}
