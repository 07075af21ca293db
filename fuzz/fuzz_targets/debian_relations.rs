#![no_main]
//! Any text as a relation field and as two versions.

use apt_solver::{Version, parse_relations};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(groups) = parse_relations(text) {
        for relation in groups.iter().flatten() {
            let written = relation.to_string();
            let again = parse_relations(&written).unwrap();
            assert_eq!(again[0][0].to_string(), written);
            let _ = (relation.is_for("amd64"), relation.is_for("hurd-i386"));
        }
    }
    let Some((a, b)) = text.split_once('\n') else { return };
    if let (Ok(a), Ok(b)) = (Version::parse(a), Version::parse(b)) {
        assert_eq!(a.cmp(&b), b.cmp(&a).reverse(), "{a} {b}");
        assert_eq!(a.cmp(&a), std::cmp::Ordering::Equal);
        assert!(a == b || a.as_str() != b.as_str());
    }
});
