//! What cannot be had is reported.

use crate::world::suite;

#[test]
fn a_name_that_is_nowhere_is_told_with_similar_ones() {
    let world = suite("libssl3 1\nlibssl-dev 1\ncurl 1");
    assert_eq!(
        world.refusal("libss3"),
        "there is no package libss3 in suite; did you mean libssl3?"
    );
    assert_eq!(world.refusal("zzz"), "there is no package zzz in suite");
}

#[test]
fn a_provided_name_means_its_only_provider() {
    let world =
        suite("mawk 1\n  Provides: awk\nexim 1\n  Provides: mta\npostfix 1\n  Provides: mta");
    assert_eq!(world.choose("awk").unwrap(), ["mawk=1"]);
    assert_eq!(world.why("awk").unwrap(), ["mawk: awk is requested"]);
    assert_eq!(
        world.refusal("mta"),
        "mta is not a package: exim, postfix provide it; ask for one of them"
    );
}

#[test]
fn the_way_from_the_request_to_what_is_missing_is_told() {
    let world = suite("a 1\n  Depends: b\nb 2\n  Pre-Depends: c (>= 3) | d\nc 1");
    assert_eq!(
        world.refusal("a"),
        "the packages asked for cannot be installed together:\n  a is requested\n  a 1 needs b (Depends)\n  \
         b 2 needs c (>= 3) | d (Pre-Depends)\n    of c there is 1 (suite)\n    d is not in suite\nwhat helps: leave out a"
    );
}

#[test]
fn what_was_tried_is_told_below() {
    let world = suite("a 1\n  Depends: b | c\nb 1\n  Depends: gone\nc 1\n  Conflicts: d\nd 1");
    let said = world.refusal("a d");
    for line in [
        "b 1 was tried, and that leads nowhere:",
        "gone is not in suite",
        "c 1 does not go with d 1",
        "what helps: leave out one of a, d",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn a_stanza_that_cannot_be_read_is_told_where_it_is_needed() {
    let world = suite("a 1\n  Depends: b (~ 1)\nb 1_2\nc 1");
    assert!(world.refusal("a").starts_with("a, Depends: `b (~ 1)` is not"));
    assert!(world.refusal("b").starts_with("b: `1_2` is not a version"));
    assert_eq!(world.choose("c").unwrap(), ["c=1"]);
}
