//! Whether a key may sign: what its own signatures say of it at a moment (RFC 9580, 5.2.3.10 and 10.1; GnuPG where that is silent).

use jiff::{SignedDuration, Timestamp};

use super::certificate::Certificate;
use super::key::{Key, time};
use super::signature::Signature;
use super::{Fingerprint, Refusal};

/// A key of a certificate that may sign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SigningKey<'a> {
    pub key: &'a Key,
    pub certificate: &'a Certificate,
}

const FLAG_SIGN: u8 = 0x02;

/// Whether `key`, one of `certificate`, may sign at `now`.
///
/// # Errors
/// Why not. A revoked key is revoked for everything it signed, and an expired one has expired for everything, as for apt: an archive is
/// signed anew while it lives.
pub(crate) fn signing_key<'a>(
    certificate: &'a Certificate,
    key: &'a Key,
    now: Timestamp,
    skew: SignedDuration,
) -> Result<SigningKey<'a>, Refusal> {
    let judge = Judge { certificate, now, skew };
    let flags = judge.primary()?;
    let of_key = if key.fingerprint == certificate.primary.fingerprint {
        flags
    } else {
        judge.subkey(key)?
    };
    if of_key.is_some_and(|flags| flags & FLAG_SIGN == 0) {
        return Err(Refusal::Purpose(key.fingerprint));
    }
    Ok(SigningKey { key, certificate })
}

struct Judge<'a> {
    certificate: &'a Certificate,
    now: Timestamp,
    skew: SignedDuration,
}

impl Judge<'_> {
    /// The primary key's flags.
    fn primary(&self) -> Result<Option<u8>, Refusal> {
        let primary = &self.certificate.primary;
        let own = self.certificate.direct.iter();
        let direct: Vec<_> = own.filter(|signature| self.holds(signature, &[])).collect();
        if direct.iter().any(|signature| signature.kind == 0x20) {
            return Err(Refusal::KeyRevoked(primary.fingerprint));
        }
        let of_users = self.certificate.users.iter().filter_map(|user| {
            let length = u32::try_from(user.name.len()).unwrap_or(u32::MAX);
            let head = [&[0xB4], &length.to_be_bytes()[..]].concat();
            let own = user.signatures.iter();
            let own = own.filter(|signature| self.holds(signature, &[&head, &user.name]));
            // The newest counts, and a user that was taken back does not.
            newest(own).filter(|signature| matches!(signature.kind, 0x10..=0x13))
        });
        let direct = direct.into_iter().filter(|signature| signature.kind == 0x1F);
        let says = newest(direct.chain(of_users)).ok_or(Refusal::Unbound {
            key: primary.fingerprint,
            why: "which has no valid signature of its own",
        })?;
        self.is_alive(primary, primary.fingerprint, says)?;
        Ok(says.says.key_flags)
    }

    /// A subkey's flags.
    fn subkey(&self, key: &Key) -> Result<Option<u8>, Refusal> {
        let unbound = |why| Refusal::Unbound { key: key.fingerprint, why };
        let all = self.certificate.subkeys.iter().filter(|(other, _)| other == key);
        let own = all.flat_map(|(_, list)| list);
        let own: Vec<_> = own.filter(|signature| self.holds(signature, &[&key.hashed])).collect();
        if own.iter().any(|signature| signature.kind == 0x28) {
            return Err(Refusal::KeyRevoked(key.fingerprint));
        }
        let binding = newest(own.into_iter().filter(|signature| signature.kind == 0x18))
            .ok_or_else(|| unbound("a subkey that its primary key does not confirm"))?;
        let back = binding.says.embedded.as_deref().map(Signature::parse);
        let confirms = back.and_then(Result::ok).is_some_and(|back| {
            let over = [&self.certificate.primary.hashed[..], &key.hashed];
            back.kind == 0x19
                && back.is_current(self.now, self.skew).is_ok()
                && back.is_over_keys(key, &over).is_ok()
        });
        if !confirms {
            return Err(unbound("a subkey that does not confirm its primary key"));
        }
        self.is_alive(key, key.fingerprint, binding)?;
        Ok(binding.says.key_flags)
    }

    /// Whether the primary key made this signature over itself and `parts`, and it counts now.
    fn holds(&self, signature: &Signature, parts: &[&[u8]]) -> bool {
        let primary = &self.certificate.primary;
        // Others' signatures are not verified only to be left out.
        let by_others = match signature.issuer() {
            super::Issuer::Fingerprint(of) => of != primary.fingerprint,
            super::Issuer::Id(id) => id != primary.fingerprint.key_id(),
            super::Issuer::Nobody => false,
        };
        let over = [&[&primary.hashed[..]], parts].concat();
        // A revocation counts whatever else is odd about it.
        let is_revocation = matches!(signature.kind, 0x20 | 0x28);
        !by_others
            && (is_revocation || signature.is_current(self.now, self.skew).is_ok())
            && signature.is_over_keys(primary, &over).is_ok()
    }

    fn is_alive(&self, key: &Key, name: Fingerprint, says: &Signature) -> Result<(), Refusal> {
        let after = says.says.key_expires_after;
        let end = after.map(|after| time(u64::from(key.created) + u64::from(after)));
        match end {
            Some(at) if at <= self.now => Err(Refusal::KeyExpired { key: name, at }),
            _ => Ok(()),
        }
    }
}

fn newest<'a>(all: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    all.max_by_key(|signature| signature.made_at())
}
