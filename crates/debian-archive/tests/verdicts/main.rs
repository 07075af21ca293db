//! Every way in which a signed text can be right or wrong, with keys made for it.

#![allow(clippy::unwrap_used)]

mod cases;
mod forge;
mod gpgv;

use cases::{TEXT, cases};
use debian_archive::{Keyring, Refusal, SignatureError, verify_clearsigned, verify_detached};
use forge::{FLAG_CERTIFY, FLAG_SIGN, Key, Says, armor, canonical, clearsigned};
use jiff::Timestamp;

#[test]
fn every_verdict_is_the_expected_one_and_only_what_was_signed_is_read() {
    let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
    let mut wrong = Vec::new();
    for case in cases(u32::try_from(now.as_second()).unwrap()) {
        let ring = Keyring::parse(&case.keyring).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let found = verify_clearsigned(case.text.as_bytes(), &ring, now);
        let as_expected = match (&found, case.verdict) {
            (Ok(verified), Ok(())) => verified.text == TEXT.replace(" \t\n", "\n"),
            (Err(error), Err(part)) => error.to_string().contains(part),
            _ => false,
        };
        if !as_expected {
            wrong.push(format!("{}: {found:?}, not {:?}", case.name, case.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const NOW: &str = "2026-11-28T12:00:00Z";

/// A key with a subkey, both of which may sign.
fn keys() -> (Key, Key, Keyring) {
    let (key, sub) = (Key::new(1, 1_700_000_000), Key::new(2, 1_700_000_000));
    let says = Says { flags: Some(FLAG_CERTIFY | FLAG_SIGN), ..Says::at(1_700_000_000) };
    let ring = [key.certificate(&says), key.subkey(&sub, &says, true)].concat();
    (key, sub, Keyring::parse(&ring).unwrap())
}

#[test]
fn keys_that_are_named_are_trusted_and_no_others() {
    let (key, sub, ring) = keys();
    let says = Says::at(1_750_000_000);
    let by = |key: &Key| clearsigned(TEXT, &[key.sign(&says, &[&canonical(TEXT)])]);
    let exactly = |key: &Key| format!("{}!", key.name());
    for (name, by_key, by_sub) in [
        (key.name(), true, true),
        (exactly(&key), true, false),
        (sub.name(), false, true),
        (exactly(&sub), false, true),
        (Key::new(3, 1).name(), false, false),
    ] {
        let ring = ring.clone().only(vec![name.parse().unwrap()]);
        for (signer, trusted) in [(&key, by_key), (&sub, by_sub)] {
            let found = verify_clearsigned(by(signer).as_bytes(), &ring, NOW.parse().unwrap());
            match found {
                Ok(verified) => {
                    assert!(trusted, "{name}");
                    assert_eq!(verified.signer.key.to_string(), signer.name());
                    assert_eq!(verified.signer.primary.to_string(), key.name());
                }
                Err(SignatureError::Untrusted(all)) => {
                    assert!(!trusted, "{name}");
                    assert!(matches!(all[0].refusal, Refusal::NotNamed(_)), "{all:?}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_signature_beside_the_text_is_over_its_bytes() {
    let (key, _, ring) = keys();
    let says = Says { kind: 0, ..Says::at(1_750_000_000) };
    let verify = |content: &str, signature: &[u8]| {
        verify_detached(content.as_bytes(), signature, &ring, NOW.parse().unwrap())
    };
    let signature = key.sign(&says, &[TEXT.as_bytes()]);
    let armored = armor("SIGNATURE", &signature);
    assert_eq!(verify(TEXT, &signature).unwrap().text, TEXT);
    assert_eq!(
        verify(TEXT, armored.as_bytes()).unwrap().signer.signed_at.as_second(),
        1_750_000_000
    );
    let changed = TEXT.replace("Test", "Evil");
    assert!(matches!(verify(&changed, &signature), Err(SignatureError::Tampered(_))));
    let blank = TEXT.replace("end\n", "end \n");
    assert!(matches!(verify(&blank, &signature), Err(SignatureError::Tampered(_))));
    let over_text = key.sign(&Says::at(1_750_000_000), &[&canonical(TEXT)]);
    assert!(verify(TEXT, &over_text).unwrap_err().to_string().contains("not over bytes"));
    let around = format!("{armored}hello");
    assert!(matches!(verify(TEXT, around.as_bytes()), Err(SignatureError::Malformed(_))));
    assert!(matches!(verify(TEXT, b""), Err(SignatureError::Untrusted(_))));
}

#[test]
fn a_revocation_in_another_file_counts() {
    let (key, sub, mut ring) = keys();
    let text = clearsigned(TEXT, &[sub.sign(&Says::at(1_750_000_000), &[&canonical(TEXT)])]);
    let verify = |ring: &Keyring| verify_clearsigned(text.as_bytes(), ring, NOW.parse().unwrap());
    assert!(verify(&ring).is_ok());
    let revoked = key.about_itself(&Says { kind: 0x20, ..Says::at(1_760_000_000) });
    ring.add(Keyring::parse(&[key.packet(false), revoked].concat()).unwrap());
    assert!(verify(&ring).unwrap_err().to_string().contains("revoked"));
}
