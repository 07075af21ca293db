//! What the base's own dpkg database says: which packages are there, whose files are whose.

use std::collections::HashMap;

use crate::error::Error;
use crate::tree::{ReadError, Tree};

/// Where dpkg keeps its database.
pub(crate) const ADMIN: &str = "var/lib/dpkg";
/// The packages that are there.
pub(crate) const STATUS: &str = "var/lib/dpkg/status";
/// The same in distroless images: a file for each package.
pub(crate) const STATUS_D: &str = "var/lib/dpkg/status.d";

/// In which form a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// dpkg's own.
    Status,
    /// distroless: no dpkg in the image, only what scanners read.
    StatusD,
}

/// A package of the base.
#[derive(Debug, Clone, Default)]
pub(crate) struct BasePackage {
    pub(crate) name: String,
    pub(crate) architecture: String,
    pub(crate) version: String,
    pub(crate) replaces: String,
    pub(crate) multi_arch_same: bool,
    /// Conffiles by path without the leading slash, with the MD5 that dpkg noted.
    pub(crate) conffiles: HashMap<String, String>,
    /// Its files are there.
    pub(crate) is_there: bool,
    /// Its stanza, with the last newline.
    pub(crate) text: String,
}

impl BasePackage {
    /// As dpkg names its files.
    pub(crate) fn full_name(&self) -> String {
        if self.multi_arch_same {
            format!("{}:{}", self.name, self.architecture)
        } else {
            self.name.clone()
        }
    }
}

/// Reads the stanzas of the base's status, and in which form it has them.
pub(crate) fn read(tree: &Tree) -> Result<(Form, Vec<BasePackage>), Error> {
    if let Some(text) = text(tree, STATUS)? {
        return Ok((Form::Status, stanzas(&text)?));
    }
    if tree.inside(STATUS_D).next().is_some() {
        // Its stanzas stay as they are: dpkg is not there, and nobody upgrades.
        return Ok((Form::StatusD, Vec::new()));
    }
    Ok((Form::Status, Vec::new()))
}

/// The paths that dpkg says a package of the base has, `/usr/bin/x`.
pub(crate) fn list(tree: &Tree, package: &BasePackage) -> Result<Vec<String>, Error> {
    let path = format!("{ADMIN}/info/{}.list", package.full_name());
    match text(tree, &path)? {
        Some(text) => Ok(text.lines().map(str::to_owned).collect()),
        None if !package.is_there => Ok(Vec::new()),
        None => {
            let detail = "it is missing: whose files are whose cannot be said".to_owned();
            Err(Error::Database { path, detail })
        }
    }
}

/// A file of the database.
pub(crate) fn text(tree: &Tree, path: &str) -> Result<Option<String>, Error> {
    let bad = |detail: String| Error::Database { path: path.to_owned(), detail };
    let bytes = tree.read(path).map_err(|error| match error {
        ReadError::Read { source, .. } => bad(source.to_string()),
        error => bad(error.to_string()),
    })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let text = String::from_utf8(bytes.into());
    text.map(Some).map_err(|_| bad("it is not UTF-8".to_owned()))
}

fn stanzas(text: &str) -> Result<Vec<BasePackage>, Error> {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs.map(|text| stanza(text.trim_matches('\n'))).collect()
}

fn stanza(text: &str) -> Result<BasePackage, Error> {
    let mut package = BasePackage { text: format!("{text}\n"), ..BasePackage::default() };
    let mut in_conffiles = false;
    for line in text.lines() {
        if let Some(line) = line.strip_prefix(' ') {
            let mut words = line.split(' ');
            if let (true, Some(path), Some(hash)) = (in_conffiles, words.next(), words.next()) {
                let path = path.trim_start_matches('/').to_owned();
                package.conffiles.insert(path, hash.to_owned());
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim().to_owned();
        in_conffiles = field == "Conffiles";
        match field {
            "Package" => package.name = value,
            "Status" => {
                let state = value.rsplit(' ').next();
                package.is_there = !matches!(state, Some("not-installed" | "config-files"));
            }
            "Architecture" => package.architecture = value,
            "Version" => package.version = value,
            "Replaces" => package.replaces = value,
            "Multi-Arch" => package.multi_arch_same = value == "same",
            _ => {}
        }
    }
    if package.name.is_empty() {
        let detail = "a stanza names no package".to_owned();
        return Err(Error::Database { path: STATUS.to_owned(), detail });
    }
    Ok(package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;

    #[test]
    fn packages_of_the_base_are_read_with_their_conffiles() {
        let mut tree = Tree::default();
        assert!(matches!(read(&tree), Ok((Form::Status, all)) if all.is_empty()));
        let text = "Package: a\nStatus: install ok installed\nArchitecture: amd64\n\
            Multi-Arch: same\nVersion: 1\nConffiles:\n /etc/a 00\n /etc/b 11 obsolete\n\
            Description: a\n /etc/c 22\n\nPackage: b\nVersion: 2\n\n";
        tree.put(STATUS, Node::file(0o644, text)).unwrap();
        let (_, all) = read(&tree).unwrap();
        assert_eq!((all.len(), all[0].full_name().as_str()), (2, "a:amd64"));
        assert_eq!((all[0].conffiles.len(), all[0].conffiles["etc/a"].as_str()), (2, "00"));
        assert_eq!(all[1].text, "Package: b\nVersion: 2\n");
        tree.put("var/lib/dpkg/info/a:amd64.list", Node::file(0o644, "/.\n/a\n")).unwrap();
        assert_eq!(list(&tree, &all[0]).unwrap(), ["/.", "/a"]);
        tree.remove("var/lib/dpkg/info/a:amd64.list").unwrap();
        assert!(list(&tree, &all[0]).unwrap_err().to_string().contains("a:amd64.list"));
        assert!(list(&tree, &all[1]).unwrap().is_empty());
        tree.put(STATUS, Node::file(0o644, "Version: 1\n")).unwrap();
        assert!(read(&tree).unwrap_err().to_string().contains("names no package"));
    }

    #[test]
    fn a_base_whose_status_was_not_read_is_an_error() {
        let mut tree = Tree::default();
        let unread = crate::content::Content::Elsewhere { size: 5 };
        let kind = crate::node::Kind::File(unread);
        tree.put(STATUS, Node { kind, ..Node::file(0o644, "") }).unwrap();
        let error = read(&tree).unwrap_err().to_string();
        assert!(error.contains(STATUS) && error.contains("was not read"), "{error}");
    }
}
