//! What the programs of a mesh prove themselves with: made once, renewed before it ends.
//!
//! | secret | files | for |
//! | --- | --- | --- |
//! | `keys` | seeds of NATS, `ca.key`, `ca.crt` | this room alone |
//! | `nats-server` | `accounts.conf`, `account-id`, `tls.crt`, `tls.key`, `ca.crt` | nats-server |
//! | `database-server` | `tls.crt`, `tls.key`, `ca.crt` | PostgreSQL |
//! | `nats-<user>` | `nats.creds`, `ca.crt` | a service, set-up, a source |
//! | `database-<service>`, `database-<service>-owner`, `database-admin` | `password` | a role |
//! | `operators` | `token` | whoever asks services |
//!
//! Everything may be done again at any time: what is there and good stays as it is.

mod certificates;

use anyhow::Context as _;
use bus::accounts::{Authority, Holder, Seeds};
use bus::connect::Credentials;
use domain::Timestamp;
use jiff::SignedDuration;
use proto::catalogue::Service;

use self::certificates::Authority as CertificateAuthority;
use crate::vault::{Files, Vault};

const KEYS: &str = "keys";
pub(crate) const NATS_SERVER: &str = "nats-server";
const DATABASE_SERVER: &str = "database-server";
pub(crate) const OPERATORS: &str = "operators";
pub(crate) const DATABASE_ADMIN: &str = "database-admin";

pub(crate) const ACCOUNTS: &str = "accounts.conf";
pub(crate) const CREDENTIALS: &str = "nats.creds";
pub(crate) const AUTHORITY: &str = "ca.crt";
pub(crate) const CERTIFICATE: &str = "tls.crt";
pub(crate) const CERTIFICATE_KEY: &str = "tls.key";
pub(crate) const PASSWORD: &str = "password";
pub(crate) const TOKEN: &str = "token";
/// The public key of the account that owns the streams, for whoever asks the broker's monitoring.
const ACCOUNT_ID: &str = "account-id";
/// Tells what `accounts.conf` was signed for: signing again would change its text every time.
const ACCOUNTS_DIGEST: &str = "accounts.sha256";

/// What is to be there.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// Sources that publish over NATS.
    pub(crate) sources: &'a [String],
    /// How long credentials count; they are renewed when half of it has passed.
    pub(crate) lifetime: SignedDuration,
    /// Names and addresses of the servers, besides those of this machine.
    pub(crate) server_names: &'a [String],
}

/// The secret that keeps a holder's credentials for NATS.
pub(crate) fn of_holder(holder: &Holder) -> String {
    format!("nats-{}", holder.user())
}

/// The secret that keeps the password of the role that runs a service.
pub(crate) fn of_worker(service: Service) -> String {
    format!("database-{service}")
}

/// The secret that keeps the password of the role that owns a service's database.
pub(crate) fn of_owner(service: Service) -> String {
    format!("database-{service}-owner")
}

/// Makes what is missing, renews what has ended or ends soon, and returns the names of the secrets that
/// were written.
pub(crate) async fn ensure(
    vault: &Vault,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> anyhow::Result<Vec<String>> {
    let mut writer = Writer { vault, written: Vec::new() };
    let (authority, certificates) = keys(&mut writer, wanted, now).await?;
    for server in [NATS_SERVER, DATABASE_SERVER] {
        let files = vault.read(server).await?;
        let mut changed = certificates.renew(&files, wanted.server_names, now)?;
        if server == NATS_SERVER {
            changed.extend(accounts(&authority, &files, wanted, now)?);
        }
        writer.put(server, files, changed).await?;
    }
    for holder in Holder::all(wanted.sources) {
        let name = of_holder(&holder);
        let files = vault.read(&name).await?;
        let mut changed = Files::new();
        if files.get(AUTHORITY).map(String::as_str) != Some(certificates.pem()) {
            changed.insert(AUTHORITY.to_owned(), certificates.pem().to_owned());
        }
        let kept = files.get(CREDENTIALS).and_then(|text| Credentials::parse(text).ok());
        let good = |kept: &Credentials| {
            // Those that an earlier key signed would not be believed.
            authority.has_signed(&holder, kept) && counts(kept, wanted.lifetime, now)
        };
        if !kept.as_ref().is_some_and(good) {
            let ends = now.checked_add(wanted.lifetime).context("work out when credentials end")?;
            let signed = authority.credentials(&holder, now, ends)?;
            changed.insert(CREDENTIALS.to_owned(), signed);
        }
        writer.put(&name, files, changed).await?;
    }
    let passwords = Service::ALL
        .into_iter()
        .flat_map(|service| [of_worker(service), of_owner(service)])
        .chain([DATABASE_ADMIN.to_owned()])
        .map(|name| (name, PASSWORD));
    for (name, file) in passwords.chain([(OPERATORS.to_owned(), TOKEN)]) {
        let files = vault.read(&name).await?;
        let mut changed = Files::new();
        if files.get(file).is_none_or(|text| text.trim().is_empty()) {
            changed.insert(file.to_owned(), random_text());
        }
        writer.put(&name, files, changed).await?;
    }
    Ok(writer.written)
}

struct Writer<'a> {
    vault: &'a Vault,
    written: Vec<String>,
}

impl Writer<'_> {
    async fn put(&mut self, name: &str, mut files: Files, changed: Files) -> anyhow::Result<()> {
        if changed.is_empty() {
            return Ok(());
        }
        files.extend(changed);
        self.vault.write(name, &files).await?;
        self.written.push(name.to_owned());
        Ok(())
    }
}

/// Opens the keys; those that were missing are kept before anything is signed with them.
async fn keys(
    writer: &mut Writer<'_>,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> anyhow::Result<(Authority, CertificateAuthority)> {
    let files = writer.vault.read(KEYS).await?;
    let (authority, seeds) =
        Authority::open(Seeds::from_iter(files.clone()), wanted.sources, rand::random)
            .context("open the keys of NATS")?;
    let mut changed: Files =
        seeds.into_iter().filter(|(name, _seed)| !files.contains_key(name)).collect();
    let certificates = match CertificateAuthority::open(&files)? {
        Some(certificates) => certificates,
        None => {
            let (made, made_files) = CertificateAuthority::make(now)?;
            changed.extend(made_files);
            made
        }
    };
    writer.put(KEYS, files, changed).await?;
    Ok((authority, certificates))
}

/// Signs the accounts if they are others than those that are signed.
fn accounts(
    authority: &Authority,
    files: &Files,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> anyhow::Result<Files> {
    let digest = authority.digest();
    if files.contains_key(ACCOUNTS) && files.get(ACCOUNTS_DIGEST) == Some(&digest) {
        return Ok(Files::new());
    }
    let signed = authority
        .server_configuration(now)
        .with_context(|| format!("sign the accounts of {} sources", wanted.sources.len()))?;
    Ok(Files::from([
        (ACCOUNTS.to_owned(), signed),
        (ACCOUNTS_DIGEST.to_owned(), digest),
        (ACCOUNT_ID.to_owned(), authority.owner().unwrap_or_default()),
    ]))
}

/// Whether credentials count for at least half of their lifetime from now on.
fn counts(credentials: &Credentials, lifetime: SignedDuration, now: Timestamp) -> bool {
    credentials.expires_at().is_some_and(|ends| ends.duration_since(now) > lifetime / 2)
}

fn random_text() -> String {
    data_encoding::HEXLOWER.encode(&rand::random::<[u8; 24]>())
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    fn wanted(sources: &[String]) -> Wanted<'_> {
        Wanted { sources, lifetime: SignedDuration::from_hours(24), server_names: &[] }
    }

    #[tokio::test]
    async fn what_is_good_stays_and_what_ends_soon_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::Folder(folder.path().to_owned());
        let now = Timestamp::from_second(1_770_000_000).unwrap();

        let first = ensure(&vault, &wanted(&[]), now).await.unwrap();
        let again = ensure(&vault, &wanted(&[]), now + 11.hours()).await.unwrap();
        let later = ensure(&vault, &wanted(&[]), now + 13.hours()).await.unwrap();

        assert_eq!(first.len(), 1 + 2 + 6 + 11 + 1, "{first:?}");
        assert!(again.is_empty(), "{again:?}");
        assert!(later.iter().all(|name| name.starts_with("nats-")), "{later:?}");
        assert_eq!(later.len(), 6);
    }

    #[tokio::test]
    async fn a_new_source_changes_the_accounts_and_nobodys_credentials() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::Folder(folder.path().to_owned());
        let now = Timestamp::from_second(1_770_000_000).unwrap();
        ensure(&vault, &wanted(&[]), now).await.unwrap();

        let sources = ["payroll".to_owned()];
        let written = ensure(&vault, &wanted(&sources), now).await.unwrap();

        assert_eq!(written, ["keys", "nats-server", "nats-source-payroll"]);
    }

    #[tokio::test]
    async fn credentials_that_rest_on_a_key_that_is_gone_are_signed_anew() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::Folder(folder.path().to_owned());
        let now = Timestamp::from_second(1_770_000_000).unwrap();
        ensure(&vault, &wanted(&[]), now).await.unwrap();
        let credentials = async || vault.read("nats-audit").await.unwrap()[CREDENTIALS].clone();
        let before = credentials().await;

        // Whoever made the new key had no time to sign anything with it.
        std::fs::remove_file(folder.path().join("keys/signing-AUDIT")).unwrap();
        let files = vault.read(KEYS).await.unwrap();
        let (_authority, seeds) =
            Authority::open(Seeds::from_iter(files), &[], rand::random).unwrap();
        vault.write(KEYS, &Files::from_iter(seeds)).await.unwrap();
        let written = ensure(&vault, &wanted(&[]), now).await.unwrap();

        assert_eq!(written, [NATS_SERVER, "nats-audit"]);
        assert_ne!(credentials().await, before);
    }

    #[tokio::test]
    async fn a_certificate_is_renewed_when_it_ends_soon_or_names_others() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::Folder(folder.path().to_owned());
        let now = Timestamp::from_second(1_770_000_000).unwrap();
        ensure(&vault, &wanted(&[]), now).await.unwrap();

        let names = ["tenure-nats.mesh.svc".to_owned()];
        let other = Wanted { server_names: &names, ..wanted(&[]) };
        let written = ensure(&vault, &other, now + 1.hour()).await.unwrap();
        assert_eq!(written, [NATS_SERVER, DATABASE_SERVER]);
        let written = ensure(&vault, &other, now + (24 * 320).hours()).await.unwrap();
        assert!(written.contains(&NATS_SERVER.to_owned()), "{written:?}");
    }
}
