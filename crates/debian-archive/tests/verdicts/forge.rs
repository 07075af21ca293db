//! Keys and signatures made by hand, with every oddity that a program which signs properly would not write.
//! Ed25519 signs any digest, so that one kind of key is enough for weak hashes too.

// Each test takes of it what it needs.
#![allow(dead_code)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

pub const SHA1: u8 = 2;
pub const SHA2_256: u8 = 8;
pub const SHA2_512: u8 = 10;

pub const FLAG_CERTIFY: u8 = 1;
pub const FLAG_SIGN: u8 = 2;
pub const FLAG_ENCRYPT: u8 = 0xC;

/// A secret key of version 4.
pub struct Key {
    pair: Ed25519KeyPair,
    pub created: u32,
    body: Vec<u8>,
}

impl Key {
    /// `seed` decides which.
    pub fn new(seed: u8, created: u32) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let point = [&[0x40], pair.public_key().as_ref()].concat();
        let oid = [9, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01];
        let head = [&[4], &created.to_be_bytes()[..], &[22], &oid].concat();
        let body = [head, integer(&point)].concat();
        Key { pair, created, body }
    }

    fn hashed(&self) -> Vec<u8> {
        [&[0x99], &u16::try_from(self.body.len()).unwrap().to_be_bytes()[..], &self.body].concat()
    }

    pub fn fingerprint(&self) -> [u8; 20] {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.hashed()).as_ref().try_into().unwrap()
    }

    pub fn name(&self) -> String {
        self.fingerprint().iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// The public key alone.
    pub fn packet(&self, is_subkey: bool) -> Vec<u8> {
        packet(if is_subkey { 14 } else { 6 }, &self.body)
    }

    /// A key as it is published: with a user, and a signature that says so much.
    pub fn certificate(&self, says: &Says) -> Vec<u8> {
        let user = b"Archive for Tests <archive@example.org>";
        let over = [&[0xB4, 0, 0, 0, u8::try_from(user.len()).unwrap()], &user[..]].concat();
        let says = Says { kind: 0x13, ..says.clone() };
        let own = self.sign(&says, &[&self.hashed(), &over]);
        [self.packet(false), packet(13, user), own].concat()
    }

    /// A signature of this key over itself alone: a revocation, for one.
    pub fn about_itself(&self, says: &Says) -> Vec<u8> {
        self.sign(says, &[&self.hashed()])
    }

    /// A subkey with the primary key's word for it, and its own for the primary key where `confirms`.
    pub fn subkey(&self, sub: &Key, says: &Says, confirms: bool) -> Vec<u8> {
        let over = [&self.hashed()[..], &sub.hashed()].concat();
        let back = Says { kind: 0x19, flags: None, ..says.clone() };
        let back = confirms.then(|| sub.sign_body(&back, &[&over]));
        let says = Says { kind: 0x18, embedded: back, ..says.clone() };
        [sub.packet(true), self.sign(&says, &[&over])].concat()
    }

    /// What comes after a subkey that is revoked.
    pub fn revokes(&self, sub: &Key, created: u32) -> Vec<u8> {
        self.sign(&Says { kind: 0x28, ..Says::at(created) }, &[&self.hashed(), &sub.hashed()])
    }

    /// A signature packet over these bytes.
    pub fn sign(&self, says: &Says, over: &[&[u8]]) -> Vec<u8> {
        packet(2, &self.sign_body(says, over))
    }

    fn sign_body(&self, says: &Says, over: &[&[u8]]) -> Vec<u8> {
        let hashed = says.hashed(&self.fingerprint());
        let length = u16::try_from(hashed.len()).unwrap().to_be_bytes();
        let head = [&[says.version, says.kind, 22, says.hash][..], &length, &hashed].concat();
        let end = [&[4, 0xFF], &u32::try_from(head.len()).unwrap().to_be_bytes()[..]].concat();
        let message = [&over.concat()[..], &head, &end].concat();
        let algorithm = match says.hash {
            2 => &SHA1_FOR_LEGACY_USE_ONLY,
            9 => &SHA384,
            10 => &SHA512,
            _ => &SHA256,
        };
        let digest = digest(algorithm, &message);
        let signature = self.pair.sign(digest.as_ref());
        let (r, s) = signature.as_ref().split_at(32);
        let id = [&[9, 16], &self.fingerprint()[12..]].concat();
        let unhashed = if says.names_key { id } else { Vec::new() };
        let count = u16::try_from(unhashed.len()).unwrap().to_be_bytes();
        [&head[..], &count, &unhashed, &digest.as_ref()[..2], &integer(r), &integer(s)].concat()
    }
}

/// What a signature says of itself.
#[derive(Clone)]
pub struct Says {
    pub version: u8,
    pub kind: u8,
    pub hash: u8,
    pub created: Option<u32>,
    pub expires_after: Option<u32>,
    pub key_expires_after: Option<u32>,
    pub flags: Option<u8>,
    /// Unknown to everybody, and critical.
    pub critical: bool,
    pub names_key: bool,
    pub embedded: Option<Vec<u8>>,
}

impl Says {
    /// Over text, made then.
    pub fn at(created: u32) -> Self {
        Says {
            version: 4,
            kind: 0x01,
            hash: SHA2_512,
            created: Some(created),
            expires_after: None,
            key_expires_after: None,
            flags: None,
            critical: false,
            names_key: true,
            embedded: None,
        }
    }

    fn hashed(&self, fingerprint: &[u8; 20]) -> Vec<u8> {
        let mut all = Vec::new();
        let mut add = |kind: u8, body: &[u8]| {
            let length = body.len() + 1;
            match u8::try_from(length) {
                Ok(short) if short < 192 => all.push(short),
                _ => {
                    all.extend([&[255], &u32::try_from(length).unwrap().to_be_bytes()[..]].concat())
                }
            }
            all.push(kind);
            all.extend(body);
        };
        let number = |value: &u32| value.to_be_bytes();
        self.created.iter().for_each(|at| add(2, &number(at)));
        self.expires_after.iter().for_each(|after| add(3, &number(after)));
        self.key_expires_after.iter().for_each(|after| add(9, &number(after)));
        self.flags.iter().for_each(|flags| add(27, &[*flags]));
        if self.critical {
            add(0x80 | 100, b"?");
        }
        if self.names_key {
            add(33, &[&[4], &fingerprint[..]].concat());
        }
        self.embedded.iter().for_each(|body| add(32, body));
        all
    }
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let bits = bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize);
    [&u16::try_from(bits).unwrap().to_be_bytes()[..], bytes].concat()
}

pub fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xC0 | tag, 255], &length[..], body].concat()
}

/// Packets as armour.
pub fn armor(kind: &str, packets: &[u8]) -> String {
    let base64 = STANDARD.encode(packets);
    let lines: Vec<_> =
        base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    // GnuPG 2.2 wants the checksum (RFC 4880, 6.1).
    let crc = packets.iter().fold(0x00B7_04CE_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| {
            let next = crc << 1;
            if next & 0x0100_0000 == 0 { next } else { next ^ 0x0186_4CFB }
        })
    });
    let crc = STANDARD.encode(&crc.to_be_bytes()[1..]);
    let data = lines.join("\n");
    format!("-----BEGIN PGP {kind}-----\n\n{data}\n={crc}\n-----END PGP {kind}-----\n")
}

/// The bytes that a clearsigned text's signatures are over.
pub fn canonical(text: &str) -> Vec<u8> {
    let lines: Vec<_> = text.lines().map(|line| line.trim_end_matches([' ', '\t'])).collect();
    lines.join("\r\n").into_bytes()
}

/// A text with signatures, which are over `canonical(text)` or not.
pub fn clearsigned(text: &str, signatures: &[Vec<u8>]) -> String {
    let body: String = text
        .split_inclusive('\n')
        .map(|line| if line.starts_with('-') { format!("- {line}") } else { line.to_owned() })
        .collect();
    let end = armor("SIGNATURE", &signatures.concat());
    format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{body}{end}")
}
