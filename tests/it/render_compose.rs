//! The compose file, judged by compose: `docker compose config` needs no engine.

use std::process::Command;

use serde_json::{Value, json};

use super::render::{DIGEST, EXAMPLE, OUTPUT, locked, project, released, rich};
use crate::support::release::CONFIG;
use crate::support::{Run, left_out};

/// docker with compose; `None`, and said, where there is none.
fn compose(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.arg("compose").args(arguments).env("T", "token").env_remove("COMPOSE_PROFILES");
    command
}

fn has_compose() -> bool {
    let version = compose(&["version"]).output();
    let there = version.as_ref().is_ok_and(|run| run.status.success());
    if !there {
        left_out(format_args!("no docker compose ({version:?})"));
    }
    there
}

/// One of each: every value of a switch is a piece of config.yaml.
fn variants() -> Vec<String> {
    let images = [
        "image: r:1\n    build: {enabled: true, context: \"..\", dockerfile: ../Dockerfile}"
            .to_owned(),
        "image: r:1".to_owned(),
        format!("image: \"{DIGEST}\"\n    build: {{enabled: true}}"),
    ];
    let gpus = [
        "",
        "\n    gpu: {}",
        "\n    gpu: {gpus: 2, image: g:1}",
        "\n    gpu: {gpus: [\"0\"], profiles: []}",
    ];
    let ports = ["", ", ports: {dashboard: 8265, client: 10001, gcs: 6379}, bind: \"::1\""];
    let limits = [
        "",
        ", cpus: 1.5, memory: 4gb, shm_size: 1gb, object_store_memory: 512mb, task_memory: 1gb",
    ];
    let tokens = ["", ", token_file: ./token", ", token_env: T", ", no_token: true"];
    let networks = ["", "networks: {n: {subnet: 10.9.0.0/24}, e: {external: true}}\n"];
    let profiles = ["", ", profiles: [ray-cpu]"];
    let mut all = Vec::new();
    for image in &images {
        for gpu in gpus {
            for port in ports {
                for limit in limits {
                    for token in tokens {
                        for network in networks {
                            for profile in profiles {
                                let ip = if network.is_empty() { "" } else { ", ip: 10.9.0.7" };
                                all.push(format!("project: {{name: v}}\nservices:\n  ray:\n    {image}\n    cpu: {{role: head{port}{limit}{ip}{profile}}}{gpu}\n  marimo: {{image: m:1{token}}}\n{network}"));
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

#[test]
fn compose_accepts_every_variant() {
    if !has_compose() {
        return;
    }
    let envlock = locked();
    let variants = variants();
    assert_eq!(variants.len(), 3 * 4 * 2 * 2 * 4 * 2 * 2);
    // Any two values of two switches meet in these; compose takes its time.
    let every = if std::env::var("ENVLOCK_TEST_LONG").is_ok_and(|v| v == "1") { 1 } else { 29 };
    for config in
        variants.iter().step_by(every).chain([&rich(), &CONFIG.to_owned(), &EXAMPLE.to_owned()])
    {
        envlock.write("config.yaml", config);
        envlock.run(["render"]).exits(0);
        let file = envlock.path(OUTPUT);
        let profiles = ["-f", file.as_str(), "--profile", "*", "config", "--format", "json"];
        let run = Run(compose(&profiles).output().unwrap());
        assert!(run.0.status.success(), "{config}\n{}\n{}", run.stderr(), envlock.read(OUTPUT));
        let read: Value = serde_json::from_str(&run.stdout()).unwrap();
        for (name, service) in read["services"].as_object().unwrap() {
            let image = service["image"].as_str().unwrap();
            assert!(
                !image.contains("@sha256:") || service.get("build").is_none(),
                "{name}: {config}"
            );
            if name != "health" {
                assert_eq!(service["user"], "1000:1000");
                assert!(
                    service["shm_size"]
                        .as_str()
                        .is_some_and(|size| size.parse::<u64>().unwrap() >= 512 << 20)
                );
            }
        }
        let gpu = &read["services"]["ray-gpu"];
        if gpu.is_object() {
            let device = &gpu["deploy"]["resources"]["reservations"]["devices"][0];
            assert_eq!(
                (&device["driver"], &device["capabilities"]),
                (&json!("nvidia"), &json!(["gpu"]))
            );
        }
    }
}

#[test]
fn up_starts_head_health_and_notebooks_and_a_profile_adds_the_gpu_node() {
    if !has_compose() {
        return;
    }
    let envlock = project(&released());
    envlock.run(["render"]).exits(0);
    let services = |profiles: &[&str]| {
        let file = envlock.path(OUTPUT);
        let mut arguments = vec!["-f", file.as_str()];
        profiles.iter().for_each(|profile| arguments.extend(["--profile", profile]));
        arguments.extend(["config", "--services"]);
        let run = Run(compose(&arguments).output().unwrap()).exits(0);
        let mut names: Vec<_> = run.stdout().lines().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(services(&[]), "health marimo ray-cpu");
    assert_eq!(services(&["ray-cpu"]), "health marimo ray-cpu");
    assert_eq!(services(&["ray-gpu"]), "health marimo ray-cpu ray-gpu");
    envlock.write(
        "config.yaml",
        released().replace("    cpu:\n", "    cpu:\n      profiles: [ray-cpu]\n"),
    );
    envlock.run(["render"]).exits(0);
    assert_eq!(services(&[]), "marimo");
    assert_eq!(services(&["ray-cpu"]), "health marimo ray-cpu");
}
