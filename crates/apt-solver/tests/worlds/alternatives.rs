//! Dependencies that leave a choice.

use crate::world::{World, suite};
use apt_solver::BaseSet;

#[test]
fn dependencies_come_first_and_say_who_needs_them() {
    let world = suite("a 1\n  Depends: c, b (>= 1)\nb 1\n  Pre-Depends: c\nc 1\nd 1");
    assert_eq!(world.choose("a").unwrap(), ["c=1", "b=1", "a=1"]);
    assert_eq!(
        world.why("a").unwrap(),
        ["c: a has c in Depends", "b: a has b (>= 1) in Depends", "a: a is requested"]
    );
}

#[test]
fn packages_that_need_each_other_are_chosen_once() {
    let world = suite("a 1\n  Depends: b\nb 1\n  Depends: a");
    assert_eq!(world.choose("a").unwrap(), ["b=1", "a=1"]);
    assert_eq!(world.choose("b a b").unwrap(), ["b=1", "a=1"]);
}

#[test]
fn the_first_alternative_is_taken_that_can_be_had() {
    let world =
        suite("a 1\n  Depends: gone | b (>= 2) | c | d\nb 1\nc 1\n  Depends: gone\nd 1\ne 1");
    assert_eq!(world.choose("a").unwrap(), ["d=1", "a=1"]);
}

#[test]
fn an_alternative_that_is_needed_anyway_is_enough_wherever_it_is_needed() {
    let world = suite("a 1\n  Depends: b | c\nb 1\nc 1\nz 1\n  Depends: c");
    assert_eq!(world.choose("a").unwrap(), ["b=1", "a=1"]);
    assert_eq!(world.choose("a z").unwrap(), ["c=1", "a=1", "z=1"]);
    assert_eq!(world.choose("a c").unwrap(), ["c=1", "a=1"]);
}

#[test]
fn an_alternative_that_is_installed_is_enough() {
    let world = suite("a 1\n  Depends: b | c\nb 1\nc 1").on("c 1");
    assert_eq!(world.choose("a").unwrap(), ["a=1"]);
}

#[test]
fn of_several_that_provide_a_name_priority_decides_and_then_the_name() {
    let awk = "a 1\n  Depends: awk\n";
    let by_name = "original-awk 1\n  Provides: awk\ngawk 1\n  Provides: awk\n";
    let with_priority = "a 1\n  Depends: awk\noriginal-awk 1\n  Provides: awk\ngawk 1\n  Provides: awk\nmawk 1\n  Provides: awk\n  Priority: required";
    assert_eq!(
        World { suites: vec![("one", awk), ("two", by_name)], ..World::default() }
            .choose("a")
            .unwrap(),
        ["gawk=1", "a=1"]
    );
    assert_eq!(suite(with_priority).choose("a").unwrap(), ["mawk=1", "a=1"]);
}

#[test]
fn a_package_of_the_name_comes_before_those_that_provide_it() {
    let world = suite("a 1\n  Depends: mta\nbest 1\n  Provides: mta\n  Priority: required\nmta 1");
    assert_eq!(world.choose("a").unwrap(), ["mta=1", "a=1"]);
}

#[test]
fn a_version_is_satisfied_only_by_what_is_provided_in_a_version() {
    let world = suite(
        "a 1\n  Depends: v (>= 2)\np 1\n  Provides: v\nq 1\n  Provides: v (= 1)\nr 1\n  Provides: v (= 3)",
    );
    assert_eq!(world.choose("a").unwrap(), ["r=1", "a=1"]);
}

#[test]
fn a_dependency_on_what_oneself_provides_holds() {
    assert_eq!(suite("a 1\n  Provides: v\n  Depends: v | b\nb 1").choose("a").unwrap(), ["a=1"]);
}

#[test]
fn recommends_are_followed_when_asked_and_where_they_can_be() {
    let text = "a 1\n  Recommends: b, c, gone\n  Depends: d\nb 1\n  Recommends: e\nc 1\n  Conflicts: d\nd 1\ne 1";
    assert_eq!(suite(text).choose("a").unwrap(), ["d=1", "a=1"]);
    let world = World { recommends: true, ..suite(text) };
    assert_eq!(world.choose("a").unwrap(), ["d=1", "a=1", "b=1", "e=1"]);
}

#[test]
fn a_system_from_nothing_has_its_set() {
    let text = "a 1\nbash 5\n  Essential: yes\n  Pre-Depends: libc\nlibc 2\npasswd 4\n  Priority: required\ncron 3\n  Priority: important\nold 1\n  Essential: yes\nold 2";
    let set = |from_nothing| World { from_nothing, ..suite(text) };
    assert_eq!(set(None).choose("a").unwrap(), ["a=1"]);
    assert_eq!(set(Some(BaseSet::Essential)).choose("a").unwrap(), ["a=1", "libc=2", "bash=5"]);
    assert_eq!(
        set(Some(BaseSet::Required)).choose("a").unwrap(),
        ["a=1", "libc=2", "bash=5", "passwd=4"]
    );
    assert_eq!(
        set(Some(BaseSet::Important)).choose("").unwrap(),
        ["libc=2", "bash=5", "cron=3", "passwd=4"]
    );
    assert_eq!(set(Some(BaseSet::Essential)).why("").unwrap()[1], "bash: every system has it");
}

#[test]
fn no_request_on_a_base_is_nothing() {
    assert_eq!(suite("a 1").on("b 1").choose("").unwrap(), [""; 0]);
}
