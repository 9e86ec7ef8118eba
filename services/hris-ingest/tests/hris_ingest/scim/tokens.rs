//! Who may push, and as which source.

use proto::hris::v1::source_service_client::SourceServiceClient;
use proto::hris::v1::{CreateTokenRequest, ListTokensRequest, RevokeTokenRequest};
use tonic::Code;

use super::{OKTA, Scim, person, start, token};
use crate::service::LINES;

#[tokio::test]
async fn only_a_valid_token_opens_the_door() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let mut client = SourceServiceClient::new(ingest.channel());
    let source = || "okta".to_owned();
    let second = client.create_token(CreateTokenRequest { source: source() }).await.unwrap();
    let second = second.into_inner();
    let third = client.create_token(CreateTokenRequest { source: source() }).await.unwrap_err();
    let stranger = client.create_token(CreateTokenRequest { source: "nobody".to_owned() }).await;

    assert_eq!(third.code(), Code::FailedPrecondition);
    assert_eq!(stranger.unwrap_err().code(), Code::NotFound);
    let with = |token: &str| Scim::new(&ingest, token.to_owned());
    let status = async |token: &str| with(token).get("/Users").await.0;
    assert_eq!((status(&okta.token).await, status(&second.token).await), (200, 200));
    let nearly = format!("{}0", &okta.token[..okta.token.len() - 1]);
    let nearly =
        if nearly == okta.token { format!("{}1", &nearly[..nearly.len() - 1]) } else { nearly };
    for wrong in ["", "x", "tnr_", nearly.as_str(), &"x".repeat(5_000)] {
        let (status, error) = with(wrong).get("/Users").await;
        assert_eq!((status, &error["status"]), (401, &"401".into()), "{wrong}");
    }
    let url = format!("{}/Users?access_token={}", okta.url, okta.token);
    assert_eq!(testkit::http_client().get(url).send().await.unwrap().status(), 401);

    let listed = client.list_tokens(ListTokensRequest { source: source() }).await.unwrap();
    let listed = listed.into_inner().tokens;
    assert_eq!(listed.len(), 2);
    assert!(okta.token.starts_with(&listed[0].prefix) && listed[0].prefix.len() < 12);
    assert!(listed[0].last_used_at.is_some());
    let revoke = RevokeTokenRequest { source: source(), token_id: second.token_id };
    client.revoke_token(revoke.clone()).await.unwrap();
    assert_eq!(client.revoke_token(revoke).await.unwrap_err().code(), Code::NotFound);
    assert_eq!((status(&second.token).await, status(&okta.token).await), (401, 200));
    ingest.stop().await;
}

#[tokio::test]
async fn a_source_sees_and_touches_its_own_users_alone() {
    let ingest = start().await;
    let okta = Scim::okta(&ingest).await;
    let entra = token(&ingest, &OKTA.replace("{name: okta}", "{name: entra}"), "entra").await;
    let entra = Scim::new(&ingest, entra);
    let id = okta.make(&person("1", "Ada")).await;

    assert_eq!(entra.get(&format!("/Users/{id}")).await.0, 404);
    assert_eq!(entra.found(r#"userName eq "ada@example.com""#).await, 0);
    assert_eq!(entra.delete(&id).await, 404);
    assert_eq!(entra.patch(&id, serde_json::json!([])).await.0, 404);
    // The same name in another source is another user.
    assert_ne!(entra.make(&person("1", "Ada")).await, id);
    let lines = Scim::new(&ingest, token(&ingest, LINES, "lines").await);
    assert_eq!(lines.get("/Users").await.0, 403);
    ingest.stop().await;
}
