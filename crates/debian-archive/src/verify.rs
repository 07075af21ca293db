//! Whether a text is what a trusted key signed.

use jiff::Timestamp;

use crate::clearsigned::Clearsigned;
use crate::freshness::SKEW;
use crate::keyring::Keyring;
use crate::openpgp::{
    Block, DataKind, Fingerprint, Issuer, Malformed, Refusal, Signature, blocks, signatures,
    signing_key,
};
use crate::signature_error::{Checked, SignatureError};

/// A text, and the key that signed all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was signed, and nothing else; lines end with `\n`.
    pub text: String,
    /// The first key whose signature counts.
    pub signer: Signer,
    /// Signatures that do not count, such as those by keys of another release.
    pub others: Vec<Checked>,
}

/// A key that signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The key, perhaps a subkey.
    pub key: Fingerprint,
    /// Its primary key, which is the name of the whole.
    pub primary: Fingerprint,
    /// The name of its first user.
    pub user: Option<String>,
    /// When it signed.
    pub signed_at: Timestamp,
}

/// More signatures than archives have keys cost time only.
const MOST: usize = 32;

/// The text of an `InRelease` file, if a key of `keyring` signed it.
///
/// # Errors
/// No trusted key did, as far as can be said at `now`; any trusted key signed another text; something else stands around it.
pub fn verify_clearsigned(
    bytes: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Verified, SignatureError> {
    let parsed = Clearsigned::parse(bytes)?;
    let (signer, others) =
        check(&parsed.signatures, DataKind::Cleartext, &parsed.signed, keyring, now)?;
    Ok(Verified { text: parsed.text, signer, others })
}

/// The text of a `Release` file, if a key of `keyring` made `signature`, a `Release.gpg`, over it. Armoured or not.
///
/// # Errors
/// As [`verify_clearsigned`].
pub fn verify_detached(
    content: &[u8],
    signature: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Verified, SignatureError> {
    let malformed = |Malformed(what)| SignatureError::Malformed(what);
    let armored = match str::from_utf8(signature) {
        Ok(text) => Some(blocks(text, Block::Signature, true).map_err(malformed)?),
        Err(_) => None,
    };
    let packets = armored.as_ref().map_or(signature, |armored| &armored.bytes);
    let signatures = signatures(packets).map_err(malformed)?;
    let (signer, others) = check(&signatures, DataKind::File, content, keyring, now)?;
    let text = str::from_utf8(content).map_err(|_| SignatureError::Malformed("it is no UTF-8"))?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n')) {
        return Err(SignatureError::Malformed("it has control characters"));
    }
    Ok(Verified { text: text.to_owned(), signer, others })
}

fn check(
    signatures: &[Signature],
    kind: DataKind,
    data: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<(Signer, Vec<Checked>), SignatureError> {
    if signatures.len() > MOST {
        return Err(SignatureError::Malformed("it has more than 32 signatures"));
    }
    let mut signers = Vec::new();
    let mut others = Vec::new();
    for signature in signatures {
        match check_one(signature, kind, data, keyring, now) {
            Ok(signer) => signers.push(signer),
            Err(refusal) => {
                let issuer = match signature.issuer() {
                    Issuer::Fingerprint(fingerprint) => Some(fingerprint.to_string()),
                    Issuer::Id(id) => Some(format!("{:016X}", u64::from_be_bytes(id))),
                    Issuer::Nobody => None,
                };
                others.push(Checked { issuer, made_at: signature.made_at(), refusal });
            }
        }
    }
    // As for apt: where one signature is wrong, another that is right does not make up for it.
    if others.iter().any(|checked| matches!(checked.refusal, Refusal::Wrong(_))) {
        return Err(SignatureError::Tampered(others));
    }
    match signers.into_iter().next() {
        Some(signer) => Ok((signer, others)),
        None => Err(SignatureError::Untrusted(others)),
    }
}

fn check_one(
    signature: &Signature,
    kind: DataKind,
    data: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Signer, Refusal> {
    signature.is_known()?;
    let mut refusal = Refusal::UnknownKey;
    for certificate in keyring.certificates() {
        for key in certificate.keys_of(signature.issuer()) {
            let checked = signature.is_over_data(key, kind, data).and_then(|()| {
                if !keyring.names(certificate, key.fingerprint) {
                    return Err(Refusal::NotNamed(key.fingerprint));
                }
                signature.is_current(now, SKEW)?;
                let signed_at = signature.made_at().ok_or(Refusal::NoTime)?;
                if signed_at < key.created_at() {
                    return Err(Refusal::KeyNewer { key: key.fingerprint, at: key.created_at() });
                }
                let of = signing_key(certificate, key, now, SKEW)?;
                Ok(Signer {
                    key: of.key.fingerprint,
                    primary: of.certificate.primary.fingerprint,
                    user: of.certificate.user(),
                    signed_at,
                })
            });
            match checked {
                Ok(signer) => return Ok(signer),
                Err(why) => refusal = why,
            }
        }
    }
    Err(refusal)
}
