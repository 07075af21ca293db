#![no_main]
//! Any bytes as a page: an error or candidates, never a crash.
mod page;

use envlock::index::pages::page::Format;

libfuzzer_sys::fuzz_target!(|data: &[u8]| page::read(data, Format::Json));
