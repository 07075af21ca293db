//! Releases and rollbacks on YAML that a seed made up: to the byte, or refused before. A few thousand texts in every run;
//! `ENVLOCK_TEST_FUZZ` says for how many seconds of processor time instead, `ENVLOCK_TEST_SEED` from where on, and
//! `ENVLOCK_YAML_CORPUS` names a folder of files whose lines are put together at random as well.

use std::collections::BTreeMap;

use yaml_scalar_edit::{Edit, Scalar};

use crate::support::random_yaml::{Random, text};
use crate::support::round_trip::{RoundTrip, can_be_written, put, round_trip};
use crate::support::yaml::{Place, places, read};

/// Without a time.
const TEXTS: u64 = 3000;

#[test]
fn a_release_and_its_rollback_leave_random_files_as_they_were() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (seconds, first) = (number("ENVLOCK_TEST_FUZZ"), number("ENVLOCK_TEST_SEED").unwrap_or(1));
    let lines = corpus();
    let mut tally = BTreeMap::<&str, u64>::new();
    let mut count = 0;
    while seconds.map_or(count < TEXTS, |seconds| processor_time() < seconds as f64) {
        let seed = first.wrapping_mul(1 << 32) + count;
        let tried = std::panic::catch_unwind(|| trip(seed, &lines));
        *tally.entry(tried.unwrap_or_else(|_| panic!("seed {seed}"))).or_default() += 1;
        count += 1;
    }
    eprintln!("{count} texts from seed {first}, {:.0} s: {tally:?}", processor_time());
    assert!(tally["identical"] * 3 > count, "{tally:?}");
}

fn trip(seed: u64, lines: &[String]) -> &'static str {
    let mut random = Random::of(seed);
    let text = match lines.is_empty() || random.once_in(2) {
        true => text(&mut random),
        false => mixed(&mut random, lines),
    };
    if read(&text).is_none() {
        return "not readable";
    }
    let mut places: Vec<Place> = places(&text);
    places.retain(|place| can_be_written(&place.path));
    if places.is_empty() {
        return "no place";
    }
    let chosen: Vec<Place> =
        (0..=random.below(4)).map(|_| places[random.below(places.len())].clone()).collect();
    let [first, second] = [0, 1].map(|_| edits(&mut random, &chosen));
    match round_trip(text.as_bytes(), &first, &second) {
        RoundTrip::Identical => "identical",
        RoundTrip::Same => "same",
        RoundTrip::Refused(_) => "refused",
    }
}

fn edits(random: &mut Random, places: &[Place]) -> Vec<Edit> {
    let edit = |place: &Place| {
        let path = match place.mapping {
            true => place.path.join(random.pick(&["image", "build", "new key", "日"])),
            false => place.path.clone(),
        };
        let value = match random.below(12) {
            0 => Scalar::Bool(false),
            1 => Scalar::Null,
            2 => Scalar::String("日本 #x: 'q' \"\\\t".to_owned()),
            3 => Scalar::String("x".to_owned()),
            at => {
                Scalar::String(format!("r.example/team/image{}@sha256:{}", at % 2, random.below(4)))
            }
        };
        put(&path, value)
    };
    let mut edits: Vec<Edit> = places.iter().map(edit).collect();
    // One place is one role.
    edits.dedup_by(|a, b| a.path == b.path);
    edits
}

/// Some lines of one file, a line of another, some of the first again.
fn mixed(random: &mut Random, texts: &[String]) -> String {
    let one: Vec<&str> = texts[random.below(texts.len())].split_inclusive('\n').collect();
    let other: Vec<&str> = texts[random.below(texts.len())].split_inclusive('\n').collect();
    let (from, at) = (random.below(one.len()), random.below(other.len()));
    let to = from + random.below(one.len() - from);
    let text = match random.below(3) {
        0 => one.concat(),
        1 => [&one[..from], &other[at..=at], &one[from..]].concat().concat(),
        _ => [&one[..from], &one[to..]].concat().concat(),
    };
    if random.once_in(3) { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
}

fn corpus() -> Vec<String> {
    let Ok(folder) = std::env::var("ENVLOCK_YAML_CORPUS") else { return vec![] };
    let mut paths: Vec<_> = fs_err::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let texts = paths.into_iter().filter_map(|path| fs_err::read_to_string(path).ok());
    // Of small ones there can be many.
    texts.filter(|text| (1..2000).contains(&text.len())).collect()
}

/// Of this process, in seconds.
fn processor_time() -> f64 {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // In hundredths of a second, on every Linux there is.
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
