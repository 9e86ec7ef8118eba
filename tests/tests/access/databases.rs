//! Every role against every database.

use std::collections::BTreeSet;

use clock::Clock;
use proto::catalogue::Service;
use servers::{DatabaseSpec, Role};
use sqlx::{Connection as _, PgConnection};
use testkit::Database;

use crate::page::{Table, show, table};

/// What a role tries in its own database: what the page calls it, and statements that do it.
const DEEDS: [(&str, &[&str]); 2] = [
    (
        "read and write rows",
        &[
            "SELECT count(*) FROM outbox",
            "INSERT INTO consumers (name) VALUES ('probe')",
            "UPDATE consumers SET name = 'probed' WHERE name = 'probe'",
            "DELETE FROM consumers WHERE name = 'probed'",
        ],
    ),
    (
        "change the schema",
        &[
            "CREATE TABLE probe (id integer)",
            "ALTER TABLE consumers ADD COLUMN probe integer",
            "DROP TABLE probe",
            "UPDATE schema_service SET success = success",
        ],
    ),
];

async fn all(connection: &mut PgConnection, statements: &[&'static str]) -> bool {
    for statement in statements {
        if sqlx::raw_sql(*statement).execute(&mut *connection).await.is_err() {
            return false;
        }
    }
    true
}

async fn none(connection: &mut PgConnection, statements: &[&'static str]) -> bool {
    for statement in statements {
        if sqlx::raw_sql(*statement).execute(&mut *connection).await.is_ok() {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn every_role_may_do_in_the_databases_what_is_documented_and_nothing_else() {
    let mut database = Database::start().await;
    for service in Service::ALL {
        mesh_tests::app(&database, service, Clock::system(), 1).await.1.close().await;
    }
    let specs: Vec<DatabaseSpec> =
        Service::ALL.map(|service| database.spec(service).clone()).to_vec();
    let server = database.server();
    let url = |role: &Role, name: &str| {
        let spec =
            DatabaseSpec { name: name.to_owned(), owner: role.clone(), worker: role.clone() };
        server.url(&spec)
    };
    let roles = specs.iter().flat_map(|spec| [&spec.worker, &spec.owner]);

    let mut observed = Table::new();
    for role in roles {
        let mut reached = BTreeSet::new();
        let mut may = BTreeSet::new();
        let names = specs.iter().map(|spec| spec.name.as_str()).chain(["postgres", "template1"]);
        for name in names {
            let Ok(mut connection) = PgConnection::connect(&url(role, name)).await else {
                continue;
            };
            reached.insert(name.to_owned());
            for (deed, statements) in DEEDS {
                // The owner may do anything to what is its own; what matters is who may not.
                if all(&mut connection, statements).await {
                    may.insert(deed.to_owned());
                }
            }
        }
        if may.contains("change the schema") {
            may = BTreeSet::from(["change the schema".to_owned()]);
        }
        if role.name == "audit" {
            let mut log = PgConnection::connect(&url(role, "audit")).await.unwrap();
            let changes: &[&'static str] =
                &["UPDATE events SET type = type", "DELETE FROM events", "TRUNCATE events"];
            assert!(none(&mut log, changes).await, "the log can be changed");
            assert!(all(&mut log, &["SELECT count(*) FROM events"]).await);
            may = BTreeSet::from(["read and write rows, but `events`: read and append".to_owned()]);
        }
        observed.insert(role.name.clone(), vec![reached, may]);
    }

    show("| role | database | may |", &observed);
    assert_eq!(observed, table("In the databases"));
}

#[tokio::test]
async fn who_runs_a_service_cannot_do_what_its_owner_can() {
    let mut database = Database::start().await;
    let service = Service::Provisioning;
    mesh_tests::app(&database, service, Clock::system(), 1).await.1.close().await;
    let spec = database.spec(service).clone();
    let url = database.server().url(&spec);
    let mut worker = PgConnection::connect(&url).await.unwrap();

    let refused: &[&'static str] = &[
        "CREATE TABLE probe (id integer)",
        "CREATE SCHEMA probe",
        "CREATE FUNCTION probe() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE people ADD COLUMN probe integer",
        "DROP TABLE people",
        "TRUNCATE people",
        "ALTER TABLE outbox DISABLE TRIGGER ALL",
        "SELECT make_day('people', '2026-01-01', gen_random_uuid(), gen_random_uuid())",
        "SELECT drop_day('people', '2026-01-01')",
        "DELETE FROM schema_service",
        "SET ROLE provisioning_owner",
        "COPY people TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "ALTER ROLE provisioning SUPERUSER",
    ];
    for statement in refused {
        assert!(none(&mut worker, &[statement]).await, "{statement}");
    }
}
