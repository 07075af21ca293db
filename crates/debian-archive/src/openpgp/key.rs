//! Public keys of version 4 (RFC 9580, 5.5.2), and what they verify.

use jiff::Timestamp;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use super::hash::Hash;
use super::reader::{Malformed, Reader};
use super::{Fingerprint, Refusal};

/// A public key, primary or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub fingerprint: Fingerprint,
    pub created: u32,
    material: Material,
    /// As signatures hash it: with its own head (RFC 9580, 5.2.4).
    pub hashed: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// `legacy`: the signature is two integers, not 64 bytes.
    Ed25519 {
        point: Vec<u8>,
        legacy: bool,
    },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Unsupported(&'static str),
}

const OID_ED25519: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01];
const OID_P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x22];

impl Key {
    /// `None`: a key of another version, which other programs read.
    pub fn parse(body: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader::new(body);
        if reader.u8()? != 4 {
            return Ok(None);
        }
        let created = reader.u32()?;
        let material = material(&mut reader)?;
        let length = u16::try_from(body.len()).map_err(|_| Malformed("a key is too long"))?;
        let hashed = [&[0x99], &length.to_be_bytes()[..], body].concat();
        let mut fingerprint = [0; 20];
        fingerprint.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed).as_ref());
        Ok(Some(Key { fingerprint: Fingerprint(fingerprint), created, material, hashed }))
    }

    pub fn created_at(&self) -> Timestamp {
        time(u64::from(self.created))
    }

    /// Whether `signature`, the bytes at a signature packet's end, is this key's over `message`.
    ///
    /// # Errors
    /// It is not ([`Refusal::Wrong`]), or nobody here can say that.
    pub fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let wrong = Refusal::Wrong(self.fingerprint);
        let mut reader = Reader::new(signature);
        let verified = match &self.material {
            Material::Unsupported(what) => return Err(Refusal::Key(what)),
            Material::Rsa { n, e } => {
                let algorithm = match hash {
                    Hash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                    Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
                };
                let padded = reader.integer().ok().and_then(|value| padded(value, n.len()));
                let Some(padded) = padded else { return Err(wrong) };
                RsaPublicKeyComponents { n, e }.verify(algorithm, message, &padded)
            }
            Material::Ed25519 { point, legacy } => {
                let Some(bytes) = fixed(&mut reader, 32, *legacy) else { return Err(wrong) };
                let digest = hash.digest(message);
                UnparsedPublicKey::new(&ED25519, point).verify(digest.as_ref(), &bytes)
            }
            Material::P256(point) if hash == Hash::Sha256 => {
                let Some(bytes) = fixed(&mut reader, 32, true) else { return Err(wrong) };
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &bytes)
            }
            Material::P384(point) if hash == Hash::Sha384 => {
                let Some(bytes) = fixed(&mut reader, 48, true) else { return Err(wrong) };
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, &bytes)
            }
            Material::P256(_) | Material::P384(_) => {
                return Err(Refusal::Key("ECDSA with a hash of another size than its curve"));
            }
        };
        verified.map_err(|_| wrong)
    }
}

/// Seconds since 1970 as a time.
pub(super) fn time(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

fn material(reader: &mut Reader) -> Result<Material, Malformed> {
    Ok(match reader.u8()? {
        1 | 3 => {
            let (n, e) = (reader.integer()?.to_vec(), reader.integer()?.to_vec());
            match n.len() {
                0..256 => Material::Unsupported("RSA of less than 2048 bits"),
                256..=1024 => Material::Rsa { n, e },
                _ => Material::Unsupported("RSA of more than 8192 bits"),
            }
        }
        17 => Material::Unsupported("DSA"),
        19 => {
            let curve = oid(reader)?;
            let point = reader.integer()?.to_vec();
            match curve {
                OID_P256 => Material::P256(point),
                OID_P384 => Material::P384(point),
                _ => Material::Unsupported("ECDSA on another curve than P-256 and P-384"),
            }
        }
        22 if oid(reader)? == OID_ED25519 => match reader.integer()?.split_first() {
            Some((0x40, point)) => Material::Ed25519 { point: point.to_vec(), legacy: true },
            _ => return Err(Malformed("an Ed25519 key has another form than they have")),
        },
        22 => Material::Unsupported("EdDSA on another curve than Ed25519"),
        27 => Material::Ed25519 { point: reader.take(32)?.to_vec(), legacy: false },
        28 => Material::Unsupported("Ed448"),
        _ => Material::Unsupported("not for signatures, or unknown"),
    })
}

fn oid<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let length = reader.u8()?;
    reader.take(usize::from(length))
}

/// Two numbers of so many bytes each: as integers, or as they are.
fn fixed(reader: &mut Reader, size: usize, integers: bool) -> Option<Vec<u8>> {
    if !integers {
        return reader.take(2 * size).ok().map(<[u8]>::to_vec);
    }
    let first = padded(reader.integer().ok()?, size)?;
    let second = padded(reader.integer().ok()?, size)?;
    Some([first, second].concat())
}

/// With zeros in front, to so many bytes.
fn padded(value: &[u8], size: usize) -> Option<Vec<u8>> {
    let zeros = size.checked_sub(value.len())?;
    Some([&vec![0; zeros], value].concat())
}
