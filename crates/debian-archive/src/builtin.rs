//! The keys of Debian and Ubuntu, as their own packages have them (keys/README.md says which).

use crate::Keyring;

/// `debian-archive-keyring.pgp` of Debian's package debian-archive-keyring.
pub const DEBIAN_KEYS: &[u8] = include_bytes!("../keys/debian-archive-keyring.pgp");

/// `ubuntu-archive-keyring.gpg` of Debian's package ubuntu-keyring.
pub const UBUNTU_KEYS: &[u8] = include_bytes!("../keys/ubuntu-archive-keyring.pgp");

/// The keys that sign Debian's archives.
pub fn debian_keys() -> Keyring {
    built_in(DEBIAN_KEYS)
}

/// The keys that sign Ubuntu's archives.
pub fn ubuntu_keys() -> Keyring {
    built_in(UBUNTU_KEYS)
}

fn built_in(bytes: &[u8]) -> Keyring {
    Keyring::parse(bytes).expect("the tests read the same bytes")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use oci_digest::Sha256;

    use super::*;
    use crate::openpgp::{Issuer, signing_key};

    const README: &str = include_str!("../keys/README.md");

    #[test]
    fn the_readme_names_each_file_and_key() {
        for (name, bytes) in [("debian", DEBIAN_KEYS), ("ubuntu", UBUNTU_KEYS)] {
            let row = README.lines().find(|line| line.starts_with(&format!("| `{name}-archive")));
            assert!(row.unwrap().ends_with(&format!("| {} |", Sha256::of(bytes))), "{name}");
        }
        let keys: Vec<_> = debian_keys().keys().chain(ubuntu_keys().keys()).collect();
        let rows: Vec<_> = README.lines().filter(|line| line.starts_with("| ")).collect();
        for (key, user) in &keys {
            let row = rows.iter().find_map(|row| row.strip_prefix(&format!("| {key} | ")));
            let name = row.unwrap().trim_end_matches(" |");
            assert!(user.as_ref().unwrap().starts_with(name), "{key}: {user:?}");
        }
        // Two tables with a head each; the lines between are no rows.
        assert_eq!(rows.len(), keys.len() + 4);
    }

    #[test]
    fn the_keys_confirm_themselves() {
        let now = "2026-11-28T00:00:00Z".parse().unwrap();
        for ring in [debian_keys(), ubuntu_keys()] {
            for certificate in ring.certificates() {
                let subkeys = certificate.subkeys.iter().map(|(key, _)| key);
                for key in std::iter::once(&certificate.primary).chain(subkeys) {
                    let found = signing_key(certificate, key, now, SignedDuration::ZERO);
                    assert!(found.is_ok(), "{:?}: {found:?}", certificate.user());
                    let issuer = Issuer::Fingerprint(key.fingerprint);
                    assert_eq!(certificate.keys_of(issuer).count(), 1);
                }
            }
        }
    }
}
