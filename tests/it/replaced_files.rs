//! What files have besides their bytes stays with them; what cannot be replaced is found before anything is pushed, with
//! what to do.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::support::release::{CONFIG, push_both, release};
use crate::support::workshop::{Workshop, under};
use crate::support::{Envlock, Registry, Run, left_out};

/// Runs a program, and says so where it cannot.
fn did(program: &str, args: &[&str]) -> bool {
    let output = Command::new(program).args(args).output();
    let done = output.as_ref().is_ok_and(|output| output.status.success());
    if !done {
        left_out(format_args!("{program} {} cannot be run here: {output:?}", args.join(" ")));
    }
    done
}

fn shown(program: &str, args: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(args).output().unwrap().stdout).unwrap()
}

#[test]
fn access_control_lists_and_attributes_stay_through_release_and_rollback() {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    let path = envlock.write("config.yaml", CONFIG);
    // New files in this folder are for one more reader; this one is not.
    let folder = envlock.folder().as_str();
    let acl = did("setfacl", &["-m", "u:12:rw,g:34:r", path.as_str()])
        && did("setfacl", &["-d", "-m", "u:56:rw", folder]);
    let attribute = did("setfattr", &["-n", "user.of", "-v", "日本", path.as_str()]);
    let lists = || shown("getfacl", &["-cnp", path.as_str()]);
    let attributes = || shown("getfattr", &["-d", "-m", "-", "--absolute-names", path.as_str()]);
    let before = (acl.then(lists), attribute.then(attributes), fs_err::metadata(&path).unwrap());
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    assert_ne!(envlock.read("config.yaml"), CONFIG);
    for _ in 0..2 {
        let now = (acl.then(lists), attribute.then(attributes), fs_err::metadata(&path).unwrap());
        assert_eq!((&now.0, &now.1, now.2.mode()), (&before.0, &before.1, before.2.mode()));
        assert_eq!((now.2.uid(), now.2.gid()), (before.2.uid(), before.2.gid()));
        envlock.run(["rollback", "--to", "0"]).exits(0);
    }
    if let (Some(acl), Some(attributes)) = (before.0, before.1) {
        assert!(acl.contains("user:12:rw") && attributes.contains("user.of"), "{acl}{attributes}");
        assert!(!acl.contains("user:56"), "{acl}");
    }
    assert_eq!(envlock.read("config.yaml"), CONFIG);
}

#[test]
fn a_list_of_the_folder_alone_is_not_put_on_a_file_that_has_none() {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    let path = envlock.write("config.yaml", CONFIG);
    if !did("setfacl", &["-d", "-m", "u:56:rw", envlock.folder().as_str()]) {
        return;
    }
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    let acl = shown("getfacl", &["-cnp", path.as_str()]);
    assert!(!acl.contains("user:56"), "{acl}");
}

/// A build of a project that has a file in its way: it ends with exit code 1 and these words, and has sent nothing.
fn refuses(workshop: &Workshop, run: impl Fn() -> Run, words: &[&str]) {
    let mark = workshop.mark();
    let stderr = run().exits(1).stderr().replace(['\n', '│'], " ");
    let stderr = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
    assert!(workshop.since(mark).is_nothing(), "{:?}", workshop.since(mark));
}

#[test]
fn a_hard_link_is_found_before_the_push() {
    let workshop = Workshop::new(1000);
    let envlock = workshop.project();
    fs_err::hard_link(envlock.path("config.yaml"), envlock.path("other.yaml")).unwrap();
    let words = ["config.yaml has 2 names (hard links)", "cp -a"];
    refuses(&workshop, || workshop.build(&envlock, "team"), &words);
    fs_err::remove_file(envlock.path("other.yaml")).unwrap();
    workshop.build(&envlock, "team").exits(0);
    fs_err::hard_link(envlock.path("config.yaml"), envlock.path("other.yaml")).unwrap();
    let released = envlock.read("config.yaml");
    envlock.run(["rollback"]).exits(1);
    assert_eq!(envlock.read("config.yaml"), released);
}

#[test]
fn a_file_or_folder_that_the_kernel_keeps_as_it_is_is_found_before_the_push() {
    let workshop = Workshop::new(1000);
    for flag in ["i", "a"] {
        for name in ["config.yaml", "deploy"] {
            let envlock = workshop.project();
            fs_err::create_dir(envlock.path("deploy")).unwrap();
            fs_err::write(envlock.path("deploy/real.yaml"), CONFIG).unwrap();
            if name == "deploy" {
                fs_err::remove_file(envlock.path("config.yaml")).unwrap();
                let link = envlock.path("config.yaml");
                std::os::unix::fs::symlink("deploy/real.yaml", link).unwrap();
            }
            let path = envlock.path(name);
            if !did("chattr", &[&format!("+{flag}"), path.as_str()]) {
                return;
            }
            let told = match (name, flag) {
                // Nobody may write there: that is reported as for any other folder.
                ("deploy", "i") => "deploy cannot be written to".to_owned(),
                _ => format!("{name} cannot be replaced: it has the attribute {flag}"),
            };
            let build = || workshop.build(&envlock, "team");
            let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                refuses(&workshop, build, &[&told]);
            }));
            assert!(did("chattr", &[&format!("-{flag}"), path.as_str()]));
            assert!(refused.is_ok(), "{name} {flag}");
            workshop.build(&envlock, "team").exits(0);
        }
    }
}

/// The same command in a mount namespace of its own, after these commands.
fn mounted(envlock: &Envlock, mounts: &str, args: &[String]) -> Run {
    let script = format!("{mounts}; exec \"$0\" \"$@\"");
    let words = ["unshare", "--mount", "sh", "-ec", &script];
    Run(under_path(under(&words, &envlock.command(args))).output().unwrap())
}

/// The project has no PATH, to be without docker; mount and unshare are found by ours.
fn under_path(mut command: Command) -> Command {
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command
}

fn may_mount() -> bool {
    did("unshare", &["--mount", "sh", "-ec", "mount -t tmpfs none /mnt"])
}

#[test]
fn a_file_that_is_mounted_on_its_own_is_found_before_the_push() {
    if !may_mount() {
        return;
    }
    let workshop = Workshop::new(1000);
    let envlock = workshop.project();
    envlock.write("elsewhere.yaml", CONFIG);
    let mount = "mount --bind elsewhere.yaml config.yaml";
    let build = || mounted(&envlock, mount, &workshop.arguments("team"));
    refuses(&workshop, build, &["the file itself is mounted there", "mount the folder"]);
    assert_eq!(envlock.read("elsewhere.yaml"), CONFIG);
    // A folder that is mounted is as good as any.
    fs_err::create_dir(envlock.path("deploy")).unwrap();
    fs_err::rename(envlock.path("config.yaml"), envlock.path("deploy/config.yaml")).unwrap();
    let link = envlock.path("config.yaml");
    std::os::unix::fs::symlink("deploy/config.yaml", link).unwrap();
    mounted(&envlock, "mount --bind deploy deploy", &workshop.arguments("team")).exits(0);
    assert_ne!(envlock.read("deploy/config.yaml"), CONFIG);
}

#[test]
fn a_full_or_read_only_disk_is_found_before_the_push() {
    if !may_mount() {
        return;
    }
    let workshop = Workshop::new(1000);
    // config.yaml on a disk of its own: there is not enough room for another one beside it.
    let envlock = workshop.project();
    fs_err::create_dir(envlock.path("disk")).unwrap();
    let small = "mount -t tmpfs -o size=16k none disk; cp config.yaml disk/; \
                 head -c 16384 /dev/zero >disk/fill || :; ln -sf disk/config.yaml config.yaml";
    let build = || mounted(&envlock, small, &workshop.arguments("team"));
    refuses(&workshop, build, &["config.yaml cannot be written: No space left on device"]);

    let envlock = workshop.project();
    fs_err::create_dir(envlock.path("disk")).unwrap();
    let read_only = "mount -t tmpfs none disk; cp config.yaml disk/; ln -sf disk/config.yaml config.yaml; \
                     mount -o remount,ro disk";
    let build = || mounted(&envlock, read_only, &workshop.arguments("team"));
    refuses(&workshop, build, &["disk cannot be written to: Read-only file system"]);

    // The whole project: env.lock, the history and envlock's own folder have no room.
    let envlock = workshop.project();
    let full = "mkdir -p .disk; mount -t tmpfs -o size=96k none .disk; cp env.lock envlock.toml config.yaml .disk/; \
                cd .disk";
    let build = || mounted(&envlock, full, &workshop.arguments("team"));
    refuses(&workshop, build, &["cannot be written: No space left on device"]);
}

#[test]
fn a_file_that_changes_during_a_build_is_left_alone_and_the_next_run_sends_nothing_twice() {
    let workshop = Workshop::new(1000);
    let envlock = workshop.project();
    // Somebody saves the file in an editor, while images are pushed.
    let path = envlock.path("config.yaml");
    let edited = CONFIG.replace("port: 8080 ", "port: 9090 ");
    assert_ne!(edited, CONFIG);
    workshop.proxy.harm({
        let (path, edited) = (path.clone(), edited.clone());
        move |asked| {
            if asked.method == "POST" {
                fs_err::write(&path, &edited).unwrap();
            }
            None
        }
    });
    let run = workshop.build(&envlock, "team").exits(1);
    let stderr = run.stderr();
    assert!(
        stderr.contains("config.yaml was changed by someone else during the build"),
        "{stderr}"
    );
    assert!(stderr.contains("the images are pushed"), "{stderr}");
    assert_eq!(envlock.read("config.yaml"), edited);
    assert!(!envlock.path("env.releases.jsonl").exists());
    let mark = workshop.mark();
    workshop.build(&envlock, "team").exits(0);
    assert_eq!(workshop.since(mark).blobs(), []);
    envlock.run(["rollback"]).exits(0);
    assert_eq!(envlock.read("config.yaml"), edited);
}
