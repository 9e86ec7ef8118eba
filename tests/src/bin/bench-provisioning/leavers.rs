//! How long leavers keep access when many leave at once while joiners' work waits: from their
//! desired access to the last account that was read back as closed.
//!
//! Once with every application there and once with one that refuses connections; its accounts stay
//! open, and the others are what counts. The floor is what the applications themselves take: a bare
//! client closes the same accounts and reads them back, as many at once as the service may.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use domain::{Lane, Timestamp};
use mesh_tests::processes::Applications;
use mesh_tests::stage::{Desired, person};
use store::SqlTimestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::client::Client;
use crate::setup::{DONE, OPEN, Setup, milliseconds, names};
use crate::{Figures, quantile};

/// Requests that an application admits at once unless its document says otherwise.
const AT_ONCE: usize = 8;
const GRANTS: [&str; 1] = ["all-staff"];

struct Bench {
    setup: Setup,
    names: Vec<String>,
    /// All but the last, and the last: it is the one that goes down.
    there: Applications,
    last: Option<Applications>,
    waiting: u64,
    /// Numbers are given to joiners from here on.
    next: u128,
}

/// When some people left, and how long they kept access, sorted.
struct Left {
    milliseconds: Vec<f64>,
    /// How long it took until what is to be done for each of them was planned.
    planned: Vec<f64>,
    /// Joiners' actions that waited when they left, and when the last of them had.
    waited: (u64, u64),
}

pub(crate) async fn run(leavers: u128, applications: u32, waiting: u64) -> anyhow::Result<Figures> {
    let mut bench = Bench::start(applications, waiting, 1 + 2 * leavers).await?;
    bench.hire(1..1 + 2 * leavers).await?;

    let up = bench.leave(1..1 + leavers).await?;
    let floor = bench.floor(1..1 + leavers).await?;
    let (p50, p99) = (quantile(&floor, 50), quantile(&floor, 99));
    eprintln!("floor: p50 {p50:.0} ms, p99 {p99:.0} ms; one application goes down");
    bench.last = None;
    let down = bench.leave(1 + leavers..1 + 2 * leavers).await?;

    let count = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    Ok(vec![
        ("leaver_p50_ms", quantile(&up.milliseconds, 50)),
        ("leaver_p99_ms", quantile(&up.milliseconds, 99)),
        ("leaver_planned_p50_ms", quantile(&up.planned, 50)),
        ("leaver_planned_p99_ms", quantile(&up.planned, 99)),
        ("leaver_floor_p50_ms", p50),
        ("leaver_floor_p99_ms", p99),
        ("leaver_p50_ms_one_down", quantile(&down.milliseconds, 50)),
        ("leaver_p99_ms_one_down", quantile(&down.milliseconds, 99)),
        ("waiting_at_first", count(up.waited.0)),
        ("waiting_at_last", count(up.waited.1)),
        ("waiting_at_first_one_down", count(down.waited.0)),
        ("waiting_at_last_one_down", count(down.waited.1)),
    ])
}

impl Bench {
    async fn start(applications: u32, waiting: u64, next: u128) -> anyhow::Result<Self> {
        let names = names(applications);
        let setup = Setup::start().await?;
        let (last, others) = names.split_last().context("there is no application")?;
        let there = Applications::named(setup.stage.folder(), others)?;
        let last = Applications::named(setup.stage.folder(), std::slice::from_ref(last))?;
        setup.release(&[&there, &last], &names).await?;
        Ok(Self { setup, names, there, last: Some(last), waiting, next })
    }

    /// The applications that are there.
    fn up(&self) -> &[String] {
        let down = usize::from(self.last.is_none());
        &self.names[..self.names.len() - down]
    }

    /// Lets people come and waits until they have everything.
    async fn hire(&self, numbers: Range<u128>) -> anyhow::Result<()> {
        let joiners: Vec<Desired> =
            numbers.map(|number| Desired::joiner(number, &self.names, &GRANTS)).collect();
        let actions = u64::try_from(joiners.len() * self.names.len() * (1 + GRANTS.len()))?;
        self.setup.desire(&joiners).await?;
        self.setup.until("they have their accounts", DONE, |done| done >= actions).await?;
        eprintln!("{} people have accounts everywhere", joiners.len());
        Ok(())
    }

    /// Lets people leave while joiners' work waits, and then everybody come to rest.
    async fn leave(&mut self, numbers: Range<u128>) -> anyhow::Result<Left> {
        // Some of it is done before the last of it is planned: more is asked for than has to wait.
        let each = u64::try_from(self.names.len())?;
        let joiners = u128::from((self.waiting + self.waiting / 2).div_ceil(each));
        let come: Vec<Desired> = (self.next..self.next + joiners)
            .map(|number| Desired::joiner(number, &self.names, &[]))
            .collect();
        self.next += joiners;
        let leave: Vec<Desired> = numbers
            .clone()
            .map(|number| Desired::joiner(number, &self.names, &GRANTS).left())
            .collect();
        self.setup.desire(&come).await?;
        let waiting = self.waiting;
        let enough = |open: u64| open >= waiting;
        let at_first = self.setup.until("enough work waits", OPEN, enough).await?;
        let began = self.setup.desire(&leave).await?;
        let at_last = self.closed(&leave).await?;
        let (planned, milliseconds) = self.latencies(&leave, began).await?;
        let (p50, p99) = (quantile(&milliseconds, 50), quantile(&milliseconds, 99));
        let planned_p99 = quantile(&planned, 99);
        eprintln!("p50 {p50:.0} ms, p99 {p99:.0} ms, of that planned after {planned_p99:.0} ms");
        eprintln!("{at_first} actions waited, then {at_last}");
        self.rest().await?;
        Ok(Left { milliseconds, planned, waited: (at_first, at_last) })
    }

    /// Waits until nothing is open for leavers where the application is there; returns what then
    /// is open of anybody.
    async fn closed(&self, leave: &[Desired]) -> anyhow::Result<u64> {
        let ids: Vec<Uuid> = leave.iter().map(|desired| person(desired.number).0).collect();
        let mut look = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            look.tick().await;
            let (planned, open): (i64, i64) = sqlx::query_as(
                "SELECT (SELECT count(*) FROM people
                          WHERE person_id = ANY($1) AND desired_counter = 2),
                        (SELECT count(*) FROM branches
                          WHERE application = ANY($2) AND lane = $3 AND due_at IS NOT NULL)",
            )
            .bind(&ids)
            .bind(self.up())
            .bind(Lane::Leaver.rank())
            .fetch_one(&self.setup.pool)
            .await?;
            if usize::try_from(planned)? == leave.len() && open == 0 {
                return self.setup.figure(OPEN).await;
            }
        }
    }

    /// After how many milliseconds everything was planned for each of them, and after how many they
    /// had lost access to every application that is there; each sorted.
    async fn latencies(
        &self,
        leave: &[Desired],
        began: Timestamp,
    ) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
        let ids: Vec<Uuid> = leave.iter().map(|desired| person(desired.number).0).collect();
        let rows: Vec<(i64, SqlTimestamp, SqlTimestamp)> = sqlx::query_as(
            "SELECT count(*), max(created_at), max(finished_at) FROM actions
              WHERE person_id = ANY($1) AND application = ANY($2) AND kind = 'disable'
                AND state IN ('done', 'already')
              GROUP BY person_id",
        )
        .bind(&ids)
        .bind(self.up())
        .fetch_all(&self.setup.pool)
        .await?;
        let everywhere = i64::try_from(self.up().len())?;
        let all = |(closed, _, _): &(i64, _, _)| *closed == everywhere;
        anyhow::ensure!(
            rows.len() == leave.len() && rows.iter().all(all),
            "somebody who left was not closed everywhere"
        );
        let after = |at: SqlTimestamp| milliseconds(began, at.to_jiff());
        let after = rows.into_iter().map(|(_, planned, last)| (after(planned), after(last)));
        let (mut planned, mut last): (Vec<f64>, Vec<f64>) = after.unzip();
        planned.sort_by(f64::total_cmp);
        last.sort_by(f64::total_cmp);
        Ok((planned, last))
    }

    /// Waits until nothing is open in the applications that are there.
    async fn rest(&self) -> anyhow::Result<()> {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(500));
        loop {
            look.tick().await;
            let open: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM branches
                  WHERE application = ANY($1) AND due_at IS NOT NULL",
            )
            .bind(self.up())
            .fetch_one(&self.setup.pool)
            .await?;
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Opens the accounts of people again and lets a bare client close them.
    async fn floor(&self, numbers: Range<u128>) -> anyhow::Result<Vec<f64>> {
        let mut accounts = Vec::new();
        for name in &self.names {
            let application = match &self.last {
                Some(last) if last.base(name).is_ok() => last,
                Some(_) | None => &self.there,
            };
            let base = application.base(name)?;
            let listed = application.accounts(name).await?.into_iter();
            let ids: BTreeMap<String, String> =
                listed.map(|account| (account.external_id, account.id)).collect();
            let urls = numbers.clone().map(|number| {
                let id = ids.get(&person(number).to_string());
                Ok(format!("{base}/Users/{}", id.context("somebody has no account")?))
            });
            accounts.push(Arc::new(urls.collect::<anyhow::Result<Vec<String>>>()?));
        }
        change(&accounts, true).await?;
        change(&accounts, false).await
    }
}

/// Makes every account of every application usable or not, all applications at once; returns after
/// how many milliseconds each person was done everywhere, sorted.
async fn change(accounts: &[Arc<Vec<String>>], active: bool) -> anyhow::Result<Vec<f64>> {
    let client = Client::new()?;
    let began = tokio::time::Instant::now();
    let mut work = JoinSet::new();
    for urls in accounts {
        let next = Arc::new(AtomicUsize::new(0));
        for _worker in 0..AT_ONCE {
            let (urls, next, client) = (Arc::clone(urls), Arc::clone(&next), client.clone());
            work.spawn(async move {
                let mut done = Vec::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(url) = urls.get(place) else { return anyhow::Ok(done) };
                    client.set_active(url, active).await?;
                    done.push((place, began.elapsed().as_secs_f64() * 1_000.0));
                }
            });
        }
    }
    let mut last: BTreeMap<usize, f64> = BTreeMap::new();
    while let Some(done) = work.join_next().await {
        for (place, after) in done.context("a part of the floor broke")?? {
            let last = last.entry(place).or_default();
            *last = last.max(after);
        }
    }
    let mut sorted: Vec<f64> = last.into_values().collect();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}
