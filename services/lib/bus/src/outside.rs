//! What systems outside of the mesh send. Its ids are theirs: whoever takes it over keeps them apart.

use std::collections::BTreeMap;

use async_nats::HeaderMap;
use bytes::Bytes;

use crate::process::Outcome;

/// A message of a system outside of the mesh, as it came. The broker vouches for the subject alone: its
/// accounts say who may publish there.
#[derive(Clone)]
pub struct Incoming {
    /// The NATS subject.
    pub subject: String,
    /// By their names in lower case, each with its values as they came.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The bytes.
    pub payload: Bytes,
    /// Its place in the stream; zero: it is a request.
    pub sequence: u64,
}

impl Incoming {
    pub(crate) fn received(message: &async_nats::Message, sequence: u64) -> Self {
        let mut headers = BTreeMap::<String, Vec<String>>::new();
        for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
            let name = AsRef::<str>::as_ref(name).to_ascii_lowercase();
            let values = values.iter().map(|value| value.as_str().to_owned());
            headers.entry(name).or_default().extend(values);
        }
        let (subject, payload) = (message.subject.to_string(), message.payload.clone());
        Self { subject, headers, payload, sequence }
    }
}

impl std::fmt::Debug for Incoming {
    /// Without what it says: nobody knows yet what that is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { subject, headers: _, payload, sequence } = self;
        write!(f, "Incoming({subject}#{sequence}, {} bytes)", payload.len())
    }
}

/// Takes over what stands in the stream of such messages.
pub trait Intake: Send + Sync + 'static {
    /// Says what became of each message, in their order. What was handled is committed, together with
    /// whatever tells its publisher; what has to come again was not touched.
    fn take(&self, messages: &[Incoming]) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// Answers such messages where they are requests.
pub trait Responder: Send + Sync + 'static {
    /// The subjects that it answers.
    const SUBJECT: &'static str;
    /// Replicas of one name share the requests.
    const QUEUE: &'static str;

    /// Answers a request, after whatever it causes was committed.
    fn answer(&self, request: Incoming) -> impl Future<Output = Reply> + Send;

    /// What is answered where too many requests are in hand; nothing was done.
    fn busy(&self) -> Reply;
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Its headers.
    pub headers: BTreeMap<&'static str, String>,
    /// Its bytes.
    pub payload: Bytes,
}

impl Reply {
    pub(crate) fn into_parts(self) -> (HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.insert(name, value.as_str());
        }
        (headers, self.payload)
    }
}
