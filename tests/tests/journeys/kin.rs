//! One human under two ids: the applications follow what a human decides, and nobody is without an account
//! for a moment.

use proto::hris::v1::{
    ChangeKinRequest, FileContract, FindPeopleRequest, KinChange, MergePeople, PreviewKinRequest,
    SplitPerson, kin_change, split_person,
};

use super::World;

/// Who has a worker id.
async fn person(world: &World, worker_id: &str) -> String {
    let request = FindPeopleRequest { query: worker_id.to_owned(), page_size: 0 };
    let mut client = world.mesh.client.hris().unwrap();
    let found = client.find_people(request).await.unwrap().into_inner().people;
    found.into_iter().find(|one| one.worker_id == worker_id).unwrap().person_id
}

async fn change(world: &World, change: kin_change::Change) {
    let mut client = world.mesh.client.people().unwrap();
    let change = Some(KinChange { change: Some(change) });
    let seen = client.preview_kin(PreviewKinRequest { change: change.clone() }).await.unwrap();
    let request = ChangeKinRequest {
        change,
        hash: seen.into_inner().hash,
        by: "grace".to_owned(),
        note: "same passport".to_owned(),
    };
    client.change_kin(request).await.unwrap();
    world.mesh.settle().await;
}

fn merging(survivor: &str, retired: &str) -> kin_change::Change {
    kin_change::Change::Merge(MergePeople {
        survivor_person_id: survivor.to_owned(),
        retired_person_id: retired.to_owned(),
    })
}

fn giving_back(person: &str, merged: &str) -> kin_change::Change {
    kin_change::Change::Split(SplitPerson {
        person_id: person.to_owned(),
        part: Some(split_person::Part::MergedPersonId(merged.to_owned())),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_only_the_merged_id_has_is_the_survivors_and_is_not_touched() {
    let world = World::start("2026-03-02T15:00:00Z").await;
    // A contractor who works, and the same human as somebody who is hired for the summer.
    let rows = "7,Ada Lovelace,Engineering,2020-01-06,2026-07-31\n\
                9,Ada Lovelace,Engineering,2026-08-01,\n";
    world.import(rows, FileContract::Partial, "2026-03-02").await;
    assert_eq!(world.accounts().await, ["ada.lovelace active staff engineers"]);
    let (contractor, hire) = (person(&world, "7").await, person(&world, "9").await);
    let id = world.peer.users().await[0]["id"].clone();

    change(&world, merging(&hire, &contractor)).await;

    assert_eq!(world.accounts().await, ["ada.lovelace active staff engineers"]);
    // The last day of the contract is followed by the first of the employment.
    world.advance("2026-08-01T04:00:00Z").await;
    assert_eq!(world.accounts().await, ["ada.lovelace active staff engineers"]);
    assert_eq!(world.peer.users().await[0]["id"], id);
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_ids_have_an_account_one_is_closed_and_a_split_opens_it_again() {
    let world = World::start("2026-03-02T15:00:00Z").await;
    let rows = "7,Ada Lovelace,Engineering,2020-01-06,\n9,Ada Lovelace,Sales,2021-01-04,\n";
    world.import(rows, FileContract::Partial, "2026-03-02").await;
    let both = world.accounts().await;
    assert_eq!(both.len(), 2);
    let (one, other) = (person(&world, "7").await, person(&world, "9").await);

    change(&world, merging(&one, &other)).await;

    let merged = world.accounts().await;
    let suspended = merged.iter().filter(|account| account.ends_with("suspended")).count();
    let active = merged.iter().filter(|account| account.ends_with("active staff engineers"));
    assert_eq!((suspended, active.count()), (1, 1), "{merged:?}");

    change(&world, giving_back(&one, &other)).await;

    assert_eq!(world.accounts().await, both);
    world.mesh.stop().await;
}
