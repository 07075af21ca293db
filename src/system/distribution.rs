//! The distributions whose packages can be locked.

use std::fmt;
use std::str::FromStr;

use debian_archive::{Keyring, debian_keys, ubuntu_keys};

use crate::platform::Platform;

/// A distribution with archives as apt has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distribution {
    /// Debian.
    Debian,
    /// Ubuntu.
    Ubuntu,
}

impl Distribution {
    /// As os-release's `ID` has it: also the name of its source.
    pub fn id(self) -> &'static str {
        match self {
            Distribution::Debian => "debian",
            Distribution::Ubuntu => "ubuntu",
        }
    }

    /// As `Origin` in its Release files has it.
    pub fn origin(self) -> &'static str {
        match self {
            Distribution::Debian => "Debian",
            Distribution::Ubuntu => "Ubuntu",
        }
    }

    /// The keys that sign its archives, built in.
    pub fn keys(self) -> Keyring {
        match self {
            Distribution::Debian => debian_keys(),
            Distribution::Ubuntu => ubuntu_keys(),
        }
    }

    /// The addresses that are no setting, of the archive of a suite.
    ///
    /// Debian has none: where it is, apt's settings, the spec or the build say.
    pub(super) fn default_addresses(
        self,
        platform: Platform,
        suite: &str,
    ) -> &'static [&'static str] {
        match self {
            Distribution::Debian => &[],
            Distribution::Ubuntu if platform != Platform::LINUX_AMD64 => {
                &["http://ports.ubuntu.com/ubuntu-ports/"]
            }
            Distribution::Ubuntu if suite.ends_with("-security") => {
                &["http://security.ubuntu.com/ubuntu/", "http://archive.ubuntu.com/ubuntu/"]
            }
            Distribution::Ubuntu => &["http://archive.ubuntu.com/ubuntu/"],
        }
    }

    /// Where older states of its archives are, with `@SNAPSHOTID@` for the time.
    pub(super) fn default_snapshots(self) -> Option<&'static str> {
        match self {
            Distribution::Debian => None,
            Distribution::Ubuntu => Some("https://snapshot.ubuntu.com/ubuntu/@SNAPSHOTID@/"),
        }
    }
}

/// A name that is no distribution's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a distribution whose packages can be locked: debian, ubuntu")]
pub struct UnknownDistribution(String);

impl FromStr for Distribution {
    type Err = UnknownDistribution;

    fn from_str(text: &str) -> Result<Self, UnknownDistribution> {
        let all = [Distribution::Debian, Distribution::Ubuntu];
        let found = all.into_iter().find(|distribution| distribution.id() == text);
        found.ok_or_else(|| UnknownDistribution(text.to_owned()))
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ubuntu_has_an_archive_for_most_and_one_for_the_other_platforms() {
        let of = |platform, suite| Distribution::Ubuntu.default_addresses(platform, suite)[0];
        assert_eq!(of(Platform::LINUX_AMD64, "noble"), "http://archive.ubuntu.com/ubuntu/");
        let security = "http://security.ubuntu.com/ubuntu/";
        assert_eq!(of(Platform::LINUX_AMD64, "noble-security"), security);
        let ports = "http://ports.ubuntu.com/ubuntu-ports/";
        assert_eq!(of(Platform::LINUX_ARM64, "noble-security"), ports);
    }
}
