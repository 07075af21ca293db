//! Hash algorithms of signatures (RFC 9580, 9.5).

use ring::digest::{self, Digest};

use super::Refusal;

/// A hash that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    /// For what keys say of themselves, as GnuPG still reads it; never for data.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash with this number, for signatures over data: a weak one is refused by name.
    pub fn of_data(number: u8) -> Result<Self, Refusal> {
        match Self::of_keys(number)? {
            Hash::Sha1 => Err(Refusal::WeakHash("SHA-1")),
            strong => Ok(strong),
        }
    }

    /// The hash with this number, for signatures by which a key tells of itself.
    pub fn of_keys(number: u8) -> Result<Self, Refusal> {
        match number {
            1 => Err(Refusal::WeakHash("MD5")),
            2 => Ok(Hash::Sha1),
            3 => Err(Refusal::WeakHash("RIPEMD-160")),
            8 => Ok(Hash::Sha256),
            9 => Ok(Hash::Sha384),
            10 => Ok(Hash::Sha512),
            other => Err(Refusal::UnknownHash(other)),
        }
    }

    pub fn digest(self, message: &[u8]) -> Digest {
        let algorithm = match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message)
    }
}
