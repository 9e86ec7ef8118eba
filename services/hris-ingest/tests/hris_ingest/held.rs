//! Files that exceed a limit of their source: they change nobody until two people have released them.

use proto::common::v1::Lane;
use proto::hris::v1::{
    ChangeKind, DifferenceCounts, DiscardRunRequest, EndNowRequest, HeldGroup, HeldRun,
    ListRunsRequest, SourceRunFinished,
};
use tonic::Code;

use crate::city::year;
use crate::service::{FIVE, Ingest, MAPPING, Upload, file};

const PROGRAMME: &str = "Youth Summer";

fn group<'a>(held: &'a HeldRun, name: &str) -> &'a HeldGroup {
    held.groups.iter().find(|group| group.group == name).unwrap()
}

fn counts(counts: Option<DifferenceCounts>) -> (u64, u64, u64, u64) {
    let DifferenceCounts { present, joining, leaving, changing } = counts.unwrap();
    (present, joining, leaving, changing)
}

/// Five people of whom three have gone, held.
async fn three_gone(ingest: &Ingest) -> (String, HeldRun) {
    three_gone_by(ingest, None).await
}

async fn three_gone_by(ingest: &Ingest, author: Option<&'static str>) -> (String, HeldRun) {
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let upload = Upload { author, ..Upload::full("2026-03-01", file(&FIVE[3..])) };
    let summary = ingest.import(upload).await.unwrap();
    (summary.run_id, summary.held.expect("the file is held"))
}

/// People of a company, by number: their rows.
fn company(people: std::ops::Range<u32>) -> Vec<u8> {
    let rows: Vec<String> =
        people.map(|id| format!("{id},Name,Job,2020-01-06,2030-01-01")).collect();
    file(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn most_of_a_small_company_leaving_is_held_and_changes_nobody() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let (state, told) = (ingest.state().await, ingest.told().await.len());

    let summary = ingest.import(Upload::full("2026-03-01", file(&FIVE[3..]))).await.unwrap();

    let held = summary.held.unwrap();
    assert_eq!((summary.left, summary.people), (0, 2));
    assert_eq!(counts(held.totals), (5, 0, 3, 0));
    assert_eq!(
        held.exceeded,
        [
            "3 people leaving of 5 in source `payroll`; allowed: 20 %, at least 2",
            "3 people leaving of 5 in source `payroll`; allowed: 50 %",
        ]
    );
    let names: Vec<_> = held.groups[0].sample.iter().map(|one| one.display_name.as_str()).collect();
    assert_eq!(names, ["Ada Lovelace", "Grace Hopper", "Alan Turing"]);
    assert_eq!(ingest.state().await, state);
    assert_eq!(ingest.told().await.len(), told);
    let expires: jiff::Timestamp = "2026-03-09T09:00:00Z".parse().unwrap();
    assert_eq!(held.expires_at, Some(expires.into()));
    ingest.stop().await;
}

#[tokio::test]
async fn two_of_five_may_leave_unasked() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();

    let summary = ingest.import(Upload::full("2026-03-01", file(&FIVE[2..]))).await.unwrap();

    assert_eq!((summary.held, summary.left), (None, 2));
    ingest.stop().await;
}

#[tokio::test]
async fn it_takes_two_different_people_to_release_what_is_held() {
    let ingest = Ingest::start().await;
    let (run, held) = three_gone(&ingest).await;

    let nobody = ingest.word(&run, &held.hash, "  ").await.unwrap_err();
    assert!(!ingest.word(&run, &held.hash, "ada").await.unwrap());
    let again = ingest.word(&run, &held.hash, "Ada").await.unwrap_err();
    let names: Vec<_> =
        ingest.held(&run).await.1.approvals.into_iter().map(|one| one.name).collect();
    assert_eq!(ingest.runs().await[0].state, "held");
    assert!(ingest.word(&run, &held.hash, "grace").await.unwrap());

    assert_eq!(nobody.code(), Code::InvalidArgument);
    assert_eq!(again.code(), Code::FailedPrecondition);
    assert!(again.message().contains("takes another person's"), "{}", again.message());
    assert_eq!(names, ["ada"]);
    let (finished, held) = ingest.reached(&run, "finished").await;
    let summary = finished.summary.unwrap();
    assert_eq!((summary.left, summary.unchanged), (3, 2));
    let [release] = held.releases.as_slice() else { panic!("{:?}", held.releases) };
    assert_eq!((release.approved_by.as_str(), release.released_by.as_str()), ("ada", "grace"));
    assert!(release.groups.is_empty());
    let told = ingest.published::<SourceRunFinished>().await;
    assert_eq!(told[1].released_by, ["ada", "grace"]);
    let late = ingest.word(&run, &held.hash, "emmy").await.unwrap_err();
    assert!(late.message().contains("is finished"), "{}", late.message());
    ingest.stop().await;
}

#[tokio::test]
async fn whoever_handed_the_file_in_by_name_has_given_the_first_word() {
    let ingest = Ingest::start().await;
    let (run, held) = three_gone_by(&ingest, Some("ada")).await;

    let same = ingest.word(&run, &held.hash, "ada").await.unwrap_err();
    assert!(ingest.word(&run, &held.hash, "grace").await.unwrap());

    assert_eq!(same.code(), Code::FailedPrecondition);
    ingest.reached(&run, "finished").await;
    ingest.stop().await;
}

#[tokio::test]
async fn a_word_for_another_hash_is_refused_and_says_to_look_again() {
    let ingest = Ingest::start().await;
    let (run, held) = three_gone(&ingest).await;

    let refused = ingest.word(&run, &"0".repeat(64), "ada").await.unwrap_err();

    assert_eq!(refused.code(), Code::FailedPrecondition);
    let told = refused.message();
    assert!(told.contains(&format!("look again with `tenure source show {run}`")), "{told}");
    assert!(ingest.held(&run).await.1.approvals.is_empty());
    assert!(!ingest.word(&run, &held.hash, "ada").await.unwrap());
    ingest.stop().await;
}

#[tokio::test]
async fn somebody_ended_by_an_operator_is_told_at_once_and_makes_it_another_hash() {
    let ingest = Ingest::start().await;
    let (run, held) = three_gone(&ingest).await;
    assert!(!ingest.word(&run, &held.hash, "ada").await.unwrap());
    let person_id = ingest.told_last("1").await.person_id;

    ingest.client.clone().end_now(EndNowRequest { person_id }).await.unwrap();
    let ended = ingest.told_last("1").await;
    let refused = ingest.word(&run, &held.hash, "grace").await.unwrap_err();

    assert_eq!((ended.change(), ended.lane()), (ChangeKind::Left, Lane::Leaver));
    assert!(refused.message().contains("look again"), "{}", refused.message());
    let (state, now) = ingest.held(&run).await;
    assert_eq!(state.state, "held");
    assert_ne!(now.hash, held.hash);
    assert!(refused.message().contains(&now.hash), "{}", refused.message());
    // A word for what was is none for what is.
    assert!(now.approvals.is_empty());
    assert!(!ingest.word(&run, &now.hash, "grace").await.unwrap());
    assert!(ingest.word(&run, &now.hash, "ada").await.unwrap());
    ingest.reached(&run, "finished").await;
    ingest.stop().await;
}

#[tokio::test]
async fn a_newer_file_takes_the_place_of_one_that_is_held() {
    let ingest = Ingest::start().await;
    let (first, _) = three_gone(&ingest).await;

    let second = ingest.import(Upload::full("2026-03-02", file(&FIVE[4..]))).await.unwrap();
    let (superseded, _) = ingest.held(&first).await;
    assert_eq!(superseded.state, "failed");
    assert!(superseded.error.contains(&second.run_id), "{}", superseded.error);
    let request = ListRunsRequest { state: "held".to_owned(), ..ListRunsRequest::default() };
    let listed = ingest.client.clone().list_runs(request).await.unwrap().into_inner().runs;
    let listed: Vec<_> = listed.into_iter().map(|run| run.run_id).collect();
    assert_eq!(listed, [second.run_id.as_str()]);

    let third = ingest.import(Upload::full("2026-03-03", file(&FIVE))).await.unwrap();
    let (superseded, _) = ingest.held(&second.run_id).await;
    assert_eq!((third.held, third.unchanged), (None, 5));
    assert!(superseded.error.contains(&third.run_id), "{}", superseded.error);
    testkit::until("nothing is staged", async || (ingest.staged().await == 0).then_some(())).await;
    ingest.stop().await;
}

#[tokio::test]
async fn a_held_file_ends_nobody_who_became_known_after_it_was_read() {
    let ingest = Ingest::start().await;
    let (run, held) = three_gone(&ingest).await;

    let hire = "6,\"Franklin,Rosalind\",Chemist,2020-01-06,";
    ingest.import(Upload::partial("2026-02-27", file(&[hire]))).await.unwrap();

    assert_eq!(ingest.held(&run).await.0.state, "held");
    // The file leaves her out, and could not know of her.
    assert!(!ingest.word(&run, &held.hash, "ada").await.unwrap());
    assert!(ingest.word(&run, &held.hash, "grace").await.unwrap());
    ingest.reached(&run, "finished").await;
    let franklin = ingest.told_last("6").await;
    assert_eq!(franklin.engagements[0].last_working_day, None);
    assert_eq!(ingest.told_last("3").await.change(), ChangeKind::Left);
    ingest.stop().await;
}

#[tokio::test]
async fn what_nobody_releases_is_given_up_after_a_week_and_forgotten() {
    let ingest = Ingest::start().await;
    let (run, held) = three_gone(&ingest).await;
    ingest.advance_to("2026-03-09T08:59:59Z");
    assert!(!ingest.word(&run, &held.hash, "ada").await.unwrap());

    ingest.advance_to("2026-03-09T09:00:00Z");

    let (expired, _) = ingest.reached(&run, "failed").await;
    assert!(expired.error.contains("nobody released it"), "{}", expired.error);
    testkit::until("nothing is staged", async || (ingest.staged().await == 0).then_some(())).await;
    assert!(ingest.word(&run, &held.hash, "grace").await.is_err());
    ingest.stop().await;
}

#[tokio::test]
async fn nothing_is_released_while_another_file_of_the_source_is_read() {
    let ingest = Ingest::start().await;
    let (run, held) = three_gone(&ingest).await;
    assert!(!ingest.word(&run, &held.hash, "ada").await.unwrap());

    ingest.read_beside(&run).await;
    let refused = ingest.word(&run, &held.hash, "grace").await.unwrap_err();

    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("wait for its end"), "{}", refused.message());
    assert_eq!(ingest.held(&run).await.0.state, "held");
    ingest.stop().await;
}

#[tokio::test]
async fn one_person_gives_up_what_is_held() {
    let ingest = Ingest::start().await;
    let (run, _) = three_gone(&ingest).await;
    let state = ingest.state().await;

    let discard = DiscardRunRequest { run_id: run.clone(), by: "grace".to_owned() };
    ingest.client.clone().discard_run(discard).await.unwrap();

    let (discarded, _) = ingest.held(&run).await;
    assert_eq!(discarded.state, "failed");
    assert!(discarded.error.starts_with("grace discarded it"), "{}", discarded.error);
    assert_eq!(ingest.state().await, state);
    ingest.stop().await;
}

#[tokio::test]
async fn small_batches_of_one_week_count_together_and_those_that_were_released_do_not() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", company(0..100))).await.unwrap();

    let one = ingest.import(Upload::full("2026-03-02", company(8..100))).await.unwrap();
    let other = ingest.import(Upload::full("2026-03-03", company(16..100))).await.unwrap();
    assert_eq!((one.left, one.held), (8, None));
    let held = other.held.clone().unwrap();
    let told =
        "16 people leaving within days of 100 in source `payroll`; allowed: 15 %, at least 2";
    assert_eq!((held.exceeded.as_slice(), held.departed), (&[told.to_owned()][..], 8));
    // A newer file does not lose what left before it.
    let newer = ingest.import(Upload::full("2026-03-04", company(16..100))).await.unwrap();
    assert_eq!(newer.held.as_ref().unwrap().departed, 8);
    assert_eq!(ingest.release_held(&newer).await.left, 8);
    // The eight that people have released count no more; the eight of the first file do.
    let after = ingest.import(Upload::full("2026-03-05", company(20..100))).await.unwrap();
    assert_eq!((after.left, after.held), (4, None));

    ingest.advance_to("2026-03-10T09:00:00Z");
    let later = ingest.import(Upload::full("2026-03-10", company(28..100))).await.unwrap();
    assert_eq!((later.left, later.held), (8, None));
    ingest.stop().await;
}

#[tokio::test]
async fn many_joiners_and_many_changes_are_held() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", company(0..40))).await.unwrap();

    let joined = ingest.import(Upload::full("2026-03-01", company(0..61))).await.unwrap();
    let promoted = String::from_utf8(company(0..40)).unwrap().replace(",Job,", ",Boss,");
    let changed =
        Upload::full("2026-03-01", promoted.replace("Boss,Start", "Job,Start").into_bytes());
    let changed = ingest.import(changed).await.unwrap();

    let told = "21 people joining of 40 in source `payroll`; allowed: 25 %, at least 20";
    assert_eq!(joined.held.unwrap().exceeded, [told]);
    let told = "40 people changing of 40 in source `payroll`; allowed: 50 %, at least 20";
    assert_eq!(changed.held.unwrap().exceeded, [told]);
    ingest.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_read_of_the_whole_source_is_refused_and_not_held() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", company(0..100))).await.unwrap();
    let state = ingest.state().await;

    let truncated = Upload::full("2026-03-01", company(0..20));
    let stranger = Upload::full("2026-03-01", company(1_000..1_100));
    let text = String::from_utf8(company(0..100)).unwrap();
    let emptied = Upload::full("2026-03-01", text.replace("2020-01-06", "").into_bytes());
    let emptied = Upload {
        mapping: MAPPING.replace("[display_name, job, worker_id]", "[display_name, job, start]"),
        ..emptied
    };
    let with_start =
        Upload { mapping: emptied.mapping.clone(), ..Upload::full("2026-02-01", company(0..100)) };
    for (upload, told) in [
        (
            truncated,
            "the file has 20 rows that can be used, and the last one that was taken over had 100",
        ),
        (stranger, "0 of the file's 100 people are among the 100 who are present"),
    ] {
        let refused = ingest.import(upload).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains(told), "{}", refused.message());
        assert!(refused.message().ends_with("nothing was changed"), "{}", refused.message());
        assert_eq!(ingest.state().await, state);
    }
    let published = ingest.import(with_start).await.unwrap();
    ingest.release_held(&published).await;
    let state = ingest.state().await;
    let refused = ingest.import(emptied.clone()).await.unwrap_err();
    let told = "start says something in 0 of the file's 100 rows, and did in 100 of 100";
    assert!(refused.message().contains(told), "{}", refused.message());
    assert_eq!(ingest.state().await, state);
    assert!(ingest.runs().await.iter().all(|run| run.state != "held"));

    // Whoever knows that it is right says so.
    let limits = "limits: {filled_percent: null, changed_percent: null}";
    let mapping = emptied.mapping.replace("limits: {leavers_percent: 20}", limits);
    let changed = ingest.import(Upload { mapping, ..emptied }).await.unwrap();
    assert_eq!((changed.held, changed.changed), (None, 100));
    ingest.stop().await;
}

#[tokio::test]
async fn a_year_of_a_city_is_held_and_the_programme_that_has_ended_stands_out() {
    let ingest = Ingest::start().await;
    ingest.import(year("FY2012.csv", "2012-06-30")).await.unwrap();
    let told = ingest.told().await.len();

    let summary = ingest.import(year("FY2013.csv", "2013-07-01")).await.unwrap();

    let (run, held) = (summary.run_id.clone(), summary.held.unwrap());
    assert_eq!(counts(held.totals), (16_049, 5_838, 2_752, 2_084));
    assert_eq!(held.group_by, "agency");
    let of_source: Vec<_> = held.exceeded.iter().filter(|one| one.contains("in source")).collect();
    assert_eq!(
        of_source,
        [
            "2752 people leaving of 16049 in source `city-workforce`; allowed: 10 %, at least 2",
            "5838 people joining of 16049 in source `city-workforce`; allowed: 25 %, at least 20",
        ]
    );
    let programme = group(&held, PROGRAMME);
    assert!(programme.exceeded);
    assert_eq!(counts(programme.counts), (1_755, 4_053, 1_074, 14));
    let most = held.groups.iter().max_by_key(|group| group.counts.unwrap().leaving).unwrap();
    assert_eq!(most.group, PROGRAMME);
    assert!(!group(&held, "Police Department").exceeded);
    let exceeding: Vec<_> = held
        .groups
        .iter()
        .filter(|group| group.exceeded)
        .map(|group| group.group.as_str())
        .collect();
    assert_eq!(exceeding, ["TANF Cust", "Youth Cust", PROGRAMME, "Youth Temp Adult"]);
    assert_eq!(ingest.told().await.len(), told);

    // First the programme alone.
    let strange = ingest.word_for(&run, &held.hash, "ada", &["Ministry of Silly Walks"]).await;
    assert_eq!(strange.unwrap_err().code(), Code::InvalidArgument);
    assert!(!ingest.word_for(&run, &held.hash, "ada", &[PROGRAMME]).await.unwrap());
    // A word for all is not one for the programme.
    assert!(!ingest.word(&run, &held.hash, "grace").await.unwrap());
    assert!(ingest.word_for(&run, &held.hash, "grace", &[PROGRAMME]).await.unwrap());
    let (part, rest) = ingest.reached(&run, "held").await;
    let summary = part.summary.unwrap();
    assert_eq!((summary.joined, summary.left, summary.changed), (4_053, 1_074, 14));
    assert_eq!(ingest.told().await.len(), told + 4_053 + 1_074 + 14);
    assert_ne!(rest.hash, held.hash);
    let (_, joining, leaving, changing) = counts(rest.totals);
    assert_eq!((joining, leaving, changing), (5_838 - 4_053, 2_752 - 1_074, 2_084 - 14));
    assert!(!group(&rest, PROGRAMME).exceeded);
    assert_eq!(rest.releases[0].groups, [PROGRAMME]);
    assert!(ingest.word(&run, &held.hash, "emmy").await.is_err());

    // Then the rest, an hour later.
    ingest.advance_to("2026-03-02T10:00:00Z");
    assert!(!ingest.word(&run, &rest.hash, "emmy").await.unwrap());
    assert!(ingest.word(&run, &rest.hash, "grace").await.unwrap());
    let (finished, _) = ingest.reached(&run, "finished").await;
    let all = finished.summary.unwrap();
    let counts = (all.joined, all.changed, all.left, all.unchanged, all.rejected);
    assert_eq!(counts, (5_838, 2_084, 2_752, 11_213, 1));
    let finished = ingest.published::<SourceRunFinished>().await.pop().unwrap();
    assert_eq!((finished.left, finished.unchanged), (2_752, 11_213));
    assert_eq!(finished.released_by, ["ada", "grace", "emmy"]);

    let again = ingest.import(year("FY2013.csv", "2013-07-01")).await.unwrap();
    assert_eq!((again.joined, again.changed, again.left, again.held), (0, 0, 0, None));
    ingest.stop().await;
}

#[tokio::test]
async fn another_year_of_a_city_is_held_and_the_programme_stands_out_again() {
    let ingest = Ingest::start().await;
    ingest.import(year("FY2013.csv", "2013-07-01")).await.unwrap();

    let summary = ingest.import(year("FY2014.csv", "2014-06-30")).await.unwrap();

    let held = summary.held.clone().unwrap();
    let (present, joining, leaving, changing) = counts(held.totals);
    assert_eq!((present, leaving), (19_135, 4_786));
    assert_eq!((joining, changing), (4_630, 2_601));
    let programme = group(&held, PROGRAMME);
    assert!(programme.exceeded);
    assert_eq!(counts(programme.counts), (4_722, 3_097, 2_993, 13));
    let most = held.groups.iter().max_by_key(|group| group.counts.unwrap().leaving).unwrap();
    assert_eq!(most.group, PROGRAMME);
    let all = ingest.release_held(&summary).await;
    assert_eq!((all.joined, all.left, all.changed), (joining, leaving, changing));
    ingest.stop().await;
}
