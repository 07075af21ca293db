//! `[release]` and `[sign]` as values.

use std::num::NonZeroUsize;

use serde::Deserialize;

/// Settings of releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSpec {
    /// A shell command that is run when `build --push` or `rollback` has written something.
    pub after: Option<String>,
    /// How many builds are kept in their registry.
    pub keep: NonZeroUsize,
    /// Which records are put beside the images.
    pub records: Records,
}

/// What is put beside a release's images in their registry: its record, tags, lock, bill of materials, provenance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Records {
    /// As much as the registry accepts; what it refuses is reported, and the release is made.
    #[default]
    Auto,
    /// All of it, else there is no release.
    Required,
    /// Nothing.
    None,
}

impl Default for ReleaseSpec {
    fn default() -> Self {
        const TEN: NonZeroUsize = NonZeroUsize::new(10).expect("10 is not 0");
        ReleaseSpec { after: None, keep: TEN, records: Records::Auto }
    }
}

/// How images are signed, by cosign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignSpec {
    /// The key or identity.
    pub with: SignWith,
    /// Whether signatures go into sigstore's public transparency log.
    pub log: bool,
}

/// What images are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignWith {
    /// A key: a file or an address that cosign understands.
    Key {
        /// `cosign.key`, `awskms://…`
        key: String,
        /// Its public half, for `verify --supply`; absent: taken from `key`.
        public_key: Option<String>,
    },
    /// A certificate for the person or job that runs envlock, by OpenID Connect.
    Keyless {
        /// The identity of valid signers, for `verify --supply`.
        identity: Option<String>,
        /// The issuer of that identity.
        issuer: Option<String>,
    },
}
