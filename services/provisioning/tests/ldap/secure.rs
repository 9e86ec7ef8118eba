//! Connections to a directory that are secured.

use provisioning::connectors::{Egress, Ldap, LdapSettings, Outcome};
use testkit::Slapd;

use super::directory::{connector, done, hire, settings};

#[tokio::test]
async fn a_directory_is_reached_over_tls_from_the_start_and_by_starttls() {
    let slapd = Slapd::secured().await;
    let ca = Some(slapd.certificate());
    for (number, url, starttls) in [(1, slapd.secure_url(), false), (2, slapd.url(), true)] {
        let settings = LdapSettings { url, starttls, ca: ca.clone(), ..settings(&slapd, "") };
        let directory = connector(settings);

        let made = done(directory.ensure_accounts(&[hire(number, &format!("l{number}"))]).await);

        assert_eq!(slapd.account(&made.login).await.one("entryUUID"), made.account_id);
    }
}

#[tokio::test]
async fn a_certificate_that_leads_nowhere_is_not_trusted() {
    let (slapd, other) = (Slapd::secured().await, Slapd::secured().await);
    for ca in [Some(other.certificate()), None] {
        for (url, starttls) in [(slapd.secure_url(), false), (slapd.url(), true)] {
            let settings = LdapSettings { url, starttls, ca: ca.clone(), ..settings(&slapd, "") };

            let outcomes = connector(settings).ensure_accounts(&[hire(1, "ada")]).await;

            assert!(
                matches!(outcomes.as_slice(), [Outcome::Retry { after, reason }]
                    if after.as_secs() >= 60 && reason.starts_with("PROV-115")),
                "{outcomes:?}"
            );
        }
    }
    assert!(slapd.accounts().await.is_empty());
}

#[tokio::test]
async fn a_directory_that_cannot_secure_a_connection_hears_no_password() {
    let slapd = Slapd::start().await;
    let settings = LdapSettings { starttls: true, ..settings(&slapd, "") };

    let outcomes = connector(settings).ensure_accounts(&[hire(1, "ada")]).await;

    assert!(
        matches!(outcomes.as_slice(), [Outcome::Retry { reason, .. }]
            if reason.starts_with("PROV-115")),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_directory_elsewhere_is_not_spoken_to_in_the_clear() {
    let slapd = Slapd::start().await;
    let url = "ldap://ldap.city.example".to_owned();

    assert!(Ldap::try_new(LdapSettings { url, ..settings(&slapd, "") }).is_err());
}

#[tokio::test]
async fn a_directory_at_an_address_that_nobody_allowed_hears_nothing() {
    let slapd = Slapd::start().await;
    let by_name = slapd.url().replace("127.0.0.1", "localhost");
    for url in [slapd.url(), by_name] {
        let egress = Egress::try_new(["10.0.0.0/8"]).unwrap();
        let settings = LdapSettings { url, egress, ..settings(&slapd, "") };

        let outcomes = connector(settings).ensure_accounts(&[hire(1, "ada")]).await;

        assert!(
            matches!(outcomes.as_slice(), [Outcome::Wait { reason, .. }]
                if reason.starts_with("PROV-141")),
            "{outcomes:?}"
        );
    }
    assert!(slapd.accounts().await.is_empty());
}
