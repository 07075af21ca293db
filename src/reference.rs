//! Image references. A [`PinnedReference`] has a digest, always: the only kind that envlock writes.

use std::fmt;
use std::str::FromStr;

use oci_client::Reference;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Text that is no image reference, or one without a digest where a digest is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// Not `[HOST/]NAME[:TAG][@DIGEST]`.
    #[error("`{0}` is not an image reference ({1})")]
    Syntax(String, String),
    /// A tag can move; a digest can't.
    #[error("`{0}` has no sha256 digest")]
    NoDigest(String),
}

/// Parses `[HOST/]NAME[:TAG][@DIGEST]` as the distribution spec and Docker do: a name without a
/// host is on docker.io, a one-word name there is under `library/`.
pub fn parse(text: &str) -> Result<Reference, BadReference> {
    text.parse::<Reference>().map_err(|e| BadReference::Syntax(text.to_owned(), e.to_string()))
}

/// `HOST/NAME@sha256:…`: an image nobody can move.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PinnedReference {
    registry: String,
    repository: String,
    digest: Digest,
}

impl PinnedReference {
    /// An image of `repository` (no host) at `registry` (`HOST[:PORT]`).
    pub fn new(registry: &str, repository: &str, digest: Digest) -> Self {
        Self { registry: registry.to_owned(), repository: repository.to_owned(), digest }
    }
    /// `HOST[:PORT]`.
    pub fn registry(&self) -> &str {
        &self.registry
    }
    /// The name below the host, such as `team/ray-runtime`.
    pub fn repository(&self) -> &str {
        &self.repository
    }
    /// The manifest's digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl FromStr for PinnedReference {
    type Err = BadReference;
    fn from_str(text: &str) -> Result<Self, BadReference> {
        let reference = parse(text)?;
        let digest = reference
            .digest()
            .and_then(|d| d.parse().ok())
            .ok_or_else(|| BadReference::NoDigest(text.to_owned()))?;
        Ok(Self::new(reference.registry(), reference.repository(), digest))
    }
}

impl fmt::Display for PinnedReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.registry, self.repository, self.digest)
    }
}

impl From<PinnedReference> for String {
    fn from(value: PinnedReference) -> String {
        value.to_string()
    }
}
impl TryFrom<String> for PinnedReference {
    type Error = BadReference;
    fn try_from(text: String) -> Result<Self, BadReference> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_reference_keeps_its_digest_and_drops_the_tag() {
        let d = Digest::of("x");
        let pinned: PinnedReference = format!("127.0.0.1:5000/team/ray:v1@{d}").parse().unwrap();
        assert_eq!(pinned.to_string(), format!("127.0.0.1:5000/team/ray@{d}"));
        assert_eq!((pinned.registry(), pinned.repository()), ("127.0.0.1:5000", "team/ray"));
    }

    #[test]
    fn a_tag_alone_is_not_a_pin() {
        assert!(matches!("ray:v1".parse::<PinnedReference>(), Err(BadReference::NoDigest(_))));
        assert!(matches!("Ray:v1".parse::<PinnedReference>(), Err(BadReference::Syntax(..))));
    }
}
