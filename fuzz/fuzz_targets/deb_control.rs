#![no_main]
//! Any text as a control file: refused, or fields that are found again by their names.

use deb_layers::Stanza;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(stanza) = Stanza::parse(text) else { return };
    for (name, value) in stanza.fields() {
        assert_eq!(stanza.get(&name.to_ascii_uppercase()), Some(value));
        assert!(value.lines().skip(1).all(|line| line.starts_with([' ', '\t'])));
    }
    let again: String = stanza.fields().map(|(name, value)| format!("{name}: {value}\n")).collect();
    assert_eq!(Stanza::parse(&again).as_ref(), Ok(&stanza));
});
