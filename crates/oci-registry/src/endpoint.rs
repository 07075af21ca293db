//! The address of a registry's API, whether it is reached by plain http, and its name in messages. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http_retry::login;
use oci_digest::Digest;
use oci_spec::distribution::Reference;
use reqwest::StatusCode;
use url::Url;

use crate::error::Error;
use crate::reference::{PinnedReference, Repository};
use crate::server_message::ServerMessage;

/// A repository at one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The registry as it is named in references and the docker config.
    pub(crate) name: String,
    /// `HOST[:PORT]` of its API.
    pub(crate) authority: String,
    /// The repository there.
    pub(crate) repository: String,
    /// The reference that is being looked for, for messages.
    pub(crate) reference: String,
    /// Answers for another host.
    pub(crate) mirror: bool,
}

impl Endpoint {
    /// The registry of an image, never a mirror. `shown`: what messages call it.
    pub fn of(reference: &Reference, shown: &str) -> Self {
        Endpoint::new(reference.registry(), reference.repository(), shown)
    }

    /// The same of an image by digest.
    pub fn pinned(image: &PinnedReference) -> Self {
        Endpoint::new(image.registry(), image.repository(), &image.to_string())
    }

    /// A repository itself; messages call it `shown`.
    pub(crate) fn at(at: &Repository, shown: &str) -> Self {
        Endpoint::new(&at.registry, &at.name, shown)
    }

    /// The repository that is asked: a mirror's where one answers for the registry.
    pub fn repository(&self) -> Repository {
        Repository { registry: self.name.clone(), name: self.repository.clone() }
    }

    /// The registry itself.
    pub(crate) fn new(registry: &str, repository: &str, reference: &str) -> Self {
        let authority = match registry {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        Endpoint {
            name: registry.to_owned(),
            authority: authority.to_owned(),
            repository: repository.to_owned(),
            reference: reference.to_owned(),
            mirror: false,
        }
    }

    /// Whether this is an address of the registry, not one it points to.
    pub(crate) fn is_at(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let home = login::parse(&format!("{}://{}", url.scheme(), self.authority));
        home.is_ok_and(|(home, _)| {
            home.host_str() == url.host_str() && home.port_or_known_default() == port
        })
    }

    /// The mirror that `mirrors` names for this registry, `HOST[:PORT][/PREFIX]`.
    pub(crate) fn mirrored(&self, mirrors: &BTreeMap<String, String>) -> Option<Self> {
        let mirror = mirrors.get(&self.name)?.trim_end_matches('/');
        let (host, repository) = match mirror.split_once('/') {
            Some((host, prefix)) => (host, format!("{prefix}/{}", self.repository)),
            None => (mirror, self.repository.clone()),
        };
        Some(Endpoint { mirror: true, ..Endpoint::new(host, &repository, &self.reference) })
    }
}

/// What went wrong at an endpoint, as errors.
impl Endpoint {
    pub(crate) fn refused(&self, status: StatusCode, said: &ServerMessage) -> Error {
        let (reference, host) = (self.reference.clone(), self.name.clone());
        let detail = said.detail();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let with = "with the credentials of the docker config, if any".to_owned();
            return Error::Unauthorized { reference, host, status, with, detail };
        }
        if said.code == "NAME_UNKNOWN" {
            return self.has_no_repository(said);
        }
        Error::Status { reference, host, status, detail }
    }

    pub(crate) fn has_no_repository(&self, said: &ServerMessage) -> Error {
        Error::NoRepository {
            reference: self.reference.clone(),
            host: self.name.clone(),
            repository: self.repository.clone(),
            detail: said.detail(),
        }
    }

    pub(crate) fn unreachable(&self, source: http_retry::Error) -> Error {
        Error::net(&self.reference, &self.name, source)
    }

    /// An answer of it that cannot be understood.
    pub fn malformed(&self, what: &str, cause: impl ToString) -> Error {
        Error::Malformed {
            reference: self.reference.clone(),
            host: self.name.clone(),
            what: what.to_owned(),
            cause: cause.to_string(),
        }
    }

    pub(crate) fn not_found(&self) -> Error {
        Error::NotFound { reference: self.reference.clone(), host: self.name.clone() }
    }

    pub(crate) fn contradiction(
        &self,
        what: impl ToString,
        expected: impl ToString,
        got: impl ToString,
    ) -> Error {
        Error::Integrity {
            reference: self.reference.as_str().into(),
            host: self.name.as_str().into(),
            what: what.to_string().into(),
            expected: expected.to_string().into(),
            got: got.to_string().into(),
        }
    }
    pub(crate) fn missing(&self, digest: Digest) -> Error {
        let (reference, host) = (self.reference.clone(), self.name.clone());
        Error::MissingBlob { reference, host, digest }
    }

    /// That what a registry states is the digest of what was sent.
    pub(crate) fn check(&self, stated: Option<Digest>, expected: Digest) -> Result<(), Error> {
        match stated {
            Some(got) if got != expected => Err(self.contradiction("what arrived", expected, got)),
            _ => Ok(()),
        }
    }
}

/// Whether `HOST[:PORT]` is this machine.
pub fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _port)| host),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["ghcr.io", "10.0.0.1:5000", "localhost.example", "127.0.0.1.example:5000"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn docker_hub_has_its_api_elsewhere_and_a_mirror_may_have_a_prefix() {
        let hub = Endpoint::new("docker.io", "library/ubuntu", "ubuntu:24.04");
        assert_eq!(hub.authority, "registry-1.docker.io");
        let mirrors = BTreeMap::from([("docker.io".to_owned(), "m.example:5000/hub/".to_owned())]);
        let mirror = hub.mirrored(&mirrors).unwrap();
        assert_eq!(
            (&*mirror.authority, &*mirror.repository),
            ("m.example:5000", "hub/library/ubuntu")
        );
        assert!(Endpoint::new("ghcr.io", "a", "a").mirrored(&mirrors).is_none());
    }
}
