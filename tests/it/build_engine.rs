//! `envlock build` with a real engine: a small real stack (pip, ray's core, marimo) from PyPI is locked, built,
//! pushed and run.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::engine::Engine;
use crate::support::workshop::images;
use crate::support::{Envlock, Registry};

pub const GROUPS: &str = "\
[groups.python]
packages = [\"pip\"]
[groups.ray]
packages = [\"ray[client]\"]
[groups.marimo]
packages = [\"marimo\"]
";

fn docker(args: &[&str]) -> Output {
    Command::new("docker").args(args).output().unwrap()
}

/// What a command in a fresh container prints; it must succeed.
#[track_caller]
fn run(options: &[&str], image: &str, command: &[&str]) -> String {
    let output = docker(&[&["run", "--rm"], options, &[image], command].concat());
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

#[test]
fn a_small_real_stack_is_built_pushed_and_runs_in_every_way_the_platform_starts_it() {
    let Some(engine) = Engine::find() else { return };
    let envlock = engine.project(GROUPS);
    envlock.run(["resolve"]).exits(0);
    let push = engine.push("dockerfile", "test-build");
    let images = images(&envlock.run(&push).exits(0));
    let (ray, marimo) = (images["ray-runtime"].to_string(), images["marimo-runtime"].to_string());
    assert!(
        envlock.read("config.yaml").contains(&ray) && envlock.read("config.yaml").contains(&marimo)
    );

    labels_and_layers_are_as_planned(&envlock, &ray, &marimo);
    ray_starts_every_way(&ray);
    marimo_serves_behind_a_token(&marimo);

    // The same lock again: nothing new is built, pushed or written.
    let again = envlock.run(&push).exits(0);
    assert!(again.stderr().contains("nothing changed"), "{}", again.stderr());
    a_registry_that_stops_in_the_middle_of_a_push_changes_nothing(&envlock, &engine.builder);
    for image in [&ray, &marimo] {
        docker(&["rmi", image]);
    }
}

/// The images are in the builder's cache by now: this is a push and nothing else.
fn a_registry_that_stops_in_the_middle_of_a_push_changes_nothing(envlock: &Envlock, builder: &str) {
    let mut registry = Registry::start();
    let destination = registry.host().to_owned();
    let push = [
        "build",
        "--push",
        "--engine",
        "dockerfile",
        "--builder",
        builder,
        "--registry",
        &destination,
    ];
    let files = || (envlock.read("config.yaml"), envlock.read("env.releases.jsonl"));
    let before = files();
    let mut command = envlock.command(push);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Some blobs are there, the largest are not.
    while registry.stored() < 8_000_000 {
        assert_eq!(child.try_wait().unwrap(), None, "the push ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    registry.stop();
    assert_eq!(child.wait().unwrap().code(), Some(8));
    assert_eq!(files(), before);
    registry.restart();
    envlock.run(push).exits(0);
    assert!(files().0.contains(&destination));
}

fn labels_and_layers_are_as_planned(envlock: &Envlock, ray: &str, marimo: &str) {
    let plan = envlock.run(["build", "--dry-run", "--json"]).exits(0).stdout();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let mut layers = Vec::new();
    for (index, image) in [ray, marimo].into_iter().enumerate() {
        assert!(docker(&["pull", "--quiet", image]).status.success());
        let inspected = docker(&["image", "inspect", image]).stdout;
        let inspected: serde_json::Value = serde_json::from_slice(&inspected).unwrap();
        let config = &inspected[0]["Config"];
        let found = config["Labels"].as_object().unwrap();
        for (label, value) in plan["plan"]["images"][index]["labels"].as_object().unwrap() {
            assert_eq!(found.get(label), Some(value), "{label}");
        }
        assert_eq!(config["User"], "ray");
        layers.push(inspected[0]["RootFS"]["Layers"].as_array().unwrap().clone());
    }
    assert!(layers[1].starts_with(&layers[0]), "marimo-runtime does not continue ray-runtime");
}

fn ray_starts_every_way(ray: &str) {
    let version = "ray --version";
    let expected = run(&[], ray, &["ray", "--version"]);
    assert!(expected.starts_with("ray, version 2."), "{expected}");
    assert_eq!(run(&[], ray, &["conda", "run", "-n", "py", "ray", "--version"]), expected);
    assert_eq!(run(&["--user", "1000:1000"], ray, &["sh", "-c", version]), expected);
    assert_eq!(run(&["--user", "0"], ray, &["su", "-", "ray", "-c", version]), expected);
    assert_eq!(run(&[], ray, &["su", "-", "ray", "-c", version]), expected);
    let official = ["/home/ray/anaconda3/bin/ray", "--version"];
    assert_eq!(run(&[], ray, &official), expected);
    assert!(!docker(&["run", "--rm", ray, "su", "-", "root", "-c", "true"]).status.success());
    assert!(!docker(&["run", "--rm", ray, "conda", "install", "x"]).status.success());
    let compiled = run(&[], ray, &["find", "/opt/conda", "-name", "*.pyc"]);
    assert_eq!(compiled, "");
}

fn marimo_serves_behind_a_token(marimo: &str) {
    let started = docker(&["run", "--detach", "--env", "MARIMO_TOKEN_PASSWORD=geheim", marimo]);
    let id = String::from_utf8(started.stdout).unwrap().trim().to_owned();
    let fetch = |path: &str| {
        let code = format!(
            "import urllib.request as u\ntry: print(u.urlopen('http://127.0.0.1:8080{path}').read().decode())\n\
             except u.HTTPError as e: print(e.code)"
        );
        String::from_utf8(docker(&["exec", &id, "python", "-c", &code]).stdout).unwrap()
    };
    let start = Instant::now();
    while !fetch("/health").contains("healthy") {
        assert!(start.elapsed() < Duration::from_secs(60), "marimo does not answer");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(fetch("/api/status").trim(), "401");
    let log = docker(&["logs", &id]);
    let log =
        String::from_utf8_lossy(&log.stdout).into_owned() + &String::from_utf8_lossy(&log.stderr);
    docker(&["rm", "--force", &id]);
    assert!(!log.contains("geheim"), "{log}");
}
