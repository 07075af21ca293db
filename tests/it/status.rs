//! `envlock status`.

use crate::support::release::{CONFIG, push_both, release};
use crate::support::{Envlock, Registry};

fn status(envlock: &Envlock, args: &[&str]) -> serde_json::Value {
    let args: Vec<_> = ["status", "--json"].iter().chain(args).collect();
    serde_json::from_str(&envlock.run(args).exits(0).stdout()).unwrap()
}

#[test]
fn before_the_first_release_the_roles_are_shown_with_their_builds() {
    let envlock = Envlock::new();
    envlock.write("config.yaml", CONFIG);
    let text = envlock.run(["status"]).exits(0).stdout();
    for part in ["services.ray.cpu.image", "of no release", "services.marimo.build.enabled is true"]
    {
        assert!(text.contains(part), "{text}");
    }
    let found = status(&envlock, &[]);
    assert_eq!((found["release"].as_u64(), found["lock"].as_str()), (Some(0), Some("missing")));
}

#[test]
fn drift_lock_and_registry_are_told() {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    envlock.write("config.yaml", CONFIG);
    let images = push_both(&registry, "one");
    release(&envlock, &images, "lock one\n");
    let found = status(&envlock, &["--registry"]);
    assert_eq!((found["release"].as_u64(), found["lock"].as_str()), (Some(1), Some("released")));
    for role in found["roles"].as_array().unwrap() {
        assert_eq!(role["release"], 1);
        assert_eq!(role["drift"], false);
        assert_eq!(role["builds"].as_array().unwrap().len(), 0);
        assert_eq!(role["in_registry"], "there");
    }
    let marimo = &images[&"marimo-runtime".parse().unwrap()];
    registry.delete(marimo);
    let ray = images[&"ray-runtime".parse().unwrap()].to_string();
    envlock.write("config.yaml", envlock.read("config.yaml").replacen(&ray, "mine:1", 1));
    envlock.write("env.lock", "another\n");
    let found = status(&envlock, &[]);
    assert_eq!(found["lock"], "changed");
    let drifts: Vec<_> =
        found["roles"].as_array().unwrap().iter().map(|r| r["drift"].as_bool()).collect();
    assert_eq!(drifts, [Some(false), Some(true), Some(false)]);
    let text = envlock.run(["status"]).exits(0).stdout();
    assert!(text.contains("changed by hand") && text.contains("env.lock: differs"), "{text}");
    let found = status(&envlock, &["--registry"]);
    assert_eq!(found["roles"][0]["in_registry"], "gone");
    assert!(found["roles"][1]["in_registry"]["unknown"].is_string(), "{found}");
}

#[test]
fn a_file_that_is_no_yaml_is_shown_at_its_place() {
    let envlock = Envlock::new();
    envlock.write("config.yaml", "services:\n  ray: [\n");
    let run = envlock.run(["status"]).exits(9);
    assert!(run.stderr().contains("config.yaml:"), "{}", run.stderr());
}
