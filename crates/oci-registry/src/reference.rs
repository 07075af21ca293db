//! Where images are: references as text, [`PinnedReference`]s, which always have a digest, and repositories.

use std::fmt;
use std::str::FromStr;

use http_retry::login::masked;
use oci_digest::Digest;
use oci_spec::distribution::Reference;
use serde::{Deserialize, Serialize};

/// Text that is no image reference, or one without a digest where a digest is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// Not `[HOST/]NAME[:TAG][@DIGEST]`.
    #[error("`{}` is not an image reference ({})", masked(.0), .1)]
    Syntax(String, String),
    /// A tag can move; a digest can't.
    #[error("`{}` has no digest (@sha256:… or @sha512:…)", masked(.0))]
    NoDigest(String),
}

/// Reads `[HOST/]NAME[:TAG][@DIGEST]` as the distribution spec and Docker do: a name without a
/// host is on docker.io, a one-word name there is under `library/`.
pub fn parse(text: &str) -> Result<Reference, BadReference> {
    match plain(text) {
        Some(reference) => Ok(reference),
        None => complete(text),
    }
}

/// Every form there is, by a pattern that takes 20 ms to compile.
fn complete(text: &str) -> Result<Reference, BadReference> {
    text.parse::<Reference>().map_err(|e| BadReference::Syntax(text.to_owned(), e.to_string()))
}

/// The common forms, `HOST/NAME:TAG` and `HOST/NAME@sha256:…`, where nothing is left to defaults.
fn plain(text: &str) -> Option<Reference> {
    let (host, rest) = text.split_once('/')?;
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = |l: &str| l.chars().all(inside) && is_closed(l, |c| c.is_ascii_alphanumeric());
    let is_host = (host.contains(['.', ':']) || host == "localhost")
        && name.split('.').all(label)
        && !port.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit());
    let (repository, tag, digest) = match rest.split_once('@') {
        Some((repository, digest)) => (repository, None, Some(digest)),
        None => {
            let (repository, tag) = rest.rsplit_once(':')?;
            (repository, Some(tag), None)
        }
    };
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.chars().all(|c| lower(c) || matches!(c, '.' | '_' | '-'))
            && part.split(['.', '_', '-']).all(|word| !word.is_empty())
    };
    let on_hub = matches!(host, "docker.io" | "index.docker.io");
    if !is_host || on_hub && host.len() > 9 || on_hub && !repository.contains('/') {
        return None;
    }
    if !repository.split('/').all(is_part) || repository.len() > 200 {
        return None;
    }
    let owned = |text: &str| text.to_owned();
    match (tag, digest) {
        (Some(tag), _) => {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let fits = tag.len() <= 128 && tag.starts_with(word);
            (fits && tag.chars().all(|c| word(c) || matches!(c, '.' | '-')))
                .then(|| Reference::with_tag(owned(host), owned(repository), owned(tag)))
        }
        (None, Some(digest)) => {
            let known = digest.parse::<Digest>().is_ok_and(|known| known.to_string() == digest);
            known.then(|| Reference::with_digest(owned(host), owned(repository), owned(digest)))
        }
        (None, None) => None,
    }
}

/// Whether the text begins and ends with such characters, and is not empty.
fn is_closed(text: &str, end: impl Fn(char) -> bool + Copy) -> bool {
    text.starts_with(end) && text.ends_with(end)
}

/// `HOST/NAME@sha256:…` (or `sha512`): an image that cannot move.
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

/// `HOST[:PORT]/NAME`: where images of one name are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Repository {
    /// `HOST[:PORT]`
    pub registry: String,
    /// The name below the host.
    pub name: String,
}

impl Repository {
    /// Where an image is.
    pub fn of(image: &PinnedReference) -> Self {
        Repository { registry: image.registry().to_owned(), name: image.repository().to_owned() }
    }

    /// The image of this digest there.
    pub fn pinned(&self, digest: Digest) -> PinnedReference {
        PinnedReference::new(&self.registry, &self.name, digest)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
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
    fn the_short_way_never_differs_from_the_complete_one() {
        let digest = Digest::of("x");
        let hosts = [
            "docker.io",
            "index.docker.io",
            "localhost",
            "127.0.0.1:5000",
            "a-b.c",
            "-a.b",
            "a",
            "a.b:",
            "a..b",
            "A.b",
        ];
        let names =
            ["x", "team/x", "a/b/c", "a__b", "a--b", "a.b_c-d", "A", "a/", "/a", ".a", "", "a:1"];
        let ends = [
            ":v1",
            ":_1.2-x",
            ":.1",
            ":",
            "",
            ":é",
            ":v1@",
            "@sha256:00",
            &format!("@{digest}"),
            &format!(":t@{digest}"),
        ];
        let mut short = 0;
        for (host, name) in hosts.iter().flat_map(|host| names.map(|name| (host, name))) {
            for end in ends {
                let text = format!("{host}/{name}{end}");
                if let Some(reference) = plain(&text) {
                    assert_eq!(complete(&text).as_ref(), Ok(&reference), "{text}");
                    short += 1;
                }
            }
        }
        assert!(short > 20 && plain("docker.io/nvidia/cuda:13.1.1-base-ubuntu24.04").is_some());
        assert_eq!(parse("ubuntu:24.04").unwrap().repository(), "library/ubuntu");
    }

    #[test]
    fn a_tag_alone_is_not_a_pin() {
        assert!(matches!("ray:v1".parse::<PinnedReference>(), Err(BadReference::NoDigest(_))));
        assert!(matches!("Ray:v1".parse::<PinnedReference>(), Err(BadReference::Syntax(..))));
    }
}
