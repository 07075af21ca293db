#![doc = include_str!("../README.md")]

mod hash;
mod oci;
#[cfg(feature = "schemars")]
mod schema;

pub use hash::{BadHash, Hasher, Sha2, Sha256, Sha512};
pub use oci::{Algorithm, BadDigest, Digest, Digester};
