//! How a client signs in at the broker.

use std::path::{Path, PathBuf};

use async_nats::{Auth, AuthError, ConnectOptions};
use data_encoding::BASE64URL_NOPAD;
use domain::Timestamp;
use nkeys::KeyPair;

/// The signed token and the seed of a credentials file.
pub struct Credentials {
    token: String,
    key: KeyPair,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// A credentials file that is none.
#[derive(Debug, thiserror::Error)]
#[error("a NATS credentials file holds a user's token and a user's seed; this one does not: {0}")]
pub struct NotCredentials(&'static str);

impl Credentials {
    /// Reads the content of a credentials file (`nats.creds`).
    ///
    /// # Errors
    /// When it holds no token or no seed.
    pub fn parse(text: &str) -> Result<Self, NotCredentials> {
        let mut inside = text
            .split("-----")
            .map(|part| part.trim().trim_matches('-').trim())
            .filter(|part| !part.is_empty() && !part.contains(' '));
        let token = inside.next().ok_or(NotCredentials("no token"))?.to_owned();
        let seed = inside.next().ok_or(NotCredentials("no seed"))?;
        let key =
            KeyPair::from_seed(seed).map_err(|_unreadable| NotCredentials("the seed is none"))?;
        Ok(Self { token, key })
    }

    /// The instant at which they end; none: they do not.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.claims()?["exp"].as_i64()?).ok()
    }

    /// What the token says at a JSON pointer (RFC 6901), where that is a text.
    pub(crate) fn claim(&self, pointer: &str) -> Option<String> {
        Some(self.claims()?.pointer(pointer)?.as_str()?.to_owned())
    }

    fn claims(&self) -> Option<serde_json::Value> {
        let claims = BASE64URL_NOPAD.decode(self.token.split('.').nth(1)?.as_bytes()).ok()?;
        serde_json::from_slice(&claims).ok()
    }

    fn answer(self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth::new();
        auth.signature = Some(self.key.sign(nonce).map_err(AuthError::new)?);
        auth.jwt = Some(self.token);
        Ok(auth)
    }
}

/// Options of a connection that is signed in with a credentials file, and trusts what the file of
/// certificates says besides the system's.
///
/// The credentials are read at every connection: whoever replaces the file before they end changes
/// them without anybody noticing, since the broker closes a connection whose credentials have ended
/// and the client comes back.
#[must_use]
pub fn options(credentials: Option<&Path>, ca: Option<&Path>) -> ConnectOptions {
    let options = match credentials {
        Some(path) => {
            let path = path.to_owned();
            ConnectOptions::with_auth_callback(move |nonce| sign_in(path.clone(), nonce))
        }
        None => ConnectOptions::new(),
    };
    match ca {
        Some(path) => options.add_root_certificates(path.to_owned()).require_tls(true),
        None => options,
    }
}

/// Returns when the credentials in a file end; none: they do not, or the file holds none.
pub async fn expiry(path: &Path) -> Option<Timestamp> {
    let text = tokio::fs::read_to_string(path).await.ok()?;
    Credentials::parse(&text).ok()?.expires_at()
}

async fn sign_in(path: PathBuf, nonce: Vec<u8>) -> Result<Auth, AuthError> {
    let text = tokio::fs::read_to_string(&path)
        .await
        .map_err(|error| AuthError::new(format!("read {}: {error}", path.display())))?;
    let credentials = Credentials::parse(&text)
        .map_err(|error| AuthError::new(format!("{}: {error}", path.display())))?;
    credentials.answer(&nonce)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use proto::catalogue::Service;

    use super::*;
    use crate::accounts::{Authority, Holder, Seeds};

    #[test]
    fn credentials_are_read_as_they_are_written() {
        let mut next = 0;
        let (authority, _seeds) = Authority::open(Seeds::new(), &[], || {
            next += 1;
            [next; 32]
        })
        .unwrap();
        let now = Timestamp::from_second(1_770_000_000).unwrap();
        let ends = now + 24.hours();
        let text = authority.credentials(&Holder::Service(Service::Audit), now, ends).unwrap();

        let read = Credentials::parse(&text).unwrap();

        assert_eq!(read.expires_at(), Some(ends));
        assert!(authority.has_signed(&Holder::Service(Service::Audit), &read));
        assert!(!authority.has_signed(&Holder::Owner, &read), "they are somebody else's");
        let (other, _seeds) = Authority::open(Seeds::new(), &[], || [77; 32]).unwrap();
        assert!(!other.has_signed(&Holder::Service(Service::Audit), &read), "by other keys");
        assert!(read.token.starts_with("eyJ"));
    }

    #[test]
    fn what_is_no_credentials_file_is_refused() {
        for text in
            ["", "password", "-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------"]
        {
            assert!(Credentials::parse(text).is_err(), "{text}");
        }
    }
}
