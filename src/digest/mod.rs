//! Hashes as types: what parsed is bytes, whatever text it came from.
mod hash;
mod oci;
mod stated;

pub use hash::{Hasher, Sha256, Sha512};
pub use oci::{Algorithm, Digest, Digester};
pub use stated::{Checker, HashAlgorithm, Mismatch, Stated, check};
