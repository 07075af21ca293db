//! The platforms of images: operating system and architecture, and every name that other projects have for them.
//!
//! One row of its table is one platform; nothing else in the program spells an architecture, so that a further platform is a
//! further row. The names are those of the OCI image specification (os, architecture, variant), PEP 425, 513, 571, 599
//! and 600 (wheel tags), PEP 508 (markers), LLVM (the triples of python-build-standalone) and Debian (architecture, multiarch).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A platform of the table. As text it is `linux/amd64`, also in files.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Platform(&'static Names);

/// The values of the markers in which platforms differ, as PEP 508 names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Markers {
    /// `posix`
    pub os_name: &'static str,
    /// `linux`
    pub sys_platform: &'static str,
    /// `Linux`
    pub platform_system: &'static str,
    /// `x86_64`
    pub platform_machine: &'static str,
}

/// A row of the table.
#[derive(PartialEq, Eq)]
struct Names {
    /// In files and messages, and in OCI: `os/architecture`.
    name: &'static str,
    os: &'static str,
    architecture: &'static str,
    /// The variants that run on every machine of the architecture; no variant means the same.
    baseline: &'static [&'static str],
    markers: Markers,
    /// `PREFIX_MACHINE` tags older than PEP 600 by their prefix, and the glibc that each stands for.
    legacy_manylinux: &'static [(&'static str, (u16, u16))],
    standalone_triple: &'static str,
    /// Where distributions keep the C library, below `/` or `/usr`.
    library_folders: &'static [&'static str],
    debian_architecture: &'static str,
}

const LINUX_AMD64: Names = Names {
    name: "linux/amd64",
    os: "linux",
    architecture: "amd64",
    baseline: &["v1"],
    markers: Markers {
        os_name: "posix",
        sys_platform: "linux",
        platform_system: "Linux",
        platform_machine: "x86_64",
    },
    legacy_manylinux: &[
        ("manylinux1", (2, 5)),
        ("manylinux2010", (2, 12)),
        ("manylinux2014", (2, 17)),
    ],
    standalone_triple: "x86_64-unknown-linux-gnu",
    library_folders: &["lib", "lib64", "lib/x86_64-linux-gnu"],
    debian_architecture: "amd64",
};

/// Not offered: a second row, so that tests see which names depend on the platform.
#[cfg(test)]
const LINUX_ARM64: Names = Names {
    name: "linux/arm64",
    os: "linux",
    architecture: "arm64",
    baseline: &["v8"],
    markers: Markers { platform_machine: "aarch64", ..LINUX_AMD64.markers },
    legacy_manylinux: &[("manylinux2014", (2, 17))],
    standalone_triple: "aarch64-unknown-linux-gnu",
    library_folders: &["lib", "lib64", "lib/aarch64-linux-gnu"],
    debian_architecture: "arm64",
};

impl Platform {
    /// Linux with glibc on x86-64.
    pub const LINUX_AMD64: Platform = Platform(&LINUX_AMD64);

    /// Linux with glibc on AArch64.
    #[cfg(test)]
    pub(crate) const LINUX_ARM64: Platform = Platform(&LINUX_ARM64);

    /// The platforms that a spec can name.
    pub const OFFERED: &[Platform] = &[Platform::LINUX_AMD64];

    /// `linux/amd64`
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether an image whose config or descriptor says this runs on every machine of the platform. An empty variant is none.
    pub fn is(self, os: &str, architecture: &str, variant: &str) -> bool {
        let same = os == self.0.os && architecture == self.0.architecture;
        same && (variant.is_empty() || self.0.baseline.contains(&variant))
    }

    /// The values of the markers in which platforms differ.
    pub fn markers(self) -> Markers {
        self.0.markers
    }

    /// What a wheel's platform tag says before the platform: `manylinux_2_28` of `manylinux_2_28_x86_64`; `None`: it is
    /// another platform's.
    pub fn wheel_tag_prefix(self, tag: &str) -> Option<&str> {
        tag.strip_suffix(self.0.markers.platform_machine)?.strip_suffix('_')
    }

    /// The glibc, major and minor, that a prefix older than PEP 600 stands for: `manylinux2014` is 2.17.
    pub fn legacy_manylinux(self, prefix: &str) -> Option<(u16, u16)> {
        let found = self.0.legacy_manylinux.iter().find(|(name, _)| *name == prefix);
        found.map(|(_, glibc)| *glibc)
    }

    /// How python-build-standalone's files name it: `x86_64-unknown-linux-gnu`.
    pub fn standalone_triple(self) -> &'static str {
        self.0.standalone_triple
    }

    /// The folders in which the dynamic loader finds the C library, below `/` or `/usr`: `lib/x86_64-linux-gnu`.
    pub fn library_folders(self) -> &'static [&'static str] {
        self.0.library_folders
    }

    /// `amd64`, as dpkg has it.
    pub fn debian_architecture(self) -> &'static str {
        self.0.debian_architecture
    }
}

/// The name of a platform that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the platform `{0}` is not supported")]
pub struct UnknownPlatform(String);

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        let found = Platform::OFFERED.iter().find(|platform| platform.name() == text);
        found.copied().ok_or_else(|| UnknownPlatform(text.to_owned()))
    }
}

impl TryFrom<String> for Platform {
    type Error = UnknownPlatform;

    fn try_from(text: String) -> Result<Self, UnknownPlatform> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> String {
        platform.name().to_owned()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_offered_can_be_named() {
        assert_eq!("linux/amd64".parse(), Ok(Platform::LINUX_AMD64));
        for other in ["linux/arm64", "linux", "LINUX/AMD64", "linux/amd64/v1", ""] {
            assert_eq!(other.parse::<Platform>(), Err(UnknownPlatform(other.to_owned())));
        }
        let json = serde_json::to_string(&Platform::LINUX_AMD64).unwrap();
        assert_eq!(json, "\"linux/amd64\"");
        assert_eq!(serde_json::from_str::<Platform>(&json).unwrap(), Platform::LINUX_AMD64);
        let error = serde_json::from_str::<Platform>("\"linux/arm64\"").unwrap_err();
        assert!(error.to_string().starts_with("the platform `linux/arm64` is not supported"));
    }

    #[test]
    fn an_image_for_newer_processors_is_not_for_the_platform() {
        let is = Platform::LINUX_AMD64;
        assert!(is.is("linux", "amd64", "") && is.is("linux", "amd64", "v1"));
        assert!(!is.is("linux", "amd64", "v3") && !is.is("windows", "amd64", ""));
        let arm = Platform::LINUX_ARM64;
        assert!(arm.is("linux", "arm64", "v8") && arm.is("linux", "arm64", ""));
        assert!(!arm.is("linux", "arm", "v8") && !arm.is("linux", "arm64", "v9"));
    }

    #[test]
    fn each_row_agrees_with_itself() {
        for platform in [Platform::LINUX_AMD64, Platform::LINUX_ARM64] {
            let Names { name, os, architecture, markers, .. } = platform.0;
            assert_eq!(*name, format!("{os}/{architecture}"));
            let machine = markers.platform_machine;
            assert_eq!(platform.standalone_triple(), format!("{machine}-unknown-linux-gnu"));
            let multiarch = format!("lib/{machine}-linux-gnu");
            assert!(platform.library_folders().contains(&multiarch.as_str()));
            assert_eq!(platform.debian_architecture(), *architecture);
            assert_eq!(platform.legacy_manylinux("manylinux2014"), Some((2, 17)));
            let tag = format!("manylinux_2_28_{machine}");
            assert_eq!(platform.wheel_tag_prefix(&tag), Some("manylinux_2_28"));
        }
        assert_eq!(Platform::LINUX_ARM64.legacy_manylinux("manylinux1"), None);
        assert_eq!(Platform::LINUX_AMD64.wheel_tag_prefix("win_amd64"), None);
    }
}
