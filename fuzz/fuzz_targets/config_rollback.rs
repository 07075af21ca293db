#![no_main]
//! Any text as config.yaml, its values made roles one by one and some at once, two releases, and the way back: the text is as
//! it was, to the byte, or the release is refused. The input's first line is what is put in.

use yaml_scalar_edit::{Edit, Scalar};

#[path = "../../tests/support/round_trip.rs"]
#[allow(missing_docs)]
mod round_trip;
#[path = "../../tests/support/yaml.rs"]
#[allow(missing_docs, dead_code)]
mod yaml;

/// Values at one text; more only cost time.
const MOST: usize = 8;

libfuzzer_sys::fuzz_target!(|input: &str| {
    let Some((new, text)) = input.split_once('\n') else { return };
    if yaml::read(text).is_none() {
        return;
    }
    let first = match new {
        "" => Scalar::Null,
        "0" => Scalar::Bool(false),
        "1" => Scalar::Bool(true),
        text => Scalar::String(text.to_owned()),
    };
    let second = Scalar::String("r.example/team/ray:v1".to_owned());
    let places = yaml::places(text).into_iter().filter(|p| round_trip::can_be_written(&p.path));
    let paths: Vec<_> = places
        .take(MOST)
        .map(|place| if place.mapping { place.path.join("new.key") } else { place.path })
        .collect();
    let put = |count: usize, value: &Scalar| -> Vec<Edit> {
        paths.iter().take(count).map(|path| round_trip::put(path, value.clone())).collect()
    };
    for path in &paths {
        let one = |value: &Scalar| [round_trip::put(path, value.clone())];
        round_trip::round_trip(text.as_bytes(), &one(&first), &one(&second));
    }
    // Two at once, and all: some may be one value, or hold each other.
    for count in [2, MOST] {
        round_trip::round_trip(text.as_bytes(), &put(count, &first), &put(count, &second));
    }
});
