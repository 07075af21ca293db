//! The nodes that pubgrub calls packages.

use std::fmt;

use pep508_rs::{ExtraName, PackageName};

/// The requirements as a whole, a distribution, or an extra of one. An extra has the versions of its
/// distribution and depends on exactly that version of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// All requirements together.
    Root,
    /// A distribution.
    Package(PackageName),
    /// `name[extra]`
    Extra(PackageName, ExtraName),
}

impl Node {
    /// The distribution behind it.
    pub fn name(&self) -> Option<&PackageName> {
        match self {
            Node::Root => None,
            Node::Package(name) | Node::Extra(name, _) => Some(name),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Root => f.write_str("the spec"),
            Node::Package(name) => write!(f, "{name}"),
            Node::Extra(name, extra) => write!(f, "{name}[{extra}]"),
        }
    }
}
