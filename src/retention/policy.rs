//! Decides what may be removed, from the history, the files that name images, and the tags of a repository. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Name;
use crate::digest::{Algorithm, Digest, Sha256};
use crate::image::Repository;
use crate::release::{History, Kind};

/// What is kept, and what is old.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// The number of the oldest release that is kept.
    pub from: u64,
    /// Images that are named by a kept release, by the state that runs now or by a file.
    pub protected: BTreeSet<Digest>,
    /// Locks of kept releases.
    pub locks: BTreeSet<Sha256>,
    /// Older releases: in each repository the number and the image.
    pub old: BTreeMap<Repository, Vec<(u64, Digest)>>,
}

/// Something to be removed from a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// The record of a release; its image may stay.
    Record {
        /// The release.
        number: u64,
        /// The artifact.
        digest: Digest,
        /// The image it is about.
        image: Digest,
    },
    /// A tag whose image stays.
    Tag(String),
    /// An image and everything about it.
    Image {
        /// The newest release that had it.
        number: u64,
        /// Which.
        digest: Digest,
        /// Its tags, all of them of old releases.
        tags: Vec<String>,
    },
}

impl Retention {
    /// Keeps the last `keep` builds with all that came after the oldest of them. Rollbacks make no images, so they do
    /// not count.
    pub fn of(history: &History, keep: usize, mentioned: &BTreeSet<Digest>) -> Self {
        let builds = history.records.iter().rev().filter(|record| record.kind == Kind::Build);
        let from = builds.take(keep.max(1)).last().map_or(0, |record| record.number);
        let mut retention =
            Retention { from, protected: mentioned.clone(), ..Retention::default() };
        let current = history.current().unwrap_or_default();
        retention.protected.extend(current.images.values().map(|image| image.digest()));
        retention.locks.extend(current.lock);
        for record in &history.records {
            if record.number >= from {
                retention.protected.extend(record.images.values().map(|image| image.digest()));
                retention.locks.extend(record.lock);
                continue;
            }
            for image in record.images.values() {
                let old = retention.old.entry(Repository::of(image)).or_default();
                old.push((record.number, image.digest()));
            }
        }
        retention
    }
}

/// What to remove from one repository, given all its tags: records of old releases, images that nothing protects and that have
/// no tag but those of old releases, tags of old releases on images that stay. Numbers that are not in the history
/// belong to others.
pub fn removals(
    old: &[(u64, Digest)],
    tags: &BTreeMap<String, Digest>,
    protected: &BTreeSet<Digest>,
) -> Vec<Removal> {
    let numbers: BTreeMap<u64, Digest> = old.iter().copied().collect();
    let is_old = |tag: &str| Name::parse(tag).is_some_and(|n| numbers.contains_key(&n.number()));
    let images: BTreeMap<Digest, u64> =
        old.iter().map(|(number, image)| (*image, *number)).collect();
    let stays = |digest: &Digest| {
        protected.contains(digest) || tags.iter().any(|(tag, d)| d == digest && !is_old(tag))
    };
    let mut removals = BTreeSet::new();
    for (tag, digest) in tags {
        let Some(image) = Name::parse(tag).and_then(|name| numbers.get(&name.number())) else {
            continue;
        };
        match Name::parse(tag) {
            Some(Name::Record(number)) if !stays(digest) => {
                removals.insert(Removal::Record { number, digest: *digest, image: *image });
            }
            Some(Name::Image(_)) if stays(digest) => {
                removals.insert(Removal::Tag(tag.clone()));
            }
            _ => {}
        }
    }
    let gone = images.iter().filter(|(digest, _)| !stays(digest));
    removals.extend(gone.map(|(digest, number)| {
        let own = tags.iter().filter(|(_, tagged)| *tagged == digest);
        let own = own.map(|(tag, _)| tag.clone()).collect();
        Removal::Image { number: *number, digest: *digest, tags: own }
    }));
    removals.into_iter().collect()
}

/// Every digest in a text.
pub fn mentioned(text: &[u8]) -> BTreeSet<Digest> {
    let text = String::from_utf8_lossy(text);
    let of = |algorithm: Algorithm, digits: usize| {
        let places = text.match_indices(algorithm.name());
        let words = places.filter_map(|(at, name)| text.get(at..at + name.len() + 1 + digits));
        words.filter_map(|word| word.parse().ok()).collect::<Vec<Digest>>()
    };
    of(Algorithm::Sha256, 64).into_iter().chain(of(Algorithm::Sha512, 128)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Record;

    fn image(seed: &str) -> Digest {
        Digest::of(seed)
    }

    fn history(images: &[(&str, Option<u64>)]) -> History {
        let mut bytes = Vec::new();
        for (number, (seed, back)) in (1..).zip(images) {
            let kind = back.map_or(r#""kind":"build""#.to_owned(), |to| {
                format!(r#""kind":"rollback","to":{to}"#)
            });
            let text = format!(
                r#"{{"v":1,"number":{number},"time":"2026-11-23T10:00:00Z",{kind},"images":{{"ray":"r.example/team/ray@{}"}},"edits":[],"envlock":"0.1.0"}}"#,
                image(seed)
            );
            let record: Record = serde_json::from_str(&text).unwrap();
            bytes = History::parse(&bytes).unwrap().with(&record).unwrap();
        }
        History::parse(&bytes).unwrap()
    }

    #[test]
    fn digests_of_either_algorithm_are_found_in_any_text() {
        let (short, long) = (image("a"), Algorithm::Sha512.of("b"));
        let text = format!("ray: x@{short} # {long}\nü sha256:{} sha512", "0".repeat(63));
        assert_eq!(mentioned(text.as_bytes()), BTreeSet::from([short, long]));
    }

    #[test]
    fn the_last_builds_stay_with_what_runs_and_what_a_file_names() {
        let history =
            history(&[("a", None), ("b", None), ("c", None), ("d", None), ("a", Some(1))]);
        let text = format!("image: r.example/team/ray@{} # now\nx: sha256:00", image("b"));
        let retention = Retention::of(&history, 2, &mentioned(text.as_bytes()));
        assert_eq!(retention.from, 3);
        let old: Vec<_> = retention.old.values().flatten().map(|(number, _)| *number).collect();
        assert_eq!(old, [1, 2]);
        assert_eq!(retention.protected, ["a", "b", "c", "d"].map(image).into());
        let fewer = Retention::of(&history, 2, &BTreeSet::new());
        assert!(fewer.protected.contains(&image("a")) && !fewer.protected.contains(&image("b")));
        assert_eq!(Retention::of(&History::default(), 1, &BTreeSet::new()).from, 0);
    }

    #[test]
    fn an_image_goes_only_when_nobody_else_names_it() {
        let old = [(1, image("a")), (2, image("b")), (3, image("c"))];
        let tags = [
            ("envlock-r1", "a"),
            ("envlock-r1.record", "record 1"),
            ("envlock-r2", "b"),
            ("prod", "b"),
            ("envlock-r3", "c"),
            ("envlock-r3.record", "record 3"),
            ("envlock-r8", "foreign"),
        ];
        let tags: BTreeMap<_, _> =
            tags.iter().map(|(tag, d)| ((*tag).to_owned(), image(d))).collect();
        let removals = removals(&old, &tags, &[image("c")].into());
        assert_eq!(
            removals,
            [
                Removal::Record { number: 1, digest: image("record 1"), image: image("a") },
                Removal::Record { number: 3, digest: image("record 3"), image: image("c") },
                Removal::Tag("envlock-r2".to_owned()),
                Removal::Tag("envlock-r3".to_owned()),
                Removal::Image {
                    number: 1,
                    digest: image("a"),
                    tags: vec!["envlock-r1".to_owned()]
                },
            ]
        );
    }
}
