//! The procedure of `docs/operations/backup.md`, rehearsed: a database is lost, an older one is restored, and
//! everybody agrees again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use clock::Clock;
use mesh_tests::documents::EVERYBODY_IS_STAFF;
use mesh_tests::programs::Programs;
use servers::Tools;
use testkit::sandbox::{Sandbox, SandboxConfig};

const TOKEN: &str = "loopback-only";
const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, First]
  key: [number]
  engagement: number
  start_date: first
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name}
    first: {column: First, type: date, format: YYYY-MM-DD}
  attributes: [display_name]
";
const POLICIES: &str = "
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: staff}
spec:
  attributes:
    display_name: {type: string}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: scim, url: \"env:TENURE_APP_DIRECTORY_URL\", token: \"env:TENURE_APP_DIRECTORY_TOKEN\"}
  account: {login: slug(person.display_name)}
  entitlements:
    - {name: staff, description: Everybody}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restored_from_a_backup_agrees_with_everybody_again() {
    let tools = Tools::locate().await.unwrap();
    let sandbox = Sandbox::start(SandboxConfig::new("directory", TOKEN, Clock::system()));
    let sandbox = sandbox.await.unwrap();
    let mesh = Programs::new(vec![
        ("TENURE_APP_DIRECTORY_URL".to_owned(), sandbox.base_url().to_owned()),
        ("TENURE_APP_DIRECTORY_TOKEN".to_owned(), TOKEN.to_owned()),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(file("source.yaml"), MAPPING).unwrap();
    std::fs::write(file("policies.yaml"), format!("{POLICIES}{EVERYBODY_IS_STAFF}")).unwrap();
    let board = mesh.succeed(&["up", "--detach"]);
    let host = board["postgres"]["address"].as_str().unwrap();
    let host = host.strip_prefix("postgres://").unwrap().to_owned();
    let import = |numbers: std::ops::Range<u32>, day: &str| {
        let rows = numbers.map(|number| format!("{number},Person {number},2020-01-06\n"));
        let text: String = std::iter::once("Number,Name,First\n".to_owned()).chain(rows).collect();
        std::fs::write(file("staff.csv"), text).unwrap();
        let (staff, mapping) = (file("staff.csv"), file("source.yaml"));
        mesh.succeed(&[
            "import",
            &staff,
            "--mapping",
            &mapping,
            "--contract",
            "full",
            "--snapshot-date",
            day,
            "--wait",
        ]);
    };
    assert_eq!(mesh.succeed(&["smoke"])["release"], 0, "before anything is set up");
    mesh.succeed(&["apply", &file("policies.yaml")]);
    import(0..40, "2026-03-02");

    // Make one.
    let secrets = mesh.state().join("secrets");
    let password = |secret: &str| {
        std::fs::read_to_string(secrets.join(secret).join("password")).unwrap().trim().to_owned()
    };
    let owner = password("database-provisioning-owner");
    let (address, port) = host.split_once(':').unwrap();
    let as_owner = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(tools.postgres(program));
        command.args(["--host", address, "--port", port, "--username", "provisioning_owner"]);
        command.args(arguments).env("PGPASSWORD", &owner);
        run(command);
    };
    let dump = file("provisioning.dump");
    as_owner("pg_dump", &["--format", "custom", "--file", &dump, "provisioning"]);

    // What the backup does not know: people who came, and people who left.
    import(2..46, "2026-03-09");
    let before = active(&sandbox);
    assert_eq!(before.values().filter(|active| **active).count(), 44);

    // Lose it, and restore it as the page says.
    let admin = std::fs::read_to_string(mesh.state().join("postgres/superuser")).unwrap();
    let as_admin = |sql: &str| {
        let mut command = Command::new(tools.postgres("psql"));
        command.args(["--host", address, "--port", port, "--username", "postgres", "--no-psqlrc"]);
        command.args(["--set", "ON_ERROR_STOP=1", "--command", sql, "postgres"]);
        command.env("PGPASSWORD", admin.trim());
        run(command);
    };
    as_admin("ALTER DATABASE provisioning WITH ALLOW_CONNECTIONS false");
    as_admin("DROP DATABASE provisioning WITH (FORCE)");
    let secret_file = folder.path().join("admin");
    std::fs::write(&secret_file, admin.trim()).unwrap();
    set_up(&mesh, &host, &secret_file, &secrets);
    as_owner(
        "pg_restore",
        &[
            "--dbname",
            "provisioning",
            "--no-owner",
            "--exit-on-error",
            "--single-transaction",
            &dump,
        ],
    );
    mesh.succeed(&["resync", "provisioning", "--wait"]);
    mesh.succeed(&["resync", "policy-evaluation", "--wait"]);

    testkit::until("everybody has what they had", async || {
        (active(&sandbox) == before).then_some(())
    })
    .await;
    // The mesh goes on where it was: somebody else comes, and somebody else leaves.
    import(4..50, "2026-03-16");
    let after = active(&sandbox);
    assert_eq!(after.values().filter(|active| **active).count(), 46);
    assert_eq!(after.len(), 50, "nobody has two accounts");
    let smoke = mesh.succeed(&["smoke"]);
    assert!(smoke["events"]["provisioning"].as_u64() > Some(0), "{smoke}");
    assert_eq!(active(&sandbox), after, "who does not exist has no account");
    let parked = mesh.succeed(&["parked", "list"]);
    assert_eq!(parked.as_array().map(Vec::len), Some(0), "{parked:#}");
}

fn set_up(mesh: &Programs, host: &str, password: &Path, secrets: &Path) {
    let url = format!("postgres://postgres@{host}/postgres?sslmode=disable");
    mesh.succeed(&[
        "setup",
        "databases",
        "--url",
        &url,
        "--password-file",
        &password.display().to_string(),
        "--secrets",
        &secrets.display().to_string(),
    ]);
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", command.get_program());
}

/// Whether each account is usable, by its login.
fn active(sandbox: &Sandbox) -> BTreeMap<String, bool> {
    sandbox.users().into_iter().map(|user| (user.user_name, user.active)).collect()
}
