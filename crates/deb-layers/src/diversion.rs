//! Diversions, by dpkg-divert(1): a package's file goes elsewhere because another package wants its place.

use crate::error::Error;
use crate::tree::{ReadError, Tree};

/// Where dpkg keeps them.
pub(crate) const FILE: &str = "var/lib/dpkg/diversions";

/// A line of three in dpkg's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// The path that is diverted, `/usr/bin/x`.
    pub from: String,
    /// Where it goes, `/usr/bin/x.distrib`.
    pub to: String,
    /// The package whose own file stays; `:` for none.
    pub package: String,
}

/// Those in the tree's list.
pub(crate) fn read(tree: &Tree) -> Result<Vec<Diversion>, Error> {
    let bad = |detail: &str| Error::Database { path: FILE.to_owned(), detail: detail.to_owned() };
    let text = match tree.read(FILE) {
        Ok(text) => text.unwrap_or_default(),
        Err(ReadError::NoFile(_)) => return Err(bad("it is no file")),
        Err(error) => return Err(bad(&error.to_string())),
    };
    let text = std::str::from_utf8(&text).map_err(|_| bad("it is not UTF-8"))?;
    let lines: Vec<&str> = text.lines().collect();
    if !lines.len().is_multiple_of(3) {
        return Err(bad("it is not made of three lines for each"));
    }
    let three = lines.chunks_exact(3);
    Ok(three
        .map(|three| Diversion {
            from: three[0].to_owned(),
            to: three[1].to_owned(),
            package: three[2].to_owned(),
        })
        .collect())
}

/// Where a package's path goes.
pub(crate) fn divert<'a>(all: &'a [Diversion], path: &'a str, package: &str) -> &'a str {
    let mut of_others = all.iter().filter(|diversion| diversion.package != package);
    let hit = of_others.find(|diversion| diversion.from.trim_start_matches('/') == path);
    hit.map_or(path, |diversion| diversion.to.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;

    #[test]
    fn others_go_elsewhere_and_the_package_itself_does_not() {
        let mut tree = Tree::default();
        assert_eq!(read(&tree).unwrap(), []);
        let text = "/usr/bin/x\n/usr/bin/x.distrib\nmine\n/a\n/b\n:\n";
        tree.put(FILE, Node::file(0o644, text)).unwrap();
        let all = read(&tree).unwrap();
        assert_eq!(divert(&all, "usr/bin/x", "other"), "usr/bin/x.distrib");
        assert_eq!(divert(&all, "usr/bin/x", "mine"), "usr/bin/x");
        assert_eq!((divert(&all, "a", "mine"), divert(&all, "c", "mine")), ("b", "c"));
        tree.put(FILE, Node::file(0o644, "/a\n/b\n")).unwrap();
        assert!(read(&tree).unwrap_err().to_string().contains("three lines"));
    }
}
