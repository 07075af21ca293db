#![no_main]
//! Any bytes as a keyring that an InRelease is held against.

use debian_archive::{Keyring, verify_clearsigned};
use jiff::Timestamp;

const SIGNED: &[u8] = include_bytes!("../seeds/clearsigned/signed");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(mut keyring) = Keyring::parse(bytes) else { return };
    keyring.add(keyring.clone());
    assert!(keyring.keys().count() > 0);
    let _ = verify_clearsigned(SIGNED, &keyring, Timestamp::UNIX_EPOCH);
});
