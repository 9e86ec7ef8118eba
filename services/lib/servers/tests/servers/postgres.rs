//! A private `PostgreSQL` server.

use std::fs;
use std::path::Path;

use servers::{DatabaseSpec, Postgres, PostgresConfig, Role, Tools, scratch};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn a_killed_server_comes_back_with_its_data_on_the_same_port() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);

    for config in [
        PostgresConfig::fast(folder.path().join("fast")),
        PostgresConfig::durable(folder.path().join("durable")),
    ] {
        let pgdata = config.data_dir.join("pgdata");
        let mut server = Postgres::start(&tools, config).await?;
        let (port, first_pid) = (server.port(), server.pid());
        write(&server, "before the kill").await?;

        server.kill().await;

        assert!(!server.is_running());
        assert_eq!(server.ended().await, "signal: 9 (SIGKILL)");
        assert_eq!(processes_in(&pgdata)?, 0);

        server.restart().await?;

        assert_eq!(server.port(), port);
        assert_ne!(server.pid(), first_pid);
        assert_eq!(read(&server).await?, ["before the kill"]);
        assert!(server.is_running());
    }
    Ok(())
}

#[tokio::test]
async fn a_folder_is_taken_up_again_by_another_start() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);
    let config = PostgresConfig::fast(folder.path().join("server"));
    let server = Postgres::start(&tools, config.clone()).await?;
    let first_url = server.admin_url();
    write(&server, "first").await?;
    let port = server.port();
    drop(server);
    assert_eq!(processes_in(&config.data_dir.join("pgdata"))?, 0);

    let config = PostgresConfig { port: Some(port), ..config };
    let server = Postgres::start(&tools, config).await?;

    assert_eq!(server.admin_url(), first_url);
    assert_eq!(read(&server).await?, ["first"]);
    server.stop().await;
    assert_eq!(server.ended().await, "exit status: 0");
    Ok(())
}

#[tokio::test]
async fn a_lock_file_with_the_pid_of_a_stranger_keeps_nobody_out() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);
    let mut server =
        Postgres::start(&tools, PostgresConfig::fast(folder.path().join("server"))).await?;
    let lock = folder.path().join("server/pgdata/postmaster.pid");
    let written = fs::read_to_string(&lock)?;
    server.kill().await;
    let stranger = std::process::id().to_string();
    fs::write(&lock, written.replacen(&written[..written.find('\n').unwrap_or(0)], &stranger, 1))?;

    server.restart().await?;

    assert!(server.is_running());
    Ok(())
}

#[tokio::test]
async fn two_servers_side_by_side_share_neither_port_nor_password() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);
    let server = Postgres::start(&tools, PostgresConfig::fast(folder.path().join("one"))).await?;

    let other = Postgres::start(&tools, PostgresConfig::fast(folder.path().join("two"))).await?;

    assert_ne!(server.port(), other.port());
    assert_ne!(server.admin_url(), other.admin_url());
    Ok(())
}

#[tokio::test]
async fn databases_are_made_once_and_open_to_their_own_role_alone() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);
    let server =
        Postgres::start(&tools, PostgresConfig::fast(folder.path().join("server"))).await?;
    let audit = database("audit", "it's \\ a/p%ss\"word");
    let policy = database("policy-evaluation", "other");

    server.create_databases(&[audit.clone(), policy.clone()]).await?;
    let mut connection = PgConnection::connect(&server.owner_url(&audit)).await?;
    sqlx::raw_sql("CREATE TABLE notes (text TEXT); GRANT SELECT ON notes TO \"audit-role\"")
        .execute(&mut connection)
        .await?;
    let role = Role { password: "changed".to_owned(), ..audit.worker.clone() };
    let changed = DatabaseSpec { worker: role, ..audit.clone() };
    server.create_databases(&[changed.clone(), policy.clone()]).await?;

    let mut connection = PgConnection::connect(&server.url(&changed)).await?;
    let notes: i64 =
        sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(&mut connection).await?;
    assert_eq!(notes, 0);
    for (role, elsewhere) in [(&changed, "policy-evaluation"), (&changed, "postgres")] {
        let foreign = DatabaseSpec { name: elsewhere.to_owned(), ..role.clone() };
        assert_eq!(refusal(&server.url(&foreign)).await, "42501");
    }
    assert_eq!(refusal(&server.url(&audit)).await, "28P01");
    let made = sqlx::raw_sql("CREATE TABLE own (text TEXT)").execute(&mut connection).await;
    assert!(made.is_err(), "whoever works in a database owns nothing there");
    let shown = format!("{server:?} {changed:?}");
    assert!(!shown.contains("changed"), "{shown}");
    Ok(())
}

fn database(name: &str, password: &str) -> DatabaseSpec {
    DatabaseSpec {
        name: name.to_owned(),
        owner: Role { name: format!("{name}-owner"), password: password.to_owned() },
        worker: Role { name: format!("{name}-role"), password: password.to_owned() },
    }
}

async fn refusal(url: &str) -> String {
    match PgConnection::connect(url).await {
        Ok(_) => "connected".to_owned(),
        Err(error) => error
            .as_database_error()
            .and_then(|error| error.code())
            .map_or_else(|| error.to_string(), |code| code.into_owned()),
    }
}

async fn write(server: &Postgres, text: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(&server.admin_url()).await?;
    sqlx::raw_sql("CREATE TABLE notes (text TEXT)").execute(&mut connection).await?;
    sqlx::query("INSERT INTO notes VALUES ($1)").bind(text).execute(&mut connection).await?;
    // A fast server does not wait for its log; this commit does, and covers those before it.
    sqlx::raw_sql("SET synchronous_commit = on; CREATE TABLE later ()")
        .execute(&mut connection)
        .await?;
    Ok(())
}

async fn read(server: &Postgres) -> anyhow::Result<Vec<String>> {
    let mut connection = PgConnection::connect(&server.admin_url()).await?;
    Ok(sqlx::query_scalar("SELECT text FROM notes").fetch_all(&mut connection).await?)
}

fn processes_in(folder: &Path) -> anyhow::Result<usize> {
    let folder = fs::canonicalize(folder)?;
    let processes = fs::read_dir("/proc")?.flatten();
    Ok(processes.filter(|p| fs::read_link(p.path().join("cwd")).is_ok_and(|f| f == folder)).count())
}
