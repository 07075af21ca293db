//! The same lock gives the same manifests: in any folder, on any day, on any number of cores, whatever the store holds
//! and in whatever order it came there.

use std::collections::BTreeMap;

use envlock::store::Store;
use serde_json::Value;

use crate::support::workshop::{Workshop, digests, under};
use crate::support::{Envlock, Fault, Run, left_out};

fn exists(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// A core that this process may use.
fn a_core() -> String {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    line.trim().split([',', '-']).next().unwrap().to_owned()
}

#[test]
fn the_day_the_folder_the_cores_and_the_store_change_no_digest() {
    let workshop = Workshop::new(300_000);
    let origin = workshop.project();
    // The manifests, and env.lock with its layers.
    let build = |envlock: &Envlock, prefix: &str, words: &[&str]| {
        let command = envlock.command(workshop.arguments(prefix));
        let mut command = if words.is_empty() { command } else { under(words, &command) };
        let run = Run(command.env("PATH", std::env::var("PATH").unwrap()).output().unwrap());
        let run = run.exits(0);
        // Nothing of an earlier build helped.
        let written = workshop.since(0).blobs().iter().filter(|b| b.0.starts_with(prefix)).count();
        assert!(written >= 9, "{written} blobs were sent");
        (digests(&run), envlock.read("env.lock"))
    };
    let expected = build(&workshop.clone_of(&origin), "plain", &[]);
    assert_eq!(expected.1.matches("[[layer]]").count(), 5, "{}", expected.1);
    let core = a_core();
    let shell = |script: &'static str| ["sh", "-c", script, "sh"];
    let mut ways: Vec<(&str, Vec<&str>)> = vec![
        ("umask", shell("umask 077; exec \"$@\"").to_vec()),
        ("zone", shell("TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 exec \"$@\"").to_vec()),
        ("deep", vec![]),
        ("backwards", vec![]),
        ("broken-off", vec![]),
    ];
    // Each is asked for by what it needs; a machine without it says so.
    let mut needs = |program: &'static str, name: &'static str, words: Vec<_>| {
        if exists(program) {
            ways.push((name, words));
        } else {
            left_out(format_args!("{program} is not installed: {name} is not tried"));
        }
    };
    needs("taskset", "one-core", vec!["taskset", "-c", &core]);
    needs("faketime", "later", vec!["faketime", "2031-05-06 07:08:09"]);
    needs("faketime", "earlier", vec!["faketime", "2001-02-03 04:05:06"]);
    for (name, words) in ways {
        let mut envlock = workshop.clone_of(&origin);
        if name == "deep" {
            envlock = in_a_deep_folder(envlock);
        }
        if name == "backwards" {
            let store = Store::at(envlock.path(".store")).unwrap();
            for wheel in workshop.wheels.iter().rev() {
                let path = store.put(&wheel.bytes).unwrap();
                let day = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(86400);
                let file = fs_err::OpenOptions::new().read(true).open(path.path()).unwrap();
                file.file().set_modified(day).unwrap();
            }
        }
        if name == "broken-off" {
            // These come last, in parts.
            for wheel in workshop.wheels.iter().step_by(2) {
                workshop.index.fail(&wheel.file, Fault::Cut, 2);
            }
        }
        let before = workshop.index.downloads(".whl");
        assert_eq!(build(&envlock, name, &words), expected, "{name}");
        let downloads = workshop.index.downloads(".whl") - before;
        match name {
            "broken-off" => assert!(downloads >= 6, "{downloads}"),
            _ => assert_eq!(downloads, if name == "backwards" { 0 } else { 6 }, "{name}"),
        }
        // The clock that a build sees is on its record.
        let record: Value = serde_json::from_str(&envlock.read("env.releases.jsonl")).unwrap();
        let year = &record["time"].as_str().unwrap()[..4];
        assert_eq!((year == "2031", year == "2001"), (name == "later", name == "earlier"));
    }
}

/// The project again, far from the root, with a name that no layer may show.
fn in_a_deep_folder(envlock: Envlock) -> Envlock {
    let store = envlock.path(format!("{}/プロジェクト/store", "d/".repeat(40)).as_str());
    fs_err::create_dir_all(&store).unwrap();
    envlock.env("ENVLOCK_STORE", store)
}

#[test]
fn two_machines_give_an_image_alone_and_with_others_the_same_digest() {
    let workshop = Workshop::new(50_000);
    let (one, two) = (workshop.project(), workshop.project());
    assert_eq!(one.read("env.lock"), two.read("env.lock"));
    let all = digests(&workshop.build(&one, "all").exits(0));
    let mut alone = workshop.arguments("alone");
    alone.extend(["--no-config".to_owned(), "marimo-runtime".to_owned()]);
    let alone = digests(&two.run(alone).exits(0));
    assert_eq!(alone, BTreeMap::from([("marimo-runtime".to_owned(), all["marimo-runtime"])]));
}

#[test]
fn zstd_layers_are_the_same_on_one_core() {
    let mut workshop = Workshop::new(300_000);
    workshop.spec(|spec| spec + "[build]\ncompression = \"zstd\"\n");
    let origin = workshop.project();
    let expected = digests(&workshop.build(&workshop.clone_of(&origin), "plain").exits(0));
    if !exists("taskset") {
        return left_out("taskset is not installed");
    }
    let envlock = workshop.clone_of(&origin);
    let command = envlock.command(workshop.arguments("one-core"));
    let mut command = under(&["taskset", "-c", &a_core()], &command);
    let run = Run(command.env("PATH", std::env::var("PATH").unwrap()).output().unwrap()).exits(0);
    assert!(workshop.since(0).blobs().iter().filter(|b| b.0.starts_with("one-core")).count() >= 9);
    assert_eq!(digests(&run), expected);
}
