//! A file system as a value: what lies below, and what a set of packages changes of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
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
        let below = if base.own.is_empty() { base.below } else { Arc::new(base.merged()) };
        Tree { below, own: BTreeMap::new() }
    }

    /// The links that a system with a merged /usr begins with, as debootstrap makes them for amd64 and arm64. Since Debian 13
    /// base-files brings them along.
    pub fn merged_usr() -> Self {
        let links = ["bin", "lib", "lib64", "sbin"].into_iter().flat_map(|name| {
            let target = format!("usr/{name}");
            [
                (name.to_owned(), Some(Node::symlink(target.clone()))),
                (target, Some(Node::directory(0o755))),
            ]
        });
        let usr = ("usr".to_owned(), Some(Node::directory(0o755)));
        Tree { below: Arc::default(), own: links.chain([usr]).collect() }
    }

    fn merged(self) -> BTreeMap<String, Node> {
        let mut all = Arc::unwrap_or_clone(self.below);
        for (path, node) in self.own {
            match node {
                Some(node) => all.insert(path, node),
                None => all.remove(&path),
            };
        }
        all
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

    fn walk(&self, path: &str, to_the_end: bool) -> Result<String, PathError> {
        let path = clean(path)?;
        let mut rest: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        let mut here = String::new();
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
        let Some(Node { kind: Kind::File(_), .. }) = self.get(path) else { return };
        let names = self
            .iter()
            .filter(|(_, node)| matches!(&node.kind, Kind::HardLink { to } if to == path));
        let names: Vec<(String, Node)> =
            names.map(|(name, node)| (name.to_owned(), node.clone())).collect();
        let Some(((heir, _), others)) = names.split_first() else { return };
        let file = self.get(path).cloned();
        self.own.insert(heir.clone(), file);
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

    /// What differs from the base, by path; `None` for what is gone.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<&Node>)> {
        self.own.iter().map(|(path, node)| (path.as_str(), node.as_ref()))
    }
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
mod tests {
    use super::*;

    fn names(tree: &Tree) -> Vec<&str> {
        tree.iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn a_path_goes_where_the_links_of_the_base_lead() {
        let mut tree = Tree::on(Tree::merged_usr());
        tree.put("/lib/x86_64-linux-gnu/libc.so.6", Node::file(0o644, "elf")).unwrap();
        tree.put("/bin/sh", Node::symlink("dash")).unwrap();
        tree.put("/usr/bin/dash", Node::file(0o755, "dash")).unwrap();
        tree.put("/etc/alternatives/sh", Node::symlink("/bin/../bin/./sh")).unwrap();
        assert!(tree.get("usr/lib/x86_64-linux-gnu/libc.so.6").is_some());
        assert_eq!(tree.follow("/etc/alternatives/sh").unwrap().unwrap(), "usr/bin/dash");
        assert_eq!(tree.resolve("/bin/sh").unwrap(), "usr/bin/sh");
        assert_eq!(tree.read("/etc/alternatives/sh").unwrap().unwrap(), "dash");
        assert_eq!(tree.follow("/bin/zsh").unwrap(), None);
        assert!(tree.changes().all(|(path, _)| !matches!(path, "lib" | "usr/lib" | "usr")));
    }

    #[test]
    fn no_path_leads_out_through_a_file_or_in_a_circle() {
        let mut tree = Tree::default();
        tree.put("a", Node::symlink("b")).unwrap();
        tree.put("b", Node::symlink("../../a")).unwrap();
        tree.put("f", Node::file(0o644, "")).unwrap();
        assert_eq!(tree.put("a/x", Node::directory(0o755)), Err(PathError::Links("a/x".into())));
        let through = PathError::Through { path: "f/x".into(), through: "f".into() };
        assert_eq!(tree.put("f/x", Node::directory(0o755)), Err(through));
        tree.put("up", Node::symlink("../../../etc")).unwrap();
        tree.put("up/passwd", Node::file(0o644, "")).unwrap();
        assert!(tree.get("etc/passwd").is_some());
        assert!(tree.put("a/../../x", Node::directory(0o755)).is_err());
    }

    #[test]
    fn what_is_removed_is_gone_from_the_base_and_from_what_was_added() {
        let mut base = Tree::default();
        base.put("etc/old", Node::file(0o644, "old")).unwrap();
        let mut tree = Tree::on(base);
        tree.put("etc/new", Node::file(0o644, "new")).unwrap();
        assert_eq!(names(&tree), ["etc", "etc/new", "etc/old"]);
        assert_eq!(tree.remove("etc"), Err(PathError::NotEmpty("etc".into())));
        assert_eq!(
            tree.put("etc", Node::symlink("usr/etc")),
            Err(PathError::NotEmpty("etc".into()))
        );
        tree.remove("etc/old").unwrap();
        tree.remove("etc/new").unwrap();
        tree.remove("etc/never").unwrap();
        assert_eq!(names(&tree), ["etc"]);
        let changes: Vec<_> = tree.changes().map(|(path, node)| (path, node.is_some())).collect();
        assert_eq!(changes, [("etc/old", false)]);
        assert!(tree.below("etc/old").is_some());
        assert_eq!(names(&Tree::on(tree)), ["etc"]);
    }

    #[test]
    fn what_lies_in_a_directory_is_not_what_begins_alike() {
        let mut tree = Tree::default();
        for path in ["lib/a", "lib/b/c", "lib64/d", "lib-e"] {
            tree.put(path, Node::file(0o644, "")).unwrap();
        }
        let inside: Vec<_> = tree.inside("/lib").map(|(path, _)| path).collect();
        assert_eq!(inside, ["lib/a", "lib/b", "lib/b/c"]);
    }

    #[test]
    fn the_other_names_of_a_file_outlive_it() {
        let mut tree = Tree::default();
        tree.put("bin/perl", Node::file(0o755, "perl")).unwrap();
        for name in ["bin/perl5", "bin/perl5.40"] {
            let kind = Kind::HardLink { to: "bin/perl".into() };
            tree.put(name, Node { kind, ..Node::file(0o755, "") }).unwrap();
        }
        assert_eq!(tree.read("bin/perl5.40").unwrap().unwrap(), "perl");
        tree.put("bin/perl", Node::file(0o755, "new")).unwrap();
        assert_eq!(tree.read("bin/perl5").unwrap().unwrap(), "perl");
        tree.remove("bin/perl5").unwrap();
        assert_eq!(tree.read("bin/perl5.40").unwrap().unwrap(), "perl");
        assert_eq!(tree.read("bin/perl").unwrap().unwrap(), "new");
    }
}
