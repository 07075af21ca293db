//! Text files of a tree, read and written whole.

use super::error::Flaw;
use crate::node::{Kind, Node};
use crate::tree::Tree;

/// The text at a path; `None` where nothing is.
pub(crate) fn text(tree: &Tree, path: &str) -> Result<Option<String>, Flaw> {
    let Some(bytes) = tree.read(path)? else { return Ok(None) };
    let text = String::from_utf8(bytes.into()).map_err(|_| Flaw::form(path, "it is no UTF-8"))?;
    Ok(Some(text))
}

/// Writes a text where a path leads; a file that is there keeps its mode and owner.
pub(crate) fn write(tree: &mut Tree, path: &str, text: String) -> Result<(), Flaw> {
    let node = match tree.file(path)? {
        Some(node) => Node { kind: Kind::File(text.into()), mtime: None, ..node.clone() },
        None => Node::file(0o644, text),
    };
    let place = tree.follow(path)?.unwrap_or_else(|| path.to_owned());
    Ok(tree.put(&place, node)?)
}

/// Adds a line to a file, which is made where there is none.
pub(crate) fn append(tree: &mut Tree, path: &str, line: &str) -> Result<(), Flaw> {
    let mut all = text(tree, path)?.unwrap_or_default();
    if !all.is_empty() && !all.ends_with('\n') {
        all.push('\n');
    }
    all.push_str(line);
    all.push('\n');
    write(tree, path, all)
}

/// Puts a directory and those above it where nothing is yet.
pub(crate) fn directory(tree: &mut Tree, path: &str, node: Node) -> Result<(), Flaw> {
    if tree.follow(path)?.is_none() {
        tree.put(path, node)?;
    }
    Ok(())
}
