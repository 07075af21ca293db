//! Several architectures in one root.

use crate::world::{World, suite};

fn with_i386(text: &'static str) -> World {
    World { foreign: vec!["i386".to_owned()], ..suite(text) }
}

#[test]
fn a_package_depends_on_those_of_its_own_architecture() {
    let world = with_i386(
        "a 1\n  Depends: lib\na 1 i386\n  Depends: lib\nlib 1\n  Multi-Arch: same\nlib 1 i386\n  Multi-Arch: same",
    );
    assert_eq!(world.choose("a").unwrap(), ["lib=1", "a=1"]);
    assert_eq!(world.choose("a:i386").unwrap(), ["lib:i386=1", "a:i386=1"]);
    assert!(
        world.refusal("a a:i386").contains("a 1 and a:i386 1 cannot be installed side by side")
    );
    assert_eq!(world.choose("a:i386 lib").unwrap(), ["lib:i386=1", "a:i386=1", "lib=1"]);
}

#[test]
fn same_means_the_same_version_too() {
    let world = with_i386("lib 1\n  Multi-Arch: same\nlib 2 i386\n  Multi-Arch: same");
    assert!(world.refusal("lib lib:i386").contains("side by side"));
}

#[test]
fn foreign_serves_every_architecture() {
    let world =
        with_i386("a 1 i386\n  Depends: tool, other\ntool 1\n  Multi-Arch: foreign\nother 1");
    assert!(world.refusal("a:i386").contains("a:i386 1 needs other"));
    let world = with_i386(
        "a 1 i386\n  Depends: tool, data\ntool 1\n  Multi-Arch: foreign\ndata 1 all\n  Multi-Arch: foreign",
    );
    assert_eq!(world.choose("a:i386").unwrap(), ["data=1", "tool=1", "a:i386=1"]);
}

#[test]
fn all_is_of_the_native_architecture() {
    let world = with_i386("a 1 all\n  Depends: b\nb 1\nb 1 i386");
    assert_eq!(world.choose("a").unwrap(), ["b=1", "a=1"]);
}

#[test]
fn any_asks_for_a_package_that_allows_it() {
    let world = with_i386("a 1 i386\n  Depends: python:any\npython 3\n  Multi-Arch: allowed");
    assert_eq!(world.choose("a:i386").unwrap(), ["python=3", "a:i386=1"]);
    assert!(
        with_i386("a 1 i386\n  Depends: python:any\npython 3")
            .refusal("a:i386")
            .contains("python:any")
    );
    // As dpkg has it, of its own architecture too.
    assert!(suite("a 1\n  Depends: python:any\npython 3").refusal("a").contains("python:any"));
    let provided = suite("a 1\n  Depends: python:any\nsnake 3\n  Provides: python:any");
    assert_eq!(provided.choose("a").unwrap(), ["snake=3", "a=1"]);
}

#[test]
fn native_and_named_architectures_are_those() {
    let world = with_i386("a 1 i386\n  Depends: b:native, c:i386\nb 1\nb 1 i386\nc 1\nc 1 i386");
    assert_eq!(world.choose("a:i386").unwrap(), ["b=1", "c:i386=1", "a:i386=1"]);
}

#[test]
fn conflicts_are_with_every_architecture() {
    let world = with_i386("a 1\n  Conflicts: b\nb 1 i386\nc 1\n  Conflicts: b:amd64");
    assert!(world.refusal("a b:i386").contains("does not go with b:i386 1"));
    assert_eq!(world.choose("c b:i386").unwrap(), ["b:i386=1", "c=1"]);
}

#[test]
fn an_architecture_that_is_not_asked_for_is_not_there() {
    assert!(suite("a 1 i386").refusal("a").contains("no package a in suite"));
}

#[test]
fn what_is_meant_for_other_architectures_is_passed_over() {
    assert_eq!(
        suite("a 1\n  Depends: b [i386], c [!i386] | d\nc 1\nd 1").choose("a").unwrap(),
        ["c=1", "a=1"]
    );
}
