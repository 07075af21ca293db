//! Files that scripts make from what their packages bring: ucf(1), /etc/locale.gen, directories in /usr/local.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

use super::error::Flaw;
use super::files::{append, directory, text};
use crate::node::Node;
use crate::tree::Tree;

/// `ucf --debconf-ok FROM TO; ucfr PACKAGE TO` where TO is new.
pub(crate) fn ucf(tree: &mut Tree, package: &str, from: &str, to: &str) -> Result<(), Flaw> {
    if tree.follow(to)?.is_some() {
        return Err(Flaw::form(
            to,
            "it is there, and what ucf(1) does with it depends on what it was",
        ));
    }
    let node = tree.file(from)?.cloned();
    let node = node.ok_or_else(|| Flaw::Missing(from.trim_start_matches('/').to_owned()))?;
    let bytes = tree.read(from)?.unwrap_or_default();
    let hash = Md5::digest(&bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    tree.put(to, Node { mtime: None, ..node })?;
    append(tree, "var/lib/ucf/hashfile", &format!("{hash}  {to}"))?;
    append(tree, "var/lib/ucf/registry", &format!("{package} \t {to}"))
}

/// The postinst of locales, where no locale was chosen: the list of all, each behind a `#`.
pub(crate) fn locale_list(tree: &mut Tree) -> Result<(), Flaw> {
    const LIST: &str = "etc/locale.gen";
    const SUPPORTED: &str = "usr/share/i18n/SUPPORTED";
    const HEADER: &str = "\
# This file lists locales that you wish to have built. You can find a list
# of valid supported locales at /usr/share/i18n/SUPPORTED, and you can add
# user defined locales to /usr/local/share/i18n/SUPPORTED. If you change
# this file, you need to rerun locale-gen.


";
    if tree.follow(LIST)?.is_some() {
        return Ok(());
    }
    let supported = text(tree, SUPPORTED)?.ok_or_else(|| Flaw::Missing(SUPPORTED.to_owned()))?;
    let lines =
        supported.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
    let mut locales: Vec<&str> = lines.map(|line| line.trim_end_matches(' ')).collect();
    locales.sort_unstable();
    locales.dedup();
    let lines: String = locales.iter().map(|locale| format!("# {locale}\n")).collect();
    Ok(tree.put(LIST, Node::file(0o644, format!("{HEADER}{lines}")))?)
}

/// dh_usrlocal(1): `PATH default`, or `PATH MODE USER GROUP`.
pub(crate) fn local_directories(tree: &mut Tree, lines: &str) -> Result<(), Flaw> {
    for line in lines.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let node = match fields[..] {
            [_, "default"] => Node::directory(0o755),
            [_, mode, user, group] => {
                let owner = super::accounts::owner(tree, &format!("{user}:{group}"))?;
                let mode =
                    u32::from_str_radix(mode, 8).map_err(|_| Flaw::form("dh_usrlocal", line))?;
                Node::directory(mode).owned_by(owner.uid, owner.gid)
            }
            _ => return Err(Flaw::form("dh_usrlocal", line)),
        };
        if !format!("{}/", fields[0]).starts_with("/usr/local/") {
            return Err(Flaw::form("dh_usrlocal", line));
        }
        directory(tree, fields[0], node)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ucf_remembers_a_new_file_by_its_hash_and_leaves_another_alone() {
        let mut tree = Tree::default();
        tree.put("usr/share/x/conf", Node::file(0o644, "a\n")).unwrap();
        ucf(&mut tree, "x", "/usr/share/x/conf", "/etc/x.conf").unwrap();
        assert_eq!(tree.read("etc/x.conf").unwrap().unwrap(), "a\n");
        let hashes = text(&tree, "var/lib/ucf/hashfile").unwrap().unwrap();
        assert_eq!(hashes, "60b725f10c9c85c70d97880dfe8191b3  /etc/x.conf\n");
        assert!(ucf(&mut tree, "x", "/usr/share/x/conf", "/etc/x.conf").is_err());
    }

    #[test]
    fn all_locales_are_listed_and_none_is_on() {
        let mut tree = Tree::default();
        let supported = "# list\nde_DE.UTF-8 UTF-8 \nC.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n";
        tree.put("usr/share/i18n/SUPPORTED", Node::file(0o644, supported)).unwrap();
        locale_list(&mut tree).unwrap();
        let list = text(&tree, "etc/locale.gen").unwrap().unwrap();
        assert!(list.ends_with("locale-gen.\n\n\n# C.UTF-8 UTF-8\n# de_DE.UTF-8 UTF-8\n"));
    }

    #[test]
    fn directories_are_made_in_usr_local_and_nowhere_else() {
        let mut tree = Tree::default();
        local_directories(&mut tree, "/usr/local/share default\n/usr/local/x 2775 0 50").unwrap();
        assert_eq!(tree.get("usr/local/x").unwrap().mode, 0o2775);
        assert!(local_directories(&mut tree, "/etc/x default").is_err());
        assert!(local_directories(&mut tree, "/usr/local/y maybe").is_err());
    }
}
