#![no_main]
//! Any text as pip's settings: an error with a line of it, or options by name, each once; never a crash.
use std::collections::BTreeSet;

use envlock::index::tools::pip_conf::{Settings, parse};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let conf = match parse(&text) {
        Ok(conf) => conf,
        Err(bad) => {
            return assert!(bad.line >= 1 && bad.line <= text.matches(['\n', '\r']).count() + 1);
        }
    };
    for (section, options) in conf.sections() {
        let names: BTreeSet<_> = options.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), options.len(), "[{section}]");
    }
    let mut settings = Settings::default();
    settings.add("pip.conf", &conf);
    assert!(
        settings
            .get("index-url")
            .is_none_or(|(value, place)| !value.is_empty() && place == "pip.conf")
    );
});
