#![no_main]
//! Any bytes as an InRelease and as a signature, for a keyring with real keys: none of it was signed.

use debian_archive::{debian_keys, verify_clearsigned, verify_detached};
use jiff::Timestamp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let keys = debian_keys();
    assert!(verify_clearsigned(bytes, &keys, Timestamp::UNIX_EPOCH).is_err());
    assert!(verify_detached(b"hello", bytes, &keys, Timestamp::UNIX_EPOCH).is_err());
});
