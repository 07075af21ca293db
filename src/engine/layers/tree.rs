//! What a layer adds to a file system, before it is bytes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;

/// What a layer adds to a file system: absolute paths without the leading slash, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Node>,
}

/// One path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Permission bits.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// What it is.
    pub kind: Kind,
}

/// Numbers only: names differ from image to image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// What a path is.
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
    /// The path of a layer below is gone.
    Whiteout,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes that envlock made.
    Bytes(Bytes),
    /// A member of a wheel, as it lies in the file.
    Member(Member),
}

/// A member of a zip file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Index into the files that the tree was made of.
    pub file: usize,
    /// Of its data in the zip, bytes.
    pub offset: u64,
    /// Bytes in the zip.
    pub compressed: u64,
    /// Bytes when inflated.
    pub size: u64,
    /// Of the inflated bytes, as the zip's directory says.
    pub crc32: u32,
    /// How it lies in the zip.
    pub method: Method,
}

/// How a member lies in the zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As it is.
    Stored,
    /// A raw deflate stream.
    Deflate,
}

/// A path that two nodes claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is there twice")]
pub struct Taken(pub String);

impl Tree {
    /// Adds a path; one that is there already is refused unless both are equal folders.
    pub fn insert(&mut self, path: impl Into<String>, node: Node) -> Result<(), Taken> {
        match self.entries.entry(path.into()) {
            Entry::Vacant(free) => {
                free.insert(node);
            }
            Entry::Occupied(old) if node.kind == Kind::Folder && *old.get() == node => {}
            Entry::Occupied(old) => return Err(Taken(old.key().clone())),
        }
        Ok(())
    }

    /// The paths in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(path, node)| (path.as_str(), node))
    }
}
