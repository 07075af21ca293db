//! What a layer adds to a file system, as a value: names, modes, owners, and where the bytes are.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::namespace;
use crate::record::RecordedHash;

/// What a layer adds to a file system: absolute paths without the leading slash, sorted by bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Node>,
    /// Those that make a package one that several distributions share, and what is compiled of them.
    namespaces: BTreeSet<String>,
}

/// One entry of a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Permission bits, `0o755`.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// What it is.
    pub kind: Kind,
}

/// Numbers, not names: a layer knows no `/etc/passwd`.
#[derive(Debug, Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink {
        /// Where it points, as written.
        target: String,
    },
    /// A file.
    File(Content),
    /// The path is to vanish from the layers below.
    Whiteout,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes in memory: made, not taken from a wheel.
    Bytes(Bytes),
    /// A member of a wheel, as it lies in the file.
    Member(Member),
}

/// The data of a member of a zip file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Which file, of those that the tree was made of.
    pub file: usize,
    /// Where its data starts in that file, behind the local header.
    pub offset: u64,
    /// Bytes in the file.
    pub compressed: u64,
    /// Bytes unpacked.
    pub size: u64,
    /// CRC-32 of the unpacked bytes; checked when they are inflated.
    pub crc32: u32,
    /// How its data is packed.
    pub method: Method,
    /// Of the unpacked bytes, by the wheel's RECORD; checked when they are inflated.
    pub recorded: Option<RecordedHash>,
}

/// How a member is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As it is.
    Stored,
    /// A raw deflate stream.
    Deflate,
}

/// A path that a tree already has, with something else at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is there already, as something else")]
pub struct Taken(pub String);

impl Content {
    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Member(member) => member.size,
        }
    }

    /// CRC-32 of its bytes; for a member what its wheel says.
    pub fn crc32(&self) -> u32 {
        match self {
            Content::Bytes(bytes) => {
                let mut crc = flate2::Crc::new();
                crc.update(bytes);
                crc.sum()
            }
            Content::Member(member) => member.crc32,
        }
    }
}

impl Node {
    /// Whether installing either gives the same entry. Files are compared by size and CRC-32, so
    /// they need not be read.
    pub fn same(&self, other: &Node) -> bool {
        let kinds = match (&self.kind, &other.kind) {
            (Kind::File(one), Kind::File(two)) => {
                one == two || (one.size() == two.size() && one.crc32() == two.crc32())
            }
            (one, two) => one == two,
        };
        kinds && self.mode == other.mode && self.owner == other.owner
    }
}

impl Tree {
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// [`Taken`] for a second one at the same path, unless both are equal folders.
    pub fn insert(&mut self, path: impl Into<String>, node: Node) -> Result<(), Taken> {
        match self.entries.entry(path.into()) {
            Entry::Vacant(place) => {
                place.insert(node);
                Ok(())
            }
            Entry::Occupied(there) if node.kind == Kind::Folder && *there.get() == node => Ok(()),
            Entry::Occupied(there) => Err(Taken(there.key().clone())),
        }
    }

    /// Adds the folders that lead from `root`, itself included, to `path`, which must lie below it.
    ///
    /// # Errors
    ///
    /// [`Taken`] where something else than the same folder is on the way.
    pub fn insert_folders(&mut self, root: &str, path: &str, owner: Owner) -> Result<(), Taken> {
        let folder = Node { mode: 0o755, owner, kind: Kind::Folder };
        let ends = path.match_indices('/').map(|(end, _)| end).filter(|&end| end >= root.len());
        for end in ends {
            if self.entries.get(&path[..end]) != Some(&folder) {
                self.insert(&path[..end], folder.clone())?;
            }
        }
        Ok(())
    }

    /// Adds everything of `other`, whose members must count their files as this tree does. Entries that are the same in
    /// both are kept once, and of two that make the same package a shared one the first.
    ///
    /// # Errors
    ///
    /// [`Taken`] for the first path that has two different entries.
    pub fn merge(&mut self, other: Tree) -> Result<(), Taken> {
        for (path, node) in other.entries {
            match self.entries.entry(path) {
                Entry::Vacant(place) => {
                    place.insert(node);
                }
                Entry::Occupied(there) if there.get().same(&node) => {}
                Entry::Occupied(there)
                    if [&self.namespaces, &other.namespaces]
                        .iter()
                        .all(|n| n.contains(there.key())) => {}
                Entry::Occupied(there) => return Err(Taken(there.key().clone())),
            }
        }
        self.namespaces.extend(other.namespaces);
        Ok(())
    }

    /// The file at this path makes its package one that several distributions share.
    pub(crate) fn declare_namespace(&mut self, path: String) {
        self.namespaces.insert(path);
    }

    /// What is compiled of the files of `sources` that make shared packages does so as well.
    pub fn declare_compiled(&mut self, sources: &Tree) {
        let is_compiled = |path: &&String| {
            namespace::source_of(path).is_some_and(|source| sources.namespaces.contains(&source))
        };
        self.namespaces
            .extend(self.entries.keys().filter(is_compiled).cloned().collect::<Vec<_>>());
    }

    /// Whether the file at this path makes its package one that several distributions share.
    pub(crate) fn is_namespace(&self, path: &str) -> bool {
        self.namespaces.contains(path)
    }

    /// All entries, sorted by path; a folder comes before what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// What is at a path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.entries.get(path)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it adds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all files in it.
    pub fn unpacked_size(&self) -> u64 {
        let files = self.entries.values().filter_map(|node| match &node.kind {
            Kind::File(content) => Some(content.size()),
            _ => None,
        });
        files.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner { uid: 1000, gid: 1000 };

    fn file(text: &'static str, mode: u32) -> Node {
        Node { mode, owner: OWNER, kind: Kind::File(Content::Bytes(text.into())) }
    }

    fn tree(files: &[(&str, Node)]) -> Tree {
        let mut tree = Tree::default();
        for (path, node) in files {
            tree.insert_folders("opt/py", path, OWNER).unwrap();
            tree.insert(*path, node.clone()).unwrap();
        }
        tree
    }

    #[test]
    fn folders_from_the_root_on_are_added_once_and_come_first() {
        let tree =
            tree(&[("opt/py/lib/b.py", file("b", 0o644)), ("opt/py/lib/a/a.py", file("a", 0o644))]);
        let paths: Vec<_> = tree.iter().map(|(path, _)| path).collect();
        let expected =
            ["opt/py", "opt/py/lib", "opt/py/lib/a", "opt/py/lib/a/a.py", "opt/py/lib/b.py"];
        assert_eq!(paths, expected);
        assert_eq!(tree.unpacked_size(), 2);
    }

    #[test]
    fn a_path_is_taken_once_even_by_an_equal_file() {
        let mut tree = tree(&[("opt/py/a", file("a", 0o644))]);
        let again = tree.insert("opt/py/a", file("a", 0o644));
        assert_eq!(again, Err(Taken("opt/py/a".into())));
        let below = tree.insert_folders("opt/py", "opt/py/a/b", OWNER);
        assert_eq!(below, Err(Taken("opt/py/a".into())), "a file is no folder");
    }

    #[test]
    fn merging_keeps_equal_files_once_and_refuses_others() {
        let one = tree(&[("opt/py/a", file("a", 0o644))]);
        // "a" as a wheel has it: only size and checksum are known.
        let member = Member {
            file: 0,
            offset: 40,
            compressed: 3,
            size: 1,
            crc32: 0xe8b7_be43,
            method: Method::Deflate,
            recorded: None,
        };
        let packed = Node { kind: Kind::File(Content::Member(member)), ..file("", 0o644) };
        let mut merged = one.clone();
        merged.merge(tree(&[("opt/py/a", packed), ("opt/py/b", file("b", 0o644))])).unwrap();
        assert_eq!(merged.len(), 3);
        for other in [file("A", 0o644), file("a", 0o755), file("aa", 0o644)] {
            let refused = one.clone().merge(tree(&[("opt/py/a", other)]));
            assert_eq!(refused, Err(Taken("opt/py/a".into())));
        }
    }

    #[test]
    fn of_a_shared_package_the_first_declaration_stays_and_what_is_compiled_of_it() {
        let (source, compiled) =
            ("opt/py/n/__init__.py", "opt/py/n/__pycache__/__init__.cpython-314.pyc");
        let shared = |text| {
            let mut sources = tree(&[(source, file(text, 0o644))]);
            sources.declare_namespace(source.to_owned());
            let mut modules = tree(&[(compiled, file(text, 0o644))]);
            modules.declare_compiled(&sources);
            sources.merge(modules).unwrap();
            sources
        };
        let mut merged = shared("a");
        merged.merge(shared("# a")).unwrap();
        assert_eq!(merged, shared("a"));
        let other = tree(&[(source, file("# a", 0o644))]);
        assert_eq!(merged.merge(other), Err(Taken(source.into())));
    }
}
