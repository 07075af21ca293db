#![no_main]
//! Any text as a requirement, and as specifiers beside a version: an error, or specifiers that say the same when they were
//! written down and read again; never a crash.

use envlock::platform::Platform;
use envlock::python::{marker_environment, requirement, specifiers};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once('\n').unwrap_or((&text, "3.14.2"));
    if let Ok(read) = requirement(first) {
        read.evaluate_markers(
            &marker_environment(Platform::LINUX_AMD64, &"3.14.2".parse().unwrap()),
            &[],
        );
        // Not read again: quotes within strings are printed without regard to them.
        let _ = read.to_string();
    }
    if let (Ok(read), Ok(version)) = (specifiers(first), second.parse()) {
        let again = specifiers(&read.to_string()).unwrap();
        assert_eq!(read.contains(&version), again.contains(&version), "{first:?} became {again}");
    }
});
