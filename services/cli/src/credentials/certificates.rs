//! An authority of one mesh's own, and the certificates of its servers.

use anyhow::Context as _;
use domain::{Date, Timestamp};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::{AUTHORITY, CERTIFICATE, CERTIFICATE_KEY};
use crate::vault::Files;

const AUTHORITY_KEY: &str = "ca.key";
/// What a certificate was made for: the day on which it ends, and its names.
const TERMS: &str = "tls.terms";
/// Names under which a server of this machine is reached.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const AUTHORITY_YEARS: i16 = 10;
const CERTIFICATE_DAYS: i32 = 365;
/// A certificate that ends within this time is renewed.
const RENEW_DAYS: i32 = 60;

/// The beginning of a day; a macro, since the type belongs to a crate that is not used here.
macro_rules! midnight {
    ($day:expr) => {{
        let day = $day;
        date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    }};
}

/// Signs the certificates of the mesh's servers.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Opens one that was made.
    pub(super) fn open(files: &Files) -> anyhow::Result<Option<Self>> {
        let (Some(key), Some(pem)) = (files.get(AUTHORITY_KEY), files.get(AUTHORITY)) else {
            return Ok(None);
        };
        let key = KeyPair::from_pem(key).context("read the key of the mesh's own authority")?;
        Ok(Some(Self { issuer: Issuer::new(parameters(), key), pem: pem.clone() }))
    }

    /// Makes one, and returns the files to keep.
    pub(super) fn make(now: Timestamp) -> anyhow::Result<(Self, Files)> {
        let during = || "make the mesh's own authority";
        let key = KeyPair::generate().with_context(during)?;
        let mut parameters = parameters();
        let today = day(now);
        parameters.not_before = midnight!(today.saturating_sub(1.day()));
        parameters.not_after = midnight!(today.saturating_add(AUTHORITY_YEARS.years()));
        let pem = parameters.self_signed(&key).with_context(during)?.pem();
        let files = Files::from([
            (AUTHORITY_KEY.to_owned(), key.serialize_pem()),
            (AUTHORITY.to_owned(), pem.clone()),
        ]);
        Ok((Self { issuer: Issuer::new(self::parameters(), key), pem }, files))
    }

    /// Its certificate, which whoever speaks to the servers has to trust.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the files of a server that have to change, so that its certificate names it and does not
    /// end soon.
    pub(super) fn renew(
        &self,
        files: &Files,
        names: &[String],
        now: Timestamp,
    ) -> anyhow::Result<Files> {
        let names: Vec<String> =
            OWN_NAMES.iter().map(|name| (*name).to_owned()).chain(names.to_vec()).collect();
        let kept = files.get(TERMS).and_then(|terms| terms.split_once(' '));
        let good = kept.is_some_and(|(ends, named)| {
            let soon = day(now).saturating_add(RENEW_DAYS.days());
            ends.parse::<Date>().is_ok_and(|ends| ends > soon) && named == names.join(" ")
        });
        if good && files.get(AUTHORITY) == Some(&self.pem) {
            return Ok(Files::new());
        }
        let during = || format!("make a certificate for {}", names.join(", "));
        let key = KeyPair::generate().with_context(during)?;
        let mut parameters = CertificateParams::new(names.clone()).with_context(during)?;
        let (today, ends) = (day(now), day(now).saturating_add(CERTIFICATE_DAYS.days()));
        parameters.distinguished_name = named("Tenure server");
        parameters.not_before = midnight!(today.saturating_sub(1.day()));
        parameters.not_after = midnight!(ends);
        parameters.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let signed = parameters.signed_by(&key, &self.issuer).with_context(during)?;
        Ok(Files::from([
            (CERTIFICATE.to_owned(), signed.pem()),
            (CERTIFICATE_KEY.to_owned(), key.serialize_pem()),
            (AUTHORITY.to_owned(), self.pem.clone()),
            (TERMS.to_owned(), format!("{ends} {}", names.join(" "))),
        ]))
    }
}

/// What of the authority's own certificate stands in those that it signs.
fn parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = named("Tenure mesh authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}
