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
            let line = format!("{outcome:?} {attempts}/{unknown}: {record} {}", verdict.error);
            writeln!(table, "{}", line.trim_end()).unwrap();
        }
    }
    expect![[r#"
        Sent 1/0: sent
        Sent 2/1: sent
        Sent 30/0: sent
        Empty 1/0: empty
        Empty 2/1: empty
        Empty 30/0: empty
        Nobody 1/0: failed NOTI-101: whoever was to be told can no longer be
        Nobody 2/1: failed NOTI-101: whoever was to be told can no longer be
        Nobody 30/0: failed NOTI-101: whoever was to be told can no longer be
        Problem(NotTried) 1/0: again in 0 s, unknown false, tried false
        Problem(NotTried) 2/1: again in 0 s, unknown false, tried false
        Problem(NotTried) 30/0: again in 0 s, unknown false, tried false
        Problem(Unwritable("why")) 1/0: failed NOTI-105: why
        Problem(Unwritable("why")) 2/1: failed NOTI-105: why
        Problem(Unwritable("why")) 30/0: failed NOTI-105: why
        Problem(Unreachable("why")) 1/0: again in 5 s, unknown false, tried true NOTI-106: why
        Problem(Unreachable("why")) 2/1: again in 10 s, unknown false, tried true NOTI-106: why
        Problem(Unreachable("why")) 30/0: failed NOTI-103: why
        Problem(Fault(Later("why"))) 1/0: again in 5 s, unknown false, tried true NOTI-106: why
        Problem(Fault(Later("why"))) 2/1: again in 10 s, unknown false, tried true NOTI-106: why
        Problem(Fault(Later("why"))) 30/0: failed NOTI-103: why
        Problem(Fault(Refused("why"))) 1/0: failed NOTI-102: why
        Problem(Fault(Refused("why"))) 2/1: failed NOTI-102: why
        Problem(Fault(Refused("why"))) 30/0: failed NOTI-102: why
        Problem(Fault(Unknown("why"))) 1/0: again in 5 s, unknown true, tried true NOTI-104: why
        Problem(Fault(Unknown("why"))) 2/1: failed NOTI-104: why
        Problem(Fault(Unknown("why"))) 30/0: again in 1800 s, unknown true, tried true NOTI-104: why
    "#]]
    .assert_eq(&table);
}
