use jiff::ToSpan as _;
use rules::document::Window;

use super::*;

#[test]
fn in_no_stretch_of_time_is_more_taken_than_the_rate_allows() {
    for (requests, per) in [(1, "PT1M"), (5, "PT30S"), (100, "PT1M"), (600, "PT1M"), (50, "PT1S")] {
        let bucket = bucket(requests, per);
        let mut full_at = at(0);
        let mut taken: Vec<(Timestamp, u32)> = Vec::new();
        let step = SignedDuration::from_millis(i64::from(bucket.per_seconds));
        let mut now = at(0);
        // Greedy replicas ask all the time, over three lengths of the rate.
        for _turn in 0..3_300 {
            while let Taken::Slice { requests, full_at: next } =
                bucket.take(full_at, Lane::Leaver, now)
            {
                taken.push((now, requests));
                full_at = next;
            }
            now = after(now, step);
        }
        let window = SignedDuration::from_secs(bucket.per_seconds.into()) + bucket.life * 2;
        let most = taken.iter().map(|(from, _)| {
            let until = after(*from, window);
            taken.iter().filter(|(at, _)| (*from..until).contains(at)).map(|(_, n)| n).sum::<u32>()
        });
        let most = most.max().unwrap();
        assert!(most <= requests, "{requests} per {per}: {most}");
        let total: u32 = taken.iter().map(|(_, count)| count).sum();
        assert!(total >= 2 * requests, "{requests} per {per}: only {total} in three times as long");
    }
}

#[test]
fn what_is_kept_for_leavers_is_given_to_nobody_else() {
    let bucket = bucket(320, "PT1M");
    assert_eq!((bucket.size, bucket.reserve, bucket.slice), (40, 10, 5));
    let mut full_at = at(0);
    let mut regular = 0;
    while let Taken::Slice { requests, full_at: next } = bucket.take(full_at, Lane::Regular, at(0))
    {
        regular += requests;
        full_at = next;
    }

    assert_eq!(regular, 30);
    let slice = bucket.take(full_at, Lane::Leaver, at(0));
    assert!(matches!(slice, Taken::Slice { requests: 5, .. }), "{slice:?}");
}

#[test]
fn who_finds_nothing_is_told_when_a_slice_has_come_back() {
    let bucket = bucket(320, "PT1M");
    let mut full_at = at(0);
    let until = loop {
        match bucket.take(full_at, Lane::Regular, at(0)) {
            Taken::Slice { full_at: next, .. } => full_at = next,
            Taken::Nothing { until } => break until,
        }
    };

    assert!(until > at(0) && until < at(2), "{until}");
    let slice = bucket.take(full_at, Lane::Regular, until);
    assert!(matches!(slice, Taken::Slice { requests: 5, .. }), "{slice:?}");
}

#[test]
fn a_request_is_counted_by_every_rate_it_falls_under_or_by_none() {
    let buckets = vec![bucket(600, "PT1M"), of_path("/Users", 60, "PT1M")];
    let mut slices = Slices::new(buckets);
    assert_eq!(slices.spend("/Users", Lane::Regular, at(0)), Spend::Lacks(vec![0, 1]));
    slices.put(0, Lane::Regular, slice(2), at(0));
    assert_eq!(slices.spend("/Users", Lane::Regular, at(0)), Spend::Lacks(vec![1]));
    slices.put(1, Lane::Regular, Taken::Nothing { until: at(3) }, at(0));

    assert_eq!(
        slices.spend("/Users", Lane::Regular, at(0)),
        Spend::Dry(SignedDuration::from_secs(3))
    );
    assert_eq!(slices.waits(Lane::Regular, at(1)), SignedDuration::from_secs(2));
    assert_eq!(slices.spend("/Groups", Lane::Regular, at(0)), Spend::Spent);
    assert_eq!(slices.spend("/Groups", Lane::Regular, at(0)), Spend::Spent);
    assert_eq!(slices.spend("/Groups", Lane::Regular, at(0)), Spend::Lacks(vec![0]));
}

#[test]
fn what_is_not_spent_soon_is_lost() {
    let mut slices = Slices::new(vec![bucket(600, "PT1M")]);
    slices.put(0, Lane::Regular, slice(10), at(0));

    assert_eq!(slices.spend("/Users", Lane::Regular, at(0)), Spend::Spent);
    assert_eq!(slices.spend("/Users", Lane::Regular, at(1)), Spend::Lacks(vec![0]));
}

#[test]
fn a_leaver_spends_what_is_there_whoever_it_was_taken_for() {
    let mut slices = Slices::new(vec![bucket(600, "PT1M")]);
    slices.put(0, Lane::Regular, slice(1), at(0));
    slices.put(0, Lane::Leaver, slice(1), at(0));

    assert_eq!(slices.spend("/Users", Lane::Leaver, at(0)), Spend::Spent);
    assert_eq!(slices.spend("/Users", Lane::Leaver, at(0)), Spend::Spent);
    assert_eq!(slices.spend("/Users", Lane::Regular, at(0)), Spend::Lacks(vec![0]));
}

fn slice(requests: u32) -> Taken {
    Taken::Slice { requests, full_at: at(0) }
}

fn bucket(requests: u32, per: &str) -> Bucket {
    Bucket::new(&Rate { path: None, requests, per: Window::try_from(per.to_owned()).unwrap() })
}

fn of_path(path: &str, requests: u32, per: &str) -> Bucket {
    Bucket { path: path.to_owned(), ..bucket(requests, per) }
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + second.seconds()
}
