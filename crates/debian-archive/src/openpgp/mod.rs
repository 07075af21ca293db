//! As much of OpenPGP (RFC 9580) as signatures of archives take: keys and signatures of version 4, nothing encrypted.

mod armor;
mod certificate;
mod fingerprint;
mod hash;
mod key;
mod packet;
mod reader;
mod refusal;
mod signature;
mod standing;
mod subpackets;

pub(crate) use armor::{Armored, Block, blocks};
pub(crate) use certificate::{Certificate, certificates};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub(crate) use reader::Malformed;
pub use refusal::Refusal;
pub(crate) use signature::{DataKind, Issuer, Signature, signatures};
pub(crate) use standing::signing_key;
