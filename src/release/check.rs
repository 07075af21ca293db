//! Whether an image still exists where a release put it.

use std::future::Future;
use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;

/// Asks about images.
pub trait ImageCheck {
    /// Whether the registry has the manifest of this image.
    /// Errors: in words, when the registry does not answer the question.
    fn exists(&self, image: &Reference) -> impl Future<Output = Result<bool, String>> + Send;
}

/// Asks the image's own registry, with the user's docker credentials.
#[derive(Clone)]
pub struct RegistryCheck {
    insecure: bool,
}

impl RegistryCheck {
    /// Plain http is spoken to loopback, and to any host when `insecure`.
    pub fn new(insecure: bool) -> Self {
        RegistryCheck { insecure }
    }
}

impl ImageCheck for RegistryCheck {
    async fn exists(&self, image: &Reference) -> Result<bool, String> {
        let host = image.resolve_registry().to_owned();
        let plain = self.insecure || is_loopback(&host);
        let client = Client::new(ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(30)),
            ..ClientConfig::default()
        });
        let auth = tokio::task::spawn_blocking(move || credentials(&host));
        let auth = auth.await.map_err(|e| e.to_string())??;
        match client.fetch_manifest_digest(image, &auth).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(innermost(&error)),
        }
    }
}

fn is_missing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => true,
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|e| {
            use OciErrorCode::{ManifestUnknown, NameUnknown, NotFound};
            [ManifestUnknown, NameUnknown, NotFound].contains(&e.code)
        }),
        _ => false,
    }
}

fn innermost(error: &OciDistributionError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What `docker login` left for a registry; nothing there is an anonymous request.
fn credentials(host: &str) -> Result<RegistryAuth, String> {
    let server = if host.ends_with("docker.io") { "https://index.docker.io/v1/" } else { host };
    match docker_credential::get_credential(server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(RegistryAuth::Bearer(token)),
        Err(
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured,
        ) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(format!("the docker credentials for {host} cannot be read: {error}")),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["ghcr.io", "localhost.example", "10.0.0.1:5000", "127.0.0.1.example:80"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
