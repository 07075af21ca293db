//! /etc/passwd, /etc/group and their shadows, as adduser(8), shadowconfig(8) and base-passwd leave them.

use std::ops::RangeInclusive;

use super::error::Flaw;
use super::files::{append, text, write};
use crate::node::{Node, Owner};
use crate::tree::Tree;

pub(crate) const PASSWD: &str = "etc/passwd";
pub(crate) const GROUP: &str = "etc/group";
pub(crate) const SHADOW: &str = "etc/shadow";
pub(crate) const GSHADOW: &str = "etc/gshadow";

/// adduser.conf(5): FIRST_SYSTEM_UID and LAST_SYSTEM_UID, and the same for groups. Policy 9.2.2 has the range.
const SYSTEM: RangeInclusive<u32> = 100..=999;
/// Policy 9.2.2: nobody and nogroup.
const NOBODY: u32 = 65534;

/// What `root:mail` or `0:8` says, by the accounts in the tree.
pub(crate) fn owner(tree: &Tree, owner: &str) -> Result<Owner, Flaw> {
    let (user, group) = owner.split_once(':').unwrap_or((owner, owner));
    Ok(Owner { uid: number(tree, PASSWD, user)?, gid: number(tree, GROUP, group)? })
}

/// The number of a user or group, by name. Root's is known without the files.
pub(crate) fn number(tree: &Tree, path: &str, name: &str) -> Result<u32, Flaw> {
    if let ("root", Err(_)) | ("root", Ok(None)) = (name, tree.read(path)) {
        return Ok(0);
    }
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    find(tree, path, name)?.ok_or_else(|| Flaw::NoAccount(name.to_owned()))
}

/// The number of a user or group, if there is such a one.
pub(crate) fn find(tree: &Tree, path: &str, name: &str) -> Result<Option<u32>, Flaw> {
    let Some(text) = text(tree, path)? else { return Ok(None) };
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    line.map(|line| third(path, line)).transpose()
}

fn third(path: &str, line: &str) -> Result<u32, Flaw> {
    let number = line.split(':').nth(2).and_then(|number| number.parse().ok());
    number.ok_or_else(|| Flaw::form(path, line))
}

/// All numbers in use in one of the two files.
pub(crate) fn numbers(tree: &Tree, path: &str) -> Result<Vec<u32>, Flaw> {
    let text = text(tree, path)?.unwrap_or_default();
    let accounts =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '+', '-']));
    accounts.map(|line| third(path, line)).collect()
}

/// `addgroup --system NAME`: the first number that is free from 100 on; nothing for a group that is there.
pub(crate) fn system_group(tree: &mut Tree, name: &str) -> Result<(), Flaw> {
    if find(tree, GROUP, name)?.is_some() {
        return Ok(());
    }
    let taken = numbers(tree, GROUP)?;
    let gid = SYSTEM.clone().find(|gid| !taken.contains(gid));
    add_group(tree, name, gid.ok_or_else(|| Flaw::NoNumber(name.to_owned()))?, "!")
}

/// `adduser --system --ingroup GROUP --home HOME --no-create-home NAME`; nothing for a user who is there.
pub(crate) fn system_user(
    tree: &mut Tree,
    name: &str,
    group: &str,
    home: &str,
    day: u32,
) -> Result<(), Flaw> {
    if find(tree, PASSWD, name)?.is_some() {
        return Ok(());
    }
    let gid = if group == "nogroup" { NOBODY } else { number(tree, GROUP, group)? };
    let taken = numbers(tree, PASSWD)?;
    let uid = SYSTEM.clone().find(|uid| !taken.contains(uid));
    let uid = uid.ok_or_else(|| Flaw::NoNumber(name.to_owned()))?;
    let user = User { name, uid, gid, gecos: "", home, shell: "/usr/sbin/nologin" };
    add_user(tree, &user, &format!("!:{day}::::::"))
}

/// A line of passwd(5), without the password.
pub(crate) struct User<'a> {
    pub name: &'a str,
    pub uid: u32,
    pub gid: u32,
    pub gecos: &'a str,
    pub home: &'a str,
    pub shell: &'a str,
}

/// Adds a user, and what is given of its line in shadow(5) where there is such a file.
pub(crate) fn add_user(tree: &mut Tree, user: &User<'_>, shadow: &str) -> Result<(), Flaw> {
    let User { name, uid, gid, gecos, home, shell } = user;
    well_formed(PASSWD, &[name, gecos, home, shell])?;
    append(tree, PASSWD, &format!("{name}:x:{uid}:{gid}:{gecos}:{home}:{shell}"))?;
    if tree.file(SHADOW)?.is_some() {
        append(tree, SHADOW, &format!("{name}:{shadow}"))?;
    }
    Ok(())
}

/// Adds a group without members, and its password where there is gshadow(5).
pub(crate) fn add_group(tree: &mut Tree, name: &str, gid: u32, password: &str) -> Result<(), Flaw> {
    well_formed(GROUP, &[name])?;
    append(tree, GROUP, &format!("{name}:x:{gid}:"))?;
    if tree.file(GSHADOW)?.is_some() {
        append(tree, GSHADOW, &format!("{name}:{password}::"))?;
    }
    Ok(())
}

/// Makes a user a member of a group, in both files that have members.
pub(crate) fn add_member(tree: &mut Tree, user: &str, group: &str) -> Result<(), Flaw> {
    well_formed(GROUP, &[user, group])?;
    for path in [GROUP, GSHADOW] {
        let Some(text) = text(tree, path)? else { continue };
        let with = |line: &str| match line.rsplit_once(':') {
            Some((_, members)) if members.split(',').any(|member| member == user) => {
                line.to_owned()
            }
            Some((_, "")) if line.split(':').next() == Some(group) => format!("{line}{user}"),
            Some(_) if line.split(':').next() == Some(group) => format!("{line},{user}"),
            _ => line.to_owned(),
        };
        let lines: Vec<String> = text.lines().map(with).collect();
        write(tree, path, lines.join("\n") + "\n")?;
    }
    Ok(())
}

fn well_formed(path: &str, fields: &[&str]) -> Result<(), Flaw> {
    match fields.iter().find(|field| field.contains([':', '\n', '\0'])) {
        Some(field) => Err(Flaw::form(path, *field)),
        None => Ok(()),
    }
}

/// base-passwd(8): the accounts that every Debian system has, where there are none yet.
pub(crate) fn master(tree: &mut Tree) -> Result<(), Flaw> {
    for (path, name) in [(PASSWD, "passwd"), (GROUP, "group")] {
        if tree.file(path)?.is_some() {
            continue;
        }
        let master = format!("usr/share/base-passwd/{name}.master");
        let text = text(tree, &master)?.ok_or(Flaw::Missing(master))?;
        tree.put(path, Node::file(0o644, text))?;
    }
    Ok(())
}

/// `shadowconfig on`: passwords go to files that the group `shadow` may read. What is there already stays.
pub(crate) fn shadow(tree: &mut Tree, day: u32) -> Result<(), Flaw> {
    let owner = Owner { uid: 0, gid: number(tree, GROUP, "shadow")? };
    for (path, shadowed) in [(PASSWD, SHADOW), (GROUP, GSHADOW)] {
        let accounts = text(tree, path)?.ok_or_else(|| Flaw::Missing(path.to_owned()))?;
        let mut hidden = text(tree, shadowed)?.unwrap_or_default();
        let mut open = String::new();
        for line in accounts.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(name), Some(password), Some(rest)) =
                (fields.next(), fields.next(), fields.next())
            else {
                return Err(Flaw::form(path, line));
            };
            open.push_str(&format!("{name}:x:{rest}\n"));
            if hidden.lines().any(|line| line.split(':').next() == Some(name)) {
                continue;
            }
            let members = rest.rsplit(':').next().unwrap_or_default();
            hidden.push_str(&match path {
                // login.defs(5) as Debian has it: PASS_MIN_DAYS 0, PASS_MAX_DAYS 99999, PASS_WARN_AGE 7.
                PASSWD => format!("{name}:{password}:{day}:0:99999:7:::\n"),
                _ => format!("{name}:{password}::{members}\n"),
            });
        }
        write(tree, path, open)?;
        tree.put(shadowed, Node::file(0o640, hidden).owned_by(owner.uid, owner.gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debian() -> Tree {
        let mut tree = Tree::default();
        let passwd =
            "root:*:0:0:root:/root:/bin/bash\n_apt:*:42:65534::/nonexistent:/usr/sbin/nologin\n";
        let group = "root:*:0:\nmail:*:8:\nshadow:*:42:\nusers:*:100:\nnogroup:*:65534:\n";
        tree.put("usr/share/base-passwd/passwd.master", Node::file(0o644, passwd)).unwrap();
        tree.put("usr/share/base-passwd/group.master", Node::file(0o644, group)).unwrap();
        master(&mut tree).unwrap();
        tree
    }

    fn last(tree: &Tree, path: &str) -> String {
        text(tree, path).unwrap().unwrap().lines().last().unwrap().to_owned()
    }

    #[test]
    fn a_fresh_system_has_the_master_files_accounts_and_their_shadows() {
        let mut tree = debian();
        shadow(&mut tree, 20_000).unwrap();
        assert_eq!(last(&tree, PASSWD), "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin");
        assert_eq!(last(&tree, SHADOW), "_apt:*:20000:0:99999:7:::");
        assert_eq!(last(&tree, GSHADOW), "nogroup:*::");
        let node = tree.get(SHADOW).unwrap();
        assert_eq!((node.mode, node.owner), (0o640, Owner { uid: 0, gid: 42 }));
        let before = text(&tree, SHADOW).unwrap();
        shadow(&mut tree, 20_001).unwrap();
        assert_eq!(text(&tree, SHADOW).unwrap(), before);
    }

    #[test]
    fn a_system_account_gets_the_first_number_that_is_free() {
        let mut tree = debian();
        shadow(&mut tree, 20_000).unwrap();
        system_group(&mut tree, "rdma").unwrap();
        system_group(&mut tree, "rdma").unwrap();
        assert_eq!(
            (last(&tree, GROUP), last(&tree, GSHADOW)),
            ("rdma:x:101:".into(), "rdma:!::".into())
        );
        system_user(&mut tree, "_rpc", "nogroup", "/run/rpcbind", 20_001).unwrap();
        assert_eq!(last(&tree, PASSWD), "_rpc:x:100:65534::/run/rpcbind:/usr/sbin/nologin");
        assert_eq!(last(&tree, SHADOW), "_rpc:!:20001::::::");
        add_member(&mut tree, "_rpc", "rdma").unwrap();
        add_member(&mut tree, "_rpc", "rdma").unwrap();
        add_member(&mut tree, "_apt", "rdma").unwrap();
        assert_eq!(last(&tree, GROUP), "rdma:x:101:_rpc,_apt");
        assert_eq!(owner(&tree, "_rpc:rdma").unwrap(), Owner { uid: 100, gid: 101 });
    }

    #[test]
    fn a_base_image_keeps_its_accounts() {
        let mut tree = debian();
        let passwd = "root:x:0:0:root:/root:/bin/bash\nubuntu:x:1000:1000::/home/ubuntu:/bin/bash\nold:x:100:100::/:/bin/sh\n";
        tree.put(PASSWD, Node::file(0o644, passwd)).unwrap();
        let mut tree = Tree::on(tree);
        master(&mut tree).unwrap();
        system_user(&mut tree, "new", "nogroup", "/nonexistent", 1).unwrap();
        assert!(text(&tree, PASSWD).unwrap().unwrap().starts_with(passwd));
        assert_eq!(last(&tree, PASSWD), "new:x:101:65534::/nonexistent:/usr/sbin/nologin");
        assert!(tree.get(SHADOW).is_none());
    }

    #[test]
    fn no_account_brings_lines_of_its_own() {
        let mut tree = debian();
        assert!(system_group(&mut tree, "a\nroot2:x:0").is_err());
        assert!(owner(&tree, "root:nobody-knows").is_err());
    }
}
