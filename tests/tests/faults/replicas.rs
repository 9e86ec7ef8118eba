//! Two replicas of provisioning, killed at random moments while people come, move and leave, over
//! applications that carry some writes out and do not say so.

use std::fmt;
use std::time::Duration;

use clock::Clock;
use mesh_tests::stage::{Desired, Reached, Replica, Stage};
use proto::catalogue::Service;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{Rng as _, SeedableRng as _};
use sqlx::PgPool;
use testkit::Database;
use testkit::sandbox::{Sandbox, SandboxConfig, Switches};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::history;

/// How long replicas are killed unless `TENURE_KILL_SECONDS` says otherwise; a thorough run takes 120.
const SECONDS: u64 = 25;
/// How long everything may take to come to rest after that.
const SETTLED_MAX: Duration = Duration::from_secs(150);
const APPLICATIONS: [&str; 2] = ["directory", "records"];
const ENTITLEMENTS: [&str; 6] = ["archive", "badges", "budget", "fleet", "maps", "payroll"];
const TOKEN: &str = "loopback-only";
/// Somebody comes, moves or leaves so often.
const PACE: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_millis(10);
/// Requests between one death and the next.
const REQUESTS: std::ops::Range<u64> = 20..1_200;
/// What is short of the default, so that the dead are missed for less long than the test lasts; no
/// bad luck with answers makes an action fail for good.
const SETTINGS: [(&str, &str); 4] = [
    ("SERVICE__LEASED_SECONDS", "8"),
    ("SERVICE__BACKOFF_MAX_SECONDS", "2"),
    ("SERVICE__ATTEMPTS_MAX", "1000"),
    ("DATABASE__CONNECTIONS_MAX", "16"),
];

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_killed_at_random_leave_everybody_with_what_they_shall_have_once() {
    let seed = setting("TENURE_KILL_SEED")
        .unwrap_or_else(|| u64::from(Clock::system().now().subsec_nanosecond().unsigned_abs()));
    let lasts = Duration::from_secs(setting("TENURE_KILL_SECONDS").unwrap_or(SECONDS));
    println!("replay with TENURE_KILL_SEED={seed} TENURE_KILL_SECONDS={}", lasts.as_secs());
    let mut crowd = Crowd::start(seed).await;

    let until = Instant::now() + lasts;
    let (people, deaths) = tokio::join!(
        come_and_go(&crowd.stage, StdRng::seed_from_u64(seed ^ 1), until),
        kill_at_random(
            &mut crowd.replicas,
            &crowd.sandboxes,
            &crowd.provisioning,
            StdRng::seed_from_u64(seed ^ 2),
            until
        )
    );
    let seconds = crowd.settle(&people).await;

    let history = history::read(&crowd.provisioning, &crowd.audit, &crowd.sandboxes, &people).await;
    println!("{}{}{history}", people, Told { lasts, deaths: &deaths, seconds, crowd: &crowd });
    assert!(deaths.of.iter().all(|deaths| *deaths > 0), "one was never killed: {deaths:?}");
    assert!(deaths.in_hand > 0, "nothing was in hand when they died: {deaths:?}");
    assert!(history.is_good(), "seed {seed}");
}

/// What runs.
struct Crowd {
    stage: Stage,
    sandboxes: Vec<Sandbox>,
    replicas: [Replica; 2],
    provisioning: PgPool,
    audit: PgPool,
    _recorder: Replica,
}

/// How often each replica died, and what was in somebody's hands then.
#[derive(Debug, Default)]
struct Deaths {
    of: [u64; 2],
    in_hand: i64,
}

/// Who came, and what shall hold for them in the end.
pub(crate) struct People {
    pub(crate) all: Vec<Desired>,
    joined: u64,
    moved: u64,
    left: u64,
}

impl Crowd {
    async fn start(seed: u64) -> Self {
        let stage = Stage::start(Database::start().await).await.unwrap();
        let token_file = stage.folder().join("token");
        std::fs::write(&token_file, TOKEN).unwrap();
        let mut sandboxes = Vec::new();
        for name in APPLICATIONS {
            let sandbox = Sandbox::start(SandboxConfig::new(name, TOKEN, Clock::system()));
            let sandbox = sandbox.await.unwrap();
            let seed = seed.wrapping_add(u64::from(sandbox.name().as_bytes()[0]));
            sandbox.set_switches(Switches {
                latency_ms: 3,
                fail_after_one_in: 8,
                drop_after_one_in: 16,
                seed,
                ..Switches::default()
            });
            sandboxes.push(sandbox);
        }
        let reached: Vec<Reached> = sandboxes
            .iter()
            .map(|sandbox| Reached {
                name: sandbox.name().to_owned(),
                url: sandbox.base_url().to_owned(),
                token_file: token_file.clone(),
                every: "PT24H",
            })
            .collect();
        let provisioning = Service::Provisioning;
        let mut replicas =
            ["one", "two"].map(|name| stage.replica(provisioning, name, &SETTINGS).unwrap());
        let mut recorder = stage.replica(Service::Audit, "audit", &[]).unwrap();
        recorder.start().unwrap();
        for replica in &mut replicas {
            replica.start().unwrap();
        }
        for replica in replicas.iter().chain([&recorder]) {
            replica.ready().await.unwrap();
        }
        stage.release(&reached).await.unwrap();
        let pool = async |service| PgPool::connect(&stage.database.url(service)).await.unwrap();
        let (provisioning, audit) = (pool(Service::Provisioning).await, pool(Service::Audit).await);
        Self { stage, sandboxes, replicas, provisioning, audit, _recorder: recorder }
    }

    /// Waits until everybody is settled and everything is recorded; returns how long that took.
    async fn settle(&mut self, people: &People) -> f64 {
        let began = Instant::now();
        let settled = timeout(SETTLED_MAX, async {
            let mut look = interval(LOOK * 10);
            while !history::is_at_rest(&self.provisioning, &self.audit, people).await {
                look.tick().await;
            }
        });
        if settled.await.is_err() {
            let rest = history::rest(&self.provisioning, &self.audit).await;
            panic!("no rest within {SETTLED_MAX:?}: {rest}");
        }
        began.elapsed().as_secs_f64()
    }
}

/// Lets people come, move and leave until then.
async fn come_and_go(stage: &Stage, mut random: StdRng, until: Instant) -> People {
    let mut people = People { all: Vec::new(), joined: 0, moved: 0, left: 0 };
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < until {
        pace.tick().await;
        let desired = people.next(&mut random);
        stage.desire(&[desired]).await.unwrap();
    }
    people
}

/// Kills one of them, sometimes both, whenever some requests more were made, and starts them again:
/// at once, or only when the next one dies.
async fn kill_at_random(
    replicas: &mut [Replica; 2],
    sandboxes: &[Sandbox],
    provisioning: &PgPool,
    mut random: StdRng,
    until: Instant,
) -> Deaths {
    let mut deaths = Deaths::default();
    let mut look = interval(LOOK);
    loop {
        let wanted = requests(sandboxes) + random.random_range(REQUESTS);
        while requests(sandboxes) < wanted && Instant::now() < until {
            look.tick().await;
        }
        let both = random.random_ratio(1, 5);
        let first: usize = random.random_range(0..2);
        for victim in if both { vec![first, 1 - first] } else { vec![first] } {
            if replicas[victim].pid().is_some() {
                replicas[victim].kill().unwrap();
                deaths.of[victim] += 1;
                deaths.in_hand += history::in_hand(provisioning).await;
            }
        }
        let over = Instant::now() >= until;
        let alone = !both && !over && random.random_ratio(1, 4);
        for (at, replica) in replicas.iter_mut().enumerate() {
            if replica.pid().is_none() && !(alone && at == first) {
                replica.start().unwrap();
            }
        }
        if over {
            return deaths;
        }
    }
}

fn requests(sandboxes: &[Sandbox]) -> u64 {
    let counters = sandboxes.iter().flat_map(Sandbox::counters);
    counters.map(|counter| counter.count).sum()
}

impl People {
    /// Whoever comes, moves or leaves next.
    fn next(&mut self, random: &mut StdRng) -> Desired {
        let chance = random.random_range(0..100);
        let Some(place) = (0..self.all.len()).choose(random).filter(|_place| chance >= 50) else {
            let number = u128::try_from(self.all.len()).unwrap() + 1;
            let names = APPLICATIONS.map(str::to_owned);
            let mut joiner = Desired::joiner(number, &names, &[]);
            draw_grants(&mut joiner, random);
            self.all.push(joiner.clone());
            self.joined += 1;
            return joiner;
        };
        let person = &mut self.all[place];
        if person.active && chance >= 85 {
            *person = person.left();
            self.left += 1;
        } else {
            // Who had left comes back.
            person.counter += 1;
            person.active = true;
            person.lane = domain::Lane::Regular;
            person.title = format!("Clerk {}", random.random_range(1..9));
            draw_grants(person, random);
            self.moved += 1;
        }
        person.clone()
    }
}

fn draw_grants(desired: &mut Desired, random: &mut StdRng) {
    for grants in desired.grants.values_mut() {
        let count = random.random_range(0..4);
        *grants =
            ENTITLEMENTS.choose_multiple(random, count).map(|name| (*name).to_owned()).collect();
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

impl fmt::Display for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { joined, moved, left, .. } = self;
        writeln!(f, "{:<44} {joined:>7} {moved:>7} {left:>7}", "people who came, moved, left")
    }
}

/// What happened.
struct Told<'a> {
    lasts: Duration,
    deaths: &'a Deaths,
    seconds: f64,
    crowd: &'a Crowd,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lasts, deaths, seconds, crowd } = self;
        let Deaths { of: [one, two], in_hand } = deaths;
        let counters = || crowd.sandboxes.iter().flat_map(Sandbox::counters);
        let writes = |status: u16| -> u64 {
            let of = counters().filter(|one| one.method != "GET" && one.status == status);
            of.map(|counter| counter.count).sum()
        };
        let (failed, cut, conflicts) = (writes(500), writes(0), writes(409));
        let requests = requests(&crowd.sandboxes);
        writeln!(f, "{:<44} {:>7} s", "load and deaths lasted", lasts.as_secs())?;
        writeln!(f, "{:<44} {one:>7} {two:>7}", "deaths of each replica")?;
        writeln!(f, "{:<44} {in_hand:>7}", "branches under a lease when somebody died")?;
        writeln!(f, "{:<44} {requests:>7}", "requests to the applications")?;
        writeln!(f, "{:<44} {failed:>7}", "writes carried out and answered 500")?;
        writeln!(f, "{:<44} {cut:>7}", "writes carried out and never answered")?;
        writeln!(f, "{:<44} {conflicts:>7}", "writes refused with 409")?;
        writeln!(f, "{:<44} {seconds:>7.1} s", "came to rest after")
    }
}
