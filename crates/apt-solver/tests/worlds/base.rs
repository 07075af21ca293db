//! What is installed already.

use crate::world::{World, suite};
use apt_solver::Locked;

#[test]
fn what_is_installed_stays_unless_something_needs_more() {
    let world = suite("a 1\n  Depends: b (>= 1)\nb 2\nc 1\n  Depends: b (>= 2)").on("b 1");
    assert_eq!(world.choose("a").unwrap(), ["a=1"]);
    assert_eq!(world.choose("c").unwrap(), ["b=2", "c=1"]);
    assert_eq!(world.why("c").unwrap()[0], "b: c has b (>= 2) in Depends");
}

#[test]
fn what_is_requested_becomes_the_newest_and_nothing_older() {
    let world = suite("a 2\nb 1").on("a 1\nb 3");
    assert_eq!(world.choose("a").unwrap(), ["a=2"]);
    assert_eq!(world.choose("b").unwrap(), [""; 0]);
    assert_eq!(
        world.refusal("b=1"),
        "b=1 cannot be had: there is 3 (the base), 1 (suite); ask for a version that is there (the base has 3, and nothing becomes older)"
    );
}

#[test]
fn what_depends_on_an_upgraded_package_is_upgraded_with_it() {
    let world = suite("lib 2\ndev 2\n  Depends: lib (= 2)\na 1\n  Depends: lib (>= 2)")
        .on("lib 1\ndev 1\n  Depends: lib (= 1)");
    assert_eq!(world.choose("a").unwrap(), ["lib=2", "a=1", "dev=2"]);
    assert_eq!(world.choose("lib").unwrap(), ["lib=2", "dev=2"]);
}

#[test]
fn what_breaks_an_installed_version_brings_the_next_one() {
    let world = suite("a 1\n  Breaks: b (<< 2)\nb 2").on("b 1");
    assert_eq!(world.choose("a").unwrap(), ["a=1", "b=2"]);
    assert_eq!(world.why("a").unwrap()[1], "b: the version in the base does not go with a");
}

#[test]
fn packages_of_one_source_are_upgraded_together_where_they_can_be() {
    let newer = "passwd 2\n  Source: shadow\nuidmap 2\n  Source: shadow\nlogin 1:2+b1\n  Source: shadow (2)\n\
                 held 2\n  Source: shadow\nstuck 2\n  Source: shadow\n  Depends: gone\nother 2";
    let base = "passwd 1\n  Source: shadow\nlogin 1:1\n  Source: shadow\nheld 1\n  Source: shadow\n  Status: hold ok installed\n\
                stuck 1\n  Source: shadow\nother 1";
    let world = suite(newer).on(base);
    assert_eq!(world.choose("uidmap").unwrap(), ["login=1:2+b1", "passwd=2", "uidmap=2"]);
    assert_eq!(world.why("uidmap").unwrap()[1], "passwd: it is of the same source as uidmap");
    assert_eq!(world.choose("other").unwrap(), ["other=2"]);
}

#[test]
fn an_alternative_without_upgrades_is_preferred() {
    let world = suite("a 1\n  Depends: b | c\nb 1\n  Depends: d (>= 2)\nc 1\nd 2").on("d 1");
    assert_eq!(world.choose("a").unwrap(), ["c=1", "a=1"]);
}

#[test]
fn what_is_held_is_not_upgraded() {
    let world = suite("a 1\n  Depends: b (>= 2)\nb 2").on("b 1\n  Status: hold ok installed");
    assert_eq!(
        world.refusal("a"),
        "the packages asked for cannot be installed together:\n  a is requested\n  a 1 needs b (>= 2) (Depends)\n    \
         of b there is 1 (the base, held), 2 (suite)\nwhat helps: leave out a"
    );
    assert!(world.refusal("b>=2").contains("the base holds 1"));
}

#[test]
fn nothing_of_the_base_is_removed_and_both_sides_are_named() {
    let world = suite("postfix 3\n  Conflicts: mta\n  Replaces: mta\n  Provides: mta")
        .on("exim 4\n  Provides: mta");
    assert_eq!(
        world.refusal("postfix"),
        "the packages asked for cannot be installed together:\n  postfix is requested\n  \
         exim is in the base, of which nothing is removed\n  postfix 3 does not go with exim 4 (in the base): its Conflicts has mta\n\
         what helps: leave out postfix, or take a base without exim"
    );
}

#[test]
fn what_does_not_hold_in_the_base_is_not_asked_of_it() {
    let world =
        suite("a 1\n  Depends: b\nc 1").on("b 1\n  Depends: gone, c (>= 1)\n  Conflicts: d\nd 1");
    assert_eq!(world.choose("a").unwrap(), ["a=1"]);
}

#[test]
fn what_holds_in_the_base_holds_after_a_requested_upgrade() {
    let world = suite("lib 2").on("lib 1\nuser 1\n  Depends: lib (<< 2)");
    let said = world.refusal("lib");
    assert!(said.contains("user is in the base") && said.contains("lib (<< 2)"), "{said}");
}

#[test]
fn what_has_only_been_unpacked_is_there_and_what_is_half_installed_is_told() {
    let world = suite("a 1\n  Depends: b");
    assert_eq!(world.on("b 1\n  Status: install ok unpacked").choose("a").unwrap(), ["a=1"]);
    let broken = suite("a 1").on("b 1\n  Status: install reinstreq half-installed");
    assert!(broken.refusal("a").starts_with("b is half installed in the base; "));
}

#[test]
fn configuration_files_that_remain_are_no_package() {
    let world = suite("a 1\n  Depends: b\nb 1").on("b 1\n  Status: deinstall ok config-files");
    assert_eq!(world.choose("a").unwrap(), ["b=1", "a=1"]);
}

fn locked(name: &str, version: &str) -> Locked {
    Locked { name: name.to_owned(), architecture: "amd64".to_owned(), version: version.to_owned() }
}

#[test]
fn what_was_locked_is_kept_while_it_can_be() {
    let text = "a 1\n  Depends: b, x | y\nb 1\nb 2\nc 1\n  Depends: b (>= 2)\nx 1\ny 1\nz 1";
    let world =
        World { locked: vec![locked("b", "1"), locked("y", "1"), locked("z", "1")], ..suite(text) };
    // y is preferred, z is not needed any more.
    assert_eq!(world.choose("a").unwrap(), ["b=1", "y=1", "a=1"]);
    assert_eq!(world.choose("a c").unwrap(), ["b=2", "y=1", "a=1", "c=1"]);
    assert_eq!(world.choose("b>=2").unwrap(), ["b=2"]);
    assert_eq!(suite(text).choose("b").unwrap(), ["b=2"]);
}

#[test]
fn what_was_locked_and_is_gone_is_chosen_anew() {
    let world = World { locked: vec![locked("b", "0.9")], ..suite("b 1") };
    assert_eq!(world.choose("b").unwrap(), ["b=1"]);
}
