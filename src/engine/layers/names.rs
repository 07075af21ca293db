//! Names in a wheel: only plain relative paths, and no two that some file system takes for one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::error::Flaw;

/// No file system takes longer names (bytes).
const LONGEST: usize = 255;

/// Whether a member's name is a plain path, below wherever it is unpacked on any system. A folder
/// ends in one slash.
pub(super) fn check(name: &str) -> Result<(), Flaw> {
    let path = name.strip_suffix('/').unwrap_or(name);
    let drive = path.as_bytes().get(1) == Some(&b':');
    let refused = [
        (name.starts_with('/'), "absolute"),
        (name.contains('\\'), "a backslash"),
        (drive, "a drive"),
        (name.contains(|c: char| c.is_control()), "a control character"),
        (path.split('/').any(|part| part == ".."), "`..`"),
        (path.split('/').any(|part| part.is_empty() || part == "."), "an empty part or `.`"),
        (path.split('/').any(|part| part.len() > LONGEST), "a part of more than 255 bytes"),
    ];
    match refused.into_iter().find(|(bad, _)| *bad) {
        Some((_, why)) => Err(Flaw::Path(why)),
        None => Ok(()),
    }
}

/// Which names of an archive were seen, by their lower case.
#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    names: HashMap<String, (&'a str, Is)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    File,
    /// A member of its own.
    Folder,
    /// Only the way to another member.
    Way,
}

impl<'a> Seen<'a> {
    /// Adds a name that [`check`] let pass; the flaw is about this name.
    pub fn add(&mut self, name: &'a str) -> Result<(), Flaw> {
        for (end, _) in name.match_indices('/').filter(|(end, _)| end + 1 < name.len()) {
            self.place(&name[..end], Is::Way)?;
        }
        match name.strip_suffix('/') {
            Some(folder) => self.place(folder, Is::Folder),
            None => self.place(name, Is::File),
        }
    }

    fn place(&mut self, path: &'a str, is: Is) -> Result<(), Flaw> {
        match self.names.entry(path.to_lowercase()) {
            Entry::Vacant(place) => {
                place.insert((path, is));
                Ok(())
            }
            Entry::Occupied(mut there) => {
                let (seen, was) = there.get_mut();
                match (*was, is) {
                    _ if *seen != path => Err(Flaw::Case((*seen).to_owned())),
                    (Is::Way, Is::Folder) => {
                        *was = Is::Folder;
                        Ok(())
                    }
                    (Is::Way | Is::Folder, Is::Way) => Ok(()),
                    (Is::File, Is::File) | (Is::Folder, Is::Folder) => Err(Flaw::Duplicate),
                    _ => Err(Flaw::FileAndFolder),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        for name in ["a", "a/b.py", "a/", "a/..b/c..", "übung.py", "a b/c,d"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        let long = format!("a/{}", "x".repeat(256));
        let refused = [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/../../b",
            "a/..",
            "a\\b",
            "C:a",
            "c:/a",
            "a//b",
            "./a",
            "a/./b",
            "a//",
            "a\0b",
            "a\nb",
            &long,
        ];
        for name in refused {
            assert!(matches!(check(name), Err(Flaw::Path(_))), "{name:?}");
        }
    }

    fn last(names: &[&str]) -> Result<(), Flaw> {
        let mut seen = Seen::default();
        let (last, before) = names.split_last().unwrap();
        before.iter().for_each(|name| seen.add(name).unwrap());
        seen.add(last)
    }

    #[test]
    fn names_that_are_one_somewhere_are_refused() {
        assert_eq!(last(&["a/b", "a/", "a/c", "b"]), Ok(()));
        assert_eq!(last(&["a/", "a/b"]), Ok(()));
        assert_eq!(last(&["a/b", "a/b"]), Err(Flaw::Duplicate));
        assert_eq!(last(&["a/", "a/"]), Err(Flaw::Duplicate));
        assert_eq!(last(&["a/b", "a/B"]), Err(Flaw::Case("a/b".into())));
        assert_eq!(last(&["a/b", "A/c"]), Err(Flaw::Case("a".into())));
        assert_eq!(last(&["ä", "Ä"]), Err(Flaw::Case("ä".into())));
        assert_eq!(last(&["a", "a/b"]), Err(Flaw::FileAndFolder));
        assert_eq!(last(&["a/b", "a"]), Err(Flaw::FileAndFolder));
        assert_eq!(last(&["a/", "a"]), Err(Flaw::FileAndFolder));
    }
}
