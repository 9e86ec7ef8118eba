//! Memberships in one group, without an application.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::Settings;
use super::*;

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
    let scim = Scim::try_new(&Settings {
        egress: crate::connectors::Egress::loopback(),
        ..Settings::new("directory", url)
    })
    .unwrap();

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
