//! Which distribution brings which path: two of one environment must not bring different things to one path, in
//! whatever layers they are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::tree::{Kind, Node, Owner, Tree};

/// What a distribution puts at a path. Equal entries can stand beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathEntry {
    /// Permission bits.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// What it is.
    pub what: PathContent,
}

/// What is put at a path, in few bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathContent {
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: String,
    },
    /// A file; equal size and checksum are taken for equal bytes.
    File {
        /// Bytes.
        size: u64,
        /// CRC-32.
        crc32: u32,
    },
    /// The path is to vanish.
    Whiteout,
    /// A file that makes its package one that several distributions share: any of them will do.
    Namespace,
}

impl PathEntry {
    /// What this entry of a tree is.
    pub fn of(node: &Node) -> Self {
        let what = match &node.kind {
            Kind::Folder => PathContent::Folder,
            Kind::Symlink { target } => PathContent::Symlink { target: target.clone() },
            Kind::File(content) => {
                PathContent::File { size: content.size(), crc32: content.crc32() }
            }
            Kind::Whiteout => PathContent::Whiteout,
        };
        PathEntry { mode: node.mode, owner: node.owner, what }
    }
}

/// Every path of a set of trees and which of them brought it first.
#[derive(Debug, Clone, Default)]
pub struct PathOwners {
    owners: Vec<String>,
    paths: BTreeMap<String, (usize, PathEntry)>,
}

impl PathOwners {
    /// Adds what `owner`, a name for messages, brings.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] for the first path at which another owner put something else.
    pub fn add<'a>(
        &mut self,
        owner: &str,
        entries: impl IntoIterator<Item = (&'a str, PathEntry)>,
    ) -> Result<(), Error> {
        let number = self.owners.len();
        self.owners.push(owner.to_owned());
        for (path, entry) in entries {
            match self.paths.entry(path.to_owned()) {
                Entry::Vacant(place) => {
                    place.insert((number, entry));
                }
                Entry::Occupied(there) if there.get().1 == entry => {}
                Entry::Occupied(there) => {
                    let first = self.owners[there.get().0].clone();
                    let path = path.to_owned();
                    return Err(Error::Conflict { first, second: owner.to_owned(), path });
                }
            }
        }
        Ok(())
    }

    /// All paths with the name of their first owner, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &PathEntry)> {
        let owner = |number: usize| self.owners[number].as_str();
        self.paths.iter().map(move |(path, (number, entry))| (path.as_str(), owner(*number), entry))
    }
}

impl Tree {
    /// What it puts where.
    pub fn path_entries(&self) -> impl Iterator<Item = (&str, PathEntry)> {
        self.iter().map(|(path, node)| match self.is_namespace(path) {
            true => (path, PathEntry { what: PathContent::Namespace, ..PathEntry::of(node) }),
            false => (path, PathEntry::of(node)),
        })
    }

    /// One tree of several, each with a name for messages. Equal files are kept once. Members must count their files
    /// alike.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] for a path that two of them bring differently.
    ///
    /// # Panics
    ///
    /// Never: merging refuses nothing that [`PathOwners`] lets pass.
    pub fn of_all(trees: impl IntoIterator<Item = (String, Tree)>) -> Result<Tree, Error> {
        let (mut owners, mut all) = (PathOwners::default(), Tree::default());
        for (owner, tree) in trees {
            owners.add(&owner, tree.path_entries())?;
            all.merge(tree).expect("owners see what merging sees");
        }
        Ok(all)
    }
}
