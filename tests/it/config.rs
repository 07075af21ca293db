//! What happens to config.yaml on a real disk.

use std::os::unix::fs::PermissionsExt;

use crate::support::release::{CONFIG, push_both, release};
use crate::support::{Envlock, Registry};

/// The lines that differ, trimmed.
fn changed<'a>(before: &'a str, after: &'a str) -> Vec<(&'a str, &'a str)> {
    assert_eq!(before.lines().count(), after.lines().count());
    before
        .lines()
        .zip(after.lines())
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (a.trim(), b.trim()))
        .collect()
}

#[test]
fn only_image_and_build_lines_change_and_rollback_restores_every_byte() {
    let registry = Registry::start();
    let variants = [
        CONFIG.to_owned(),
        CONFIG.replace('\n', "\r\n"),
        format!("\u{feff}{CONFIG}"),
        CONFIG.trim_end().to_owned(),
        CONFIG.replace("\"cslr-exp-platform:ray-runtime\"", "'cslr-exp-platform:ray-runtime'"),
    ];
    for (at, before) in variants.iter().enumerate() {
        let envlock = Envlock::new();
        envlock.write("config.yaml", before);
        release(&envlock, &push_both(&registry, "one"), "lock\n");
        let after = envlock.read("config.yaml");
        let lines = changed(before, &after);
        assert_eq!(lines.len(), 6, "variant {at}: {lines:#?}");
        for (_, line) in lines {
            let image = line.replace('\'', "\"").starts_with("image: \"127.0.0.1:")
                && line.contains("@sha256:");
            assert!(image || line.starts_with("enabled: false"), "{line}");
        }
        assert!(after.contains("# CPU と同じイメージ"));
        envlock.run(["rollback"]).exits(0);
        assert_eq!(envlock.read("config.yaml"), *before, "variant {at}");
    }
}

#[test]
fn mode_and_symlink_stay() {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    let real = envlock.write("deploy/本番.yaml", CONFIG);
    fs_err::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("deploy/本番.yaml", envlock.path("config.yaml")).unwrap();
    release(&envlock, &push_both(&registry, "one"), "lock\n");
    envlock.run(["rollback"]).exits(0);
    assert!(envlock.path("config.yaml").is_symlink());
    assert_eq!(fs_err::read_to_string(&real).unwrap(), CONFIG);
    assert_eq!(fs_err::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_full_disk_and_a_read_only_file_leave_the_old_bytes() {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    let path = envlock.write("config.yaml", CONFIG);
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    release(&envlock, &push_both(&registry, "two"), "lock two\n");
    let before = (envlock.read("config.yaml"), envlock.read("env.releases.jsonl"));
    // Files of at most 1 KiB: the journal fits, config.yaml does not.
    let limited = r#"trap "" XFSZ; ulimit -f 1; exec "$0" rollback"#;
    let command = envlock.command(["rollback"]);
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", limited]).arg(command.get_program()).current_dir(envlock.folder());
    shell.envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let output = shell.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot be written"), "{stderr}");
    assert_eq!((envlock.read("config.yaml"), envlock.read("env.releases.jsonl")), before);

    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    let run = envlock.run(["rollback"]).exits(1);
    assert!(run.stderr().contains("read-only"), "{}", run.stderr());
    assert_eq!((envlock.read("config.yaml"), envlock.read("env.releases.jsonl")), before);
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    envlock.run(["rollback"]).exits(0);
}

#[test]
fn an_interrupted_change_is_undone_by_whichever_command_is_next_and_told() {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    envlock.write("config.yaml", CONFIG);
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    let released = envlock.read("config.yaml");
    let staged = envlock.write(".config.yaml.envlock-new", "half");
    let sha = |text: &str| envlock::digest::Sha256::of(text);
    let journal = serde_json::json!({"v": 2, "phase": "staging", "entries": [
        {"file": "config.yaml", "before": sha(&released), "after": sha("half and more")}]});
    envlock.write(".envlock/transaction/journal.json", journal.to_string());
    let run = envlock.run(["status"]).exits(0);
    let told = "undid an interrupted change of config.yaml";
    assert!(run.stderr().contains(told), "{}", run.stderr());
    assert!(!staged.exists());
    assert_eq!(envlock.read("config.yaml"), released);
    let newer = journal.to_string().replace("\"v\":2", "\"v\":3");
    envlock.write(".envlock/transaction/journal.json", newer);
    let run = envlock.run(["history"]).exits(1);
    assert!(run.stderr().contains("its format is 3"), "{}", run.stderr());
}
