//! OCI digests: an algorithm and a hash (image spec 1.1, "Digests"). The two registered algorithms are known.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use sha2::digest::Update;

use crate::{Sha256, Sha512};

/// An OCI digest: `sha256:` and 64 hex digits, or `sha512:` and 128. Other algorithms are refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Digest {
    /// The usual algorithm.
    Sha256(Sha256),
    /// The other registered algorithm.
    Sha512(Sha512),
}

/// How a digest is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// `sha256`
    Sha256,
    /// `sha512`
    Sha512,
}

/// Text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest (`sha256:` and 64 hex digits, or `sha512:` and 128)")]
pub struct BadDigest(String);

impl Digest {
    /// The sha256 digest of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Digest::Sha256(Sha256::of(bytes))
    }

    /// How it was computed.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digest::Sha256(_) => Algorithm::Sha256,
            Digest::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The hash in lowercase hex digits, without its algorithm.
    pub fn hex(&self) -> String {
        match self {
            Digest::Sha256(hash) => hash.to_string(),
            Digest::Sha512(hash) => hash.to_string(),
        }
    }

    /// The digest of these hex digits, whose number determines the algorithm.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let sha256 = hex.parse().ok().map(Digest::Sha256);
        sha256.or_else(|| hex.parse().ok().map(Digest::Sha512))
    }

    /// Whether both cannot be digests of the same bytes; those of two algorithms always can.
    pub fn contradicts(&self, other: &Digest) -> bool {
        self.algorithm() == other.algorithm() && self != other
    }

    /// The tag of what is about these bytes in registries without the referrers API (distribution spec 1.1,
    /// "Referrers Tag Schema"): at most 64 hex digits, whatever the algorithm.
    pub fn referrers_tag(&self) -> String {
        format!("{}-{}", self.algorithm(), &self.hex()[..64])
    }

    /// 32 bytes that identify it, whatever the algorithm: a key to store something about these bytes.
    pub fn key(&self) -> Sha256 {
        match self {
            Digest::Sha256(hash) => *hash,
            Digest::Sha512(hash) => Sha256::of(hash.as_bytes()),
        }
    }
}

impl Algorithm {
    /// All that are known.
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    /// As the spec writes it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// The digest of these bytes.
    pub fn of(self, bytes: impl AsRef<[u8]>) -> Digest {
        let mut digester = self.digester();
        digester.update(bytes);
        digester.finish()
    }

    /// Computes a digest piece by piece.
    pub fn digester(self) -> Digester {
        match self {
            Algorithm::Sha256 => Digester::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Digester::Sha512(sha2::Sha512::new()),
        }
    }
}

/// A digest that is being computed.
#[derive(Debug, Clone)]
pub enum Digester {
    /// A sha256 digest.
    Sha256(sha2::Sha256),
    /// A sha512 digest.
    Sha512(sha2::Sha512),
}

impl Digester {
    /// The algorithm of the digest.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digester::Sha256(_) => Algorithm::Sha256,
            Digester::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        match self {
            Digester::Sha256(hasher) => Update::update(hasher, bytes.as_ref()),
            Digester::Sha512(hasher) => Update::update(hasher, bytes.as_ref()),
        }
    }

    /// The digest of everything it was fed; it is reset.
    pub fn finish(&mut self) -> Digest {
        match self {
            Digester::Sha256(hasher) => Digest::Sha256(Sha256::finish(hasher)),
            Digester::Sha512(hasher) => Digest::Sha512(Sha512::finish(hasher)),
        }
    }
}

impl Update for Digester {
    fn update(&mut self, bytes: &[u8]) {
        Digester::update(self, bytes);
    }
}

impl std::io::Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Digester::update(self, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl FromStr for Algorithm {
    type Err = BadDigest;
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let known = Algorithm::ALL.into_iter().find(|known| known.name() == text);
        known.ok_or_else(|| BadDigest(text.to_owned()))
    }
}

impl FromStr for Digest {
    type Err = BadDigest;
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let bad = || BadDigest(text.to_owned());
        let (algorithm, hex) = text.split_once(':').ok_or_else(bad)?;
        match algorithm.parse().map_err(|_| bad())? {
            Algorithm::Sha256 => hex.parse().map(Digest::Sha256).map_err(|_| bad()),
            Algorithm::Sha512 => hex.parse().map(Digest::Sha512).map_err(|_| bad()),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Digest::Sha256(hash) => write!(f, "sha256:{hash}"),
            Digest::Sha512(hash) => write!(f, "sha512:{hash}"),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Sha256> for Digest {
    fn from(hash: Sha256) -> Self {
        Digest::Sha256(hash)
    }
}

impl From<Digest> for String {
    fn from(value: Digest) -> String {
        value.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = BadDigest;
    fn try_from(text: String) -> Result<Self, BadDigest> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_string_has_its_well_known_digests() {
        for text in [
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ] {
            let digest: Digest = text.parse().unwrap();
            assert_eq!((digest.to_string(), digest.algorithm().of(b"")), (text.to_owned(), digest));
            assert_eq!(Digest::from_hex(&digest.hex()), Some(digest));
            assert_eq!(digest.referrers_tag(), text.replace(':', "-")[..71]);
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let (short, long) = ("a".repeat(64), "a".repeat(128));
        for text in [
            "",
            &short,
            &format!("sha512:{short}"),
            &format!("sha256:{long}"),
            &format!("sha384:{long}"),
            &format!("sha256{short}"),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_digests_of_one_algorithm_contradict_each_other() {
        let other = Algorithm::Sha512.of("a");
        assert!(Digest::of("a").contradicts(&Digest::of("b")));
        assert!(
            !Digest::of("a").contradicts(&Digest::of("a")) && !Digest::of("b").contradicts(&other)
        );
        assert_ne!(other.key(), Algorithm::Sha512.of("b").key());
    }
}
