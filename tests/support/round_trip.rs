//! A judge of releases and rollbacks: what edits made of a text, the way back unmakes to the byte. The history goes through
//! its lines, as on disk; nothing else is written.

use envlock::config::{ConfigPath, Edit, Files, Scalar, edit, edit_reversibly};
use envlock::release::{FORMAT, History, Kind, Prepared, Record, decide, prepare};

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoundTrip {
    /// It was changed, and came back to the byte.
    Identical,
    /// In words.
    Refused(String),
    /// It said all of that already.
    Same,
}

const FILE: &str = "config.yaml";

/// Two releases that put `first` and `second` into a text, a rollback of each, one forward again and one back. Panics where
/// there is no way back, or one that leads to other bytes than before.
pub fn round_trip(text: &[u8], first: &[Edit], second: &[Edit]) -> RoundTrip {
    let there = match made(text, first, edit_reversibly) {
        Ok(made) => made,
        Err(reason) => return RoundTrip::Refused(reason),
    };
    if there.edits.is_empty() {
        return RoundTrip::Same;
    }
    let mut history = History::default();
    record(&mut history, Kind::Build, &there);
    let one = after(&there, text);
    // Where the second is refused, the first is still to be taken back.
    let two = made(&one, second, edit_reversibly).ok().filter(|made| !made.edits.is_empty());
    let Some(made) = two else {
        back(&mut history, Some(0), &one, text);
        return RoundTrip::Identical;
    };
    record(&mut history, Kind::Build, &made);
    let two = after(&made, &one);
    back(&mut history.clone(), Some(0), &two, text);
    back(&mut history, None, &two, &one);
    back(&mut history, None, &one, text);
    // Keys that were taken away are added anew, perhaps in another order; from there, too, there is a way back.
    // Where that cannot be done at once, it is refused.
    if let Ok(again) = to(&mut history, Some(2), text) {
        back(&mut history, Some(0), &again, text);
    }
    RoundTrip::Identical
}

type How = fn(&[u8], &[Edit]) -> Result<envlock::config::Edited, envlock::config::Error>;

fn made(text: &[u8], edits: &[Edit], how: How) -> Result<Prepared, String> {
    let files = Files::from([(FILE.into(), text.to_vec())]);
    let edits = [(FILE.into(), edits.to_vec())].into();
    prepare(&files, &edits, how).map_err(|error| error.to_string())
}

fn after(made: &Prepared, before: &[u8]) -> Vec<u8> {
    made.changes.first().map_or(before, |change| &change.after).to_vec()
}

fn record(history: &mut History, kind: Kind, made: &Prepared) {
    let record = Record {
        v: FORMAT,
        number: history.next_number(),
        time: "2026-11-23T10:00:00Z".parse().unwrap(),
        kind,
        lock: None,
        engine: None,
        images: Default::default(),
        edits: made.edits.clone(),
        not_kept: Default::default(),
        commit: None,
        by: None,
        envlock: "0.1.0".to_owned(),
    };
    *history = History::parse(&history.with(&record).unwrap()).unwrap();
}

/// Rolls a text back to bytes that are known.
fn back(history: &mut History, number: Option<u64>, text: &[u8], expected: &[u8]) {
    let found = to(history, number, text).unwrap_or_else(|why| {
        panic!("no way to {number:?}: {why}\n{}\n{}", shown(text), shown(history.bytes()))
    });
    let [from, came, wanted, lines] = [text, &found, expected, history.bytes()].map(shown);
    assert!(
        found == expected,
        "to {number:?}\n{lines}\n{from}\n=>\n{came}\n{came:?}\ninstead of\n{wanted:?}"
    );
}

/// Goes to a release, and adds the line of it.
fn to(history: &mut History, number: Option<u64>, text: &[u8]) -> Result<Vec<u8>, String> {
    let plan = decide(history, number, |_| Ok(text.to_vec())).map_err(|e| e.to_string())?;
    assert_eq!(plan.conflicts, [], "{}\n{}", shown(text), shown(history.bytes()));
    let made = prepare(&plan.files, &plan.edits, edit).map_err(|e| e.to_string())?;
    record(history, Kind::Rollback { to: plan.target.release }, &made);
    Ok(after(&made, text))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether envlock.toml can name this place: keys with double quotes cannot be written in a path.
pub fn can_be_written(path: &ConfigPath) -> bool {
    path.to_string().parse().as_ref() == Ok(path)
}

/// The edit that puts a value in a place.
pub fn put(path: &ConfigPath, value: Scalar) -> Edit {
    Edit { path: path.clone(), value: Some(value), text: None }
}
