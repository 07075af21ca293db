//! Files that tmpfiles.d(5) names, as `systemd-tmpfiles --create` makes them at install time. What lies in /run, /dev, /proc
//! and /tmp, which a container gets anew, is left out; so are access control lists and flags of file systems.

use super::accounts::{GROUP, PASSWD, number};
use super::error::Flaw;
use super::files::text;
use super::sysusers::words;
use crate::node::Node;
use crate::tree::Tree;

const PROGRAM: &str = "usr/bin/systemd-tmpfiles";
const FOLDERS: [&str; 2] = ["etc/tmpfiles.d", "usr/lib/tmpfiles.d"];
const VOLATILE: [&str; 4] = ["/run/", "/dev/", "/proc/", "/tmp/"];

/// Makes what the files of these names say, where the program is that would.
pub(crate) fn create(tree: &mut Tree, files: &str) -> Result<(), Flaw> {
    if tree.follow(PROGRAM)?.is_none() {
        return Ok(());
    }
    for name in files.split_whitespace().map(|name| name.trim_matches(['\'', '"'])) {
        let mut found = None;
        for path in FOLDERS.map(|folder| format!("{folder}/{name}")) {
            found = found.or(text(tree, &path)?);
        }
        let text = found.ok_or_else(|| Flaw::Missing(format!("{}/{name}", FOLDERS[1])))?;
        for line in
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            line_of(tree, line)?;
        }
    }
    Ok(())
}

fn line_of(tree: &mut Tree, line: &str) -> Result<(), Flaw> {
    let bad = || Flaw::form("tmpfiles.d", line);
    let fields = words(line).ok_or_else(bad)?;
    let field = |index: usize| fields.get(index).map(String::as_str).filter(|field| *field != "-");
    let (kind, path) = (field(0).ok_or_else(bad)?, field(1).ok_or_else(bad)?);
    let (letter, modifiers) = kind.split_at(1);
    // `!` is for the time of booting, `^` for a credential that systemd was given; a specifier is known to a running system only.
    let elsewhere = modifiers.contains(['!', '^']) || path.contains('%');
    if elsewhere || VOLATILE.iter().any(|volatile| path.starts_with(volatile)) {
        return Ok(());
    }
    let there = tree.follow(path)?;
    match letter {
        "d" | "D" | "v" | "q" | "Q" => {
            let mode = permissions(tree, field(2), there.is_none())?;
            let (uid, gid) = (
                account(tree, PASSWD, field(3), there.is_none())?,
                account(tree, GROUP, field(4), there.is_none())?,
            );
            let mut node = match &there {
                Some(place) if !place.is_empty() => {
                    tree.get(place).cloned().unwrap_or_else(|| Node::directory(0o755))
                }
                _ => Node::directory(0o755),
            };
            if node.is_directory() {
                node.mode = mode.unwrap_or(node.mode);
                node.owner.uid = uid.unwrap_or(node.owner.uid);
                node.owner.gid = gid.unwrap_or(node.owner.gid);
                tree.put(&there.unwrap_or_else(|| path.to_owned()), node)?;
            }
        }
        "z" => {
            if let Some(place) = there.filter(|place| !place.is_empty()) {
                let mode = permissions(tree, field(2), false)?;
                let (uid, gid) = (
                    account(tree, PASSWD, field(3), false)?,
                    account(tree, GROUP, field(4), false)?,
                );
                if let Some(mut node) = tree.get(&place).cloned() {
                    node.mode = mode.unwrap_or(node.mode);
                    node.owner.uid = uid.unwrap_or(node.owner.uid);
                    node.owner.gid = gid.unwrap_or(node.owner.gid);
                    tree.put(&place, node)?;
                }
            }
        }
        "L" => {
            let to = field(6).ok_or_else(bad)?;
            if modifiers.contains('+') || tree.get(&tree.resolve(path)?).is_none() {
                tree.put(path, Node::symlink(to))?;
            }
        }
        "a" | "A" | "h" | "H" | "x" | "X" | "r" | "R" | "e" => {}
        _ => return Err(bad()),
    }
    Ok(())
}

/// A mode as tmpfiles.d writes it; `:` before it means only for what is new.
fn permissions(_: &Tree, field: Option<&str>, new: bool) -> Result<Option<u32>, Flaw> {
    match field.map(|field| field.strip_prefix(':').map_or((field, true), |field| (field, new))) {
        None | Some((_, false)) => Ok(None),
        Some((mode, true)) => {
            let mode = u32::from_str_radix(mode.trim_start_matches('~'), 8);
            mode.map(Some).map_err(|_| Flaw::form("tmpfiles.d", field.unwrap_or_default()))
        }
    }
}

fn account(tree: &Tree, path: &str, field: Option<&str>, new: bool) -> Result<Option<u32>, Flaw> {
    match field.map(|field| field.strip_prefix(':').map_or((field, true), |field| (field, new))) {
        None | Some((_, false)) => Ok(None),
        Some((name, true)) => number(tree, path, name).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Owner;

    fn made(conf: &str) -> Result<Tree, Flaw> {
        let mut tree = Tree::default();
        tree.put("etc/passwd", Node::file(0o644, "root:x:0:0::/:/bin/sh\nman:x:6:12::/:/bin/sh\n"))
            .unwrap();
        tree.put("etc/group", Node::file(0o644, "root:x:0:\nman:x:12:\n")).unwrap();
        tree.put("srv", Node::directory(0o700)).unwrap();
        tree.put(PROGRAM, Node::file(0o755, "")).unwrap();
        tree.put("usr/lib/tmpfiles.d/a.conf", Node::file(0o644, conf.to_owned())).unwrap();
        create(&mut tree, "a.conf")?;
        Ok(tree)
    }

    #[test]
    fn directories_and_links_are_made_and_what_is_there_changes_its_mode() {
        let tree = made(
            "d /var/cache/man 0755 man man a:1w\nq /srv 0755 - - -\nd- /srv :0711 root :root -\n\
             L+ /etc/mtab - - - - ../proc/self/mounts\nd /run/lock 1777 root root\nD! /var/x\nz /srv/none 0644 - - -\n",
        )
        .unwrap();
        let cache = tree.get("var/cache/man").unwrap();
        assert_eq!((cache.mode, cache.owner), (0o755, Owner { uid: 6, gid: 12 }));
        assert_eq!(tree.get("srv").unwrap().mode, 0o755);
        assert!(tree.get("etc/mtab").is_some());
        assert!(tree.get("run").is_none() && tree.get("var/x").is_none());
    }

    #[test]
    fn nothing_is_made_without_the_program_and_nothing_guessed() {
        assert!(made("w /etc/x - - - - text\n").is_err());
        assert!(made("d /etc/x 0755 nobody-knows - -\n").is_err());
        let mut tree = Tree::default();
        create(&mut tree, "missing.conf").unwrap();
        assert_eq!(tree.iter().count(), 0);
    }
}
