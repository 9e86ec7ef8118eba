//! Two ids of one human, and one id of two: looked at, decided by somebody with a name, told as state.

use proto::common::v1::{Kin, Lane};
use proto::hris::v1::person_service_client::PersonServiceClient;
use proto::hris::v1::{
    ChangeKinRequest, ChangeKinResponse, ChangeKind, EndNowRequest, FindPeopleRequest,
    GetTimelineRequest, KinChange, MergePeople, PersonSplit, PersonUpdated, PersonsMerged,
    PreviewKinRequest, PreviewKinResponse, SplitPerson, Worker, WorkerList, kin_change,
    split_person,
};
use proto::prost::Message as _;
use tonic::{Code, Status};

use crate::cases::{decide, the_case};
use crate::identities::numbered;
use crate::service::{Ingest, Upload, line, lines, reports_to};

fn merging(survivor: &str, retired: &str) -> KinChange {
    let merge = MergePeople {
        survivor_person_id: survivor.to_owned(),
        retired_person_id: retired.to_owned(),
    };
    KinChange { change: Some(kin_change::Change::Merge(merge)) }
}

fn splitting(person: &str, part: split_person::Part) -> KinChange {
    let split = SplitPerson { person_id: person.to_owned(), part: Some(part) };
    KinChange { change: Some(kin_change::Change::Split(split)) }
}

fn giving_back(person: &str, merged: &str) -> KinChange {
    splitting(person, split_person::Part::MergedPersonId(merged.to_owned()))
}

async fn preview(ingest: &Ingest, change: &KinChange) -> Result<PreviewKinResponse, Status> {
    let request = PreviewKinRequest { change: Some(change.clone()) };
    let answer = PersonServiceClient::new(ingest.channel()).preview_kin(request).await?;
    Ok(answer.into_inner())
}

async fn decided(
    ingest: &Ingest,
    change: &KinChange,
    hash: &str,
) -> Result<ChangeKinResponse, Status> {
    let request = ChangeKinRequest {
        change: Some(change.clone()),
        hash: hash.to_owned(),
        by: "grace".to_owned(),
        note: "same passport".to_owned(),
    };
    let answer = PersonServiceClient::new(ingest.channel()).change_kin(request).await?;
    Ok(answer.into_inner())
}

/// Makes a change as it was looked at.
async fn change(ingest: &Ingest, change: &KinChange) -> Result<ChangeKinResponse, Status> {
    let hash = preview(ingest, change).await?.hash;
    decided(ingest, change, &hash).await
}

/// What was told last under an id.
async fn told_of(ingest: &Ingest, person: &str) -> PersonUpdated {
    let mut told = ingest.told().await;
    told.retain(|event| event.person_id == person);
    told.pop().unwrap()
}

fn kin(event: &PersonUpdated) -> Kin {
    event.kin.clone().unwrap_or_default()
}

/// Two people whose worker ids are `E-1` and `E-2`, as a full file has them.
async fn two(ingest: &Ingest) -> [String; 2] {
    let file = lines(&[line("E-1", "Ada Lovelace"), line("E-2", "Ada King")]);
    ingest.import(Upload::lines("2026-02-01", file)).await.unwrap();
    [ingest.told_last("E-1").await.person_id, ingest.told_last("E-2").await.person_id]
}

#[tokio::test]
async fn a_merge_keeps_both_histories_under_the_id_that_survives_and_the_other_stands_for_it() {
    let ingest = Ingest::start().await;
    let [ada, twin] = two(&ingest).await;
    let (before, of_twin) = (ingest.told_last("E-1").await, ingest.told_last("E-2").await);

    let answer = change(&ingest, &merging(&ada, &twin)).await.unwrap();

    assert_eq!((answer.person_id.as_str(), answer.engagements), (ada.as_str(), 1));
    let told = told_of(&ingest, &ada).await;
    assert_eq!(told.engagements, [before.engagements, of_twin.engagements].concat());
    assert_eq!(told.slices, [before.slices, of_twin.slices].concat());
    assert_eq!(kin(&told).merged_person_ids, [twin.as_str()]);
    assert_eq!((told.change(), told.lane()), (ChangeKind::Changed, Lane::Regular));
    let gone = told_of(&ingest, &twin).await;
    assert_eq!((gone.engagements.len(), kin(&gone).merged_into_person_id), (0, ada.clone()));
    assert_eq!(gone.lane(), Lane::Regular);
    let merged = ingest.published::<PersonsMerged>().await;
    assert_eq!(merged.len(), 1);
    assert_eq!((merged[0].decided_by.as_str(), merged[0].version), ("grace", told.version));
    assert_eq!(merged[0].engagement_ids, [told.engagements[1].engagement_id.clone()]);

    // The id that was merged is found, asked about and ended as the person into whom.
    let mut client = ingest.client.clone();
    let request = FindPeopleRequest { query: twin.clone(), page_size: 0 };
    let found = client.find_people(request).await.unwrap().into_inner().people;
    assert_eq!(found.iter().map(|one| &one.person_id).collect::<Vec<_>>(), [&ada]);
    let request = GetTimelineRequest { person_id: twin.clone(), known_at: None };
    let timeline = client.get_timeline(request).await.unwrap().into_inner().person_updated;
    assert_eq!(PersonUpdated::decode(timeline.as_slice()).unwrap(), told);
    let request = EndNowRequest { person_id: twin };
    assert_eq!(client.end_now(request).await.unwrap().into_inner().engagements, 2);
    ingest.stop().await;
}

#[tokio::test]
async fn what_a_source_says_after_a_merge_is_said_of_who_survives() {
    let ingest = Ingest::start().await;
    let [ada, twin] = two(&ingest).await;
    change(&ingest, &merging(&ada, &twin)).await.unwrap();

    let file = lines(&[line("E-1", "Ada Lovelace"), line("E-2", "Ada Lovelace")]);
    let summary = ingest.import(Upload::lines("2026-03-01", file.clone())).await.unwrap();

    assert_eq!((summary.joined, summary.changed, summary.left), (0, 1, 0));
    assert_eq!(told_of(&ingest, &ada).await.engagements.len(), 2);
    assert_eq!(ingest.told_last("E-2").await.person_id, ada);
    let repeated = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();
    assert_eq!((repeated.people, repeated.unchanged), (1, 1));
    ingest.stop().await;
}

#[tokio::test]
async fn a_split_undoes_a_merge_and_takes_what_was_said_since_along() {
    let ingest = Ingest::start().await;
    let [ada, twin] = two(&ingest).await;
    change(&ingest, &merging(&ada, &twin)).await.unwrap();
    let file = lines(&[line("E-1", "Ada Lovelace"), line("E-2", "Augusta King")]);
    ingest.import(Upload::lines("2026-03-01", file.clone())).await.unwrap();

    let answer = change(&ingest, &giving_back(&ada, &twin)).await.unwrap();

    assert_eq!((&answer.person_id, &answer.other_person_id), (&ada, &twin));
    let (told, of_twin) = (told_of(&ingest, &ada).await, told_of(&ingest, &twin).await);
    assert_eq!((told.engagements.len(), of_twin.engagements.len()), (1, 1));
    assert_eq!(of_twin.slices.len(), 2, "{:?}", of_twin.slices);
    assert_eq!(kin(&told).split_person_ids, [twin.as_str()]);
    assert_eq!(kin(&of_twin).split_person_ids, [ada.as_str()]);
    assert_eq!(kin(&of_twin).merged_into_person_id, "");
    assert_eq!(ingest.told_last("E-2").await.person_id, twin);
    assert_eq!(ingest.published::<PersonSplit>().await.len(), 1);
    let repeated = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();
    assert_eq!((repeated.people, repeated.unchanged), (2, 2));
    ingest.stop().await;
}

#[tokio::test]
async fn workers_who_are_somebody_else_become_a_person_of_their_own() {
    let ingest = Ingest::start().await;
    let first = lines(&[numbered("E-1", "P7", "2020-01-06", "2025-11-28"), line("E-3", "Name")]);
    ingest.import(Upload::lines("2026-02-01", first)).await.unwrap();
    let again = lines(&[numbered("E-9", "P7", "2026-03-01", ""), line("E-3", "Name")]);
    ingest.import(Upload::lines("2026-03-01", again)).await.unwrap();
    let one = ingest.told_last("E-9").await.person_id;
    let worker = |id: &str| Worker { source: "lines".to_owned(), worker_id: id.to_owned() };
    let part = |ids: &[&str]| {
        let workers = ids.iter().map(|id| worker(id)).collect();
        splitting(&one, split_person::Part::Workers(WorkerList { workers }))
    };

    let everything = change(&ingest, &part(&["E-1", "E-9"])).await.unwrap_err();
    assert!(everything.message().contains("no worker left"), "{everything:?}");
    let answer = change(&ingest, &part(&["E-9"])).await.unwrap();

    let new = told_of(&ingest, &answer.other_person_id).await;
    assert_ne!(new.person_id, one);
    assert_eq!((new.change(), new.engagements.len()), (ChangeKind::Joined, 1));
    assert_eq!(told_of(&ingest, &one).await.engagements.len(), 1);
    assert_eq!(ingest.told_last("E-9").await.person_id, answer.other_person_id);
    ingest.stop().await;
}

#[tokio::test]
async fn a_merge_is_for_exactly_what_was_looked_at() {
    let ingest = Ingest::start().await;
    let [ada, twin] = two(&ingest).await;
    let merge = merging(&ada, &twin);

    let seen = preview(&ingest, &merge).await.unwrap();

    assert_eq!(seen.people.len(), 2);
    let [kept, gone] = &seen.people[..] else { panic!("{seen:?}") };
    assert_eq!((&kept.person_id, &gone.person_id), (&ada, &twin));
    let moves: Vec<bool> = kept.engagements.iter().map(|one| one.moves).collect();
    assert_eq!((moves, gone.engagements.len()), (vec![false, true], 0));
    let told = ingest.told().await.len();
    let file = lines(&[line("E-1", "Ada Byron"), line("E-2", "Ada King")]);
    ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();
    let refused = decided(&ingest, &merge, &seen.hash).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("look again"), "{refused:?}");
    assert_eq!(ingest.told().await.len(), told + 1);
    let now = preview(&ingest, &merge).await.unwrap().hash;
    assert!(refused.message().contains(&now), "{refused:?}");
    decided(&ingest, &merge, &now).await.unwrap();
    ingest.stop().await;
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_is_told_to_look_again_and_the_same_twice_is_refused() {
    let ingest = Ingest::start().await;
    let [ada, twin] = two(&ingest).await;
    let (one, other) = (merging(&ada, &twin), merging(&twin, &ada));
    let (first, second) =
        (preview(&ingest, &one).await.unwrap().hash, preview(&ingest, &other).await.unwrap().hash);

    let (left, right) =
        tokio::join!(decided(&ingest, &one, &first), decided(&ingest, &other, &second));

    assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
    assert_eq!(ingest.published::<PersonsMerged>().await.len(), 1);
    let (done, hash) = if left.is_ok() { (&one, &first) } else { (&other, &second) };
    let again = decided(&ingest, done, hash).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    assert!(again.message().contains("stands for"), "{again:?}");
    assert_eq!(ingest.published::<PersonsMerged>().await.len(), 1);
    ingest.stop().await;
}

#[tokio::test]
async fn who_reports_to_somebody_merged_reports_to_who_survives() {
    let ingest = Ingest::start().await;
    let file = lines(&[line("E-1", "Ada"), line("E-2", "Ada"), reports_to("E-3", "E-2")]);
    ingest.import(Upload::lines("2026-02-01", file)).await.unwrap();
    let [ada, twin] =
        [ingest.told_last("E-1").await.person_id, ingest.told_last("E-2").await.person_id];
    let manager = async || ingest.told_last("E-3").await.slices[0].manager_person_id.clone();
    assert_eq!(manager().await, twin);

    let merge = merging(&ada, &twin);
    assert_eq!(preview(&ingest, &merge).await.unwrap().reports, 1);
    change(&ingest, &merge).await.unwrap();
    assert_eq!(manager().await, ada);

    change(&ingest, &giving_back(&ada, &twin)).await.unwrap();
    assert_eq!(manager().await, twin);
    ingest.stop().await;
}

#[tokio::test]
async fn two_numbers_for_ever_of_one_human_are_both_known_after_a_merge() {
    let ingest = Ingest::start().await;
    let both = [numbered("E-1", "P1", "2020-01-06", ""), numbered("E-2", "P2", "2020-01-06", "")];
    ingest.import(Upload::lines("2026-02-01", lines(&both))).await.unwrap();
    let [ada, twin] =
        [ingest.told_last("E-1").await.person_id, ingest.told_last("E-2").await.person_id];
    change(&ingest, &merging(&ada, &twin)).await.unwrap();

    let more = numbered("E-5", "P2", "2026-03-01", "");
    let file = lines(&[both[0].clone(), both[1].clone(), more]);
    let summary = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!((summary.rejected, ingest.told_last("E-5").await.person_id), (0, ada.clone()));
    // The number goes back to whose it was, and the worker who came since stays.
    change(&ingest, &giving_back(&ada, &twin)).await.unwrap();
    assert_eq!(ingest.told_last("E-2").await.person_id, twin);
    assert_eq!(ingest.told_last("E-5").await.person_id, ada);
    ingest.stop().await;
}

#[tokio::test]
async fn nobody_is_merged_of_whom_a_case_asks_who_they_are() {
    let ingest = Ingest::start().await;
    let first =
        lines(&[numbered("E-1", "P1", "2020-01-06", ""), numbered("E-2", "P2", "2020-01-06", "")]);
    ingest.import(Upload::lines("2026-02-01", first)).await.unwrap();
    let second = lines(&[numbered("E-1", "P2", "2020-01-06", "")]);
    ingest.import(Upload::lines_partial("2026-03-01", second)).await.unwrap();
    let [ada, twin] =
        [ingest.told_last("E-1").await.person_id, ingest.told_last("E-2").await.person_id];
    let case = the_case(&ingest).await;

    let refused = change(&ingest, &merging(&ada, &twin)).await.unwrap_err();

    assert!(refused.message().contains(&case.case_id), "{refused:?}");
    decide(&ingest, &case, proto::hris::v1::CaseOutcome::Dismiss).await.unwrap();
    change(&ingest, &merging(&ada, &twin)).await.unwrap();
    ingest.stop().await;
}
