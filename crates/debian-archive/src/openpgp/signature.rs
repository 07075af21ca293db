//! Signature packets of version 4 (RFC 9580, 5.2.3) and what exactly they sign (5.2.4).

use jiff::{SignedDuration, Timestamp};

use super::hash::Hash;
use super::key::{Key, time};
use super::packet::{SIGNATURE, packets};
use super::reader::{Malformed, Reader};
use super::subpackets::Subpackets;
use super::{Fingerprint, Refusal};

/// A signature packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The type, as RFC 9580, 5.2.1 numbers them.
    pub kind: u8,
    hash: u8,
    /// From the version to the hashed subpackets' end.
    hashed: Vec<u8>,
    pub(super) says: Subpackets,
    /// The numbers at the end.
    values: Vec<u8>,
    /// Another version than 4: nothing of the above is read.
    unsupported: Option<&'static str>,
}

/// What data is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataKind {
    /// A file as it is.
    File,
    /// The canonical form of a clearsigned text, by a signature over text, or over bytes as aptly's (Go's clearsign) are.
    Cleartext,
}

/// The key that a signature names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issuer {
    Fingerprint(Fingerprint),
    Id([u8; 8]),
    Nobody,
}

/// All signatures in a row of packets.
///
/// # Errors
/// Something else is there, or bytes that are no packets.
pub(crate) fn signatures(bytes: &[u8]) -> Result<Vec<Signature>, Malformed> {
    let packets = packets(bytes)?;
    packets
        .into_iter()
        .map(|packet| match packet.tag {
            SIGNATURE => Signature::parse(packet.body),
            _ => Err(Malformed("there is something else than signatures")),
        })
        .collect()
}

impl Signature {
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let version = reader.u8()?;
        let mut signature = Signature {
            kind: 0xFF,
            hash: 0,
            hashed: Vec::new(),
            says: Subpackets::default(),
            values: Vec::new(),
            unsupported: None,
        };
        if version != 4 {
            signature.unsupported = Some(match version {
                3 => "version 3",
                6 => "version 6",
                _ => "an unknown version",
            });
            return Ok(signature);
        }
        signature.kind = reader.u8()?;
        reader.u8()?;
        signature.hash = reader.u8()?;
        let length = usize::from(reader.u16()?);
        let hashed = reader.take(length)?;
        signature.hashed = body[..6 + length].to_vec();
        signature.says.read(hashed, true)?;
        let length = usize::from(reader.u16()?);
        signature.says.read(reader.take(length)?, false)?;
        // The beginning of the digest, by which others guess early whether a signature is right.
        reader.u16()?;
        signature.values = reader.rest().to_vec();
        Ok(signature)
    }

    /// Who made it, as it says itself.
    pub fn issuer(&self) -> Issuer {
        let fingerprint = self.says.issuer_fingerprint.map(|f| Issuer::Fingerprint(Fingerprint(f)));
        let id = self.says.issuer_id.map(Issuer::Id);
        fingerprint.or(id).unwrap_or(Issuer::Nobody)
    }

    /// When it was made.
    pub fn made_at(&self) -> Option<Timestamp> {
        self.says.created.map(|at| time(u64::from(at)))
    }

    /// When it ends, if it does.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let after = self.says.expires_after?;
        Some(time(u64::from(self.says.created?) + u64::from(after)))
    }

    /// Whether it could be read.
    ///
    /// # Errors
    /// It is of another version than 4.
    pub fn is_known(&self) -> Result<(), Refusal> {
        self.unsupported.map_or(Ok(()), |what| Err(Refusal::Kind(what)))
    }

    /// Whether it can count at all at `now`: understood, complete, neither over nor from the future.
    pub fn is_current(&self, now: Timestamp, skew: SignedDuration) -> Result<(), Refusal> {
        if let Some(number) = self.says.critical {
            return Err(Refusal::Critical(number));
        }
        let made = self.made_at().ok_or(Refusal::NoTime)?;
        if made.duration_since(now) > skew {
            return Err(Refusal::Future(made));
        }
        match self.ends_at() {
            Some(end) if end <= now => Err(Refusal::Expired(end)),
            _ => Ok(()),
        }
    }

    /// Whether `key` made it over this data.
    pub fn is_over_data(&self, key: &Key, kind: DataKind, data: &[u8]) -> Result<(), Refusal> {
        match (self.kind, kind) {
            (0x00, _) | (0x01, DataKind::Cleartext) => {}
            (0x01, DataKind::File) => return Err(Refusal::Kind("over text, not over bytes")),
            _ => return Err(Refusal::Kind("not over data")),
        }
        key.verify(Hash::of_data(self.hash)?, &self.message(&[data]), &self.values)
    }

    /// Whether `key` made it over these parts of keys.
    pub fn is_over_keys(&self, key: &Key, parts: &[&[u8]]) -> Result<(), Refusal> {
        key.verify(Hash::of_keys(self.hash)?, &self.message(parts), &self.values)
    }

    fn message(&self, parts: &[&[u8]]) -> Vec<u8> {
        let length = u32::try_from(self.hashed.len()).unwrap_or(u32::MAX);
        let mut message = parts.concat();
        message.extend_from_slice(&self.hashed);
        message.extend_from_slice(&[4, 0xFF]);
        message.extend_from_slice(&length.to_be_bytes());
        message
    }
}
