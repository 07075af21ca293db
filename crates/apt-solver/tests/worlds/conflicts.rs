//! What may not be installed side by side.

use crate::world::suite;

#[test]
fn an_alternative_that_conflicts_with_what_is_needed_is_passed_over() {
    for field in ["Conflicts", "Breaks"] {
        let text = format!("a 1\n  Depends: b | c\nb 1\n  {field}: d (<< 2)\nc 1\nd 1");
        assert_eq!(suite(text.leak()).choose("a d").unwrap(), ["c=1", "a=1", "d=1"]);
    }
}

#[test]
fn a_conflict_holds_from_either_side_and_only_for_its_versions() {
    let world = suite("a 1\n  Breaks: b (<< 2)\nb 1\nc 1\n  Breaks: b (<< 1)");
    assert!(world.refusal("a b").contains("a 1 does not go with b 1: its Breaks has b (<< 2)"));
    assert_eq!(world.choose("b c").unwrap(), ["b=1", "c=1"]);
}

#[test]
fn who_provides_a_name_and_conflicts_with_it_is_the_only_one() {
    let world = suite(
        "exim 4\n  Provides: mta\n  Conflicts: mta\npostfix 3\n  Provides: mta\n  Conflicts: mta\na 1\n  Depends: mta",
    );
    assert_eq!(world.choose("a postfix").unwrap(), ["postfix=3", "a=1"]);
    assert!(
        world
            .refusal("exim postfix")
            .contains("exim 4 does not go with postfix 3: its Conflicts has mta")
    );
}

#[test]
fn a_conflict_with_a_version_is_not_one_with_what_is_provided_without() {
    let world = suite("a 1\n  Conflicts: v (<< 2)\np 1\n  Provides: v\nq 1\n  Provides: v (= 1)");
    assert_eq!(world.choose("a p").unwrap(), ["a=1", "p=1"]);
    assert!(world.refusal("a q").contains("does not go"));
}

#[test]
fn a_choice_that_led_nowhere_is_taken_back_and_later_ones_stand() {
    // x is decided after a's alternative, and has nothing to do with why that fails.
    let world = suite(
        "a 1\n  Depends: b | c, x | y\nb 1\n  Depends: d | e\nc 1\nd 1\n  Conflicts: f\ne 1\n  Conflicts: f\nf 1\nx 1\ny 1",
    );
    assert_eq!(world.choose("a f").unwrap(), ["c=1", "x=1", "a=1", "f=1"]);
}

#[test]
fn replaces_alone_is_neither_a_dependency_nor_a_conflict() {
    assert_eq!(suite("a 1\n  Replaces: b\nb 1").choose("a b").unwrap(), ["a=1", "b=1"]);
}
