//! Several indexes.

use crate::world::World;

fn world(suites: &[(&'static str, &'static str)], priorities: &[i16]) -> World {
    World { suites: suites.to_vec(), priorities: priorities.to_vec(), ..World::default() }
}

#[test]
fn the_newest_version_of_all_suites_is_taken() {
    let world = world(
        &[
            ("trixie", "a 1\nb 1\nc 1"),
            ("trixie-updates", "b 2"),
            ("trixie-security", "a 1.1\nb 1.5"),
        ],
        &[],
    );
    assert_eq!(world.choose("a b c").unwrap(), ["a=1.1", "b=2", "c=1"]);
}

#[test]
fn a_suite_of_a_lower_priority_gives_only_what_others_do_not() {
    let world = world(&[("trixie", "a 1"), ("backports", "a 2\nb 2")], &[500, 100]);
    assert_eq!(world.choose("a b").unwrap(), ["a=1", "b=2"]);
    assert_eq!(world.choose("a>=2").unwrap(), ["a=2"]);
}

#[test]
fn a_suite_that_is_not_automatic_upgrades_nothing() {
    let suites = [("experimental", "a 2")];
    assert_eq!(world(&suites, &[1]).on("a 1").choose("a").unwrap(), [""; 0]);
    assert_eq!(world(&suites, &[100]).on("a 1").choose("a").unwrap(), ["a=2"]);
}

#[test]
fn a_version_can_be_asked_for() {
    let world = world(&[("one", "a 1\na 2\na 3\nb 1\n  Depends: a")], &[]);
    assert_eq!(world.choose("a=2").unwrap(), ["a=2"]);
    assert_eq!(world.choose("a<<3 a>>1 b").unwrap(), ["a=2", "b=1"]);
    assert!(world.refusal("a<<3 a>>2").contains("there is 1 (one), 2 (one), 3 (one)"));
}

#[test]
fn only_the_candidate_satisfies_a_dependency() {
    // As with apt, whose candidate a dependency does not change.
    let world = world(&[("one", "a 1\na 2\nb 1\n  Depends: a (<< 2)")], &[]);
    assert!(world.refusal("b").contains("of a there is 1 (one), 2 (one)"));
    assert_eq!(world.choose("b a=1").unwrap(), ["a=1", "b=1"]);
}
