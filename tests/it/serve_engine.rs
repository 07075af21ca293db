//! `envlock serve` with the tools that people use. `ENVLOCK_TEST_ENGINE=1` says that docker and a builder
//! (BUILDX_BUILDER) are up; skopeo and podman are used where they are installed.

use std::process::Command;

use crate::support::{Embedded, left_out};

fn engine() -> bool {
    let there = std::env::var("ENVLOCK_TEST_ENGINE").is_ok_and(|v| v == "1");
    if !there {
        left_out("no engine (ENVLOCK_TEST_ENGINE=1 says that there is one)");
    }
    there
}

/// What the command prints; it must succeed.
#[track_caller]
fn run(program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args);
    finish(command)
}

#[track_caller]
fn finish(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}\n{stderr}");
    text
}

fn is_installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        left_out(format_args!("{program} is not installed"));
    }
    there
}

#[test]
fn docker_builds_pushes_pulls_and_others_copy_what_it_pushed() {
    if !engine() {
        return;
    }
    let registry = Embedded::start();
    let (host, envlock) = (registry.host(), registry.envlock());
    envlock.write("image/Dockerfile", "FROM scratch\nCOPY big small /\nLABEL a=b\n");
    envlock.write("image/big", "0123456789abcdef".repeat(500_000));
    envlock.write("image/small", "hello");
    let folder = envlock.path("image");

    // BuildKit pushes by itself, with attestations: an index.
    let built = format!("{host}/team/built:v1");
    run(
        "docker",
        &["buildx", "build", "--push", "--provenance=true", "-t", &built, folder.as_str()],
    );
    let raw = run("docker", &["buildx", "imagetools", "inspect", "--raw", &built]);
    assert!(raw.contains("manifests"), "{raw}");
    run("docker", &["pull", "--quiet", &built]);

    // The daemon pushes; again, and to another repository, where the layers are mounted.
    let (pushed, other) = (format!("{host}/team/pushed:v1"), format!("{host}/other:v1"));
    for name in [&pushed, &pushed, &other] {
        run("docker", &["tag", &built, name]);
        run("docker", &["push", "--quiet", name]);
    }
    for name in [&built, &pushed, &other] {
        run("docker", &["rmi", "--force", name]);
    }
    run("docker", &["pull", "--quiet", &other]);
    let label = run("docker", &["image", "inspect", "--format", "{{.Config.Labels.a}}", &other]);
    run("docker", &["rmi", "--force", &other]);
    assert_eq!(label.trim(), "b");

    if is_installed("skopeo") {
        let (there, back) = (envlock.path("there"), format!("docker://{host}/skopeo/copy:v1"));
        let source = format!("docker://{built}");
        let dir = format!("dir:{there}");
        run(
            "skopeo",
            &["copy", "--insecure-policy", "--src-tls-verify=false", "--all", &source, &dir],
        );
        run(
            "skopeo",
            &["copy", "--insecure-policy", "--dest-tls-verify=false", "--all", &dir, &back],
        );
        let digest = |name: &str| {
            run("skopeo", &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", name])
        };
        assert_eq!(digest(&source), digest(&back));
        // The folder itself is a layout that other tools read.
        let layout = format!("oci:{}:team/built:v1", registry.folder());
        let again = format!("dir:{}", envlock.path("again"));
        run("skopeo", &["copy", "--insecure-policy", "--all", &layout, &again]);
        run("skopeo", &["delete", "--tls-verify=false", &back]);
    }
    if is_installed("podman") {
        let root = envlock.path("podman");
        let login = envlock.write("login.json", "{}");
        let podman = |args: &[&str]| {
            let own =
                ["--root", root.as_str(), "--runroot", root.as_str(), "--storage-driver", "vfs"];
            let mut command = Command::new("podman");
            command.args(own).args(args).env("REGISTRY_AUTH_FILE", &login);
            finish(command)
        };
        podman(&["pull", "--quiet", "--tls-verify=false", &built]);
        let pushed = format!("{host}/podman/pushed:v1");
        podman(&["push", "--quiet", "--tls-verify=false", &built, &pushed]);
        podman(&["rmi", "--all"]);
        podman(&["pull", "--quiet", "--tls-verify=false", &pushed]);
    }
}
