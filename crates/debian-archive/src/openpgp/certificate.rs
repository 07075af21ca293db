//! Certificates: a primary key with what is said of it and its subkeys (RFC 9580, 10.1).

use super::Issuer;
use super::key::Key;
use super::packet::{
    PUBLIC_KEY, PUBLIC_SUBKEY, Packet, SIGNATURE, USER_ATTRIBUTE, USER_ID, packets,
};
use super::reader::Malformed;
use super::signature::Signature;

/// A primary key, its users and its subkeys, each with the signatures that stand after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub primary: Key,
    pub direct: Vec<Signature>,
    pub users: Vec<User>,
    pub subkeys: Vec<(Key, Vec<Signature>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub name: Vec<u8>,
    pub signatures: Vec<Signature>,
}

impl Certificate {
    /// The first user's name.
    pub fn user(&self) -> Option<String> {
        self.users.first().map(|user| String::from_utf8_lossy(&user.name).into_owned())
    }

    /// The keys with this name, the primary one first.
    pub fn keys_of(&self, issuer: Issuer) -> impl Iterator<Item = &Key> {
        let keys = std::iter::once(&self.primary).chain(self.subkeys.iter().map(|(key, _)| key));
        keys.filter(move |key| match issuer {
            Issuer::Fingerprint(fingerprint) => key.fingerprint == fingerprint,
            Issuer::Id(id) => key.fingerprint.key_id() == id,
            Issuer::Nobody => false,
        })
    }
}

/// The certificates in a row of packets, and how many there are of other versions than 4.
///
/// # Errors
/// Bytes that are no packets, secret keys, or packets that belong to no key.
pub(crate) fn certificates(bytes: &[u8]) -> Result<(Vec<Certificate>, usize), Malformed> {
    let mut all: Vec<Certificate> = Vec::new();
    let mut others = 0;
    // `None`: what follows belongs to a key that is left out.
    let mut place = Some(Place::Nowhere);
    for packet in packets(bytes)? {
        if packet.tag == PUBLIC_KEY {
            let key = Key::parse(packet.body)?;
            others += usize::from(key.is_none());
            place = key.is_some().then_some(Place::Primary);
            all.extend(key.map(|primary| Certificate {
                primary,
                direct: Vec::new(),
                users: Vec::new(),
                subkeys: Vec::new(),
            }));
        } else if let Some(at) = &mut place {
            let Some(certificate) = all.last_mut() else {
                return Err(Malformed("it does not begin with a public key"));
            };
            add(certificate, packet, at)?;
        }
    }
    Ok((all, others))
}

/// What the signatures that come next are about.
enum Place {
    Nowhere,
    Primary,
    User,
    Subkey,
    /// Something that is not looked at, such as a picture.
    Ignored,
}

fn add(certificate: &mut Certificate, packet: Packet, place: &mut Place) -> Result<(), Malformed> {
    match packet.tag {
        USER_ID => {
            certificate.users.push(User { name: packet.body.to_vec(), signatures: Vec::new() });
            *place = Place::User;
        }
        USER_ATTRIBUTE => *place = Place::Ignored,
        PUBLIC_SUBKEY => {
            *place = Place::Ignored;
            if let Some(key) = Key::parse(packet.body)? {
                certificate.subkeys.push((key, Vec::new()));
                *place = Place::Subkey;
            }
        }
        SIGNATURE => {
            let list = match place {
                Place::Primary => Some(&mut certificate.direct),
                Place::User => certificate.users.last_mut().map(|user| &mut user.signatures),
                Place::Subkey => certificate.subkeys.last_mut().map(|(_, list)| list),
                Place::Nowhere | Place::Ignored => None,
            };
            if let Some(list) = list {
                list.push(Signature::parse(packet.body)?);
            }
        }
        _ => return Err(Malformed("there is something else than public keys")),
    }
    Ok(())
}

impl Certificate {
    /// What another file says of the same primary key.
    pub fn merge(&mut self, other: Certificate) {
        self.direct.extend(other.direct);
        for user in other.users {
            match self.users.iter_mut().find(|known| known.name == user.name) {
                Some(known) => known.signatures.extend(user.signatures),
                None => self.users.push(user),
            }
        }
        for (key, signatures) in other.subkeys {
            match self.subkeys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => known.extend(signatures),
                None => self.subkeys.push((key, signatures)),
            }
        }
    }
}
