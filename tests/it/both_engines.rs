//! One lock, built by BuildKit from the Dockerfile and by the built-in engine: the images have equal configurations
//! and equal file systems, but for what is listed here. The stack is real: pip, Ray's core and marimo from PyPI.

use std::collections::{BTreeMap, BTreeSet};

use envlock::reference::PinnedReference;
use serde_json::{Map, Value};

use crate::support::engine::Engine;
use crate::support::file_system::{Entry, FileSystem, What, stacked};
use crate::support::workshop::{images, pull};

const GROUPS: &str = "\
[groups.python]
packages = [\"pip\"]
[groups.ray]
packages = [\"ray\"]
[groups.marimo]
packages = [\"marimo\"]
";

/// What may differ, and why it is right that it does.
const NAMES_ITSELF: &str = "INSTALLER: each installer names itself";
const REQUESTED: &str = "REQUESTED: the Dockerfile gives pip every distribution by name, so pip marks them all as asked for";
const RECORD: &str = "RECORD: the rows of the files that are on this list";
const WRAPPER: &str = "scripts of entry points: the same call in other words";

const BIN: &str = "opt/conda/envs/py/bin/";

/// Why the two entries of a path may differ; `None`: they may not.
fn reason(
    path: &str,
    dockerfile: Option<&Entry<'_>>,
    layers: Option<&Entry<'_>>,
) -> Option<&'static str> {
    let name = path.rsplit_once(".dist-info/").map(|(_, name)| name);
    let Some(layers) = layers else {
        let is_empty = dockerfile?.what == What::File(b"");
        return (name == Some("REQUESTED") && is_empty).then_some(REQUESTED);
    };
    let dockerfile = dockerfile?;
    let (What::File(theirs), What::File(ours)) = (&dockerfile.what, &layers.what) else {
        return None;
    };
    let head = |entry: &Entry<'_>| (entry.mode, entry.owner, entry.mtime);
    if head(dockerfile) != head(layers) {
        return None;
    }
    let holds = match name {
        Some("INSTALLER") => (*theirs == b"pip\n" && *ours == b"envlock\n").then_some(NAMES_ITSELF),
        Some("RECORD") => (rows(theirs) == rows(ours)).then_some(RECORD),
        _ => None,
    };
    let is_wrapper = path.starts_with(BIN) && call(theirs).is_some() && call(theirs) == call(ours);
    holds.or(is_wrapper.then_some(WRAPPER))
}

/// The rows of a RECORD; of files that may differ, only that they have one.
fn rows(text: &[u8]) -> Vec<String> {
    let rows = std::str::from_utf8(text).unwrap().lines();
    let wrapper = BIN.replace("opt/conda/envs/py", "../../..");
    rows.filter(|row| !row.contains(".dist-info/REQUESTED,"))
        .map(|row| match row.split_once(',').unwrap() {
            (path, _) if path.ends_with(".dist-info/INSTALLER") || path.starts_with(&wrapper) => {
                path.to_owned()
            }
            _ => row.to_owned(),
        })
        .collect()
}

/// What a script of an entry point imports and calls: its first line, its import, the call in `exit(…)`.
fn call(script: &[u8]) -> Option<(String, String, String)> {
    let text = std::str::from_utf8(script).ok()?;
    let import = text.lines().find(|line| line.starts_with("from "))?;
    let (_, exit) = text.split_once("xit(")?;
    let call = exit.lines().next()?.strip_suffix(')')?;
    Some((text.lines().next()?.to_owned(), import.to_owned(), call.to_owned()))
}

/// The paths that differ, told apart by why they may.
fn differences<'a>(
    dockerfile: &'a FileSystem<'_>,
    layers: &'a FileSystem<'_>,
) -> BTreeMap<Option<&'static str>, BTreeSet<&'a str>> {
    let paths: BTreeSet<&str> =
        dockerfile.keys().chain(layers.keys()).map(String::as_str).collect();
    let mut found = BTreeMap::<_, BTreeSet<&str>>::new();
    for path in paths {
        let (one, other) = (dockerfile.get(path), layers.get(path));
        if one != other {
            found.entry(reason(path, one, other)).or_default().insert(path);
        }
    }
    found
}

/// BuildKit sets this beside every CMD; only Windows containers read it, and the image specification deprecates it.
const FOR_WINDOWS: &str = "ArgsEscaped";

/// An image's settings, without those that are not set.
fn settings(config: &Value) -> Map<String, Value> {
    let set = |value: &Value| !value.is_null() && *value != "" && *value != Value::Array(vec![]);
    let all = config["config"].as_object().unwrap().clone();
    all.into_iter().filter(|(key, value)| key != FOR_WINDOWS && set(value)).collect()
}

#[test]
fn both_engines_make_the_same_images_of_one_lock() {
    let Some(engine) = Engine::find() else { return };
    let one = engine.project(GROUPS);
    one.run(["resolve"]).exits(0);
    let other = engine.project(GROUPS).env("ENVLOCK_STORE", one.path(".store"));
    other.write("env.lock", one.read("env.lock"));
    let theirs = images(&one.run(engine.push("dockerfile", "both/dockerfile")).exits(0));
    let ours = images(&other.run(engine.push("layers", "both/layers")).exits(0));

    let mut reasons = BTreeSet::new();
    for name in ["ray-runtime", "marimo-runtime"] {
        reasons.extend(compared(name, &theirs[name], &ours[name]));
    }
    // What does not occur does not stay on the list.
    assert_eq!(reasons, BTreeSet::from([NAMES_ITSELF, REQUESTED, RECORD, WRAPPER]));
}

/// The reasons for which paths differ.
fn compared(name: &str, theirs: &PinnedReference, ours: &PinnedReference) -> Vec<&'static str> {
    let (theirs, ours) = (pull(theirs), pull(ours));
    assert_eq!(settings(&theirs.config), settings(&ours.config), "{name}");
    for key in ["os", "architecture", "created"] {
        assert_eq!(theirs.config[key], ours.config[key], "{name}: {key}");
    }
    let (theirs, ours) = (stacked(&theirs.layers), stacked(&ours.layers));
    let mut differences = differences(&theirs, &ours);
    if let Some(wrong) = differences.remove(&None) {
        let show = |path: &&str| {
            format!(
                "{path}\n  dockerfile: {:?}\n  layers:     {:?}",
                theirs.get(*path),
                ours.get(*path)
            )
        };
        let shown: Vec<String> = wrong.iter().take(40).map(show).collect();
        panic!("{name}: {} paths differ\n{}", wrong.len(), shown.join("\n"));
    }
    for (reason, paths) in &differences {
        eprintln!("{name}, of {} paths: {} {}", theirs.len(), paths.len(), reason.unwrap());
    }
    differences.into_keys().flatten().collect()
}
