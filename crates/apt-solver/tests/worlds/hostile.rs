//! Archives that were made to cost time or memory.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::world::suite;

/// Seconds here would be hours with the square of it.
const SOON: Duration = Duration::from_secs(60);

fn within<T>(what: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = what();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    done
}

#[test]
fn a_chain_as_long_as_an_index_is_followed() {
    let mut text = String::new();
    for at in 0..8_000 {
        writeln!(text, "p{at} 1\n  Depends: p{}", at + 1).unwrap();
    }
    text.push_str("p8000 1\n");
    let chosen = within(|| suite(text.leak()).choose("p0").unwrap());
    assert_eq!((chosen.len(), chosen[0].as_str()), (8_001, "p8000=1"));
}

#[test]
fn a_long_list_of_provides_is_looked_up_by_name() {
    let provides: Vec<String> = (0..20_000).map(|at| format!("v{at} (= {at})")).collect();
    let text = format!(
        "a 1\n  Depends: {}\nb 1\n  Provides: {}\n",
        provides.join(", "),
        provides.join(", ")
    );
    assert_eq!(within(|| suite(text.leak()).choose("a").unwrap()), ["b=1", "a=1"]);
}

#[test]
fn many_providers_of_one_name_asked_for_by_many_are_too_much() {
    let mut text = String::from("a 1\n  Depends: ");
    (0..2_500).for_each(|at| write!(text, "v (= {at}), ").unwrap());
    text.push('\n');
    for at in 0..2_500 {
        writeln!(text, "p{at} 1\n  Provides: v (= {at})").unwrap();
    }
    assert!(
        within(|| suite(text.leak()).refusal("a")).contains("more candidates than the archives")
    );
}

#[test]
fn choices_that_exclude_each_other_end() {
    // Six pigeons, five holes.
    let mut text = String::from("a 1\n  Depends: ");
    (0..6).for_each(|pigeon| write!(text, "pigeon{pigeon}, ").unwrap());
    text.push('\n');
    for pigeon in 0..6 {
        let holes: Vec<String> = (0..5).map(|hole| format!("p{pigeon}h{hole}")).collect();
        writeln!(text, "pigeon{pigeon} 1\n  Depends: {}", holes.join(" | ")).unwrap();
        for hole in 0..5 {
            writeln!(text, "p{pigeon}h{hole} 1\n  Provides: hole{hole}\n  Conflicts: hole{hole}")
                .unwrap();
        }
    }
    let said = within(|| suite(text.leak()).refusal("a"));
    assert!(said.contains("exclude each other") || said.contains("was tried"), "{said}");
}
