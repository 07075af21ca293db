//! What happens to releases, as values: what `[release]` and `[sign]` say.

use std::num::NonZeroUsize;

use serde::Deserialize;

/// What belongs to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSpec {
    /// A shell command that is run when `build --push` or `rollback` has written something.
    pub after: Option<String>,
    /// How many builds are kept alive in their registry.
    pub keep: NonZeroUsize,
    /// What is put beside the images.
    pub records: Records,
}

/// What lies beside a release's images in their registry: its record, tags, lock, bill of materials, provenance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Records {
    /// As much as the registry takes; what it does not take is told, and the release is made.
    #[default]
    Auto,
    /// All of it, or there is no release.
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
    /// With what.
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
        /// Who may have signed, for `verify --supply`.
        identity: Option<String>,
        /// Who vouches for that identity.
        issuer: Option<String>,
    },
}
