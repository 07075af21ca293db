//! One operation, done in a tree.

use super::accounts::{self, owner};
use super::error::Flaw;
use super::files::{append, directory, text, write};
use super::operation::Operation;
use super::units::{self, Instance};
use super::{alternatives, certificates, defaults, pam, shells, sysusers, tmpfiles};
use crate::node::Node;
use crate::tree::Tree;

/// One line each: user, group, mode, path.
const OVERRIDES: &str = "var/lib/dpkg/statoverride";

/// What operations depend on besides the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct System<'a> {
    /// Days since 1970-01-01.
    pub day: u32,
    /// Debian's name of the architecture.
    pub architecture: &'a str,
}

/// Does one thing.
pub(crate) fn perform(
    tree: &mut Tree,
    operation: &Operation,
    system: &System<'_>,
) -> Result<(), Flaw> {
    match operation {
        Operation::Copy { from, to } => copy(tree, from, to),
        Operation::Directory { path, mode, owner: whose } => {
            let owner = owner(tree, whose)?;
            directory(tree, path, Node::directory(*mode).owned_by(owner.uid, owner.gid))
        }
        Operation::File { path, text, mode, owner: whose } => {
            if tree.follow(path)?.is_none() {
                let owner = owner(tree, whose)?;
                tree.put(path, Node::file(*mode, text.clone()).owned_by(owner.uid, owner.gid))?;
            }
            Ok(())
        }
        Operation::Link { path, to, missing } => {
            let there = tree.get(&tree.resolve(path)?).is_some();
            if !(there && *missing) {
                tree.put(path, Node::symlink(to))?;
            }
            Ok(())
        }
        Operation::Remove { path } => {
            let directory = tree.get(&tree.resolve(path)?).is_some_and(Node::is_directory);
            if directory { Ok(()) } else { Ok(tree.remove(path)?) }
        }
        Operation::Permissions { path, mode, owner } => permissions(tree, path, *mode, owner),
        Operation::Override { path, mode, owner } => {
            let (user, group) = owner.split_once(':').unwrap_or((owner, owner));
            let line = format!("{user} {group} {mode:o} {path}");
            let known = text(tree, OVERRIDES)?.unwrap_or_default();
            match known.lines().find(|known| known.split(' ').nth(3) == Some(path)) {
                Some(_) => return Ok(()),
                None => append(tree, OVERRIDES, &line)?,
            }
            permissions(tree, path, *mode, owner)
        }
        Operation::Divert { package, path, to } => divert(tree, package, path, to),
        Operation::Alternatives(commands) => alternatives::install(tree, commands),
        Operation::Group { name } => accounts::system_group(tree, name),
        Operation::User { name, group, home } => {
            accounts::system_user(tree, name, group, home, system.day)
        }
        Operation::MasterAccounts => accounts::master(tree),
        Operation::Shadow => accounts::shadow(tree, system.day),
        Operation::Sysusers(files) => sysusers::create(tree, files, system.day),
        Operation::Tmpfiles(files) => tmpfiles::create(tree, files),
        Operation::EnableUnits(names) => units::enable(tree, Instance::System, names),
        Operation::EnableUserUnits(names) => units::enable(tree, Instance::User, names),
        Operation::RememberUnits(names) => units::update_state(tree, Instance::System, names),
        Operation::InitScript(name) => units::init_script(tree, name),
        Operation::PamProfiles => pam::update(tree),
        Operation::CaCertificates => certificates::update(tree),
        Operation::Shells => shells::update(tree),
        Operation::NativeArchitecture => {
            write(tree, "var/lib/dpkg/arch-native", format!("{}\n", system.architecture))
        }
        Operation::Ucf { package, from, to } => defaults::ucf(tree, package, from, to),
        Operation::LocaleList => defaults::locale_list(tree),
        Operation::LocalDirectories(lines) => defaults::local_directories(tree, lines),
        Operation::Omitted(_) => Ok(()),
    }
}

fn permissions(tree: &mut Tree, path: &str, mode: u32, whose: &str) -> Result<(), Flaw> {
    let owner = owner(tree, whose)?;
    let missing = || Flaw::Missing(path.trim_start_matches('/').to_owned());
    let place = tree.follow(path)?.ok_or_else(missing)?;
    let node = tree.get(&place).cloned().unwrap_or_else(|| Node::directory(mode));
    Ok(tree.put(&place, Node { mode, owner, ..node })?)
}

fn copy(tree: &mut Tree, from: &str, to: &str) -> Result<(), Flaw> {
    if tree.follow(to)?.is_some() {
        return Ok(());
    }
    let node = tree.file(from)?.cloned();
    let node = node.ok_or_else(|| Flaw::Missing(from.trim_start_matches('/').to_owned()))?;
    Ok(tree.put(to, node)?)
}

/// Three lines in /var/lib/dpkg/diversions: what, where to, and whose own files stay.
fn divert(tree: &mut Tree, package: &str, path: &str, to: &str) -> Result<(), Flaw> {
    const DIVERSIONS: &str = "var/lib/dpkg/diversions";
    let known = text(tree, DIVERSIONS)?.unwrap_or_default();
    let lines: Vec<&str> = known.lines().collect();
    match lines.chunks(3).find(|known| known[0] == path) {
        Some(known) if known[1..] == [to, package] => Ok(()),
        Some(known) => Err(Flaw::form(DIVERSIONS, known.join(" "))),
        None => append(tree, DIVERSIONS, &format!("{path}\n{to}\n{package}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(tree: &mut Tree, operations: &str) -> Result<(), Flaw> {
        #[derive(serde::Deserialize)]
        struct Effects {
            effects: Vec<Operation>,
        }
        let Effects { effects } = toml::from_str(&format!("effects = [{operations}]")).unwrap();
        let system = System { day: 1, architecture: "amd64" };
        effects.iter().try_for_each(|operation| perform(tree, operation, &system))
    }

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.put("etc/passwd", Node::file(0o644, "root:x:0:0::/:/bin/sh\n")).unwrap();
        tree.put("etc/group", Node::file(0o644, "root:x:0:\nmail:x:8:\n")).unwrap();
        tree
    }

    #[test]
    fn defaults_are_copied_where_nothing_is_yet() {
        let mut tree = tree();
        tree.put("usr/share/x/profile", Node { mtime: Some(5), ..Node::file(0o640, "default") })
            .unwrap();
        tree.put("etc/motd", Node::file(0o644, "mine")).unwrap();
        let copies = "{ copy = { from = '/usr/share/x/profile', to = '/etc/profile' } },
            { copy = { from = '/usr/share/x/profile', to = '/etc/motd' } }";
        done(&mut tree, copies).unwrap();
        let copy = tree.get("etc/profile").unwrap();
        assert_eq!((copy.mode, copy.mtime), (0o640, Some(5)));
        assert_eq!(tree.read("etc/motd").unwrap().unwrap(), "mine");
        assert!(done(&mut tree, "{ copy = { from = '/none', to = '/etc/none' } }").is_err());
    }

    #[test]
    fn directories_files_links_and_permissions() {
        let mut tree = tree();
        tree.put("var/run", Node::directory(0o755)).unwrap();
        let all = "{ directory = { path = '/var/mail', mode = 0o2775, owner = 'root:mail' } },
            { file = { path = '/etc/environment' } },
            { link = { path = '/var/run', to = '/run' } },
            { link = { path = '/var/run', to = '/other', missing = true } },
            { permissions = { path = '/etc/environment', mode = 0o600, owner = 'root:mail' } }";
        done(&mut tree, all).unwrap();
        let mail = tree.get("var/mail").unwrap();
        assert_eq!((mail.mode, mail.owner.gid), (0o2775, 8));
        assert_eq!(tree.get("etc/environment").unwrap().mode, 0o600);
        assert!(
            matches!(&tree.get("var/run").unwrap().kind, crate::node::Kind::Symlink { target } if target == "/run")
        );
        done(&mut tree, "{ remove = { path = '/etc/environment' } }, { remove = { path = '/etc/environment' } }").unwrap();
        assert!(tree.get("etc/environment").is_none());
    }

    #[test]
    fn an_override_is_noted_and_one_that_is_there_stays() {
        let mut tree = tree();
        tree.put("usr/x", Node::file(0o755, "")).unwrap();
        let wish = "{ override = { path = '/usr/x', mode = 0o4754, owner = 'root:mail' } }";
        done(&mut tree, wish).unwrap();
        done(&mut tree, &wish.replace("4754", "0700")).unwrap();
        let x = tree.get("usr/x").unwrap();
        assert_eq!((x.mode, x.owner.gid), (0o4754, 8));
        assert_eq!(text(&tree, OVERRIDES).unwrap().unwrap(), "root mail 4754 /usr/x\n");
    }

    #[test]
    fn a_diversion_is_noted_once_and_never_changed() {
        let mut tree = tree();
        let divert = "{ divert = { package = 'libc6', path = '/lib64/ld', to = '/lib64/ld.usr-is-merged' } }";
        done(&mut tree, divert).unwrap();
        done(&mut tree, divert).unwrap();
        let noted = text(&tree, "var/lib/dpkg/diversions").unwrap().unwrap();
        assert_eq!(noted, "/lib64/ld\n/lib64/ld.usr-is-merged\nlibc6\n");
        assert!(done(&mut tree, &divert.replace("libc6", "other")).is_err());
    }
}
