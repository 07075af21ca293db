//! Why a signature does not count.

use jiff::Timestamp;

use super::Fingerprint;

/// Why a signature does not count; the sentence goes on after the signature's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No key of the keyring made it.
    #[error("is by a key that is not in the keyring")]
    UnknownKey,
    /// The keyring has the key, but it is not among those that are named as trusted.
    #[error("is by key {0}, which is not one that is trusted here")]
    NotNamed(Fingerprint),
    /// The text is not the one that was signed.
    #[error("is wrong: the text is not what key {0} signed")]
    Wrong(Fingerprint),
    /// MD5, SHA-1 or RIPEMD-160.
    #[error("is made with {0}, which can be forged")]
    WeakHash(&'static str),
    /// A hash that is not known here.
    #[error("is made with a hash that is not supported (number {0})")]
    UnknownHash(u8),
    /// A kind of key that is not known here, or too weak.
    #[error("is by a key of a kind that is not supported ({0})")]
    Key(&'static str),
    /// A kind of signature that is not known here.
    #[error("is of a kind that is not supported ({0})")]
    Kind(&'static str),
    /// A part that must be understood, and is not (RFC 9580, 5.2.3.7).
    #[error("has a part that must be understood and is not (subpacket {0})")]
    Critical(u8),
    /// It does not say when it was made.
    #[error("does not say when it was made")]
    NoTime,
    /// The signature's own end is past.
    #[error("has expired on {0}")]
    Expired(Timestamp),
    /// It is from the future.
    #[error("is from the future: {0}; is this machine's clock right?")]
    Future(Timestamp),
    /// The key's end is past.
    #[error("is by key {key}, which has expired on {at}")]
    KeyExpired {
        /// The key that made it.
        key: Fingerprint,
        /// The end.
        at: Timestamp,
    },
    /// The key's owner took it back.
    #[error("is by key {0}, which is revoked")]
    KeyRevoked(Fingerprint),
    /// The key was made after the signature.
    #[error("is by key {key}, which was made later ({at})")]
    KeyNewer {
        /// The key that made it.
        key: Fingerprint,
        /// When the key was made.
        at: Timestamp,
    },
    /// The key is for something else, such as encryption.
    #[error("is by key {0}, which is not for signatures")]
    Purpose(Fingerprint),
    /// A primary key that says nothing valid of itself, or a subkey that its primary key, or that itself, does not confirm.
    #[error("is by key {key}, {why}")]
    Unbound {
        /// The key that made it.
        key: Fingerprint,
        /// What is missing.
        why: &'static str,
    },
}
