//! One entry of a file system.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::content::Content;

/// One entry of a file system.
#[derive(Debug, Clone)]
pub struct Node {
    /// Permission bits with set-uid, set-gid and sticky: `0o4755`.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// Seconds since 1970-01-01 UTC; `None` is the time of the layer.
    pub mtime: Option<i64>,
    /// Extended attributes by their whole names: `security.capability`.
    pub xattrs: BTreeMap<String, Bytes>,
    /// What it is.
    pub kind: Kind,
}

/// Numbers, not names. Debian's base-passwd gives the numbers below 100 the same names everywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What an entry is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File(Content),
    /// A symbolic link.
    Symlink {
        /// Where it points, as written.
        target: String,
    },
    /// Another name of a file, whose mode and owner are meant.
    HardLink {
        /// Path of the file in the same tree.
        to: String,
    },
}

impl Node {
    /// A directory of root's.
    pub fn directory(mode: u32) -> Self {
        Node::of(mode, Kind::Directory)
    }

    /// A file of root's.
    pub fn file(mode: u32, content: impl Into<Content>) -> Self {
        Node::of(mode, Kind::File(content.into()))
    }

    /// A symbolic link of root's.
    pub fn symlink(target: impl Into<String>) -> Self {
        Node::of(0o777, Kind::Symlink { target: target.into() })
    }

    /// The same, owned by these.
    #[must_use]
    pub fn owned_by(self, uid: u32, gid: u32) -> Self {
        Node { owner: Owner { uid, gid }, ..self }
    }

    fn of(mode: u32, kind: Kind) -> Self {
        Node { mode, owner: Owner::default(), mtime: None, xattrs: BTreeMap::new(), kind }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory)
    }
}
