//! Disks that take no more, at every place that a build writes to: reported once, with the place and the room, without
//! colours in a file, and nothing is tried again.

use std::collections::BTreeMap;
use std::process::Command;

use camino::Utf8Path;

use crate::support::mount::Mount;
use crate::support::workshop::Workshop;
use crate::support::{Embedded, Envlock, Faulty, Run, Sessions, left_out};

/// Bytes of each of the six wheels.
const WHEEL: usize = 300_000;

/// A disk of this size for the store of a project; `None`, reported: nothing can be mounted here.
fn with_small_store(envlock: Envlock, size: &str) -> Option<(Envlock, Mount)> {
    let store = envlock.path("small");
    fs_err::create_dir_all(&store).unwrap();
    let mount = Mount::small(&store, &format!("size={size}"));
    if mount.is_none() {
        left_out("no tmpfs can be mounted here; the limit of file sizes is tested instead");
    }
    let envlock = envlock.env("ENVLOCK_STORE", &store).env("NO_COLOR", "");
    mount.map(|mount| (envlock, mount))
}

/// All that is free there but so many bytes.
fn fill(folder: &Utf8Path, left: u64) {
    let disk = rustix::fs::statvfs(folder.as_std_path()).unwrap();
    let free = disk.f_bavail * disk.f_frsize;
    let filler = vec![0; usize::try_from(free.checked_sub(left).unwrap()).unwrap()];
    fs_err::write(folder.join("filler"), filler).unwrap();
}

/// What was said is said once, plainly.
fn told_once(run: &Run, parts: &[&str]) {
    let said = run.stderr();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    // Long lines may be cut anywhere but in these.
    for part in parts {
        assert_eq!(said.matches(part).count(), 1, "{part}:\n{said}");
    }
}

#[test]
fn a_download_that_does_not_fit_says_how_much_is_missing_and_is_not_begun_again() {
    let workshop = Workshop::new(WHEEL);
    let Some((envlock, _mount)) = with_small_store(workshop.project(), "1m") else { return };
    let before = workshop.index.requests(".whl");
    let run = workshop.build(&envlock, "team").exits(1);
    told_once(&run, &["does not fit on its disk", "No space left on device", " free there)"]);
    assert!(run.stderr().contains("/small/part/"), "{}", run.stderr());
    let asked = workshop.index.requests(".whl") - before;
    assert!(asked <= workshop.wheels.len(), "{asked}");
    assert!(!envlock.path("env.releases.jsonl").exists());
}

#[test]
fn a_layer_that_is_made_while_it_is_sent_ends_with_the_cause_and_not_with_an_upload() {
    let workshop = Workshop::new(WHEEL);
    let first = workshop.project();
    workshop.build(&first, "team").exits(0);
    let Some((second, _mount)) = with_small_store(workshop.clone_of(&first), "700k") else {
        return;
    };
    // Else they are copied from where they were pushed before.
    fs_err::remove_file(second.path("env.releases.jsonl")).unwrap();
    let mark = workshop.mark();
    // env.lock knows the layers; the other place does not have them.
    let run = workshop.build(&second, "other").exits(1);
    told_once(&run, &["does not fit on its disk"]);
    assert!(!run.stderr().contains("blob sha256"), "{}", run.stderr());
    let asked = workshop.proxy.asked().split_off(mark);
    let opened = asked.iter().filter(|a| a.method == "POST").count();
    assert!(opened <= 2 * (workshop.wheels.len() + 3), "{opened}");
}

#[test]
fn results_that_cannot_be_kept_are_a_warning_and_paths_are_compared_all_the_same() {
    let mut workshop = Workshop::new(1_000);
    let unkept = |envlock: &Envlock| {
        fs_err::create_dir_all(envlock.path("store")).unwrap();
        envlock.write("store/facts", "a file where the folder would be");
        envlock.path("store")
    };
    let envlock = workshop.project();
    let store = unkept(&envlock);
    let run = workshop.build(&envlock.env("ENVLOCK_STORE", &store), "team").exits(0);
    told_once(&run, &["is not kept and will be computed again"]);

    workshop.index.wheel("clash", "1.0").file("ray/text.py", "y = 2\n").add();
    workshop.spec(|spec| spec.replace("[\"marimo\"]", "[\"clash\", \"marimo\"]"));
    let envlock = workshop.project();
    let store = unkept(&envlock);
    let run = workshop.build(&envlock.env("ENVLOCK_STORE", &store), "clash").exits(7);
    told_once(&run, &["/ray/text.py"]);
}

#[test]
fn a_layer_that_is_compressed_again_names_the_folder_that_is_full() {
    let mut workshop = Workshop::new(WHEEL);
    let envlock = workshop.project();
    let Some((envlock, _mount)) = with_small_store(envlock, "8m") else { return };
    workshop.build(&envlock, "plain").exits(0);
    workshop.spec(|spec| spec + "[build]\ncompression = \"zstd\"\n");
    envlock.write("envlock.toml", workshop.begun().read("envlock.toml"));
    fill(&envlock.path("small"), 150_000);
    let run = workshop.build(&envlock, "team").exits(1);
    told_once(&run, &["No space left on device", " free there)"]);
    assert!(run.stderr().contains("/small/"), "{}", run.stderr());
}

#[test]
fn a_registry_of_ours_with_a_full_disk_is_told_once_and_asked_once() {
    let workshop = Workshop::new(WHEEL);
    let envlock = workshop.project().env("NO_COLOR", "");
    let mut embedded = Embedded::start();
    embedded.kill();
    fs_err::remove_dir_all(embedded.folder()).unwrap();
    fs_err::create_dir_all(embedded.folder()).unwrap();
    let Some(_mount) = Mount::small(&embedded.folder(), "size=1m") else {
        return left_out("no tmpfs can be mounted here");
    };
    // The proxy hands on the Host that it was asked for.
    embedded.restart(&["--host", "127.0.0.1"]);
    let proxy = Faulty::before(embedded.host(), Sessions::Passed);
    let place = format!("{}/team", proxy.host());
    let begun = std::time::Instant::now();
    let push = ["build", "--push", "--engine", "layers", "--registry", &place];
    let run = envlock.run(push).exits(8);
    told_once(&run, &["answered 507", "No space left on device", " free there)"]);
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for asked in proxy.asked().iter().filter(|asked| asked.method == "PUT") {
        let digest = asked.path.rsplit_once("digest=").map_or(&*asked.path, |(_, digest)| digest);
        *times.entry(digest.to_owned()).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "{times:?} in {:?}", begun.elapsed());
    assert!(!envlock.path("env.releases.jsonl").exists());
    embedded.kill();
}

#[test]
fn a_file_that_may_not_become_so_long_ends_it_like_a_full_disk() {
    let workshop = Workshop::new(WHEEL);
    let envlock = workshop.project().env("PATH", "/usr/bin:/bin");
    // In blocks of 512 bytes; the signal that would end the process is not ignored here.
    let limited = r#"ulimit -f 300; exec "$0" "$@""#;
    let whole = envlock.command(workshop.arguments("team"));
    let mut command = Command::new("sh");
    command.args(["-c", limited]).arg(whole.get_program()).args(whole.get_args());
    command.current_dir(whole.get_current_dir().unwrap());
    command.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let before = workshop.index.requests(".whl");
    let run = Run(command.output().unwrap()).exits(1);
    told_once(&run, &["File too large"]);
    assert!(workshop.index.requests(".whl") - before <= workshop.wheels.len());
}

#[test]
fn nothing_that_goes_to_a_file_has_colours() {
    let workshop = Workshop::new(1_000);
    let envlock = workshop.project().env("NO_COLOR", "");
    let proxy = &workshop.proxy;
    let place = format!("{}/team", proxy.host());
    let build = ["-vv", "build", "--push", "--engine", "layers", "--registry", &place];
    let runs = [
        envlock.run(build).exits(0),
        envlock.run(["-vv", "build", "--push", "--registry", "not a place"]).exits(2),
        envlock.run(["history"]).exits(0),
        envlock.run(["no-such-verb"]).exits(2),
        envlock.run(["--help"]).exits(0),
    ];
    assert!(runs[0].stderr().contains("DEBUG oci_registry"), "{}", runs[0].stderr());
    for run in &runs {
        let said = run.stdout() + &run.stderr();
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
}
