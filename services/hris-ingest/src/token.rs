//! Tokens of sources. Only their hashes are kept: 256 random bits need no salt and no slow hash.

pub(crate) mod table;

use std::fmt;

use domain::Timestamp;
use sha2::{Digest as _, Sha256};
use store::Tx;
use uuid::Uuid;

/// How a token begins, so that scanners for leaked secrets and people know it for one.
const MARK: &str = "tnr_";
/// How many characters of a token are kept, to tell it from another.
const PREFIX_LENGTH: usize = MARK.len() + 6;
/// Random bytes of a token.
const BYTES: usize = 32;
/// The longest text that is looked up.
const TOKEN_LENGTH_MAX: usize = 256;
/// Valid tokens of one source: the one in use, and the one that replaces it.
pub(crate) const TOKENS_MAX: u64 = 2;

/// A token as it is told once; nothing prints it by accident.
pub(crate) struct Token(String);

/// What is kept of a token.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) id: Uuid,
    pub(crate) prefix: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// Why there is no other token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There are as many as there may be.
    #[error("{0} has {TOKENS_MAX} tokens already: revoke one first")]
    TooMany(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Token {
    fn random() -> Self {
        let random: [u8; BYTES] = rand::random();
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{MARK}{digits}"))
    }

    /// The token itself, for the one answer that tells it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Makes a token of a source.
pub(crate) async fn create(tx: &mut Tx, source: &str) -> Result<(Uuid, Token), Error> {
    table::lock(tx, source).await?;
    if table::count(tx, source).await? >= TOKENS_MAX {
        return Err(Error::TooMany(source.to_owned()));
    }
    let (id, token) = (tx.new_id(), Token::random());
    table::add(tx, id, source, &token.0[..PREFIX_LENGTH], &hash(&token.0)).await?;
    Ok((id, token))
}

/// Returns whose token it is, if it is valid.
///
/// It is found by its hash, so how long that takes says nothing about tokens that are nearly right.
pub(crate) async fn source_of(tx: &mut Tx, token: &str) -> Result<Option<String>, store::Error> {
    if token.len() > TOKEN_LENGTH_MAX || !token.starts_with(MARK) {
        return Ok(None);
    }
    table::used(tx, &hash(token)).await
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_unlike_another_and_never_printed() {
        let (one, other) = (Token::random(), Token::random());

        assert_eq!(one.expose().len(), MARK.len() + 2 * BYTES);
        assert!(one.expose().starts_with(MARK));
        assert_ne!(one.expose(), other.expose());
        assert_eq!(format!("{one:?}"), "Token(..)");
    }
}
