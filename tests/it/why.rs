//! `envlock why` reads env.lock and nothing else.

use crate::resolve::{base, spec, stack};
use crate::support::Envlock;

#[test]
fn the_paths_from_the_requirements_are_a_tree_without_a_request() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    envlock.write(
        "envlock.toml",
        spec(&index, &base, "[\"torch\", \"torchvision\"]", "[\"pyg_lib\"]"),
    );
    envlock.run(["why", "numpy"]).exits(3);
    envlock.run(["resolve"]).exits(0);
    let before = index.requests("");
    insta::assert_snapshot!(envlock.run(["why", "numpy"]).exits(0).stdout());
    let json: serde_json::Value =
        serde_json::from_str(&envlock.run(["why", "numpy", "--json"]).exits(0).stdout()).unwrap();
    assert_eq!(json["paths"][0][0]["requested"][0], "torch");
    assert_eq!(json["package"]["version"], "2.5.0");
    let run = envlock.run(["why", "nunpy"]).exits(1);
    assert!(
        run.stderr().contains("nunpy is not in env.lock; did you mean numpy?"),
        "{}",
        run.stderr()
    );
    assert_eq!(index.requests(""), before);
}
