//! What the service takes in memory while very much work waits, and what it still gets done.
//!
//! The service plans one person's work; the database copies these rows for everybody else, in the
//! service's own tables. Then the service is started afresh, learns where the applications are, and
//! works for a while.

use std::time::Duration;

use anyhow::Context as _;
use mesh_tests::processes::Applications;
use mesh_tests::stage::{Desired, person};
use sqlx::PgPool;
use tokio::time::{Instant, interval};

use crate::Figures;
use crate::setup::{DONE, OPEN, Setup, names};

/// How long it works at it.
const WORKED: Duration = Duration::from_secs(60);
/// People copied in one statement.
const CHUNK: u64 = 5_000;

pub(crate) async fn run(pending: u64, applications: u32) -> anyhow::Result<Figures> {
    let names = names(applications);
    let each = u64::from(applications);
    let people = pending.div_ceil(each);
    let mut setup = Setup::start().await?;
    setup.desire(&[Desired::joiner(1, &names, &[])]).await?;
    setup.until("the work of one person waits", OPEN, |open| open >= each).await?;
    setup.service.kill()?;
    for first in (2..=people).step_by(usize::try_from(CHUNK)?) {
        copy(&setup.pool, first, people.min(first + CHUNK - 1)).await?;
    }
    sqlx::raw_sql("ANALYZE").execute(&setup.pool).await?;
    let open = setup.figure(OPEN).await?;
    eprintln!("{open} actions wait");
    anyhow::ensure!(open >= pending, "too little waits");

    let targets = Applications::named(setup.stage.folder(), &names)?;
    setup.service.start()?;
    setup.service.ready().await?;
    let pid = setup.service.pid().context("the service runs")?;
    let before = resident(pid)?;
    setup.release(&[&targets], &names).await?;
    let began = Instant::now();
    let mut look = interval(Duration::from_secs(5));
    while began.elapsed() < WORKED && setup.figure(OPEN).await? > 0 {
        look.tick().await;
        let now = resident(pid)?;
        eprintln!("{} done, {:.0} MiB", setup.figure(DONE).await?, now.at_present);
    }
    let seconds = began.elapsed().as_secs_f64();
    let (done, after) = (setup.figure(DONE).await?, resident(pid)?);
    anyhow::ensure!(done > 0, "nothing was done: {}", setup.service.told());
    let done = f64::from(u32::try_from(done)?);
    Ok(vec![
        ("memory_mib_1m_pending", after.at_most),
        ("memory_mib_at_start", before.at_present),
        ("actions_per_second_1m_pending", done / seconds),
    ])
}

/// Memory that a process holds, in MiB.
struct Resident {
    at_present: f64,
    at_most: f64,
}

fn resident(pid: u32) -> anyhow::Result<Resident> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        anyhow::Ok(kib.with_context(|| format!("{name} is not told"))? / 1_024.0)
    };
    Ok(Resident { at_present: mib("VmRSS:")?, at_most: mib("VmHWM:")? })
}

/// Copies the rows of person 1 for the people of these numbers, each with a login of its own and
/// due a little later than the one before.
async fn copy(pool: &PgPool, first: u64, last: u64) -> anyhow::Result<()> {
    const STATEMENTS: [&str; 5] = [
        "INSERT INTO people
         SELECT r.* FROM people p
          CROSS JOIN generate_series($1::bigint, $2::bigint) AS n
          CROSS JOIN LATERAL jsonb_populate_record(p, jsonb_build_object(
                'person_id', lpad(to_hex(n), 32, '0'))) AS r
          WHERE p.person_id = $3",
        "INSERT INTO access (person_id, access)
         SELECT lpad(to_hex(n), 32, '0')::uuid,
                replace(a.access::text, '\"p1\"', '\"p' || n || '\"')::jsonb
           FROM access a CROSS JOIN generate_series($1::bigint, $2::bigint) AS n
          WHERE a.person_id = $3",
        "INSERT INTO branches
         SELECT r.* FROM branches b
          CROSS JOIN generate_series($1::bigint, $2::bigint) AS n
          CROSS JOIN LATERAL jsonb_populate_record(b, jsonb_build_object(
                'person_id', lpad(to_hex(n), 32, '0'), 'login', 'p' || n,
                'due_at', b.due_at + n * interval '1 microsecond')) AS r
          WHERE b.person_id = $3",
        "INSERT INTO logins
         SELECT r.* FROM logins l
          CROSS JOIN generate_series($1::bigint, $2::bigint) AS n
          CROSS JOIN LATERAL jsonb_populate_record(l, jsonb_build_object(
                'person_id', lpad(to_hex(n), 32, '0'), 'login', 'p' || n, 'folded', 'p' || n,
                'base', 'p' || n)) AS r
          WHERE l.person_id = $3",
        "INSERT INTO actions
         SELECT r.* FROM actions a
          CROSS JOIN generate_series($1::bigint, $2::bigint) AS n
          CROSS JOIN LATERAL jsonb_populate_record(a, jsonb_build_object(
                'person_id', lpad(to_hex(n), 32, '0'), 'id', gen_random_uuid())) AS r
          WHERE a.person_id = $3 AND a.state = 'open'",
    ];
    let mut tx = pool.begin().await?;
    for statement in STATEMENTS {
        sqlx::query(statement)
            .bind(i64::try_from(first)?)
            .bind(i64::try_from(last)?)
            .bind(person(1).0)
            .execute(&mut *tx)
            .await?;
    }
    Ok(tx.commit().await?)
}
