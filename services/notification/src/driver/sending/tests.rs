use std::fmt::Write as _;

use expect_test::expect;

use super::*;
use crate::recipient::Addressee;

#[test]
fn every_outcome_is_answered_by_how_often_it_was_tried() {
    let config = Config::default();
    let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    let why = || "why".to_owned();
    let outcomes = [
        Outcome::Sent,
        Outcome::Empty,
        Outcome::Nobody,
        Outcome::Problem(Problem::NotTried),
        Outcome::Problem(Problem::Unwritable(why())),
        Outcome::Problem(Problem::Unreachable(why())),
        Outcome::Problem(Problem::Fault(Fault::Later(why()))),
        Outcome::Problem(Problem::Fault(Fault::Refused(why()))),
        Outcome::Problem(Problem::Fault(Fault::Unknown(why()))),
    ];

    let mut table = String::new();
    for outcome in outcomes {
        for (attempts, unknown) in [(1, 0), (2, 1), (30, 0)] {
            let message = Leased {
                id: Uuid::nil(),
                header: String::new(),
                digest: false,
                told: Addressee::LastResort,
                attempts,
                unknown,
            };
            let verdict = decide(&config, &message, &outcome, now);
            let record = match verdict.record {
                Record::Sent => "sent".to_owned(),
                Record::Failed => "failed".to_owned(),
                Record::Empty => "empty".to_owned(),
                Record::Again { due_at, unknown, tried } => {
                    let pause = due_at.duration_since(now).as_secs();
                    format!("again in {pause} s, unknown {unknown}, tried {tried}")
                }
            };
            let error = verdict.error;
            writeln!(table, "{outcome:?} {attempts}/{unknown}: {record} {error}").unwrap();
        }
    }
    expect![[r#"
    "#]]
    .assert_eq(&table);
}
