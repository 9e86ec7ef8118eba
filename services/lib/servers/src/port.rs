//! Ports on loopback: a free one, and whether somebody answers on one.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Error;

/// Returns a port that was free a moment ago.
pub(crate) fn free() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Error::io("find a free port on", Path::new("127.0.0.1")))
}

/// Whether somebody listens on the port.
pub(crate) async fn listens(port: u16) -> bool {
    connect(port).await.is_some()
}

/// Whether whoever listens on the port greets with these bytes.
pub(crate) async fn greets(port: u16, greeting: &[u8]) -> bool {
    const PATIENCE: Duration = Duration::from_secs(1);
    let Some(mut stream) = connect(port).await else { return false };
    let mut read = vec![0; greeting.len()];
    matches!(timeout(PATIENCE, stream.read_exact(&mut read)).await, Ok(Ok(_)) if read == greeting)
}

async fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    // Where nobody listens, a connection to a port of the ephemeral range may meet itself.
    (stream.local_addr().ok()? != stream.peer_addr().ok()?).then_some(stream)
}
