//! Who signs: the operator its accounts, and each account, by a key that can do no more, its users.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::HEXLOWER;
use domain::Timestamp;
use nkeys::{KeyPair, KeyPairType};
use sha2::{Digest as _, Sha256};

use super::token::{self, About};
use super::{Holder, account};
use crate::connect::Credentials;

/// The account through which the server tells how it is.
const SYSTEM: &str = "SYS";

/// A key, a token or a seed that is not usable.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Nobody of this name has keys.
    #[error("{0} has no keys: name it as a source when the keys are made")]
    Unknown(String),
    /// A seed is not what it is named for.
    #[error("the seed {name} is not usable, and has to be taken away or brought back: {problem}")]
    Seed {
        /// The name under which it is kept.
        name: String,
        /// What is wrong with it.
        problem: nkeys::error::Error,
    },
    /// Nothing can be signed.
    #[error("nothing can be signed: {0}")]
    Sign(nkeys::error::Error),
}

/// The secrets of an [`Authority`] by name, as they are kept: `operator`, `account-AUDIT`,
/// `signing-AUDIT`, `user-audit`.
pub type Seeds = BTreeMap<String, String>;

/// Whoever may say what a NATS server grants.
pub struct Authority {
    operator: KeyPair,
    system: KeyPair,
    holders: BTreeMap<Holder, Keys>,
    sources: Vec<String>,
}

struct Keys {
    account: KeyPair,
    signing: KeyPair,
    user: KeyPair,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Authority {
    /// Takes the seeds that are kept, and makes those that are missing out of `random`, 32 bytes each.
    /// Returns them all; what was made has to be kept before anything that it signed is used.
    ///
    /// # Errors
    /// When a seed is not usable.
    pub fn open(
        mut seeds: Seeds,
        sources: &[String],
        mut random: impl FnMut() -> [u8; 32],
    ) -> Result<(Self, Seeds), AuthorityError> {
        let mut key = |name: String, kind: KeyPairType| {
            if let Some(seed) = seeds.get(&name) {
                let read = KeyPair::from_seed(seed);
                return read.map_err(|problem| AuthorityError::Seed { name, problem });
            }
            let made = KeyPair::new_from_raw(kind, random()).map_err(AuthorityError::Sign)?;
            seeds.insert(name, made.seed().map_err(AuthorityError::Sign)?);
            Ok(made)
        };
        let operator = key("operator".to_owned(), KeyPairType::Operator)?;
        let system = key(format!("account-{SYSTEM}"), KeyPairType::Account)?;
        let mut holders = BTreeMap::new();
        for holder in Holder::all(sources) {
            let (account, user) = (holder.account(), holder.user());
            let keys = Keys {
                account: key(format!("account-{account}"), KeyPairType::Account)?,
                signing: key(format!("signing-{account}"), KeyPairType::Account)?,
                user: key(format!("user-{user}"), KeyPairType::User)?,
            };
            holders.insert(holder, keys);
        }
        let sources = sources.to_vec();
        Ok((Self { operator, system, holders, sources }, seeds))
    }

    /// Returns the part of a nats-server configuration file that says whom it serves: the operator
    /// whose word counts, and every account, signed.
    ///
    /// # Errors
    /// When something cannot be signed.
    pub fn server_configuration(&self, now: Timestamp) -> Result<String, AuthorityError> {
        let system = self.system.public_key();
        let mut accounts = vec![(system.clone(), self.system_account(now)?)];
        for (holder, keys) in &self.holders {
            accounts.push((keys.account.public_key(), self.account_token(holder, keys, now)?));
        }
        let operator = token::sign(
            &About {
                subject: &self.operator.public_key(),
                name: "tenure",
                issued_at: now,
                expires_at: None,
            },
            token::operator(&system),
            &self.operator,
        )?;
        let preload: String =
            accounts.iter().map(|(key, token)| format!("  {key}: {token}\n")).collect();
        Ok(format!(
            "operator: {operator}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload: {{\n{preload}}}\n"
        ))
    }

    /// The public key of the account that owns the streams: by nothing else does a server's monitoring
    /// know it.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        Some(self.holders.get(&Holder::Owner)?.account.public_key())
    }

    /// Tells apart what is signed, without when: it changes only with the accounts or their keys.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.operator.public_key());
        digest.update(self.system.public_key());
        for (holder, keys) in &self.holders {
            digest.update(keys.account.public_key());
            digest.update(self.claims(holder, keys).to_string());
        }
        HEXLOWER.encode(&digest.finalize())
    }

    /// Returns the content of a holder's credentials file, which ends at an instant.
    ///
    /// # Errors
    /// When the holder is not known, or nothing can be signed.
    pub fn credentials(
        &self,
        holder: &Holder,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<String, AuthorityError> {
        let keys =
            self.holders.get(holder).ok_or_else(|| AuthorityError::Unknown(holder.account()))?;
        let about = About {
            subject: &keys.user.public_key(),
            name: &holder.user(),
            issued_at: now,
            expires_at: Some(expires_at),
        };
        let token = token::sign(&about, token::user(&keys.account.public_key()), &keys.signing)?;
        let seed = keys.user.seed().map_err(AuthorityError::Sign)?;
        Ok(format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        ))
    }

    /// Whether credentials of a holder rest on the keys there are: others are believed by nobody who
    /// reads the accounts that this authority signs.
    #[must_use]
    pub fn has_signed(&self, holder: &Holder, credentials: &Credentials) -> bool {
        self.holders.get(holder).is_some_and(|keys| {
            let account = credentials.claim("/nats/issuer_account");
            credentials.claim("/iss") == Some(keys.signing.public_key())
                && credentials.claim("/sub") == Some(keys.user.public_key())
                && account == Some(keys.account.public_key())
        })
    }

    fn account_token(
        &self,
        holder: &Holder,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<String, AuthorityError> {
        let about = About {
            subject: &keys.account.public_key(),
            name: &holder.account(),
            issued_at: now,
            expires_at: None,
        };
        token::sign(&about, self.claims(holder, keys), &self.operator)
    }

    fn claims(&self, holder: &Holder, keys: &Keys) -> serde_json::Value {
        let public: BTreeMap<&Holder, String> =
            self.holders.iter().map(|(holder, keys)| (holder, keys.account.public_key())).collect();
        token::account(&account(holder, &self.sources), &keys.signing.public_key(), |import| {
            public.get(&import.from).map(String::as_str)
        })
    }

    fn system_account(&self, now: Timestamp) -> Result<String, AuthorityError> {
        let key = self.system.public_key();
        // Nobody has a user of it, and nobody can make one: its own key signs nothing.
        let claims = token::account(&super::Account::default(), &key, |_import| None);
        let about = About { subject: &key, name: SYSTEM, issued_at: now, expires_at: None };
        token::sign(&about, claims, &self.operator)
    }
}
