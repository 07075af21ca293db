//! What a signature says beside what it signs (RFC 9580, 5.2.3).

use super::packet::subpacket_length;
use super::reader::{Malformed, Reader};

/// The subpackets that count here. Those that must be signed to count are read of the hashed area alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subpackets {
    /// Seconds since 1970.
    pub created: Option<u32>,
    /// Seconds after that.
    pub expires_after: Option<u32>,
    /// Seconds after the key was made.
    pub key_expires_after: Option<u32>,
    /// What the key is for.
    pub key_flags: Option<u8>,
    pub issuer_id: Option<[u8; 8]>,
    pub issuer_fingerprint: Option<[u8; 20]>,
    /// A signature packet's bytes: a subkey's own word for its primary key.
    pub embedded: Option<Vec<u8>>,
    /// One that must be understood, and is not.
    pub critical: Option<u8>,
}

impl Subpackets {
    /// Reads an area. `signed`: the hashed one.
    pub fn read(&mut self, area: &[u8], signed: bool) -> Result<(), Malformed> {
        let mut reader = Reader::new(area);
        while !reader.is_empty() {
            let length = subpacket_length(&mut reader)?;
            let length =
                usize::try_from(length).map_err(|_| Malformed("a subpacket is too long"))?;
            let mut body = Reader::new(reader.take(length)?);
            let kind = body.u8()?;
            self.one(kind & 0x7F, &mut body, signed)?;
            if kind & 0x80 != 0 && !KNOWN.contains(&(kind & 0x7F)) {
                self.critical = Some(kind & 0x7F);
            }
        }
        Ok(())
    }

    fn one(&mut self, kind: u8, body: &mut Reader, signed: bool) -> Result<(), Malformed> {
        match kind {
            2 if signed => self.created = Some(body.u32()?),
            3 if signed => self.expires_after = Some(body.u32()?).filter(|seconds| *seconds > 0),
            9 if signed => {
                self.key_expires_after = Some(body.u32()?).filter(|seconds| *seconds > 0)
            }
            27 if signed => self.key_flags = Some(body.rest().first().copied().unwrap_or(0)),
            16 => self.issuer_id = Some(body.array()?),
            32 => self.embedded = Some(body.rest().to_vec()),
            // The first byte is the key's version.
            33 if body.rest().first() == Some(&4) => {
                body.u8()?;
                self.issuer_fingerprint = Some(body.array()?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Those whose meaning is kept by reading them as above, or that say nothing about whether a signature is valid: times, exportable,
/// trust, revocable, preferences, issuers, features, primary user, policy, flags, signer's user, reason of a revocation, target, embedded.
const KNOWN: [u8; 21] =
    [2, 3, 4, 5, 7, 9, 11, 12, 16, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33];
