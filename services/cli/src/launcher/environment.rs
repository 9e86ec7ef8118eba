//! What of this process's environment a service gets to see.

use std::collections::BTreeMap;

use proto::catalogue::Service;

const KEPT: [&str; 12] = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];
const TELEMETRY: &str = "OTEL_";
/// Where applications are and how to sign in there.
const APPLICATIONS: &str = "TENURE_APP_";

/// The name of a setting of a service: `TENURE_HRIS_INGEST__NATS__URL`.
pub(crate) fn key(service: Service, name: &str) -> String {
    format!("{}__{name}", own(service))
}

/// Returns what a service inherits: its own settings, and secrets only if they are meant for it.
pub(crate) fn inherited(
    service: Service,
    environment: impl Iterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let (settings, file) = (key(service, ""), format!("{}_CONFIG", own(service)));
    environment
        .filter(|(name, _value)| {
            KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name))
                || name.starts_with(TELEMETRY)
                || name.starts_with(&settings)
                || *name == file
                || (service == Service::Provisioning && name.starts_with(APPLICATIONS))
        })
        .collect()
}

fn own(service: Service) -> String {
    format!("TENURE_{}", service.database().to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_provisioning_sees_the_secrets_of_applications() {
        let names = |service| {
            let all = [
                "PATH",
                "TENURE_APP_CRM_TOKEN",
                "TENURE_DATABASE_URL",
                "TENURE_AUDIT__GRPC__ADDRESS",
                "TENURE_AUDIT_CONFIG",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "AWS_SECRET_ACCESS_KEY",
            ];
            let environment = all.into_iter().map(|name| (name.to_owned(), "x".to_owned()));
            inherited(service, environment).into_keys().collect::<Vec<_>>()
        };

        assert_eq!(
            names(Service::Provisioning),
            ["OTEL_EXPORTER_OTLP_ENDPOINT", "PATH", "TENURE_APP_CRM_TOKEN"]
        );
        assert_eq!(
            names(Service::Audit),
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "PATH",
                "TENURE_AUDIT_CONFIG",
                "TENURE_AUDIT__GRPC__ADDRESS"
            ]
        );
    }

    #[test]
    fn a_setting_is_named_after_its_service() {
        assert_eq!(key(Service::HrisIngest, "NATS__URL"), "TENURE_HRIS_INGEST__NATS__URL");
    }
}
