//! SHA-2 values as types: a hash that parsed is 32 or 64 bytes, whatever text it came from.

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-2 value of `N` bytes, shown as lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha2<const N: usize>([u8; N]);

/// A SHA-256 value: 64 hex digits.
pub type Sha256 = Sha2<32>;

/// A SHA-512 value: 128 hex digits.
pub type Sha512 = Sha2<64>;

/// The incremental hasher that `Sha256::finish` takes.
pub type Hasher = sha2::Sha256;

/// Text that is not the right number of hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a sha{} value ({} hex digits)", bytes * 8, bytes * 2)]
pub struct BadHash {
    text: String,
    bytes: usize,
}

impl Sha256 {
    /// The hash of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self::finish(&mut Hasher::new_with_prefix(bytes))
    }

    /// The hash of everything `hasher` was fed, which is reset.
    pub fn finish(hasher: &mut Hasher) -> Self {
        Sha2(hasher.finalize_reset().into())
    }
}

impl Sha512 {
    /// The hash of everything `hasher` was fed, which is reset.
    pub fn finish(hasher: &mut sha2::Sha512) -> Self {
        Sha2(hasher.finalize_reset().into())
    }
}

impl<const N: usize> Sha2<N> {
    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> FromStr for Sha2<N> {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let bad = || BadHash { text: text.to_owned(), bytes: N };
        let digits = text.as_bytes();
        if digits.len() != 2 * N {
            return Err(bad());
        }
        let mut out = [0; N];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16).ok_or_else(bad)?;
            let low = char::from(pair[1]).to_digit(16).ok_or_else(bad)?;
            *byte = u8::try_from(high * 16 + low).map_err(|_| bad())?;
        }
        Ok(Sha2(out))
    }
}

impl<const N: usize> fmt::Display for Sha2<N> {
    // Written once for each of a page's thousands of files: no formatting machinery.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [[0; 2]; N];
        for (pair, byte) in hex.iter_mut().zip(self.0) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        f.write_str(std::str::from_utf8(hex.as_flattened()).expect("digits are ASCII"))
    }
}

impl<const N: usize> fmt::Debug for Sha2<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> Serialize for Sha2<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Sha2<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hex<const N: usize>;
        impl<const N: usize> Visitor<'_> for Hex<N> {
            type Value = Sha2<N>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "{} hex digits", 2 * N)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sha2<N>, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_string_has_its_well_known_hash() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::of(b"").to_string(), hex);
        assert_eq!(hex.to_uppercase().parse(), Ok(Sha256::of(b"")));
    }

    #[test]
    fn short_long_and_foreign_text_is_refused() {
        for text in ["", "e3b0", &"g".repeat(64), &"a".repeat(65), "é"] {
            assert!(text.parse::<Sha256>().is_err(), "{text}");
        }
        let error = "a".repeat(64).parse::<Sha512>().unwrap_err().to_string();
        assert!(error.ends_with("is not a sha512 value (128 hex digits)"), "{error}");
    }
}
