//! Accounts that sysusers.d(5) files name, as systemd-sysusers(8) makes them.

use super::accounts::{
    GROUP, GSHADOW, PASSWD, SHADOW, User, add_group, add_member, add_user, find, number, numbers,
};
use super::error::Flaw;
use super::files::text;
use crate::node::Node;
use crate::tree::Tree;

/// Numbers that are given away from the top; systemd's SYSTEM_UID_MAX in Debian.
const DYNAMIC: std::ops::RangeInclusive<u32> = 100..=999;
const FOLDERS: [&str; 2] = ["etc/sysusers.d", "usr/lib/sysusers.d"];

/// Makes what the files of these names say, groups before users.
pub(crate) fn create(tree: &mut Tree, files: &str, day: u32) -> Result<(), Flaw> {
    // The program writes the shadows too where there are none yet, before `shadowconfig on` gives them their group.
    for path in [SHADOW, GSHADOW] {
        if tree.file(path)?.is_none() {
            tree.put(path, Node::file(0, ""))?;
        }
    }
    let mut lines = Vec::new();
    for name in files.split_whitespace().map(|name| name.trim_matches(['\'', '"'])) {
        let paths = FOLDERS.map(|folder| format!("{folder}/{name}"));
        let mut found = None;
        for path in &paths {
            found = found.or(text(tree, path)?);
        }
        let text = found.ok_or_else(|| Flaw::Missing(paths[1].clone()))?;
        for line in
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            lines.push(words(line).ok_or_else(|| Flaw::form(&paths[1], line))?);
        }
    }
    for kind in ["g", "u", "m"] {
        for line in lines.iter().filter(|line| line[0].trim_end_matches(['!', '-']) == kind) {
            let field =
                |index: usize| line.get(index).map(String::as_str).filter(|field| *field != "-");
            let name = field(1).filter(|name| !name.contains('%'));
            let name = name.ok_or_else(|| Flaw::form("sysusers.d", line.join(" ")))?;
            match kind {
                "g" => group(tree, name, field(2))?,
                "u" => user(tree, line, name, field, day)?,
                _ => {
                    let into = field(2).ok_or_else(|| Flaw::form("sysusers.d", line.join(" ")))?;
                    group(tree, into, None)?;
                    add_member(tree, name, into)?;
                }
            }
        }
    }
    match lines.iter().find(|line| !matches!(line[0].as_str(), "g" | "u" | "u!" | "m" | "r")) {
        Some(line) => Err(Flaw::form("sysusers.d", line.join(" "))),
        None => Ok(()),
    }
}

fn group(tree: &mut Tree, name: &str, wish: Option<&str>) -> Result<(), Flaw> {
    if find(tree, GROUP, name)?.is_some() {
        return Ok(());
    }
    let gid = match wish.and_then(|wish| wish.parse().ok()) {
        Some(gid) if !numbers(tree, GROUP)?.contains(&gid) => gid,
        _ => free(tree, name)?,
    };
    add_group(tree, name, gid, "!*")
}

fn user<'a>(
    tree: &mut Tree,
    line: &[String],
    name: &str,
    field: impl Fn(usize) -> Option<&'a str>,
    day: u32,
) -> Result<(), Flaw> {
    if find(tree, PASSWD, name)?.is_some() {
        return Ok(());
    }
    let (uid, own_group) = match field(2).map(|id| id.split_once(':').unwrap_or((id, ""))) {
        Some((uid, "")) => (uid.parse().ok(), None),
        Some((uid, group)) => (uid.parse().ok(), Some(group)),
        None => (None, None),
    };
    let gid = match own_group {
        Some(group) => number(tree, GROUP, group)?,
        None => {
            group(tree, name, field(2))?;
            number(tree, GROUP, name)?
        }
    };
    let taken = numbers(tree, PASSWD)?;
    let is_free = |uid: &u32| !taken.contains(uid);
    let uid = match uid.filter(is_free).or((own_group.is_none() && is_free(&gid)).then_some(gid)) {
        Some(uid) => uid,
        None => free(tree, name)?,
    };
    let expires = if line[0].contains('!') { "1" } else { "" };
    let (gecos, home, shell) = (field(3), field(4), field(5));
    let shell = shell.unwrap_or("/usr/sbin/nologin");
    let user =
        User { name, uid, gid, gecos: gecos.unwrap_or(""), home: home.unwrap_or("/"), shell };
    add_user(tree, &user, &format!("!*:{day}:::::{expires}:"))
}

/// The highest number that neither a user nor a group has.
fn free(tree: &Tree, name: &str) -> Result<u32, Flaw> {
    let (users, groups) = (numbers(tree, PASSWD)?, numbers(tree, GROUP)?);
    let free = DYNAMIC.rev().find(|id| !users.contains(id) && !groups.contains(id));
    free.ok_or_else(|| Flaw::NoNumber(name.to_owned()))
}

/// The fields of a line, quotes taken off; `None` where a quote is not closed.
pub(crate) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(conf: &str) -> Result<(String, String, String), Flaw> {
        let mut tree = Tree::default();
        tree.put("etc/passwd", Node::file(0o644, "root:x:0:0:root:/root:/bin/bash\n")).unwrap();
        tree.put("etc/group", Node::file(0o644, "root:x:0:\nnogroup:x:65534:\nssl:x:998:\n"))
            .unwrap();
        tree.put("etc/shadow", Node::file(0o640, "root:*:1:0:99999:7:::\n")).unwrap();
        tree.put("usr/lib/sysusers.d/a.conf", Node::file(0o644, conf.to_owned())).unwrap();
        create(&mut tree, "a.conf", 7)?;
        create(&mut tree, "'a.conf'", 8)?;
        let file = |path| text(&tree, path).unwrap().unwrap();
        Ok((file("etc/passwd"), file("etc/group"), file("etc/shadow")))
    }

    #[test]
    fn numbers_are_given_from_the_top_and_groups_come_first() {
        let (passwd, group, shadow) = made(
            "# c\nu sshd -:nogroup \"sshd user\" /run/sshd\nu! net - \"Network Management\"\ng journal - -\nm sshd journal\n",
        )
        .unwrap();
        let users = "sshd:x:997:65534:sshd user:/run/sshd:/usr/sbin/nologin\nnet:x:996:996:Network Management:/:/usr/sbin/nologin\n";
        assert_eq!(passwd, format!("root:x:0:0:root:/root:/bin/bash\n{users}"));
        assert!(group.ends_with("journal:x:999:sshd\nnet:x:996:\n"), "{group}");
        assert!(shadow.ends_with("sshd:!*:7::::::\nnet:!*:7:::::1:\n"), "{shadow}");
    }

    #[test]
    fn a_number_that_is_wished_is_given_if_it_is_free() {
        let (passwd, group, _) = made("u a 50\nu b 998\ng c 51\n").unwrap();
        assert!(passwd.contains("a:x:50:50:"));
        assert!(passwd.contains("b:x:998:999:"), "{passwd}");
        assert!(group.contains("c:x:51:"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for conf in ["x a - -\n", "u a%m -\n", "u \"a\n", "u a:b 5\n", "m a\n"] {
            assert!(made(conf).is_err(), "{conf}");
        }
    }
}
