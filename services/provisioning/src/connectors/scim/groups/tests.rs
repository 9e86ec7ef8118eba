//! Memberships in one group, without an application.

use domain::PersonId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::super::Settings;
use super::*;

#[test]
fn gifts_share_one_operation_and_revocations_name_each_member() {
    let changes = [change("1", true), change("2", true), change("3", false), change("4", false)];
    let batch = batch(&changes);

    assert_eq!(
        batch.patch(&[0, 1])["Operations"],
        json!([{"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2"}]}])
    );
    assert_eq!(
        batch.patch(&[2, 3])["Operations"],
        json!([
            {"op": "remove", "path": r#"members[value eq "3"]"#},
            {"op": "remove", "path": r#"members[value eq "4"]"#},
        ])
    );
}

#[test]
fn a_replaced_group_keeps_the_other_members() {
    let changes = [change("1", true), change("2", false), change("3", true)];
    let group = json!({
        "id": "g", "displayName": "police", "meta": {"version": "7"},
        "members": [{"value": "2"}, {"value": "3", "display": "C"}, {"value": "9", "display": "Z"}],
    });

    assert_eq!(
        batch(&changes).merged_into(&group, &[0, 1, 2]),
        json!({
            "id": "g", "displayName": "police",
            "members": [{"value": "9", "display": "Z"}, {"value": "1"}, {"value": "3"}],
        })
    );
}

#[test]
fn what_is_read_back_decides_and_not_what_the_application_answered() {
    let changes = [change("1", true), change("2", true), change("3", false), change("4", true)];
    let mut batch = batch(&changes);
    let refused = Fault::Refused { status: StatusCode::BAD_REQUEST, kind: Some("noTarget") };
    let failed = Fault::Server { status: 500, after: std::time::Duration::ZERO };
    batch.results = vec![Ok(()), Ok(()), Err(refused), Err(failed)];
    let read = ["1", "4"].map(|id| Member { value: id.to_owned() });

    let outcomes = batch.judge(&Group { members: Some(read.into()) });

    let unkept = "PROV-107: read back, the membership is unchanged";
    assert_eq!(
        outcomes,
        [Outcome::Done(()), Outcome::again(unkept), Outcome::Already(()), Outcome::Done(())]
    );
}

#[test]
fn two_groups_of_one_name_are_never_chosen_between() {
    let several = only(vec!["a".to_owned(), "b".to_owned()]).unwrap_err();

    assert!(matches!(several, Outcome::Retry { reason, .. } if reason.starts_with("PROV-106")));
}

#[tokio::test]
async fn a_group_that_another_replica_made_meanwhile_is_not_made_twice() {
    let answers = [
        (200, r#"{"totalResults": 0}"#),
        (200, r#"{"totalResults": 0}"#),
        (201, r#"{"id": "ours", "displayName": "police"}"#),
        (
            200,
            r#"{"totalResults": 2, "Resources": [
            {"id": "theirs", "displayName": "police"}, {"id": "ours", "displayName": "police"}]}"#,
        ),
        (204, ""),
        (200, r#"{"totalResults": 1, "Resources": [{"id": "theirs", "displayName": "police"}]}"#),
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let scim = Scim::try_new(&Settings::new("directory", url)).unwrap();

    let both = async {
        tokio::join!(recite(listener, &answers), async {
            (scim.group_id("police", true).await, scim.group_id("police", true).await)
        })
    };
    let limit = std::time::Duration::from_secs(10);
    let (asked, (first, second)) = tokio::time::timeout(limit, both).await.unwrap();

    assert!(matches!(first, Err(Outcome::Retry { .. })), "{first:?}");
    assert_eq!(second, Ok(Some("theirs".to_owned())));
    let methods: Vec<_> = asked.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(methods, ["GET", "GET", "POST", "GET", "DELETE", "GET"]);
    assert!(asked[4].starts_with("DELETE /Groups/ours "), "{asked:?}");
}

/// Answers requests in order, one per connection, and returns the first line of each.
async fn recite(listener: TcpListener, answers: &[(u16, &str)]) -> Vec<String> {
    let mut asked = Vec::new();
    for (status, body) in answers {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        let mut bytes = [0; 4096];
        while !is_whole(&request) {
            let count = stream.read(&mut bytes).await.unwrap();
            request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        asked.push(request.lines().next().unwrap().to_owned());
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
        let length = format!("content-length: {}\r\n\r\n", body.len());
        let length = if *status == 204 { "\r\n".to_owned() } else { length };
        stream.write_all(format!("{head}{length}{body}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
    asked
}

fn is_whole(request: &str) -> bool {
    request
        .split_once("\r\n\r\n")
        .is_some_and(|(head, body)| !head.starts_with("POST") || body.ends_with('}'))
}

fn change(account: &str, held: bool) -> MembershipChange {
    MembershipChange {
        person: PersonId(Uuid::nil()),
        lane: Lane::Regular,
        account_id: account.to_owned(),
        entitlement: "police".to_owned(),
        held,
    }
}

fn batch(changes: &[MembershipChange]) -> Batch<'_> {
    Batch {
        entitlement: "police",
        changes: changes.iter().collect(),
        results: vec![Ok(()); changes.len()],
    }
}
