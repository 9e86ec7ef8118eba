//! A relay for LDAP (RFC 4511), which sees whole messages and knows what each of them is.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A relay in front of a real directory. Ends when it is dropped.
#[derive(Debug)]
pub struct Wire {
    url: String,
    trouble: Arc<Mutex<WireTrouble>>,
    serving: JoinHandle<()>,
}

/// What a relay does other than handing on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WireTrouble {
    /// Nothing.
    #[default]
    None,
    /// Answers success to every change of an entry, and hands none on.
    Lie,
    /// Hands the next write on, and loses the connection before its answer comes.
    Lose,
}

/// What messages hold, by the tag of the operation.
const MODIFY: u8 = 0x66;
const MODIFIED: u8 = 0x67;
const ADDED: u8 = 0x69;
/// The operation of an answer that says success, and nothing beside it.
const SUCCESS: [u8; 7] = [0x0a, 1, 0, 0x04, 0, 0x04, 0];

impl Wire {
    /// Starts one that hands everything on.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("the port has a number");
        let origin = url.strip_prefix("ldap://").expect("the directory speaks LDAP").to_owned();
        let trouble = Arc::new(Mutex::default());
        let serving = tokio::spawn(serve(listener, origin, Arc::clone(&trouble)));
        Self { url: format!("ldap://{address}"), trouble, serving }
    }

    /// Where it serves what the directory does.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes trouble from the next message on.
    pub fn trouble(&self, trouble: WireTrouble) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, origin: String, trouble: Arc<Mutex<WireTrouble>>) {
    while let Ok((client, _address)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&origin).await else { continue };
        let trouble = Arc::clone(&trouble);
        tokio::spawn(async move {
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            let line = Line { trouble, to_client, to_server };
            if let Err(error) = line.relay(from_client, from_server).await {
                tracing::trace!(%error, "a relayed connection ended");
            }
        });
    }
}

/// One connection of a client, and the one of its own to the directory.
struct Line {
    trouble: Arc<Mutex<WireTrouble>>,
    to_client: OwnedWriteHalf,
    to_server: OwnedWriteHalf,
}

impl Line {
    async fn relay(
        mut self,
        mut from_client: OwnedReadHalf,
        mut from_server: OwnedReadHalf,
    ) -> io::Result<()> {
        // Messages are read in tasks of their own: one that is half read must not be forgotten.
        let (asking, mut asked) = tokio::sync::mpsc::channel(16);
        let (answering, mut answered) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok(one) = message(&mut from_client).await {
                if asking.send(one).await.is_err() {
                    break;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok(one) = message(&mut from_server).await {
                if answering.send(one).await.is_err() {
                    break;
                }
            }
        });
        loop {
            tokio::select! {
                one = asked.recv() => {
                    let Some(one) = one else { return Ok(()) };
                    if operation(&one) == Some(MODIFY) && self.is(WireTrouble::Lie) {
                        self.to_client.write_all(&success(&one)).await?;
                    } else {
                        self.to_server.write_all(&one).await?;
                    }
                }
                one = answered.recv() => {
                    let Some(one) = one else { return Ok(()) };
                    let wrote = matches!(operation(&one), Some(MODIFIED | ADDED));
                    if wrote && self.is(WireTrouble::Lose) {
                        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = WireTrouble::None;
                        return Ok(());
                    }
                    self.to_client.write_all(&one).await?;
                }
            }
        }
    }

    fn is(&self, trouble: WireTrouble) -> bool {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) == trouble
    }
}

/// Reads one message: a tag, a length, and so many bytes.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = vec![from.read_u8().await?, from.read_u8().await?];
    let mut length = usize::from(bytes[1]);
    if length >= 0x80 {
        let count = length - 0x80;
        length = 0;
        for _byte in 0..count {
            let byte = from.read_u8().await?;
            bytes.push(byte);
            length = length << 8 | usize::from(byte);
        }
    }
    let begin = bytes.len();
    bytes.resize(begin + length, 0);
    from.read_exact(&mut bytes[begin..]).await?;
    Ok(bytes)
}

/// The number of a message as it is written, and the operation's tag behind it.
fn parts(message: &[u8]) -> Option<(&[u8], u8)> {
    let lengths = message.get(1)?.checked_sub(0x80).unwrap_or(0);
    let inside = message.get(2 + usize::from(lengths)..)?;
    let end = 2 + usize::from(*inside.get(1)?);
    Some((inside.get(..end)?, *inside.get(end)?))
}

fn operation(message: &[u8]) -> Option<u8> {
    parts(message).map(|(_number, operation)| operation)
}

/// The answer to a change that says that it is done.
fn success(message: &[u8]) -> Vec<u8> {
    let (number, _operation) = parts(message).expect("it was read as a change");
    let operation = [&[MODIFIED, 7][..], &SUCCESS].concat();
    let length = u8::try_from(number.len() + operation.len()).expect("it is short");
    [&[0x30, length][..], number, &operation].concat()
}
