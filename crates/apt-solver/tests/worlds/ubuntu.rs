//! What is different in Ubuntu's archives.

use crate::world::World;

const MAIN: &str = "\
bash 5.2.21-2ubuntu4
  Essential: yes
  Priority: required
  Task: minimal
libc6 2.39-0ubuntu8
";
const UPDATES: &str = "\
libc6 2.39-0ubuntu8.6
  Phased-Update-Percentage: 10
";
const UNIVERSE: &str = "\
libibverbs-tool 50
  Section: universe/net
  Depends: libc6 (>= 2.39-0ubuntu8)
libibverbs-tool-dbgsym 50
  Package-Type: ddeb
  Depends: libibverbs-tool (= 50)
di-utils 1
  Package-Type: udeb
";

fn noble() -> World {
    World {
        suites: vec![
            ("noble/main", MAIN),
            ("noble-updates/main", UPDATES),
            ("noble/universe", UNIVERSE),
        ],
        ..World::default()
    }
}

#[test]
fn an_update_is_taken_for_everybody_or_nobody_would_get_the_same() {
    assert_eq!(noble().choose("libc6").unwrap(), ["libc6=2.39-0ubuntu8.6"]);
}

#[test]
fn components_are_one_archive() {
    assert_eq!(
        noble().choose("libibverbs-tool").unwrap(),
        ["libc6=2.39-0ubuntu8.6", "libibverbs-tool=50"]
    );
    let on_base = noble().on("libc6 2.39-0ubuntu8.4");
    assert_eq!(on_base.choose("libibverbs-tool").unwrap(), ["libibverbs-tool=50"]);
}

#[test]
fn debug_symbols_and_the_installers_packages_are_not_installed() {
    for name in ["libibverbs-tool-dbgsym", "di-utils"] {
        assert!(
            noble().refusal(name).starts_with(&format!("there is no package {name} in ")),
            "{name}"
        );
    }
}
