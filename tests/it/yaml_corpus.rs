//! The editor on YAML from the wild. ENVLOCK_YAML_CORPUS names a folder of such files; `ci/yaml-corpus.sh` makes one
//! out of published packages and runs this.

use std::collections::BTreeMap;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use envlock::config::Scalar;

use crate::support::yaml::{Outcome, insert, places, read, replace};

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
        "{} texts (LF and CRLF), {} not readable, {} values: {:?}",
        tally.files, tally.unreadable, tally.places, tally.outcomes
    );
    for (reason, count) in &tally.reasons {
        eprintln!("  {count:>7}  {reason}");
    }
    assert!(tally.files - tally.unreadable >= 2 * LEAST, "a corpus of {} texts", tally.files);
    // An editor that refuses everything is right too, and of no use.
    assert!(tally.outcomes["made"] * 2 > tally.places, "{:?}", tally.outcomes);
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
