#![no_main]
//! Any text as config.yaml, each of its values replaced, each of its mappings given a key: only what was asked
//! for changes, in bytes and as another parser reads it, or the edit is refused. The input's first line is what
//! is put in.

use yaml_scalar_edit::Scalar;

#[path = "../../tests/support/yaml.rs"]
#[allow(missing_docs)]
mod yaml;

/// Values at one text; more only cost time.
const MOST: usize = 24;

libfuzzer_sys::fuzz_target!(|input: &str| {
    let Some((new, text)) = input.split_once('\n') else { return };
    let Some(before) = yaml::read(text) else { return };
    let new = match new {
        "" => Scalar::Null,
        "0" => Scalar::Bool(false),
        "1" => Scalar::Bool(true),
        text => Scalar::String(text.to_owned()),
    };
    for place in yaml::places(text).iter().take(MOST) {
        match place.mapping {
            true => yaml::insert(text, &before, place, "new.key", &new),
            false => yaml::replace(text, &before, place, &new),
        };
    }
});
