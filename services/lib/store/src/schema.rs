//! The schema: who brings it up to date, and whether it is.

use std::collections::BTreeSet;

use proto::catalogue::Service;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, raw_sql};

use crate::error::Error;

static CONTRACT: Migrator = sqlx::migrate!();

/// The table that keeps the versions of each set of migrations, so their numbers do not clash.
const SETS: [&str; 2] = ["schema_contract", "schema_service"];

/// Brings the contract's tables and the service's own up to date, and gives the role that runs the
/// service what it needs of them: rows to read and write, and of a table whose comment is
/// `append-only` rows to read and append.
///
/// The role is named after the service's database. Where the one that migrates is that role, it owns
/// the tables and nothing needs to be given.
///
/// # Errors
/// When the database is out of reach or a migration fails.
pub async fn migrate(
    service: Service,
    connect: PgConnectOptions,
    migrations: &Migrator,
) -> Result<(), Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        // The limits of the service's own sessions do not hold here: a large table takes its time.
        .connect_with(connect.options([("lock_timeout", "10s"), ("timezone", "UTC")]))
        .await
        .map_err(Error::during("connect to PostgreSQL"))?;
    for (set, table) in [&CONTRACT, migrations].into_iter().zip(SETS) {
        let mut migrator = Migrator::with_migrations(set.iter().cloned().collect());
        migrator.dangerous_set_table_name(table.to_owned());
        // A newer version may have been here: this one runs on its schema, too, or nobody could go back.
        migrator.set_ignore_missing(true);
        migrator.run(&pool).await?;
    }
    let mut connection = pool.acquire().await.map_err(Error::during("connect to PostgreSQL"))?;
    grant(&mut connection, service).await.map_err(Error::during("give the service its rights"))?;
    drop(connection);
    pool.close().await;
    Ok(())
}

async fn grant(connection: &mut PgConnection, service: Service) -> Result<(), sqlx::Error> {
    let role = service.database();
    let other: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AND current_user <> $1",
    )
    .bind(role)
    .fetch_one(&mut *connection)
    .await?;
    if !other {
        return Ok(());
    }
    let append_only: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
          WHERE c.relnamespace = 'public'::regnamespace
            AND obj_description(c.oid, 'pg_class') = 'append-only' ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    // A role's and a table's name cannot be bound; these are the catalogue's and the schema's own.
    let mut statements = format!(
        "BEGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON ALL TABLES IN SCHEMA public TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role};
         REVOKE INSERT, UPDATE, DELETE, MAINTAIN ON {} FROM {role};",
        SETS.join(", ")
    );
    for table in append_only {
        statements.push_str(&format!("REVOKE UPDATE, DELETE, MAINTAIN ON {table} FROM {role};"));
    }
    statements.push_str("COMMIT");
    raw_sql(AssertSqlSafe(statements)).execute(connection).await.map(drop)
}

/// Fails unless every migration that this program knows has been done.
pub(crate) async fn check(pool: &PgPool, migrations: &Migrator) -> Result<(), Error> {
    for (set, table) in [&CONTRACT, migrations].into_iter().zip(SETS) {
        let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(table)
            .fetch_one(pool)
            .await
            .map_err(Error::during("look for the schema"))?;
        let done: Vec<i64> = if there {
            sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT version FROM {table} WHERE success ORDER BY version"
            )))
            .fetch_all(pool)
            .await
            .map_err(Error::during("read the schema's versions"))?
        } else {
            Vec::new()
        };
        let done: BTreeSet<i64> = done.into_iter().collect();
        let missing = set.iter().filter(|step| !done.contains(&step.version)).count();
        if missing > 0 {
            return Err(Error::SchemaBehind { table, missing });
        }
    }
    Ok(())
}
