//! Which host a request may name. A web page can make its own host name point to this machine, and then read and write as
//! if it came from here (DNS rebinding); its requests name that host. Pure.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hyper::http::uri::Authority;

/// `NAME[:PORT]`: a name under which clients reach the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    name: String,
    /// `None`: any.
    port: Option<u16>,
}

/// Text that is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host: write NAME or NAME:PORT")]
pub struct BadHostName(String);

impl FromStr for HostName {
    type Err = BadHostName;
    fn from_str(text: &str) -> Result<Self, BadHostName> {
        let bad = || BadHostName(text.to_owned());
        let parsed: Authority = text.parse().map_err(|_| bad())?;
        let (name, port) = (parsed.host().to_ascii_lowercase(), parsed.port_u16());
        let whole = port.map_or(name.clone(), |port| format!("{name}:{port}"));
        match !name.is_empty() && whole == text.to_ascii_lowercase() {
            true => Ok(HostName { name, port }),
            false => Err(bad()),
        }
    }
}

/// The names of a registry.
#[derive(Debug)]
pub(crate) struct Hosts {
    port: u16,
    more: Vec<HostName>,
}

impl Hosts {
    /// Of a registry that listens on `address` and has `more` names.
    pub(crate) fn new(address: SocketAddr, more: Vec<HostName>) -> Self {
        Hosts { port: address.port(), more }
    }

    /// Whether a request that came in at `local` may name this host.
    pub(crate) fn allow(&self, host: &str, local: IpAddr) -> bool {
        let Ok(HostName { name, port }) = host.parse() else { return false };
        // Clients leave the default port of HTTP out.
        let port = port.unwrap_or(80);
        let local = match local.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let own = ["localhost", "127.0.0.1", "[::1]", &local];
        port == self.port && own.contains(&name.as_str())
            || self.more.iter().any(|h| h.name == name && h.port.is_none_or(|p| p == port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_known() {
        let more = ["Registry.Example", "other.example:443"].map(|text| text.parse().unwrap());
        let hosts = Hosts::new("0.0.0.0:5080".parse().unwrap(), more.to_vec());
        let local: IpAddr = "192.0.2.7".parse().unwrap();
        for host in [
            "127.0.0.1:5080",
            "LOCALHOST:5080",
            "[::1]:5080",
            "192.0.2.7:5080",
            "registry.example",
            "registry.example:80",
            "registry.example:9",
            "other.example:443",
        ] {
            assert!(hosts.allow(host, local), "{host}");
        }
        for host in [
            "",
            "localhost",
            "127.0.0.1:5081",
            "192.0.2.8:5080",
            "evil.example:5080",
            "localhost.evil.example:5080",
            "a@localhost:5080",
            "localhost:5080/x",
            "localhost:",
            "other.example",
        ] {
            assert!(!hosts.allow(host, local), "{host}");
        }
        assert!(hosts.allow("127.0.0.2:5080", "::ffff:127.0.0.2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "http://a", "a/b", "a@b", "a:x", "a:", "a b"] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }
}
