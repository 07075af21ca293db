//! A release on a disk that makes trouble, and beside another envlock: clear words, old bytes intact, nothing left behind.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use envlock::release::{ProjectLock, hold_build};

use crate::support::mount::{Mount, mount};
use crate::support::release::{CONFIG, push_both, release};
use crate::support::workshop::Workshop;
use crate::support::{Envlock, Registry, left_out};

fn is_root() -> bool {
    fs_err::metadata("/proc/self").unwrap().uid() == 0
}

const FILES: [&str; 3] = ["config.yaml", "env.lock", "env.releases.jsonl"];

fn texts(envlock: &Envlock) -> [String; 3] {
    FILES.map(|file| envlock.read(file))
}

/// Everything in the project but envlock's own folder and the filler.
fn names(folder: &Utf8Path) -> Vec<String> {
    let entries = folder.read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned());
    let mut names: Vec<_> = entries.filter(|n| !["filler", ".envlock"].contains(&&**n)).collect();
    names.sort();
    names
}

fn two_releases(envlock: &Envlock) -> Registry {
    let registry = Registry::start();
    envlock.write("config.yaml", CONFIG);
    release(envlock, &push_both(&registry, "one"), "lock one\n");
    release(envlock, &push_both(&registry, "two"), "lock two\n");
    registry
}

#[test]
fn a_disk_that_fills_up_at_any_point_leaves_the_old_bytes() {
    let envlock = Envlock::new();
    let Some(_mount) = Mount::small(envlock.folder(), "size=512k") else {
        left_out("no tmpfs can be mounted here; config.rs limits the size of files instead");
        return;
    };
    let _registry = two_releases(&envlock);
    let (before, there) = (texts(&envlock), names(envlock.folder()));
    let mut failed = 0;
    for free in 0.. {
        // All of the disk but so many pages.
        let filler = envlock.path("filler");
        let _ = fs_err::remove_file(&filler);
        let room = rustix::fs::statvfs(envlock.folder().as_std_path()).unwrap();
        let pages = usize::try_from(room.f_bavail * room.f_bsize / 4096).unwrap();
        assert!(pages > free, "{pages} pages are not enough");
        fs_err::write(&filler, vec![0; (pages - free) * 4096]).unwrap();
        let run = envlock.run(["rollback", "--lock"]);
        if run.0.status.success() {
            break;
        }
        let run = run.exits(1);
        assert!(run.stderr().contains("No space left on device"), "{}", run.stderr());
        assert_eq!(texts(&envlock), before, "{free} pages");
        assert_eq!(names(envlock.folder()), there, "{free} pages");
        assert!(!envlock.path(".envlock/transaction/journal.json").exists(), "{free} pages");
        failed += 1;
    }
    assert!(failed > 5, "{failed} sizes were too small");
    assert_eq!(envlock.read("env.lock"), "lock one\n");
    assert_eq!(names(envlock.folder()), there);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named_before_anything_is() {
    let envlock = Envlock::new();
    envlock.write("envlock.toml", "[config]\npath = \"deploy/config.yaml\"\n");
    let registry = Registry::start();
    let folder = envlock.path("deploy");
    fs_err::create_dir(&folder).unwrap();
    // To root, only a file system is read-only.
    let mount = is_root().then(|| Mount::small(&folder, "size=512k")).flatten();
    if is_root() && mount.is_none() {
        left_out("no tmpfs can be mounted here");
        return;
    }
    envlock.write("deploy/config.yaml", CONFIG);
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    let released = envlock.read("deploy/config.yaml");
    let mode = |mode| fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(mode));
    match &mount {
        Some(_) => assert!(mount_again(&folder, "ro")),
        None => mode(0o555).unwrap(),
    }
    let run = envlock.run(["rollback"]).exits(1);
    let text = run.stderr().replace(['\n', '│', ' '], "");
    assert!(text.contains("config.yamlcannotbereplaced:itsfolder"), "{}", run.stderr());
    assert!(text.contains("/deploycannotbewrittento"), "{}", run.stderr());
    assert_eq!(envlock.read("deploy/config.yaml"), released);
    assert!(!envlock.path(".envlock/transaction").exists());
    match &mount {
        Some(_) => assert!(mount_again(&folder, "rw")),
        None => mode(0o755).unwrap(),
    }
    envlock.run(["rollback"]).exits(0);
    assert_eq!(envlock.read("deploy/config.yaml"), CONFIG);
}

fn mount_again(folder: &Utf8Path, how: &str) -> bool {
    mount(&["-o", &format!("remount,{how}"), folder.as_str()])
}

#[test]
fn a_file_of_another_user_stays_theirs_or_is_refused() {
    if !is_root() {
        left_out("only root has files of others");
        return;
    }
    let envlock = Envlock::new();
    let _registry = two_releases(&envlock);
    let config = envlock.path("config.yaml");
    std::os::unix::fs::chown(&config, Some(4321), Some(4322)).unwrap();
    fs_err::set_permissions(&config, std::fs::Permissions::from_mode(0o664)).unwrap();
    envlock.run(["rollback"]).exits(0);
    let facts = fs_err::metadata(&config).unwrap();
    assert_eq!((facts.uid(), facts.gid(), facts.mode() & 0o7777), (4321, 4322, 0o664));

    // Another user, who may write to the folder and not give files away.
    let program = envlock.path(".program");
    // By another process: what forks beside this test would hold a file open that is written here, and it could not be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_envlock")).arg(&program).status();
    assert!(copied.unwrap().success());
    for path in walk(envlock.folder()) {
        std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
    }
    std::os::unix::fs::chown(&config, Some(4321), Some(65534)).unwrap();
    let before = texts(&envlock);
    let command = envlock.command(["rollback", "--to", "2"]);
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&program)
        .args(command.get_args())
        .current_dir(envlock.folder())
        .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("belongs to user 4321"), "{stderr}");
    assert_eq!(texts(&envlock), before);
    assert!(!names(envlock.folder()).iter().any(|name| name.contains(".envlock-")));
    assert!(!envlock.path(".envlock/transaction").exists());
}

fn walk(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut paths = vec![folder.to_owned()];
    for entry in folder.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        match path.is_dir() {
            true => paths.extend(walk(&path)),
            false => paths.push(path),
        }
    }
    paths
}

#[test]
fn a_second_envlock_waits_and_says_so_or_fails_at_once() {
    let envlock = Envlock::new();
    let _registry = two_releases(&envlock);
    let before = texts(&envlock);
    let other = ProjectLock::acquire(envlock.folder(), || {}).unwrap();
    let run = envlock.run(["rollback", "--no-wait"]).exits(1);
    assert!(run.stderr().contains("another envlock writes to this project"), "{}", run.stderr());
    assert_eq!(texts(&envlock), before);
    let mut waiting =
        envlock.command(["rollback"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(line.contains("waiting for another envlock"), "{line}");
    assert!(waiting.try_wait().unwrap().is_none());
    drop(other);
    assert!(waiting.wait().unwrap().success());
    assert_ne!(texts(&envlock), before);
}

#[test]
fn two_builds_at_once_and_a_lock_that_changes_under_a_build() {
    let workshop = Workshop::new(1000);
    let envlock = workshop.project();
    let building = hold_build(envlock.folder(), || {}).unwrap();
    let words = workshop.arguments("team");
    let run = envlock.run(words.iter().map(String::as_str).chain(["--no-wait"])).exits(1);
    assert!(run.stderr().contains("another envlock builds in this project"), "{}", run.stderr());
    drop(building);

    let other = ProjectLock::acquire(envlock.folder(), || {}).unwrap();
    let mut command = envlock.command(&words);
    let build = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut build = build.unwrap();
    let mut said = std::io::BufReader::new(build.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("waiting for another envlock") {
        assert!(std::io::BufRead::read_line(&mut said, &mut text).unwrap() > 0, "{text}");
    }
    let resolved = format!("# another one\n{}", envlock.read("env.lock"));
    envlock.write("env.lock", &resolved);
    drop(other);
    std::io::Read::read_to_string(&mut said, &mut text).unwrap();
    assert_eq!(build.wait().unwrap().code(), Some(1), "{text}");
    assert!(text.contains("env.lock was changed by someone else"), "{text}");
    assert_eq!((envlock.read("env.lock"), envlock.read("config.yaml")), (resolved, CONFIG.into()));
    assert!(!envlock.path("env.releases.jsonl").exists());
}

#[test]
fn what_runs_after_a_release_runs_after_a_build_that_changed_something() {
    let mut workshop = Workshop::new(1000);
    let after = "[release]\nafter = 'echo $ENVLOCK_RELEASE >> ran; exit 4'\n";
    workshop.spec(|spec| spec + after);
    let envlock = workshop.project();
    // No shell where PATH leads nowhere.
    let envlock = envlock.env("PATH", std::env::var("PATH").unwrap());
    let run = workshop.build(&envlock, "team").exits(10);
    assert!(run.stderr().contains("release 1 is recorded all the same"), "{}", run.stderr());
    assert!(run.stdout().contains("\"release\": 1"), "{}", run.stdout());
    assert_eq!(envlock.read("ran"), "1\n");
    workshop.build(&envlock, "team").exits(0);
    assert_eq!(envlock.read("ran"), "1\n");
}
