//! The Packages file of one suite, component and architecture, as an archive publishes it: scanned once for names and
//! Provides, and read only where it is asked.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use memchr::memmem;
use thiserror::Error;

use crate::relation::is_name;
use crate::stanza::{Stanza, stanzas};

/// An index over the text of a Packages file, which it borrows: 32 bytes a package and 16 for each name in a Provides.
#[derive(Debug, Clone)]
pub struct Packages<'t> {
    label: String,
    priority: i16,
    text: &'t str,
    /// In the order of the text.
    places: Vec<Place>,
    /// Hashes of names and their places, sorted. Not sorted by name: these lie all over the text.
    names: Vec<(u64, u32)>,
    /// Hashes of provided names and the places of who provides them, sorted.
    provided: Vec<(u64, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    stanza: (u32, u32),
    name: (u32, u32),
}

/// A text that is no Packages file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadPackages {
    /// Larger than positions in it are counted: 4 GiB.
    #[error(
        "the Packages file of {label} has {size} bytes, more than an archive's can have (4294967295)"
    )]
    TooLarge {
        /// Which one.
        label: String,
        /// In bytes.
        size: usize,
    },
    /// A stanza without a field `Package`, spelled so, or with a value that is no name.
    #[error("the Packages file of {label} has a stanza at byte {offset} that names no package")]
    NoName {
        /// Which one.
        label: String,
        /// Where the stanza begins, counted from 0.
        offset: usize,
    },
}

impl<'t> Packages<'t> {
    /// The priority of a suite that no pin changes (apt_preferences(5)).
    pub const PRIORITY: i16 = 500;

    /// Scans a text. `label` is how messages name it: `trixie`, `noble-security/universe`.
    ///
    /// # Errors
    ///
    /// [`BadPackages`]
    pub fn index(label: impl Into<String>, text: &'t str) -> Result<Self, BadPackages> {
        let label = label.into();
        if u32::try_from(text.len()).is_err() {
            return Err(BadPackages::TooLarge { label, size: text.len() });
        }
        let (mut places, mut names, mut provided) = (Vec::new(), Vec::new(), Vec::new());
        let field = memmem::Finder::new("\nPackage:");
        let mut provides = memmem::find_iter(text.as_bytes(), "\nProvides:").peekable();
        for (number, stanza) in (0..).zip(stanzas(text)) {
            let at = range_in(text, stanza.as_str());
            let name = name_of(&field, stanza.as_str())
                .ok_or_else(|| BadPackages::NoName { label: label.clone(), offset: at.start })?;
            places.push(Place { stanza: small(&at), name: small(&range_in(text, name)) });
            names.push((hash(name), number));
            if let Some(hit) = provides.next_if(|hit| *hit < at.end) {
                let field = value_of(&text[hit + "\nProvides:".len()..at.end]);
                provided.extend(
                    field.split(',').map(|relation| (hash(name_before_bound(relation)), number)),
                );
            }
            while provides.next_if(|hit| *hit < at.end).is_some() {}
        }
        names.sort_unstable();
        provided.sort_unstable();
        Ok(Self { label, priority: Self::PRIORITY, text, places, names, provided })
    }

    /// The same with another priority: what apt gives to a suite whose Release file says `NotAutomatic: yes` is 1, and
    /// 100 with `ButAutomaticUpgrades: yes`. Of a package, the version with the highest priority is the candidate, and of
    /// these the newest.
    #[must_use]
    pub fn with_priority(self, priority: i16) -> Self {
        Self { priority, ..self }
    }

    /// How messages name it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// See [`Packages::with_priority`].
    pub fn priority(&self) -> i16 {
        self.priority
    }

    /// How many stanzas there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All stanzas of this name: several where there are several versions.
    pub fn named(&self, name: &str) -> impl Iterator<Item = Stanza<'t>> {
        let those = with_hash(&self.names, hash(name)).map(|number| self.places[number as usize]);
        let those = those.filter(move |place| part(self.text, place.name) == name);
        those.map(|place| Stanza::new(part(self.text, place.stanza)))
    }

    /// The names of packages that may provide a name: their Provides says for certain.
    pub(crate) fn providers(&self, name: &str) -> impl Iterator<Item = &'t str> {
        let those = with_hash(&self.provided, hash(name));
        those.map(|number| part(self.text, self.places[number as usize].name))
    }

    /// Names that begin alike, for who mistyped one.
    pub(crate) fn similar(&self, name: &str) -> impl Iterator<Item = &'t str> {
        let begin = name.get(..name.len().div_ceil(2)).unwrap_or(name).to_owned();
        let names = self.places.iter().map(|place| part(self.text, place.name));
        let wanted = name.len();
        names.filter(move |found| found.len().abs_diff(wanted) <= 1 && found.starts_with(&begin))
    }

    /// The stanzas with a line, such as `Essential: yes`, in the order of the text.
    pub(crate) fn with_line(&self, line: &str) -> impl Iterator<Item = Stanza<'t>> {
        let needle = format!("\n{line}\n");
        let hits: Vec<usize> = memmem::find_iter(self.text.as_bytes(), &needle).collect();
        let text = self.text;
        hits.into_iter().map(move |hit| {
            let start = memmem::rfind(&text.as_bytes()[..hit], b"\n\n").map_or(0, |at| at + 2);
            Stanza::new(&text[start..])
        })
    }
}

/// The places that a sorted list has for a hash, in the order of the text.
fn with_hash(list: &[(u64, u32)], wanted: u64) -> impl Iterator<Item = u32> {
    let first = list.partition_point(|(hash, _)| *hash < wanted);
    list[first..].iter().take_while(move |(hash, _)| *hash == wanted).map(|(_, number)| *number)
}

/// What stands behind `Package:` at the beginning of the stanza, where archives write it, or of a later line.
fn name_of<'t>(field: &memmem::Finder<'_>, stanza: &'t str) -> Option<&'t str> {
    let behind = match stanza.strip_prefix("Package:") {
        Some(behind) => behind,
        None => &stanza[field.find(stanza.as_bytes())? + "\nPackage:".len()..],
    };
    Some(behind.split('\n').next()?.trim()).filter(|name| is_name(name))
}

/// A field's value at the beginning of a text, with its further lines.
fn value_of(text: &str) -> &str {
    let end = memchr::memchr_iter(b'\n', text.as_bytes())
        .find(|at| !matches!(text.as_bytes().get(at + 1), Some(b' ' | b'\t')));
    &text[..end.unwrap_or(text.len())]
}

fn name_before_bound(relation: &str) -> &str {
    let relation = relation.trim_start();
    &relation[..relation
        .find(|c: char| c.is_ascii_whitespace() || "(:".contains(c))
        .unwrap_or(relation.len())]
}

/// The keys are fixed: names that were made to collide cost reading, and no more.
fn hash(name: &str) -> u64 {
    let mut state = DefaultHasher::new();
    name.hash(&mut state);
    state.finish()
}

/// Where a part of a text stands in it.
fn range_in(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// The text is smaller than 4 GiB.
#[expect(clippy::cast_possible_truncation)]
fn small(range: &Range<usize>) -> (u32, u32) {
    (range.start as u32, range.end as u32)
}

fn part(text: &str, (start, end): (u32, u32)) -> &str {
    &text[start as usize..end as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Package: zlib
Version: 2

Package: apt
Version: 1
Provides: apt-transport-https (= 1),
 other:any, third
Essential: yes
Description: about
 Package: no
 Provides: no

Version: 1
Package: zlib
Provides: third
Essential: yes
";

    fn versions<'t>(found: impl Iterator<Item = Stanza<'t>>) -> Vec<&'t str> {
        found.filter_map(|stanza| stanza.field("Version")).collect()
    }

    #[test]
    fn stanzas_are_found_by_name_in_the_order_of_the_text() {
        let index = Packages::index("trixie", TEXT).unwrap();
        assert_eq!(index.len(), 3);
        assert_eq!(versions(index.named("zlib")), ["2", "1"]);
        assert_eq!(versions(index.named("apt")), ["1"]);
        assert_eq!(versions(index.named("no")), [""; 0]);
    }

    #[test]
    fn who_provides_a_name_is_found() {
        let index = Packages::index("trixie", TEXT).unwrap();
        let who = |name| index.providers(name).collect::<Vec<_>>();
        assert_eq!(who("apt-transport-https"), ["apt"]);
        assert_eq!(who("other"), ["apt"]);
        assert_eq!(who("third"), ["apt", "zlib"]);
        assert_eq!(who("no"), [""; 0]);
    }

    #[test]
    fn stanzas_are_found_by_a_line() {
        let index = Packages::index("trixie", TEXT).unwrap();
        assert_eq!(versions(index.with_line("Essential: yes")), ["1", "1"]);
    }

    #[test]
    fn a_stanza_without_a_name_is_told_with_its_place() {
        let bad = |text| Packages::index("trixie", text).unwrap_err().to_string();
        assert!(bad("Package: a\n\nVersion: 1\n").contains("at byte 12"));
        assert!(bad("Package: a b\n").contains("at byte 0"));
    }
}
