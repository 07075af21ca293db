//! Builds reqwest clients: timeouts, TLS, one connection to a new host before all others.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::connect_once::ConnectOnce;
use super::trust::Trust;

/// Without a read timeout: uploads have none. HTTP/1.1 and HTTP/2, by ALPN.
pub(super) fn builder(agent: &'static str) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(agent)
        .connect_timeout(Duration::from_secs(20))
        // A URL may contain secrets that another host must not see.
        .referer(false)
        .connector_layer(ConnectOnce::default());
    match &*TLS {
        Ok(tls) => builder.tls_backend_preconfigured(tls.clone()),
        // `build` finds the same fault and returns it as its own error.
        Err(_) => builder,
    }
}

/// Shared by all clients: the certificates are read once.
static TLS: LazyLock<Result<rustls::ClientConfig, rustls::Error>> = LazyLock::new(|| {
    // ring starts 30 ms faster than aws-lc-rs. A provider that is installed already stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let provider = rustls::crypto::CryptoProvider::get_default().expect("it was installed above");
    let trust = Trust::new(provider);
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth();
    tls.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    Ok(tls)
});
