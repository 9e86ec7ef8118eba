//! SQL for roles and databases; names and passwords cannot be bound as parameters in it.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, raw_sql};

use super::{DatabaseSpec, Role, SUPERUSER};

/// Returns the statement that gives the superuser a password.
pub(crate) fn set_superuser_password(password: &str) -> String {
    format!("ALTER ROLE {} PASSWORD {}\n", identifier(SUPERUSER), literal(password))
}

/// Lets one caller at a time make databases, until its connection ends.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    run(connection, "SELECT pg_advisory_lock(hashtext('tenure databases'))".to_owned()).await
}

/// Takes the right to connect to the databases that come with the server from everybody.
pub(crate) async fn close_maintenance(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    run(connection, "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC".to_owned()).await
}

/// Makes the role, or sets its password.
pub(crate) async fn ensure_role(
    connection: &mut PgConnection,
    role: &Role,
) -> Result<(), sqlx::Error> {
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(&role.name)
        .fetch_one(&mut *connection)
        .await?;
    let verb = if there { "ALTER" } else { "CREATE" };
    let (name, password) = (identifier(&role.name), literal(&role.password));
    run(connection, format!("{verb} ROLE {name} LOGIN PASSWORD {password}")).await
}

/// How the server copies its template when it makes a database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Strategy {
    /// Page by page through the log.
    WalLog,
    /// File by file between two checkpoints: twice as fast where these do not wait for the disk.
    FileCopy,
}

/// Makes the database, or sets its owner, and closes it to others.
pub(crate) async fn ensure_database(
    connection: &mut PgConnection,
    database: &DatabaseSpec,
    strategy: Strategy,
) -> Result<(), sqlx::Error> {
    let there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&database.name)
            .fetch_one(&mut *connection)
            .await?;
    let (name, role) = (identifier(&database.name), identifier(&database.owner.name));
    let statement = match there {
        true => format!("ALTER DATABASE {name} OWNER TO {role}"),
        false => {
            let strategy = match strategy {
                Strategy::WalLog => "WAL_LOG",
                Strategy::FileCopy => "FILE_COPY",
            };
            format!("CREATE DATABASE {name} OWNER {role} STRATEGY {strategy}")
        }
    };
    run(connection, statement).await?;
    let worker = identifier(&database.worker.name);
    run(
        connection,
        format!(
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC;
             GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {worker}"
        ),
    )
    .await
}

/// Gives the owner what its database's worker owns in it.
pub(crate) async fn hand_over(
    connection: &mut PgConnection,
    database: &DatabaseSpec,
) -> Result<(), sqlx::Error> {
    let (owner, worker) = (identifier(&database.owner.name), identifier(&database.worker.name));
    run(connection, format!("REASSIGN OWNED BY {worker} TO {owner}")).await
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text; backslashes mean themselves under `standard_conforming_strings`, the default.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
