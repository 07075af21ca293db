//! `build --push --no-config`: releases that no file names, by themselves and between others.

use serde_json::Value;

use super::schema::result;
use crate::support::release::CONFIG;
use crate::support::workshop::{Workshop, images, noise};
use crate::support::{Envlock, Run};

fn push(workshop: &Workshop, envlock: &Envlock, more: &[&str]) -> Run {
    let arguments = workshop.arguments("team");
    envlock.run(arguments.iter().map(String::as_str).chain(more.iter().copied()))
}

/// A newer marimo is locked.
fn upgraded(workshop: &Workshop, envlock: &Envlock, version: &str) {
    let wheel = workshop.index.wheel("marimo", version);
    let seed = version.bytes().map(u64::from).sum();
    wheel.file("marimo/data.bin", noise(seed, 3_000)).add();
    envlock.run(["resolve", "--upgrade", "marimo"]).exits(0);
}

fn without_config(workshop: &Workshop) -> Envlock {
    let envlock = workshop.project();
    fs_err::remove_file(envlock.path("config.yaml")).unwrap();
    envlock
}

fn lines(envlock: &Envlock) -> Vec<Value> {
    let text = envlock.read("env.releases.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_push_without_config_yaml_is_refused_before_anything_is_sent_and_names_the_option() {
    let workshop = Workshop::new(1_000);
    let envlock = without_config(&workshop);
    let mark = workshop.mark();
    for more in [&[][..], &["--dry-run"]] {
        let run = push(&workshop, &envlock, more).exits(2);
        assert!(run.stderr().contains("config.yaml does not exist"), "{}", run.stderr());
        assert!(run.stderr().contains("--no-config"), "{}", run.stderr());
    }
    assert!(workshop.since(mark).is_nothing(), "{:?}", workshop.since(mark));
    assert!(!envlock.path("env.releases.jsonl").exists());
    // Nothing was released, so nobody knows whether the file is missed.
    let status = envlock.run(["status"]).exits(2);
    assert!(status.stderr().contains("config.yaml does not exist"), "{}", status.stderr());
}

#[test]
fn releases_without_any_file_are_listed_rolled_back_verified_pruned_and_recalled() {
    let workshop = Workshop::new(1_000);
    let envlock = without_config(&workshop).env("PATH", "/usr/bin:/bin");
    let plan = push(&workshop, &envlock, &["--no-config", "--dry-run"]).exits(0);
    assert_eq!(result("build", &plan)["config"], "");
    let then = ["--no-config", "--then", "echo $ENVLOCK_RELEASE > then.txt"];
    let first = push(&workshop, &envlock, &then).exits(0);
    assert!(first.stderr().contains("release 1; no file was changed"), "{}", first.stderr());
    assert_eq!(envlock.read("then.txt").trim(), "1");
    let again = push(&workshop, &envlock, &["--no-config"]).exits(0);
    assert!(result("build", &again)["release"].is_null());
    assert!(again.stderr().contains("nothing changed: the last release"), "{}", again.stderr());
    upgraded(&workshop, &envlock, "1.1");
    let second = push(&workshop, &envlock, &["--no-config"]).exits(0);
    let (old, new) = (images(&first), images(&second));
    let record = &lines(&envlock)[1];
    assert_eq!((record["number"].as_u64(), &record["edits"]), (Some(2), &serde_json::json!([])));

    let status = result("status", &envlock.run(["status", "--registry", "--json"]).exits(0));
    assert_eq!((status["release"].as_u64(), status["lock"].as_str()), (Some(2), Some("released")));
    assert_eq!(status["roles"], serde_json::json!([]));
    for image in status["images"].as_array().unwrap() {
        assert_eq!(image["image"], new[image["name"].as_str().unwrap()].to_string());
        assert_eq!(image["in_registry"], "there");
    }
    let text = envlock.run(["status"]).exits(0).stdout();
    assert!(text.contains("of release 2, in no file"), "{text}");
    let text = envlock.run(["history"]).exits(0).stdout();
    assert_eq!(text.matches("(no file was changed)").count(), 2, "{text}");
    let supply = envlock.run(["verify", "--supply"]).exits(0).stdout();
    assert!(supply.contains(&new["marimo-runtime"].to_string()), "{supply}");

    let plan = envlock.run(["rollback", "--dry-run"]).exits(0);
    assert!(plan.stderr().contains("release 1 was recorded without changing"), "{}", plan.stderr());
    assert_eq!(lines(&envlock).len(), 2);
    let back = envlock.run(["rollback"]).exits(0);
    assert!(back.stderr().contains("recorded as release 3"), "{}", back.stderr());
    assert!(back.stdout().contains(&old["marimo-runtime"].to_string()), "{}", back.stdout());
    let lines_now = envlock.read("env.releases.jsonl");
    assert!(!envlock.path("config.yaml").exists());
    let zero = envlock.run(["rollback", "--to", "0", "--dry-run"]).exits(0);
    assert!(zero.stderr().contains("before the first release"), "{}", zero.stderr());

    fs_err::remove_file(envlock.path("env.releases.jsonl")).unwrap();
    let place = format!("{}/team", workshop.proxy.host());
    envlock.run(["history", "--from-registry", "--registry", &place]).exits(0);
    assert_eq!(envlock.read("env.releases.jsonl"), lines_now);
    let pruned = envlock.run(["prune", "--registry", "--keep", "1"]).exits(0);
    assert!(!pruned.stdout().contains(&old["ray-runtime"].to_string()), "{}", pruned.stdout());
    envlock.run(["verify", "--supply", &old["marimo-runtime"].to_string()]).exits(0);
}

#[test]
fn between_releases_that_change_config_yaml_one_without_leaves_it_alone() {
    let workshop = Workshop::new(1_000);
    let envlock = workshop.project();
    let first = images(&push(&workshop, &envlock, &[]).exits(0));
    let config = envlock.read("config.yaml");
    upgraded(&workshop, &envlock, "1.1");
    let second = images(&push(&workshop, &envlock, &["--no-config"]).exits(0));
    assert_eq!(envlock.read("config.yaml"), config);
    let status = envlock.run(["status"]).exits(0).stdout();
    assert!(status.contains("marimo-runtime of release 1"), "{status}");
    assert!(status.contains(&format!("{}\n  of release 2", second["marimo-runtime"])), "{status}");

    // From it: the files have the state before already.
    let back = envlock.run(["rollback", "--json"]).exits(0);
    let back = result("rollback", &back);
    assert_eq!((back["to"].as_u64(), back["diff"].as_str()), (Some(1), Some("")));
    upgraded(&workshop, &envlock, "1.2");
    push(&workshop, &envlock, &[]).exits(0);
    assert_ne!(envlock.read("config.yaml"), config);
    // To it: its images are what was released, the files are as they were then.
    let back = envlock.run(["rollback", "--to", "2"]).exits(0);
    assert!(back.stderr().contains("the files get what they had then"), "{}", back.stderr());
    assert_eq!(envlock.read("config.yaml"), config);
    let last = lines(&envlock).pop().unwrap();
    assert_eq!(last["images"]["marimo-runtime"], second["marimo-runtime"].to_string());
    assert!(config.contains(&first["marimo-runtime"].to_string()));
    envlock.run(["rollback", "--to", "0"]).exits(0);
    assert_eq!(envlock.read("config.yaml"), CONFIG);
}
