//! The keys that are trusted.

use crate::openpgp::{
    Armored, BadFingerprint, Block, Certificate, Fingerprint, Malformed, blocks, certificates,
};
use std::str::FromStr;

/// Keys whose signatures count.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    certificates: Vec<Certificate>,
    only: Option<Vec<KeyName>>,
}

/// A key as `Signed-By` names it (sources.list(5)): a fingerprint, which stands for the key and its subkeys, or with a `!` after
/// it for exactly this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyName {
    /// The key, or its primary key.
    pub fingerprint: Fingerprint,
    /// This one only.
    pub exactly: bool,
}

/// Bytes that are no keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyring {
    /// GnuPG's own format.
    #[error("it is a keybox, which only GnuPG reads: `gpg --export KEY > FILE` writes a keyring")]
    Keybox,
    /// Neither packets nor armour.
    #[error("it is no keyring: {0}")]
    Malformed(&'static str),
    /// No key that is supported is in it.
    #[error("it has no key of version 4{}", if *.0 > 0 { ", only others" } else { "" })]
    Empty(usize),
}

impl Keyring {
    /// The public keys in a file: packets (`gpg --export`), or armour, with any number of keys in any number of blocks. Keys of
    /// other versions than 4 are left out.
    ///
    /// # Errors
    /// Something else is there, or no key.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadKeyring> {
        if bytes.get(8..12) == Some(b"KBXf") {
            return Err(BadKeyring::Keybox);
        }
        let malformed = |Malformed(what)| BadKeyring::Malformed(what);
        let armored = match str::from_utf8(bytes) {
            Ok(text) => blocks(text, Block::PublicKeys, false).map_err(malformed)?,
            Err(_) => Armored { bytes: Vec::new(), blocks: 0 },
        };
        let packets = if armored.blocks > 0 { &armored.bytes } else { bytes };
        let (certificates, others) = certificates(packets).map_err(malformed)?;
        if certificates.is_empty() {
            return Err(BadKeyring::Empty(others));
        }
        let mut keyring = Keyring::default();
        keyring.add(Keyring { certificates, only: None });
        Ok(keyring)
    }

    /// These keys too, whatever `other` is limited to by [`Keyring::only`]. What several files say of one key is said of it
    /// together: a revocation in any of them counts.
    pub fn add(&mut self, other: Keyring) {
        for new in other.certificates {
            let known = self.certificates.iter_mut().find(|known| known.primary == new.primary);
            match known {
                Some(known) => known.merge(new),
                None => self.certificates.push(new),
            }
        }
    }

    /// The same keyring, of which only keys with these names are trusted.
    #[must_use]
    pub fn only(self, names: Vec<KeyName>) -> Self {
        Keyring { only: Some(names), ..self }
    }

    /// The primary keys, each with its first user's name.
    pub fn keys(&self) -> impl Iterator<Item = (Fingerprint, Option<String>)> {
        self.certificates.iter().map(|of| (of.primary.fingerprint, of.user()))
    }

    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether signatures by this key, one of `certificate`, are to count.
    pub(crate) fn names(&self, certificate: &Certificate, key: Fingerprint) -> bool {
        let primary = certificate.primary.fingerprint;
        self.only.as_ref().is_none_or(|names| {
            names
                .iter()
                .any(|name| name.fingerprint == key || !name.exactly && name.fingerprint == primary)
        })
    }
}

impl FromStr for KeyName {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let exact = text.strip_suffix('!');
        let fingerprint = exact.unwrap_or(text).parse()?;
        Ok(KeyName { fingerprint, exactly: exact.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DEBIAN_KEYS, debian_keys};

    #[test]
    fn a_keyring_with_many_keys_is_read_and_merging_it_with_itself_changes_nothing() {
        let mut ring = debian_keys();
        let count = ring.keys().count();
        assert!(count > 5);
        ring.add(debian_keys());
        assert_eq!(ring.keys().count(), count);
    }

    #[test]
    fn what_is_no_keyring_says_what_it_is() {
        let error = |bytes: &[u8]| Keyring::parse(bytes).unwrap_err().to_string();
        assert!(error(b"\0\0\0\x20\x01\x01\0\x02KBXf....").contains("keybox"));
        assert_eq!(error(b""), "it has no key of version 4");
        assert!(error(b"<html>").contains("no OpenPGP packet"));
        assert!(error(&DEBIAN_KEYS[..DEBIAN_KEYS.len() - 1]).contains("ends in the middle"));
        assert!(error(&[0xC6, 1, 6]).ends_with("only others"));
        assert!(error(&[0xC2, 1, 6]).contains("does not begin with a public key"));
    }

    #[test]
    fn names_of_keys_are_read_as_signed_by_has_them() {
        let name: KeyName = "4D64FEC119C2029067D6E791F8D2585B8783D481!".parse().unwrap();
        assert!(name.exactly);
        assert!("F8D2585B8783D481".parse::<KeyName>().is_err());
    }
}
