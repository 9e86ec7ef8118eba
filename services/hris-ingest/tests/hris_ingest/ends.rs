//! An operator ends somebody at once.

use proto::common::v1::Lane;
use proto::hris::v1::{ChangeKind, EndNowRequest, PersonUpdated, WithdrawEndRequest};
use tonic::Code;

use crate::service::{FIVE, Ingest, Upload, file};

const NOW: &str = "2026-03-02T09:00:00Z";

fn ends_at(event: &PersonUpdated) -> Vec<Option<String>> {
    let ends = |engagement: &proto::hris::v1::Engagement| {
        let at = proto::convert::optional_instant("ends_at", engagement.ends_at.as_ref());
        at.unwrap().map(|at| at.to_string())
    };
    event.engagements.iter().map(ends).collect()
}

async fn end(ingest: &Ingest, person_id: &str) -> u32 {
    let request = EndNowRequest { person_id: person_id.to_owned() };
    ingest.client.clone().end_now(request).await.unwrap().into_inner().engagements
}

async fn withdraw(ingest: &Ingest, person_id: &str) -> u32 {
    let request = WithdrawEndRequest { person_id: person_id.to_owned() };
    ingest.client.clone().withdraw_end(request).await.unwrap().into_inner().engagements
}

#[tokio::test]
async fn who_is_ended_now_is_told_as_a_leaver_with_the_instant() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let before = ingest.told_last("1").await;

    let ended = end(&ingest, &before.person_id).await;
    let again = end(&ingest, &before.person_id).await;

    assert_eq!((ended, again), (1, 0));
    let after = ingest.told_last("1").await;
    assert_eq!((after.change(), after.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(after.version.unwrap().counter, 2);
    assert_eq!(ends_at(&after), [Some(NOW.to_owned())]);
    assert_eq!((&after.slices, &after.zone), (&before.slices, &before.zone));
    assert_eq!(ingest.told().await.len(), 6);
    ingest.stop().await;
}

#[tokio::test]
async fn later_files_do_not_lift_an_operators_end_and_a_withdrawal_does() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let person = ingest.told_last("1").await.person_id;
    end(&ingest, &person).await;
    ingest.advance_to("2026-03-08T09:00:00Z");

    let until = FIVE[0].replace("2020-01-06,", "2020-01-06,2026-12-31");
    let rows = [until.as_str(), FIVE[1], FIVE[2], FIVE[3], FIVE[4]];
    let summary = ingest.import(Upload::full("2026-03-08", file(&rows))).await.unwrap();

    assert_eq!((summary.changed, summary.unchanged), (1, 4));
    let corrected = ingest.told_last("1").await;
    assert_eq!((ends_at(&corrected), corrected.lane()), (vec![Some(NOW.to_owned())], Lane::Leaver));

    assert_eq!(withdraw(&ingest, &person).await, 1);
    assert_eq!(withdraw(&ingest, &person).await, 0);
    let back = ingest.told_last("1").await;
    assert_eq!((ends_at(&back), back.lane()), (vec![None], Lane::Regular));
    assert_eq!(back.change(), ChangeKind::Changed);
    ingest.stop().await;
}

#[tokio::test]
async fn nobody_known_is_not_ended() {
    let ingest = Ingest::start().await;
    let stranger = "018f0000-0000-7000-8000-00000000000e".to_owned();

    let unknown = ingest.client.clone().end_now(EndNowRequest { person_id: stranger }).await;
    let nonsense = EndNowRequest { person_id: "ada".to_owned() };
    let nonsense = ingest.client.clone().end_now(nonsense).await;

    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    assert_eq!(nonsense.unwrap_err().code(), Code::InvalidArgument);
    ingest.stop().await;
}
