use super::*;

fn figures(amount: u64, of: u64) -> Figures {
    let mut figures = Figures::default();
    *figures.of(Kind::Loss, Grouping::Application, "crm") =
        Figure { amount, of, ..Figure::default() };
    figures
}

fn holds(limit: Limit, figures: &Figures) -> bool {
    judge(&[limit], figures) != Verdict::Passes
}

#[test]
fn exactly_the_limit_passes_and_one_more_is_held() {
    let limit = Limit::of(Kind::Loss, Grouping::Application);

    for (limit, passes, held) in [
        (limit.count(10), figures(10, 1000), figures(11, 1000)),
        (limit.percent(10), figures(100, 1000), figures(101, 1000)),
        (limit.percent(0), figures(0, 1000), figures(1, 1000)),
    ] {
        assert!(!holds(limit, &passes), "{limit:?}");
        assert!(holds(limit, &held), "{limit:?}");
    }
}

#[test]
fn a_share_counts_for_however_few() {
    let limit = Limit::of(Kind::Loss, Grouping::Application).percent(50);

    assert!(holds(limit, &figures(1, 1)));
    assert!(holds(limit, &figures(2, 3)));
    assert!(!holds(limit, &figures(1, 2)));
}

#[test]
fn a_share_of_a_small_number_passes_where_a_limit_leaves_it_out_and_a_count_does_not() {
    let limit = Limit::of(Kind::Loss, Grouping::Application).percent(10).above(2);

    assert!(!holds(limit, &figures(2, 2)));
    assert!(holds(limit, &figures(3, 5)));
    assert!(!holds(limit, &figures(3, 30)));
    assert!(holds(limit.count(1), &figures(2, 1000)));
    let Verdict::Holds(exceeded) = judge(&[limit], &figures(3, 5)) else { panic!("it passes") };
    let told = "3 grants taken away of 5 in application `crm`; allowed: 10 %, at least 2";
    assert_eq!(exceeded[0].to_string(), told);
}

#[test]
fn a_rate_compares_with_the_baseline_and_holds_nothing_without_one() {
    let limit = Limit::of(Kind::Loss, Grouping::Application).rate(300);
    let mut usual = figures(31, 1000);

    assert!(!holds(limit, &usual));
    usual.of(Kind::Loss, Grouping::Application, "crm").baseline = Some(10);
    assert!(holds(limit, &usual));
    usual.of(Kind::Loss, Grouping::Application, "crm").amount = 30;
    assert!(!holds(limit, &usual));
    usual.of(Kind::Loss, Grouping::Application, "crm").baseline = Some(0);
    assert!(holds(limit, &usual));
}

#[test]
fn every_exceeded_limit_is_named_with_its_figures_and_a_sample() {
    let mut figures = Figures::default();
    for person in 0..9 {
        let who = format!("person-{person}");
        figures.count(Kind::Loss, Grouping::Application, "crm", &who);
        figures.count(Kind::Loss, Grouping::Department, "Police", &who);
        figures.count(Kind::Gain, Grouping::Application, "crm", &who);
    }
    figures.of(Kind::Loss, Grouping::Application, "crm").of = 12;
    let limits = [
        Limit::of(Kind::Loss, Grouping::Application).percent(20).count(100),
        Limit::of(Kind::Loss, Grouping::Department).count(5),
        Limit::of(Kind::Gain, Grouping::Application).count(9),
    ];

    let Verdict::Holds(exceeded) = judge(&limits, &figures) else { panic!("nothing is held") };

    let told: Vec<String> = exceeded.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "9 grants taken away of 12 in application `crm`; allowed: 100, 20 %",
            "9 grants taken away in department `Police`; allowed: 5",
        ]
    );
    assert!(exceeded.iter().all(|one| one.figure.sample.len() == SAMPLE_MAX));
}

#[test]
fn other_kinds_and_groupings_do_not_count() {
    let figures = figures(1000, 1000);

    assert!(!holds(Limit::of(Kind::Gain, Grouping::Application).count(0), &figures));
    assert!(!holds(Limit::of(Kind::Loss, Grouping::Department).count(0), &figures));
}
