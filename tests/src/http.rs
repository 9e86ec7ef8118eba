//! One small request to a service's door for health and metrics.

use std::sync::Once;

/// Gets a path; nothing when nobody answers.
pub async fn get(address: &str, path: &str) -> Option<(u16, String)> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Whoever came first has installed the same.
        rustls::crypto::ring::default_provider().install_default().ok();
    });
    let answer = reqwest::get(format!("http://{address}{path}")).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}
