//! Where a registry's API is, and when plain http is right for it. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use url::Url;

use crate::login;

/// A repository at one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The registry as people and the docker config call it.
    pub(super) name: String,
    /// `HOST[:PORT]` of its API.
    pub(super) authority: String,
    /// The repository there.
    pub(super) repository: String,
    /// The reference that is being looked for, for messages.
    pub(super) reference: String,
    /// Answers for another host.
    pub(super) mirror: bool,
}

impl Address {
    /// The registry itself.
    pub(super) fn new(registry: &str, repository: &str, reference: &str) -> Self {
        let authority = match registry {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        Address {
            name: registry.to_owned(),
            authority: authority.to_owned(),
            repository: repository.to_owned(),
            reference: reference.to_owned(),
            mirror: false,
        }
    }

    /// Whether this is an address of the registry, not one it points to.
    pub(super) fn is_at(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let home = login::parse(&format!("{}://{}", url.scheme(), self.authority));
        home.is_ok_and(|(home, _)| {
            home.host_str() == url.host_str() && home.port_or_known_default() == port
        })
    }

    /// The mirror that `mirrors` names for this registry, `HOST[:PORT][/PREFIX]`.
    pub(super) fn mirrored(&self, mirrors: &BTreeMap<String, String>) -> Option<Self> {
        let mirror = mirrors.get(&self.name)?.trim_end_matches('/');
        let (host, repository) = match mirror.split_once('/') {
            Some((host, prefix)) => (host, format!("{prefix}/{}", self.repository)),
            None => (mirror, self.repository.clone()),
        };
        Some(Address { mirror: true, ..Address::new(host, &repository, &self.reference) })
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
        let hub = Address::new("docker.io", "library/ubuntu", "ubuntu:24.04");
        assert_eq!(hub.authority, "registry-1.docker.io");
        let mirrors = BTreeMap::from([("docker.io".to_owned(), "m.example:5000/hub/".to_owned())]);
        let mirror = hub.mirrored(&mirrors).unwrap();
        assert_eq!(
            (&*mirror.authority, &*mirror.repository),
            ("m.example:5000", "hub/library/ubuntu")
        );
        assert!(Address::new("ghcr.io", "a", "a").mirrored(&mirrors).is_none());
    }
}
