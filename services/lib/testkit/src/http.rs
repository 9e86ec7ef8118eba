//! The one way in which tests make an HTTP client.

/// Returns a client; the process gets a TLS provider if it has none.
#[must_use]
pub fn client() -> reqwest::Client {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::trace!("a TLS provider is installed already");
    }
    reqwest::Client::new()
}
