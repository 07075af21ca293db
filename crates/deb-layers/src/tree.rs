//! A file system as a value: what lies below, and what a set of packages changes of it.

use std::collections::btree_map::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::iter::Peekable;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use crate::node::{Kind, Node};
use crate::path::{PathError, clean, parent, push};

/// Links followed on the way to a file, as Linux does.
const MOST_LINKS: usize = 40;

/// A file system: a base that stays as it is, and the changes that become a layer. Paths may be given with or without
/// the leading slash; they are returned without it.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    below: Arc<BTreeMap<String, Node>>,
    /// `None`: what the base has there is gone.
    own: BTreeMap<String, Option<Node>>,
    /// Files that had another name at some time: only for these other names are looked for.
    linked: BTreeSet<String>,
}

/// A file of a tree that could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// No such place.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is something else.
    #[error("/{0} is no file")]
    NoFile(String),
    /// Its bytes are not to be had.
    #[error("reading /{path}")]
    Read {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Tree {
    /// Nothing but `base`, which will not be in the layer.
    pub fn on(base: Tree) -> Self {
        let Tree { below, own, linked } = base;
        let below = if own.is_empty() { below } else { Arc::new(merged(below, own)) };
        Tree { below, own: BTreeMap::new(), linked }
    }

    /// The links that a system with a merged /usr begins with, as debootstrap makes them for amd64 and arm64: changes, which will
    /// be in the layer. Since Debian 13 base-files brings them along.
    pub fn merged_usr() -> Self {
        let links = ["bin", "lib", "lib64", "sbin"].into_iter().flat_map(|name| {
            let target = format!("usr/{name}");
            [
                (name.to_owned(), Some(Node::symlink(target.clone()))),
                (target, Some(Node::directory(0o755))),
            ]
        });
        let usr = ("usr".to_owned(), Some(Node::directory(0o755)));
        Tree { own: links.chain([usr]).collect(), ..Tree::default() }
    }

    /// The node at this very path: links are not followed.
    pub fn get(&self, path: &str) -> Option<&Node> {
        let path = path.trim_matches('/');
        match self.own.get(path) {
            Some(node) => node.as_ref(),
            None => self.below.get(path),
        }
    }

    /// What the base has at this very path, whatever became of it.
    pub fn below(&self, path: &str) -> Option<&Node> {
        self.below.get(path.trim_matches('/'))
    }

    /// Where a path leads by the links in the directories on its way; the last name is not followed. What does not exist
    /// leads to itself.
    ///
    /// # Errors
    ///
    /// [`PathError`] for a path with `..`, one that leads through a file, and for links in a circle.
    pub fn resolve(&self, path: &str) -> Result<String, PathError> {
        self.walk(path, false)
    }

    /// Where a path leads, its last name followed too; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// As [`Tree::resolve`].
    pub fn follow(&self, path: &str) -> Result<Option<String>, PathError> {
        let path = self.walk(path, true)?;
        Ok((path.is_empty() || self.get(&path).is_some()).then_some(path))
    }

    /// Where a link's target leads, seen from the directory that the link is in; `None` where nothing is.
    pub(crate) fn follow_from(
        &self,
        directory: &str,
        target: &str,
    ) -> Result<Option<String>, PathError> {
        let path = self.walk_from(directory, target.to_owned(), true)?;
        Ok((path.is_empty() || self.get(&path).is_some()).then_some(path))
    }

    fn walk(&self, path: &str, to_the_end: bool) -> Result<String, PathError> {
        self.walk_from("", clean(path)?, to_the_end)
    }

    fn walk_from(
        &self,
        directory: &str,
        path: String,
        to_the_end: bool,
    ) -> Result<String, PathError> {
        let mut rest: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        let mut here = directory.to_owned();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    here.truncate(parent(&here).len());
                    continue;
                }
                name => push(&mut here, name),
            }
            match self.get(&here).map(|node| &node.kind) {
                Some(Kind::Symlink { target }) if to_the_end || !rest.is_empty() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(PathError::Links(path));
                    }
                    here.truncate(if target.starts_with('/') { 0 } else { parent(&here).len() });
                    rest.extend(target.rsplit('/').map(str::to_owned));
                }
                Some(Kind::File(_) | Kind::HardLink { .. }) if !rest.is_empty() => {
                    return Err(PathError::Through { path, through: here });
                }
                _ => {}
            }
        }
        Ok(here)
    }

    /// The node of the file that this path leads to, links followed; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// As [`Tree::resolve`].
    pub fn file(&self, path: &str) -> Result<Option<&Node>, PathError> {
        let Some(path) = self.follow(path)? else { return Ok(None) };
        Ok(match self.get(&path) {
            Some(Node { kind: Kind::HardLink { to }, .. }) => self.get(to),
            node => node,
        })
    }

    /// The bytes of the file that this path leads to; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: no such place, no file, or a file of a layer that was not read.
    pub fn read(&self, path: &str) -> Result<Option<Bytes>, ReadError> {
        let Some(node) = self.file(path)? else { return Ok(None) };
        let Kind::File(content) = &node.kind else { return Err(ReadError::NoFile(clean(path)?)) };
        let read = content.read();
        read.map(Some).map_err(|source| ReadError::Read { path: path.to_owned(), source })
    }

    /// Puts a node where the path leads ([`Tree::resolve`]), in place of what is there; directories on its way that are
    /// missing are made, root's, with mode 755. Over a directory, a directory changes mode, owner and time.
    ///
    /// # Errors
    ///
    /// As [`Tree::resolve`], and [`PathError::NotEmpty`] for something else over a directory with something in it.
    pub fn put(&mut self, path: &str, node: Node) -> Result<(), PathError> {
        let path = self.resolve(path)?;
        if path.is_empty() && !node.is_directory() {
            return Err(PathError::NotEmpty(path));
        }
        if !node.is_directory() && self.get(&path).is_some_and(Node::is_directory) {
            self.remove(&path)?;
        }
        self.promote(&path);
        self.make_parents(&path);
        if let Kind::HardLink { to } = &node.kind {
            self.linked.insert(to.clone());
        }
        self.own.insert(path, Some(node));
        Ok(())
    }

    fn make_parents(&mut self, path: &str) {
        let missing = path.match_indices('/').map(|(at, _)| &path[..at]);
        for folder in missing {
            if self.get(folder).is_none() {
                self.own.insert(folder.to_owned(), Some(Node::directory(0o755)));
            }
        }
    }

    /// Takes away what is at this path, whose last name is not followed; nothing where nothing is.
    ///
    /// # Errors
    ///
    /// As [`Tree::resolve`], and [`PathError::NotEmpty`].
    pub fn remove(&mut self, path: &str) -> Result<(), PathError> {
        let path = self.resolve(path)?;
        if path.is_empty() || self.inside(&path).next().is_some() {
            return Err(PathError::NotEmpty(path));
        }
        self.promote(&path);
        if self.below.contains_key(&path) {
            self.own.insert(path, None);
        } else {
            self.own.remove(&path);
        }
        Ok(())
    }

    /// A file about to go leaves its bytes to the first of its other names.
    fn promote(&mut self, path: &str) {
        if !self.linked.contains(path) {
            return;
        }
        let Some(Node { kind: Kind::File(_), .. }) = self.get(path) else { return };
        let names = self
            .iter()
            .filter(|(_, node)| matches!(&node.kind, Kind::HardLink { to } if to == path));
        let names: Vec<(String, Node)> =
            names.map(|(name, node)| (name.to_owned(), node.clone())).collect();
        let Some(((heir, _), others)) = names.split_first() else { return };
        let file = self.get(path).cloned();
        self.own.insert(heir.clone(), file);
        self.linked.insert(heir.clone());
        for (name, node) in others {
            let kind = Kind::HardLink { to: heir.clone() };
            self.own.insert(name.clone(), Some(Node { kind, ..node.clone() }));
        }
    }

    /// All there is, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.range("", |_| true)
    }

    /// What lies in a directory and below it, by path; links are not followed.
    pub fn inside<'a>(
        &'a self,
        folder: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        let mut folder = folder.trim_matches('/').to_owned();
        if !folder.is_empty() {
            folder.push('/');
        }
        let from = folder.clone();
        self.range(&from, move |path| path.starts_with(&folder))
    }

    fn range<'a, F: Fn(&str) -> bool>(
        &'a self,
        from: &str,
        within: F,
    ) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a, F> {
        let below = self.below.range(from.to_owned()..).peekable();
        let own = self.own.range(from.to_owned()..).peekable();
        Both { below, own }
            .take_while(move |(path, _)| within(path))
            .filter_map(|(path, node)| Some((path, node?)))
    }

    /// What became of this very path, where it differs from the base; `Some(None)` when it is gone.
    pub fn change(&self, path: &str) -> Option<Option<&Node>> {
        self.own.get(path.trim_matches('/')).map(Option::as_ref)
    }

    /// What differs from the base, by path; `None` for what is gone.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<&Node>)> {
        self.own.iter().map(|(path, node)| (path.as_str(), node.as_ref()))
    }
}

fn merged(
    below: Arc<BTreeMap<String, Node>>,
    own: BTreeMap<String, Option<Node>>,
) -> BTreeMap<String, Node> {
    let mut all = Arc::unwrap_or_clone(below);
    for (path, node) in own {
        match node {
            Some(node) => all.insert(path, node),
            None => all.remove(&path),
        };
    }
    all
}

/// Two maps in one order; where both have a path, the tree's own counts.
struct Both<'a> {
    below: Peekable<Range<'a, String, Node>>,
    own: Peekable<Range<'a, String, Option<Node>>>,
}

impl<'a> Iterator for Both<'a> {
    type Item = (&'a str, Option<&'a Node>);

    fn next(&mut self) -> Option<Self::Item> {
        let below = self.below.peek().map(|(path, _)| *path);
        let own = self.own.peek().map(|(path, _)| *path);
        let below_first = match (below, own) {
            (Some(below), Some(own)) => {
                if below == own {
                    self.below.next();
                }
                below < own
            }
            (below, _) => below.is_some(),
        };
        if below_first {
            return self.below.next().map(|(path, node)| (path.as_str(), Some(node)));
        }
        self.own.next().map(|(path, node)| (path.as_str(), node.as_ref()))
    }
}

#[cfg(test)]
mod tests;
