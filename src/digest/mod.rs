//! Hashes as types: what parsed is bytes, whatever text it came from.
mod stated;

pub use oci_digest::{Algorithm, Digest, Digester, Hasher, Sha256, Sha512};
pub use stated::{Checker, HashAlgorithm, Mismatch, Stated, check};
