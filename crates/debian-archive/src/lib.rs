#![doc = include_str!("../README.md")]

mod builtin;
mod clearsigned;
pub mod deb822;
mod freshness;
mod keyring;
mod openpgp;
mod paths;
mod release;
mod release_error;
mod signature_error;
mod verify;

pub use builtin::{DEBIAN_KEYS, UBUNTU_KEYS, debian_keys, ubuntu_keys};
pub use freshness::{Freshness, Replay, SKEW, freshness, replay};
pub use keyring::{BadKeyring, KeyName, Keyring};
pub use openpgp::{BadFingerprint, Fingerprint, Refusal};
pub use paths::{Compression, IndexFile, in_release, release, release_signature};
pub use release::{Listed, Release};
pub use release_error::ReleaseError;
pub use signature_error::{Checked, SignatureError};
pub use verify::{Signer, Verified, verify_clearsigned, verify_detached};
