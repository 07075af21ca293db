//! ci/release.sh: what a release writes is committed, all of it, and nothing else is.

use std::process::{Command, Output};

use crate::support::Envlock;
use crate::support::workshop::Workshop;

fn git(envlock: &Envlock, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
        .args(args)
        .current_dir(envlock.folder())
        .env("HOME", envlock.path(".home"))
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The job, in a clone that a CI job would have: everything is committed.
fn release(workshop: &Workshop, envlock: &Envlock) -> Output {
    Command::new("bash")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/ci/release.sh"))
        .arg(envlock.folder())
        .env("HOME", envlock.path(".home"))
        .env("ENVLOCK", env!("CARGO_BIN_EXE_envlock"))
        .env("ENVLOCK_STORE", envlock.path(".store"))
        .env("ENVLOCK_REGISTRY", format!("{}/team", workshop.proxy.host()))
        .env_remove("BUILDX_BUILDER")
        .env_remove("RELEASE_PUSH")
        .output()
        .unwrap()
}

#[test]
fn a_release_is_one_commit_with_the_layers_in_the_lock_and_the_same_again_is_none() {
    let workshop = Workshop::new(20_000);
    let envlock = workshop.project();
    envlock.write(".gitignore", "/.envlock\n/.home\n/.store\n");
    git(&envlock, &["init", "-q", "-b", "main"]);
    git(&envlock, &["add", "-A"]);
    git(&envlock, &["commit", "-qm", "Lock"]);

    let first = release(&workshop, &envlock);
    assert!(first.status.success(), "{first:?}");
    assert_eq!(git(&envlock, &["status", "--porcelain"]), "", "nothing is left uncommitted");
    let files = git(&envlock, &["show", "--format=%s", "--name-only", "HEAD"]);
    assert_eq!(files, "Release 1\n\nconfig.yaml\nenv.lock\nenv.releases.jsonl");
    assert!(git(&envlock, &["show", "HEAD:env.lock"]).contains("[[layer]]"));

    let head = git(&envlock, &["rev-parse", "HEAD"]);
    let again = release(&workshop, &envlock);
    assert!(again.status.success(), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing changed"), "{again:?}");
    assert_eq!(git(&envlock, &["rev-parse", "HEAD"]), head);

    envlock.write("config.yaml", envlock.read("config.yaml") + "# by hand\n");
    let dirty = release(&workshop, &envlock);
    assert_eq!(dirty.status.code(), Some(2), "{dirty:?}");
}
