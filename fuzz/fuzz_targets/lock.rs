#![no_main]
//! Any text as env.lock. What is read is written back to something that reads the same.

use envlock::lock;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(read) = lock::parse(text) else { return };
    let written = lock::render(&read);
    let again = lock::parse(&written).expect("what was written can be read");
    assert_eq!(again, read);
    assert_eq!(lock::render(&again), written);
    let _ = lock::Diff::between(Some(&read), &again).to_string();
});
