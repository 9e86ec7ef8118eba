//! What a fuzzer may feed: no message is believed that was not signed.

use domain::Timestamp;

use super::signature::{Envelope, Keys};

/// Says whether a message is believed whose sender may know everything but the key.
#[must_use]
pub fn is_believed(id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let envelope = Envelope { id, timestamp, signatures };
    let sent = timestamp.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    Keys::unknown().verify(envelope, body, sent.unwrap_or(Timestamp::UNIX_EPOCH))
}
