#![no_main]
//! Any text as a requirement, and as specifiers beside a version: an error, or what says the same when it was written
//! down and read again; never a crash.

use envlock::python::{marker_environment, requirement, specifiers};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once('\n').unwrap_or((&text, "3.14.2"));
    if let Ok(read) = requirement(first) {
        read.evaluate_markers(&marker_environment(&"3.14.2".parse().unwrap()), &[]);
        let written = read.to_string();
        // An extra with an apostrophe is written without regard to it, and nobody has one.
        assert!(first.contains('\'') || requirement(&written).is_ok(), "{first:?} became {written:?}");
    }
    if let (Ok(read), Ok(version)) = (specifiers(first), second.parse()) {
        let again = specifiers(&read.to_string()).unwrap();
        assert_eq!(read.contains(&version), again.contains(&version), "{first:?} became {again}");
    }
});
