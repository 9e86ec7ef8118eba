//! What becomes of an import in the middle of which something dies: real processes under the
//! launcher, `kill -9`, and an independent calculation of what must stand in the applications.
//!
//! One mesh lives through every death in turn, each in the middle of an import of more people. Two
//! replicas of one service live through many, at random.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "what each death cost is for people to read")]
#![expect(clippy::print_stderr, reason = "what was found wrong is for people to read")]

mod check;
mod history;
mod replicas;
mod town;
mod victim;

use std::fmt::Write as _;

use check::Findings;
use town::Town;
use victim::Victim;

/// People whom each import adds.
const PEOPLE: u64 = 500;
/// People whom the import adds during which every service is restarted in turn; more than that with
/// `TENURE_ROLLING_PEOPLE`, up to the whole city's 16,049 in all.
const ROLLING_PEOPLE: u64 = 2_000;

/// How many people the import adds in whose middle somebody dies.
pub(crate) fn added(victim: Victim) -> u64 {
    if victim != Victim::Rolling {
        return PEOPLE;
    }
    let told = std::env::var("TENURE_ROLLING_PEOPLE").ok();
    told.map_or(ROLLING_PEOPLE, |people| people.parse().unwrap())
}

/// What one death cost.
struct Line {
    victim: Victim,
    when: String,
    restarts: u64,
    seconds: f64,
    findings: Findings,
}

#[tokio::test]
async fn whatever_is_killed_in_the_middle_of_an_import_nothing_is_lost_and_nothing_done_twice() {
    let town = Town::start().await;
    let mut lines = Vec::new();
    let mut people = 0;
    for victim in Victim::ALL {
        people += added(victim);
        let before = town.counts().await;

        let (when, killed_at) = town.kill_during_import(victim, people).await;
        let settled_at = town.settle(people).await;

        let seconds = settled_at.duration_since(killed_at).as_secs_f64();
        let findings = check::everything(&town, &before).await;
        let restarts = town.restarts_of(victim) - before.restarts_of(victim);
        lines.push(Line { victim, when, restarts, seconds, findings });
        println!("{}", table(&lines));
        assert_restarted(lines.last().unwrap());
    }
    let wrong = lines.iter().filter(|line| !line.findings.are_good()).count();
    assert_eq!(wrong, 0, "after {wrong} deaths the applications were not as they must be");
    let progress = town.notices().await;
    let received = town.mail.received().len();
    println!("{received} messages with {} notices; {progress:?}", progress.sent);
    assert!(progress.sent > 0 && received > 0, "nobody was told of anybody");
    town.stop();
}

/// A backend's death makes PostgreSQL start itself again; everything else is the launcher's.
fn assert_restarted(line: &Line) {
    match line.victim {
        Victim::Backend => assert_eq!(line.restarts, 0, "{:?}", line.victim),
        Victim::Rolling => {
            assert!(line.restarts >= 1, "nothing was restarted");
            assert_eq!(line.findings.came_again, 0, "what was handled was not acknowledged");
        }
        Victim::Service(_)
        | Victim::Sending
        | Victim::Nats
        | Victim::Store
        | Victim::Postmaster
        | Victim::Postgres => assert!(line.restarts >= 1, "{:?} was not restarted", line.victim),
    }
}

fn table(lines: &[Line]) -> String {
    let mut table = format!(
        "{:<36} {:<34} {:>8} {:>9} {:>11} {:>6} {:>10} {:>7}\n",
        "victim",
        "killed when",
        "restarts",
        "settled",
        "differences",
        "twice",
        "came again",
        "parked"
    );
    for line in lines {
        let Findings { differences, twice, came_again, parked, .. } = &line.findings;
        writeln!(
            table,
            "{:<36} {:<34} {:>8} {:>7.1} s {differences:>11} {twice:>6} {came_again:>10} {parked:>7}",
            line.victim.to_string(),
            line.when,
            line.restarts,
            line.seconds,
        )
        .unwrap();
    }
    table
}
