//! Guesses what requirements are going to need, before any request: the distributions that the same requirements needed
//! the last time, or that well-known packages require. A wrong guess costs a request and never changes the choice.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pep440_rs::Version;
use pep508_rs::PackageName;

use super::cache::Cache;
use crate::catalog::Chosen;
use crate::digest::Sha256;
use crate::spec::RequirementSpec;

/// `NAME[EXTRA]: NAME[EXTRA,…]= …`, a line for each package, with `=` where it pins the version; `ci/likely.py`
/// writes it.
const KNOWN: &str = include_str!("likely.txt");

/// The kind of entry in the cache that a requirement's closure is.
const KIND: &str = "closures";

/// What to request of a distribution that is likely to be needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Its page: the version cannot be guessed.
    Page,
    /// Its newest version.
    Newest,
    /// This version.
    Version(Version),
}

/// What these requirements are likely to need, without themselves.
pub(super) fn likely(
    cache: Option<&Cache>,
    requirements: &[RequirementSpec],
) -> BTreeMap<PackageName, Hint> {
    let mut hints = BTreeMap::new();
    let mut known = None;
    for requirement in requirements {
        let learnt = cache.and_then(|cache| cache.get::<Closure>(KIND, &key(requirement)));
        match learnt {
            Some(learnt) => {
                hints.extend(learnt.into_iter().map(|(name, v)| (name, Hint::Version(v))))
            }
            None => reached(
                &spelled(requirement),
                known.get_or_insert_with(|| parsed(KNOWN)),
                &mut hints,
            ),
        }
    }
    for requirement in requirements {
        hints.remove(&requirement.pep508.name);
    }
    hints
}

type Closure = Vec<(PackageName, Version)>;

/// Stores what each requirement needed, for the next run.
pub(super) fn learn(cache: &Cache, requirements: &[RequirementSpec], chosen: &[Chosen]) {
    let mut asked: BTreeMap<&PackageName, Vec<&Chosen>> = BTreeMap::new();
    for one in chosen {
        for asks in &one.required_by {
            asked.entry(asks).or_default().push(one);
        }
    }
    for requirement in requirements {
        let (mut led_to, mut todo) = (BTreeMap::new(), vec![&requirement.pep508.name]);
        while let Some(name) = todo.pop() {
            for one in asked.get(name).into_iter().flatten() {
                let candidate = &one.candidate;
                if led_to.insert(candidate.name.clone(), candidate.version.clone()).is_none() {
                    todo.push(&candidate.name);
                }
            }
        }
        cache.put::<Closure>(KIND, &key(requirement), led_to.into_iter().collect());
    }
}

/// `NAME[EXTRA,…]`, without version specifiers.
fn spelled(requirement: &RequirementSpec) -> String {
    let extras: BTreeSet<_> = requirement.pep508.extras.iter().map(ToString::to_string).collect();
    let extras: Vec<_> = extras.into_iter().collect();
    format!("{}[{}]", requirement.pep508.name, extras.join(","))
}

fn key(requirement: &RequirementSpec) -> Sha256 {
    Sha256::of(spelled(requirement))
}

/// Requirements by `NAME` or `NAME[EXTRA]`.
fn parsed(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(": ")).collect()
}

fn reached(
    requirement: &str,
    known: &BTreeMap<&str, &str>,
    hints: &mut BTreeMap<PackageName, Hint>,
) {
    let (mut seen, mut todo) = (HashSet::new(), vec![requirement]);
    while let Some(asked) = todo.pop() {
        let (asked, hint) = match asked.strip_suffix('=') {
            Some(asked) => (asked, Hint::Page),
            None => (asked, Hint::Newest),
        };
        let (name, extras) = asked.split_once('[').unwrap_or((asked, ""));
        if let Ok(name) = name.parse() {
            let known = hints.entry(name).or_insert_with(|| hint.clone());
            if *known == Hint::Newest {
                *known = hint;
            }
        }
        let extras = extras.trim_end_matches(']').split(',').filter(|extra| !extra.is_empty());
        let with_extras = extras.map(|extra| format!("{name}[{extra}]"));
        for key in std::iter::once(name.to_owned()).chain(with_extras) {
            if let Some(next) = known.get(key.as_str()).filter(|_| !seen.contains(&key)) {
                seen.insert(key);
                todo.extend(next.split(' '));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extras_lead_on() {
        let known = parsed("# a comment\na: b c[x]=\nc: d\nc[x]: e\nc[y]: f\nb: a c\n");
        let names = |requirement| {
            let mut hints = BTreeMap::new();
            reached(requirement, &known, &mut hints);
            let pinned = |hint| if hint == Hint::Page { "=" } else { "" };
            let names = hints.into_iter().map(|(name, hint)| format!("{name}{}", pinned(hint)));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("a[]"), "a b c= d e");
        assert_eq!(names("c[y]"), "c d f");
        assert_eq!(names("z[y]"), "z");
    }

    #[test]
    fn every_line_of_the_list_is_read() {
        let known = parsed(KNOWN);
        assert_eq!(known.len(), KNOWN.lines().count() - 1);
        for name in known.iter().flat_map(|(key, asked)| [*key].into_iter().chain(asked.split(' ')))
        {
            let bare = name.trim_end_matches('=').split('[').next().unwrap();
            assert_eq!(bare.parse::<PackageName>().unwrap().as_ref(), bare);
        }
        let mut hints = BTreeMap::new();
        reached("ray[serve]", &known, &mut hints);
        assert!(hints.len() > 40, "{hints:?}");
    }
}
