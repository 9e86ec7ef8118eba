//! Who has signed a message, and when. Pure, but for the keys, which are read at the start.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chassis::Secret;
use domain::Timestamp;
use jiff::SignedDuration;
use ring::hmac;

/// How far a message's time may be from the present.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// How a key is written: this, and base64.
const KEY_MARK: &str = "whsec_";
/// Bytes of a key.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Keys of one source: the one in use, and the one that replaces it.
const KEYS_MAX: usize = 2;
/// The longest id of a message.
const ID_BYTES_MAX: usize = 256;
/// The most signatures that are looked at.
const SIGNATURES_MAX: usize = 8;

/// The keys of one source.
#[derive(Debug)]
pub(crate) struct Keys(Vec<hmac::Key>);

/// What a sender says beside the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) id: &'a str,
    /// Seconds since 1970.
    pub(super) timestamp: &'a str,
    /// `v1,` and base64; several, parted by blanks, while keys are changed.
    pub(super) signatures: &'a str,
}

impl Keys {
    /// Reads keys from files.
    pub(crate) fn load(files: &[PathBuf]) -> anyhow::Result<Self> {
        ensure!((1..=KEYS_MAX).contains(&files.len()), "there must be 1 to {KEYS_MAX} key_files");
        let key = |file: &PathBuf| {
            let secret = Secret::read(file)?;
            Self::read(secret.expose())
                .with_context(|| format!("read the key in {}", file.display()))
        };
        Ok(Self(files.iter().map(key).collect::<anyhow::Result<_>>()?))
    }

    /// A key that nobody knows.
    pub(super) fn unknown() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new());
        Self(key.into_iter().collect())
    }

    fn read(text: &str) -> anyhow::Result<hmac::Key> {
        let text = text.strip_prefix(KEY_MARK).unwrap_or(text);
        // The error of the decoder would tell a part of the key.
        let bytes = STANDARD.decode(text).ok().context("it is not base64")?;
        let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
        ensure!(KEY_BYTES.contains(&bytes.len()), "it must have {least} to {most} bytes");
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }

    /// Whether a message was signed with one of the keys, near the present.
    pub(super) fn verify(&self, envelope: Envelope<'_>, body: &[u8], now: Timestamp) -> bool {
        let Envelope { id, timestamp, signatures } = envelope;
        let sent = timestamp.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let near = sent.is_some_and(|sent| now.duration_since(sent).abs() <= WINDOW);
        if !near || id.is_empty() || id.len() > ID_BYTES_MAX {
            return false;
        }
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let signatures = signatures.split(' ').take(SIGNATURES_MAX);
        signatures
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .any(|tag| self.0.iter().any(|key| hmac::verify(key, &signed, &tag).is_ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const NOW: &str = "2021-02-25T15:02:35Z";

    fn keys(texts: &[&str]) -> Keys {
        Keys(texts.iter().map(|text| Keys::read(text).unwrap()).collect())
    }

    fn signed(key: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        format!("v1,{}", STANDARD.encode(hmac::sign(&Keys::read(key).unwrap(), &signed)))
    }

    fn holds(keys: &Keys, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
        let envelope = Envelope { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp, signatures };
        keys.verify(envelope, body, NOW.parse().unwrap())
    }

    #[test]
    fn the_specifications_own_example_is_believed() {
        let example = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

        assert!(holds(&keys(&[ONE]), "1614265330", example, BODY));
        assert!(holds(
            &keys(&[OTHER, ONE]),
            "1614265330",
            &format!("v1,eA== v2,x {example}"),
            BODY
        ));
    }

    #[test]
    fn another_key_time_id_or_byte_is_not_believed() {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let good = signed(ONE, id, "1614265355", BODY);
        assert!(holds(&keys(&[ONE]), "1614265355", &good, BODY));

        assert!(!holds(&keys(&[OTHER]), "1614265355", &good, BODY));
        assert!(!holds(&keys(&[ONE]), "1614265356", &good, BODY));
        assert!(!holds(&keys(&[ONE]), "1614265355", &good, b"{}"));
        assert!(!holds(&keys(&[ONE]), "1614265355", "", BODY));
        assert!(!holds(&keys(&[ONE]), "1614265355", good.trim_start_matches("v1,"), BODY));
        assert!(!holds(&keys(&[ONE]), "1614265355", &good.replace("v1,", "v1a,"), BODY));
        for old in ["1614265054", "1614265656", "x", ""] {
            assert!(!holds(&keys(&[ONE]), old, &signed(ONE, id, old, BODY), BODY), "{old}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_repeating_it() {
        for (key, reason) in [
            ("whsec_?secret?", "it is not base64"),
            ("whsec_c2hvcnQ=", "it must have 24 to 64 bytes"),
        ] {
            assert_eq!(format!("{:#}", Keys::read(key).unwrap_err()), reason);
        }
    }
}
