//! A directory that answers and hangs up.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// An answer to the first request, `BindResponse` with result 0 (RFC 4511, 4.2.2).
const BOUND: [u8; 14] =
    [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];

#[tokio::test]
async fn a_directory_that_hangs_up_beneath_its_answer_is_known_to_be_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let directory = tokio::spawn(async move {
        let (mut peer, _from) = listener.accept().await.expect("a caller");
        let mut request = [0; 512];
        let read = peer.read(&mut request).await.expect("a request");
        assert!(read > 0, "a caller that says nothing");
        peer.write_all(&BOUND).await.expect("an answer");
    });
    let way = Way {
        application: "directory".to_owned(),
        url: format!("ldap://127.0.0.1:{port}").parse().expect("a URL"),
        starttls: false,
        tls: None,
        bind_dn: "cn=admin".to_owned(),
        password: Secret::new("secret".to_owned()),
        egress: Egress::loopback(),
        timeouts: Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(5) },
    };
    let mut session = Session::open(&way).await.expect("signed in");
    directory.await.expect("the directory's part");
    timeout(Duration::from_secs(5), async {
        while session.is_open() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the end is seen");
    assert!(!session.is_open(), "what has ended stays ended");
}
