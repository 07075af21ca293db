//! `envlock outdated`: newer versions and what holds them back.

use crate::resolve::{base, spec, stack};
use crate::support::Envlock;

#[test]
fn newer_versions_are_listed_with_what_an_upgrade_would_take() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    envlock.run(["resolve"]).exits(0);
    index.wheel("numpy", "2.6.0").tags("cp314-cp314-manylinux_2_28_x86_64").add();
    let before = envlock.read("env.lock");
    let run = envlock.run(["outdated"]).exits(0);
    insta::assert_snapshot!(run.stdout());
    assert!(run.stderr().contains("`envlock resolve --upgrade` takes 1"), "{}", run.stderr());
    assert_eq!(envlock.read("env.lock"), before);
    let json = envlock.run(["outdated", "--json"]).exits(0).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["outdated"].as_array().unwrap().len(), 2);
}
