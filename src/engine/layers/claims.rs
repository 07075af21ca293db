//! Who brings which path: two distributions of one environment must not bring different things to
//! one place, in whatever layers they are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::tree::{Kind, Node, Owner, Tree};

/// What somebody puts at a path; equal claims can stand beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Permission bits.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// What it is.
    pub what: Claimed,
}

/// What is put at a path, in few bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claimed {
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

impl Claim {
    /// What this entry claims.
    pub fn of(node: &Node) -> Self {
        let what = match &node.kind {
            Kind::Folder => Claimed::Folder,
            Kind::Symlink { target } => Claimed::Symlink { target: target.clone() },
            Kind::File(content) => Claimed::File { size: content.size(), crc32: content.crc32() },
            Kind::Whiteout => Claimed::Whiteout,
        };
        Claim { mode: node.mode, owner: node.owner, what }
    }
}

/// Every path of a set of trees and who brought it first.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    owners: Vec<String>,
    paths: BTreeMap<String, (usize, Claim)>,
}

impl Claims {
    /// Adds what `owner`, a name for messages, brings. The first path that is claimed differently
    /// is an error that names both.
    pub fn add<'a>(
        &mut self,
        owner: &str,
        claims: impl IntoIterator<Item = (&'a str, Claim)>,
    ) -> Result<(), Error> {
        let number = self.owners.len();
        self.owners.push(owner.to_owned());
        for (path, claim) in claims {
            match self.paths.entry(path.to_owned()) {
                Entry::Vacant(place) => {
                    place.insert((number, claim));
                }
                Entry::Occupied(there) if there.get().1 == claim => {}
                Entry::Occupied(there) => {
                    let first = self.owners[there.get().0].clone();
                    let path = path.to_owned();
                    return Err(Error::Conflict { first, second: owner.to_owned(), path });
                }
            }
        }
        Ok(())
    }

    /// All paths with the name of who brought it first, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Claim)> {
        let owner = |number: usize| self.owners[number].as_str();
        self.paths.iter().map(move |(path, (number, claim))| (path.as_str(), owner(*number), claim))
    }
}

impl Tree {
    /// One tree of several, each with the name of who brings it. Equal files are kept once; a path
    /// that two bring differently is an error that names both. Members must count their files alike.
    pub fn of_all(trees: impl IntoIterator<Item = (String, Tree)>) -> Result<Tree, Error> {
        let (mut claims, mut all) = (Claims::default(), Tree::default());
        for (owner, tree) in trees {
            claims.add(&owner, tree.claims())?;
            all.merge(tree).expect("claims see what merging sees");
        }
        Ok(all)
    }
}
