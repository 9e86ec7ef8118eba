//! One small request over HTTP to a server on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Gets a path, with a bearer token if there is one.
pub(crate) async fn get(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
) -> anyhow::Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.context("connect")?;
        // Version 1.0 keeps the answer in one piece and closes the connection after it.
        let mut request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n");
        if let Some(token) = token {
            request.push_str("Authorization: Bearer ");
            request.push_str(token);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.context("send")?;
        let mut bytes = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await.context("read the answer")?;
        parse(&String::from_utf8_lossy(&bytes))
    };
    match timeout(PATIENCE, exchange).await {
        Ok(answer) => answer.with_context(|| format!("ask http://{address}{path}")),
        Err(_elapsed) => bail!("http://{address}{path} does not answer"),
    }
}

fn parse(text: &str) -> anyhow::Result<Answer> {
    let (head, body) = text.split_once("\r\n\r\n").context("the answer is cut off")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.context("the answer has no status")?, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        let answer =
            parse("HTTP/1.0 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nno\n").unwrap();

        assert_eq!(answer, Answer { status: 503, body: "no\n".to_owned() });
        assert!(parse("HTTP/1.0 200 OK\r\n").is_err());
    }
}
