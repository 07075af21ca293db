//! Fingerprints of keys, as people write them.

use std::fmt;
use std::str::FromStr;

/// A fingerprint of a key of version 4: 20 bytes, shown as 40 uppercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub(super) [u8; 20]);

impl Fingerprint {
    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The last eight bytes, by which signatures name their key.
    pub(super) fn key_id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        id.copy_from_slice(&self.0[12..]);
        id
    }
}

/// Text that is not 40 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fingerprint of a key (40 hex digits; `gpg --show-keys FILE` prints it)")]
pub struct BadFingerprint(String);

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// Spaces between the digits, as `gpg` prints them, are allowed.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let bad = || BadFingerprint(text.to_owned());
        let digits: Vec<u32> = text
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_digit(16).ok_or_else(bad))
            .collect::<Result<_, _>>()?;
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).map_err(|_| bad()))
            .collect::<Result<_, _>>()?;
        if digits.len() != 40 {
            return Err(bad());
        }
        Ok(Fingerprint(bytes.try_into().map_err(|_| bad())?))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_gpg_prints_it_and_nothing_shorter_is() {
        let text = "4D64 FEC1 19C2 0290 67D6  E791 F8D2 585B 8783 D481";
        let read: Fingerprint = text.parse().unwrap();
        assert_eq!(read.to_string(), "4D64FEC119C2029067D6E791F8D2585B8783D481");
        assert_eq!(read.to_string().to_lowercase().parse(), Ok(read));
        assert_eq!(read.key_id(), [0xF8, 0xD2, 0x58, 0x5B, 0x87, 0x83, 0xD4, 0x81]);
        for bad in ["", "F8D2585B8783D481", &"A".repeat(41), &"A".repeat(42), &"g".repeat(40)] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
