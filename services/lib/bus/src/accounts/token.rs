//! The tokens by which a NATS server knows operators, accounts and users: JSON, signed with Ed25519.
//!
//! The format is that of version 2 of <https://github.com/nats-io/jwt>; what the members mean is
//! documented at <https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt>.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use domain::Timestamp;
use nkeys::KeyPair;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512_256};

use super::authority::AuthorityError;
use super::{Account, Export, Import, Kind};

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
/// How long whoever answers requests may take for an answer.
const ANSWER_NANOS: u64 = 120_000_000_000;

/// Whom a token is about, and until when it counts.
pub(super) struct About<'a> {
    pub(super) subject: &'a str,
    pub(super) name: &'a str,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

/// Signs claims.
pub(super) fn sign(
    about: &About<'_>,
    nats: Value,
    issuer: &KeyPair,
) -> Result<String, AuthorityError> {
    let mut claims = json!({
        "iat": about.issued_at.as_second(),
        "iss": issuer.public_key(),
        "sub": about.subject,
        "name": about.name,
        "nats": nats,
    });
    if let Some(expires_at) = about.expires_at {
        claims["exp"] = expires_at.as_second().into();
    }
    claims["jti"] = BASE32_NOPAD.encode(&Sha512_256::digest(claims.to_string())).into();
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(HEADER.as_bytes()),
        BASE64URL_NOPAD.encode(claims.to_string().as_bytes())
    );
    let signature = issuer.sign(signed.as_bytes()).map_err(AuthorityError::Sign)?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}

/// What an operator says of itself.
pub(super) fn operator(system_account: &str) -> Value {
    json!({ "type": "operator", "version": 2, "system_account": system_account })
}

/// What an operator says of an account. Its users are signed with `signing_key`, which can give them
/// nothing beyond what stands here.
pub(super) fn account<'a>(
    account: &Account,
    signing_key: &str,
    public_key: impl Fn(&Import) -> Option<&'a str>,
) -> Value {
    let kept = if account.jetstream { -1 } else { 0 };
    let imports: Vec<Value> = account
        .imports
        .iter()
        .filter_map(|import| Some(self::import(import, public_key(import)?)))
        .collect();
    json!({
        "type": "account",
        "version": 2,
        "exports": account.exports.iter().map(export).collect::<Vec<_>>(),
        "imports": imports,
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1,
            "imports": -1, "exports": -1, "wildcards": true,
            "mem_storage": kept, "disk_storage": kept, "streams": kept, "consumer": kept,
        },
        "signing_keys": [{
            "kind": "user_scope",
            "key": signing_key,
            "role": "user",
            "template": template(account),
        }],
    })
}

/// What an account says of a user whom its scoped key signs: nothing.
pub(super) fn user(account: &str) -> Value {
    json!({ "type": "user", "version": 2, "issuer_account": account })
}

fn template(account: &Account) -> Value {
    let mut template = json!({ "subs": -1, "data": -1, "payload": -1 });
    for (member, subjects) in [("pub", &account.publish), ("sub", &account.subscribe)] {
        if !subjects.is_empty() {
            template[member] = json!({ "allow": subjects });
        }
    }
    if account.answers {
        template["resp"] = json!({ "max": 1, "ttl": ANSWER_NANOS });
    }
    template
}

fn export(export: &Export) -> Value {
    let Export { subject, kind } = export;
    match kind {
        Kind::Stream => json!({ "subject": subject, "type": "stream" }),
        Kind::Service => {
            json!({ "subject": subject, "type": "service", "response_type": "Singleton" })
        }
        Kind::ServiceOfMany => {
            json!({ "subject": subject, "type": "service", "response_type": "Stream" })
        }
    }
}

fn import(import: &Import, account: &str) -> Value {
    let kind = match import.kind {
        Kind::Stream => "stream",
        Kind::Service | Kind::ServiceOfMany => "service",
    };
    let mut told =
        json!({ "name": import.there, "subject": import.there, "account": account, "type": kind });
    if import.here != import.there {
        told["local_subject"] = import.here.clone().into();
    }
    told
}
