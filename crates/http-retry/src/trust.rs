//! Which certificates are trusted: the system's, or those of SSL_CERT_FILE; and for single hosts those that docker and
//! podman trust for them, `certs.d/HOST[:PORT]/*.crt`. TLS does not say the port: what is trusted for one is for all of a host.
//! All of it is read when a server first shows a certificate: that takes 10 ms, and a registry on loopback shows none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// The trusted certificates, read when the first is needed.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    known: OnceLock<Result<Known, Error>>,
}

/// The system's certificates, and more for some hosts.
#[derive(Debug)]
struct Known {
    system: Verifier,
    hosts: HashMap<String, Arc<WebPkiServerVerifier>>,
}

impl Trust {
    /// The certificates of this machine; nothing is read yet.
    pub(super) fn new(provider: &Arc<CryptoProvider>) -> Self {
        Trust { provider: Arc::clone(provider), known: OnceLock::new() }
    }

    /// # Errors
    /// The system's certificates cannot be read.
    fn known(&self) -> Result<&Known, Error> {
        let known = self.known.get_or_init(|| Known::read(&self.provider));
        known.as_ref().map_err(Error::clone)
    }
}

impl Known {
    fn read(provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let mut stores: HashMap<String, RootCertStore> = HashMap::new();
        for (host, file) in folders().iter().flat_map(|folder| files(folder)) {
            let read = CertificateDer::pem_file_iter(&file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>);
            match read {
                Ok(found) => {
                    _ = stores
                        .entry(host)
                        .or_insert_with(RootCertStore::empty)
                        .add_parsable_certificates(found)
                }
                Err(error) => tracing::warn!("{} holds no certificates: {error}", file.display()),
            }
        }
        let mut hosts = HashMap::new();
        for (host, store) in stores {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(store.into(), Arc::clone(provider));
            match verifier.build() {
                Ok(verifier) => _ = hosts.insert(host, verifier),
                Err(error) => {
                    tracing::warn!("certs.d has no usable certificate for {host}: {error}")
                }
            }
        }
        Ok(Known { system: Verifier::new(Arc::clone(provider))?, hosts })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Known { system, hosts } = self.known()?;
        let verified = system.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match (&verified, hosts.get(&*name.to_str())) {
            // An unknown issuer is the only fault that another CA can resolve.
            (Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)), Some(own)) => {
                own.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Where docker and podman look, for the machine and for the user.
fn folders() -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let own = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    let places = [Some(PathBuf::from("/etc")), own].into_iter().flatten();
    places
        .flat_map(|place| ["docker", "containers"].map(|name| place.join(name).join("certs.d")))
        .collect()
}

/// The certificates in such a folder, each with its host.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files = Vec::new();
    for entry in entries(folder) {
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        let host = match name.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => &name,
        };
        for file in entries(&entry.path()) {
            if file.path().extension().is_some_and(|extension| extension == "crt") {
                files.push((host.to_owned(), file.path()));
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_belong_to_the_host_whose_folder_they_are_in() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["R.example:5000/ca.crt", "s.example/a.crt", "s.example/client.key", "stray.crt"]
        {
            let file = folder.path().join(name);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(file, "").unwrap();
        }
        let mut found: Vec<_> = files(folder.path())
            .into_iter()
            .map(|(host, file)| format!("{host} {}", file.file_name().unwrap().display()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, ["r.example ca.crt", "s.example a.crt"]);
        assert!(files(Path::new("/nowhere")).is_empty());
    }
}
