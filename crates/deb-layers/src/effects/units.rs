//! What deb-systemd-helper(1) and update-rc.d(8) leave for a system that starts services. Nothing is started in an image; the
//! links are there as dpkg would leave them.

use super::error::Flaw;
use super::files::{append, text, write};
use crate::node::{Kind, Node};
use crate::tree::Tree;

/// Whose units they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instance {
    System,
    User,
}

impl Instance {
    fn name(self) -> &'static str {
        match self {
            Instance::System => "system",
            Instance::User => "user",
        }
    }

    /// Where deb-systemd-helper remembers what it enabled.
    fn state(self) -> &'static str {
        match self {
            Instance::System => "var/lib/systemd/deb-systemd-helper-enabled",
            Instance::User => "var/lib/systemd/deb-systemd-user-helper-enabled",
        }
    }
}

/// A link that enables a unit, and the unit.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    /// Absolute.
    place: String,
    /// Absolute.
    unit: String,
}

/// The names in the words of a script: `'ssh.service' 'ssh.socket'`.
fn names(words: &str) -> impl Iterator<Item = &str> {
    words.split_whitespace().map(|word| word.trim_matches(['\'', '"']))
}

/// `deb-systemd-helper unmask`, and `enable` where `was-enabled`, which is so for a unit that is new.
pub(crate) fn enable(tree: &mut Tree, instance: Instance, units: &str) -> Result<(), Flaw> {
    for name in names(units) {
        for link in links(tree, instance, name, &mut vec![name.to_owned()])? {
            remember(tree, instance, name, &link)?;
            let place = link.place.strip_prefix(&format!("/etc/systemd/{}/", instance.name()));
            let mark = format!("{}/{}", instance.state(), place.unwrap_or(&link.place));
            if tree.file(&mark)?.is_some() {
                continue;
            }
            if tree.get(&tree.resolve(&link.place)?).is_none() {
                tree.put(&link.place, Node::symlink(link.unit))?;
            }
            tree.put(&mark, Node::file(0o644, ""))?;
        }
    }
    Ok(())
}

/// `deb-systemd-helper update-state` alone: the links it would make are remembered, and not made.
pub(crate) fn update_state(tree: &mut Tree, instance: Instance, units: &str) -> Result<(), Flaw> {
    for name in names(units) {
        let links = links(tree, instance, name, &mut vec![name.to_owned()])?;
        let state: String = links.iter().map(|link| format!("{}\n", link.place)).collect();
        write(tree, &format!("{}/{name}.dsh-also", instance.state()), state)?;
    }
    Ok(())
}

fn remember(tree: &mut Tree, instance: Instance, name: &str, link: &Link) -> Result<(), Flaw> {
    let state = format!("{}/{name}.dsh-also", instance.state());
    let known = text(tree, &state)?.unwrap_or_default();
    match known.lines().any(|line| line == link.place) {
        true => Ok(()),
        false => append(tree, &state, &link.place),
    }
}

/// systemd.unit(5), section Install: WantedBy, RequiredBy, Alias, Also, DefaultInstance.
fn links(
    tree: &Tree,
    instance: Instance,
    name: &str,
    seen: &mut Vec<String>,
) -> Result<Vec<Link>, Flaw> {
    if name.is_empty() || name.contains(['/', '$', '`', '*']) {
        return Err(Flaw::form("deb-systemd-helper", name));
    }
    let Some((unit, unit_text)) = find(tree, instance, name)? else {
        return Err(Flaw::Missing(format!("usr/lib/systemd/{}/{name}", instance.name())));
    };
    let folder = format!("/etc/systemd/{}", instance.name());
    let mut wanted_by = Vec::new();
    let mut wanted = name.to_owned();
    let mut links = Vec::new();
    for line in unit_text.lines() {
        let Some((key, values)) = line.trim_start().split_once('=') else { continue };
        for value in names(values) {
            match key.to_ascii_lowercase().as_str() {
                "wantedby" => wanted_by.push(format!("{folder}/{value}.wants")),
                "requiredby" => wanted_by.push(format!("{folder}/{value}.requires")),
                "also" if !seen.iter().any(|seen| seen == value) => {
                    seen.push(value.to_owned());
                    links.extend(self::links(tree, instance, value, seen)?);
                }
                "alias" if value != name => {
                    links.push(Link { place: format!("{folder}/{value}"), unit: unit.clone() });
                }
                "defaultinstance" => {
                    if let Some((before, after)) = name.split_once('@') {
                        wanted = format!("{before}@{value}{after}");
                    }
                }
                _ => {}
            }
        }
    }
    let wants = wanted_by
        .into_iter()
        .map(|folder| Link { place: format!("{folder}/{wanted}"), unit: unit.clone() });
    links.extend(wants);
    Ok(links)
}

fn find(tree: &Tree, instance: Instance, name: &str) -> Result<Option<(String, String)>, Flaw> {
    // Without systemctl, the helper names the folder that it finds first, and with it, systemctl the one it means.
    let folders = match tree.follow("usr/bin/systemctl")? {
        Some(_) => ["/etc/systemd", "/usr/lib/systemd", "/lib/systemd"],
        None => ["/etc/systemd", "/lib/systemd", "/usr/lib/systemd"],
    };
    for folder in folders {
        let path = format!("{folder}/{}/{name}", instance.name());
        if let Some(text) = text(tree, &path)? {
            return Ok(Some((path, text)));
        }
    }
    Ok(None)
}

/// `update-rc.d NAME defaults` without insserv: links in the runlevels that the script's header names.
pub(crate) fn init_script(tree: &mut Tree, name: &str) -> Result<(), Flaw> {
    let path = format!("etc/init.d/{name}");
    let Some(Node { mode, .. }) = tree.file(&path)? else { return Ok(()) };
    if mode & 0o111 == 0 {
        return Ok(());
    }
    let links = |tree: &Tree| {
        let of_script = |path: &str| {
            // etc/rc2.d/S01ssh
            let link = path.strip_prefix("etc/rc").unwrap_or_default();
            link.get(1..4) == Some(".d/") && link.get(7..) == Some(name)
        };
        tree.inside("etc")
            .any(|(path, node)| matches!(node.kind, Kind::Symlink { .. }) && of_script(path))
    };
    if links(tree) {
        return Ok(());
    }
    let script = text(tree, &path)?.unwrap_or_default();
    let header = script.lines().skip_while(|line| line.trim_end() != "### BEGIN INIT INFO");
    for line in header.take_while(|line| line.trim_end() != "### END INIT INFO") {
        let (levels, letter) =
            match (line.strip_prefix("# Default-Start:"), line.strip_prefix("# Default-Stop:")) {
                (Some(levels), _) => (levels, 'S'),
                (_, Some(levels)) => (levels, 'K'),
                _ => continue,
            };
        for level in levels
            .split_whitespace()
            .filter(|level| matches!(*level, "S" | "0" | "1" | "2" | "3" | "4" | "5" | "6"))
        {
            let link = format!("etc/rc{level}.d/{letter}01{name}");
            tree.put(&link, Node::symlink(format!("../init.d/{name}")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::merged_usr();
        let ssh = "[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\nAlso=ssh.socket\n";
        tree.put("usr/lib/systemd/system/ssh.service", Node::file(0o644, ssh)).unwrap();
        let socket = "[Install]\nWantedBy=sockets.target\nAlso=ssh.service\n";
        tree.put("usr/lib/systemd/system/ssh.socket", Node::file(0o644, socket)).unwrap();
        let init = "#!/bin/sh\n### BEGIN INIT INFO\n# Default-Start:\t2 3\n# Default-Stop:\t\t0\n### END INIT INFO\n# Default-Start: 5\n";
        tree.put("etc/init.d/ssh", Node::file(0o755, init)).unwrap();
        tree
    }

    fn links(tree: &Tree) -> Vec<(String, String)> {
        let links = tree.iter().filter_map(|(path, node)| match &node.kind {
            Kind::Symlink { target } if path.starts_with("etc/") => {
                Some((path.to_owned(), target.clone()))
            }
            _ => None,
        });
        links.collect()
    }

    #[test]
    fn a_new_unit_is_enabled_with_those_it_names() {
        let mut tree = tree();
        enable(&mut tree, Instance::System, "'ssh.service'").unwrap();
        let unit = "/lib/systemd/system/ssh.service".to_owned();
        assert_eq!(
            links(&tree),
            [
                ("etc/systemd/system/multi-user.target.wants/ssh.service".into(), unit.clone()),
                (
                    "etc/systemd/system/sockets.target.wants/ssh.socket".into(),
                    "/lib/systemd/system/ssh.socket".into()
                ),
                ("etc/systemd/system/sshd.service".into(), unit),
            ]
        );
        let state = text(&tree, "var/lib/systemd/deb-systemd-helper-enabled/ssh.service.dsh-also")
            .unwrap()
            .unwrap();
        assert_eq!(state.lines().count(), 3);
        assert!(tree.get("var/lib/systemd/deb-systemd-helper-enabled/sshd.service").is_some());
        let before = tree.clone();
        enable(&mut tree, Instance::System, "ssh.service").unwrap();
        assert_eq!(links(&tree), links(&before));
    }

    #[test]
    fn a_unit_that_is_only_remembered_gets_no_link() {
        let mut tree = tree();
        update_state(&mut tree, Instance::System, "ssh.socket").unwrap();
        assert!(links(&tree).is_empty());
        assert!(enable(&mut tree, Instance::System, "$(evil)").is_err());
        assert!(enable(&mut tree, Instance::User, "ssh.service").is_err());
    }

    #[test]
    fn an_init_script_starts_and_stops_in_the_levels_of_its_header() {
        let mut tree = tree();
        init_script(&mut tree, "ssh").unwrap();
        init_script(&mut tree, "none").unwrap();
        let to = "../init.d/ssh".to_owned();
        let at = |path: &str| (path.to_owned(), to.clone());
        assert_eq!(
            links(&tree),
            [at("etc/rc0.d/K01ssh"), at("etc/rc2.d/S01ssh"), at("etc/rc3.d/S01ssh")]
        );
        tree.remove("etc/rc3.d/S01ssh").unwrap();
        init_script(&mut tree, "ssh").unwrap();
        assert_eq!(links(&tree).len(), 2);
    }
}
