//! The editor, and releases with their rollbacks, on YAML from the wild. ENVLOCK_YAML_CORPUS names a folder of such files;
//! `ci/yaml-corpus.sh` makes one out of published packages and runs this. ENVLOCK_TEST_SEED says which values are roles.

use std::collections::BTreeMap;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use yaml_scalar_edit::{Edit, Scalar};

use crate::support::round_trip::{RoundTrip, can_be_written, put, round_trip};
use crate::support::yaml::{Outcome, Place, insert, places, read, replace};

/// As many as the proof has to be made of.
const LEAST: u64 = 1000;
/// One edit reads the file four times, and a file twice as big has twice as many: bigger ones would only be slow.
const LARGEST: u64 = 8 << 10;

#[derive(Default)]
struct Tally {
    files: u64,
    /// No YAML, or templates of it: nothing in them may be edited.
    unreadable: u64,
    places: u64,
    outcomes: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<String, u64>,
}

#[test]
#[ignore = "needs a folder of YAML files: run ci/yaml-corpus.sh"]
fn every_scalar_of_files_from_the_wild_is_replaced_alone_or_refused() {
    let tally = over_the_corpus(judge);
    // An editor that refuses everything is right too, and of no use.
    assert!(tally.outcomes["made"] * 2 > tally.places, "{:?}", tally.outcomes);
}

#[test]
#[ignore = "needs a folder of YAML files: run ci/yaml-corpus.sh"]
fn a_release_and_its_rollback_leave_files_from_the_wild_as_they_were() {
    let tally = over_the_corpus(come_back);
    assert!(tally.outcomes["identical"] * 2 > tally.places, "{:?}", tally.outcomes);
}

/// Every file, with LF and with CRLF.
fn over_the_corpus(judge: fn(&str, usize) -> Tally) -> Tally {
    let folder = std::env::var("ENVLOCK_YAML_CORPUS").expect("ENVLOCK_YAML_CORPUS=FOLDER");
    let mut files: Vec<Utf8PathBuf> = Vec::new();
    collect(Utf8Path::new(&folder), &mut files);
    files.sort();
    let (next, tally) = (Mutex::new(files.iter()), Mutex::new(Tally::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(file) = next.lock().unwrap().next() else { return };
                    let bytes = fs_err::read(file).unwrap();
                    let Ok(text) = String::from_utf8(bytes) else { continue };
                    let lf = text.replace("\r\n", "\n");
                    for (form, text) in [(0, lf.clone()), (1, lf.replace('\n', "\r\n"))] {
                        // The file's name is the first thing to know when one fails.
                        let judged = std::panic::catch_unwind(|| judge(&text, form));
                        let judged = judged.unwrap_or_else(|_| panic!("in {file}, form {form}"));
                        tally.lock().unwrap().add(judged);
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    eprintln!(
        "{} files; {} texts (LF and CRLF), {} not readable, {} values: {:?}",
        files.len(),
        tally.files,
        tally.unreadable,
        tally.places,
        tally.outcomes
    );
    for (reason, count) in &tally.reasons {
        eprintln!("  {count:>7}  {reason}");
    }
    assert!(tally.files - tally.unreadable >= 2 * LEAST, "a corpus of {} texts", tally.files);
    tally
}

fn collect(folder: &Utf8Path, files: &mut Vec<Utf8PathBuf>) {
    for entry in folder.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(entry.path(), files);
        } else if matches!(entry.path().extension(), Some("yaml" | "yml"))
            && entry.metadata().unwrap().len() <= LARGEST
        {
            files.push(entry.into_path());
        }
    }
}

/// Replaces every scalar of a text once, with one of several values in turn, and gives every mapping a key.
fn judge(text: &str, form: usize) -> Tally {
    let digest = envlock::digest::Digest::of(text);
    let values = [
        Scalar::String(format!("127.0.0.1:5000/team/ray-runtime@{digest}")),
        Scalar::Bool(false),
        Scalar::String("日本 #x: 'q' \"\\\t".to_owned()),
        Scalar::String("registry.example/team/marimo:v1".to_owned()),
        Scalar::Null,
    ];
    let mut tally = Tally { files: 1, ..Tally::default() };
    let Some(before) = read(text) else {
        tally.unreadable = 1;
        return tally;
    };
    for (at, place) in places(text).into_iter().enumerate() {
        // The other form gets another value at the same place.
        let new = &values[(at + 2 * form) % values.len()];
        if place.mapping {
            let added = matches!(insert(text, &before, &place, "image", new), Outcome::Made);
            *tally.outcomes.entry(if added { "added" } else { "not added" }).or_default() += 1;
            continue;
        }
        tally.places += 1;
        let name = match replace(text, &before, &place, new) {
            Outcome::Made => "made",
            Outcome::Same => "same",
            Outcome::Refused(reason) => {
                let reason = reason.replace(&place.path.to_string(), "PATH");
                let reason: String = reason.chars().take(80).collect();
                *tally.reasons.entry(reason).or_default() += 1;
                "refused"
            }
        };
        *tally.outcomes.entry(name).or_default() += 1;
    }
    tally
}

/// Makes a value of a text a role, another one, three at once, a mapping that gets a key; releases twice and rolls back.
fn come_back(text: &str, form: usize) -> Tally {
    let mut tally = Tally { files: 1, ..Tally::default() };
    if read(text).is_none() {
        tally.unreadable = 1;
        return tally;
    }
    let places = places(text).into_iter().filter(|place| can_be_written(&place.path));
    let (mappings, scalars): (Vec<_>, Vec<_>) = places.partition(|place| place.mapping);
    let mut random = Random::of(text, form);
    for (count, among) in [(1, &scalars), (1, &scalars), (3, &scalars), (1, &mappings)] {
        let Some(chosen) = random.choose(among, count) else { continue };
        tally.places += 1;
        let edits = |seed: &str| -> Vec<Edit> {
            let digest = envlock::digest::Digest::of(format!("{text}{seed}"));
            let image = |name: usize| format!("127.0.0.1:5000/team/image{name}@{digest}");
            // Two roles of one image, and one of another.
            let edit = |(at, place): (usize, &&Place)| {
                let path =
                    if place.mapping { place.path.join("image") } else { place.path.clone() };
                put(&path, Scalar::String(image(at / 2)))
            };
            chosen.iter().enumerate().map(edit).collect()
        };
        let name = match round_trip(text.as_bytes(), &edits("one"), &edits("two")) {
            RoundTrip::Identical => "identical",
            RoundTrip::Same => "same",
            RoundTrip::Refused(reason) => {
                let paths = chosen.iter().map(|place| place.path.to_string());
                let reason = paths.fold(reason, |reason, path| reason.replace(&path, "PATH"));
                let reason: String = reason.chars().take(80).collect();
                *tally.reasons.entry(reason).or_default() += 1;
                "refused"
            }
        };
        *tally.outcomes.entry(name).or_default() += 1;
    }
    tally
}

/// Numbers that a text and ENVLOCK_TEST_SEED decide.
struct Random(u64);

impl Random {
    fn of(text: &str, form: usize) -> Self {
        let seed = std::env::var("ENVLOCK_TEST_SEED").unwrap_or_default();
        let hex = envlock::digest::Sha256::of(format!("{seed} {form} {text}")).to_string();
        Random(u64::from_str_radix(&hex[..16], 16).unwrap() | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % end as u64).unwrap()
    }

    /// So many different ones; `None` where there are fewer.
    fn choose<'p>(&mut self, among: &'p [Place], count: usize) -> Option<Vec<&'p Place>> {
        let mut left: Vec<&Place> = among.iter().collect();
        let chosen = (0..count).map(|_| match left.is_empty() {
            true => None,
            false => Some(left.swap_remove(self.below(left.len()))),
        });
        chosen.collect()
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.files += other.files;
        self.unreadable += other.unreadable;
        self.places += other.places;
        for (name, count) in other.outcomes {
            *self.outcomes.entry(name).or_default() += count;
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }
}
