//! Hashes that an index states of a file in other algorithms than sha256, which identifies files here.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::digest::DynDigest;

/// An algorithm that indexes state hashes in; the names are those of Python's hashlib.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 28 bytes.
    Sha224,
    /// 32 bytes; only where a statement is no sha256 value at all.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
    /// 64 bytes, or 32 where so many are stated.
    Blake2b,
}

/// A hash that is stated of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// In which algorithm.
    pub algorithm: HashAlgorithm,
    /// Hex digits, as they were written.
    pub hex: String,
}

/// A file whose bytes do not have the stated hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {found}, and {} is stated", algorithm.name(), stated.hex)]
pub struct Mismatch {
    algorithm: HashAlgorithm,
    stated: Stated,
    found: String,
}

impl HashAlgorithm {
    /// The algorithm of this name; `None`: none that is checked here, or sha256, which has its own place.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => HashAlgorithm::Md5,
            "sha1" => HashAlgorithm::Sha1,
            "sha224" => HashAlgorithm::Sha224,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            "blake2b" | "blake2b_256" => HashAlgorithm::Blake2b,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            HashAlgorithm::Md5 => "md5",
            HashAlgorithm::Sha1 => "sha1",
            HashAlgorithm::Sha224 => "sha224",
            HashAlgorithm::Sha256 => "sha256",
            HashAlgorithm::Sha384 => "sha384",
            HashAlgorithm::Sha512 => "sha512",
            HashAlgorithm::Blake2b => "blake2b",
        }
    }

    fn hasher(self, digits: usize) -> Box<dyn DynDigest + Send> {
        match self {
            HashAlgorithm::Md5 => Box::<md5::Md5>::default(),
            HashAlgorithm::Sha1 => Box::<sha1::Sha1>::default(),
            HashAlgorithm::Sha224 => Box::<sha2::Sha224>::default(),
            HashAlgorithm::Sha256 => Box::<sha2::Sha256>::default(),
            HashAlgorithm::Sha384 => Box::<sha2::Sha384>::default(),
            HashAlgorithm::Sha512 => Box::<sha2::Sha512>::default(),
            HashAlgorithm::Blake2b if digits == 64 => Box::<blake2::Blake2b256>::default(),
            HashAlgorithm::Blake2b => Box::<blake2::Blake2b512>::default(),
        }
    }
}

/// Hashers of one file, one for each stated hash.
pub struct Checker(Vec<(Stated, Box<dyn DynDigest + Send>)>);

impl Checker {
    /// Hashers for these statements.
    pub fn new(stated: &[Stated]) -> Self {
        let hasher = |s: &Stated| (s.clone(), s.algorithm.hasher(s.hex.len()));
        Checker(stated.iter().map(hasher).collect())
    }

    /// The next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|(_, hasher)| hasher.update(bytes));
    }

    /// # Errors
    /// The first stated hash that the bytes do not have.
    pub fn finish(self) -> Result<(), Mismatch> {
        for (stated, hasher) in self.0 {
            let found: String =
                hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            if !found.eq_ignore_ascii_case(&stated.hex) {
                return Err(Mismatch { algorithm: stated.algorithm, stated, found });
            }
        }
        Ok(())
    }
}

/// Checks a file against all stated hashes. Blocks; reads the whole file where there are any.
pub fn check(mut file: impl Read, stated: &[Stated]) -> io::Result<Result<(), Mismatch>> {
    let (mut checker, mut piece) = (Checker::new(stated), vec![0; 1 << 18]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(checker.finish()),
            read => checker.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `b"abc"`, as hashlib says.
    const ABC: [(&str, &str); 7] = [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (
            "sha384",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            "sha512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            "blake2b",
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
        ),
        ("blake2b", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
    ];

    #[test]
    fn every_algorithm_knows_its_own_and_no_other_bytes() {
        for (name, hex) in ABC {
            let stated = [Stated {
                algorithm: HashAlgorithm::named(name).unwrap(),
                hex: hex.to_uppercase(),
            }];
            assert_eq!(check(&b"abc"[..], &stated).unwrap(), Ok(()), "{name}");
            let mismatch = check(&b"abd"[..], &stated).unwrap().unwrap_err().to_string();
            assert!(mismatch.contains(&hex.to_uppercase()), "{mismatch}");
        }
        let cut = [Stated { algorithm: HashAlgorithm::Sha256, hex: "ba7816bf".to_owned() }];
        assert!(check(&b"abc"[..], &cut).unwrap().is_err());
        assert_eq!(HashAlgorithm::named("sha256"), None);
    }
}
