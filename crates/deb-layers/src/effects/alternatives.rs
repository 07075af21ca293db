//! update-alternatives(1) in automatic mode: the links, and the files in which dpkg remembers them.

use std::collections::BTreeMap;

use super::error::Flaw;
use super::files::{text, write};
use crate::node::{Kind, Node};
use crate::tree::Tree;

/// Where an alternative points to from its link.
const LINKS: &str = "/etc/alternatives";
/// One file a group; its form is that of dpkg's utils/update-alternatives.c, `alternative_save`.
const STATE: &str = "var/lib/dpkg/alternatives";

/// A group of alternatives: one link and its slaves, and the files they can point to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    manual: bool,
    link: String,
    /// Links that follow, by name.
    slaves: BTreeMap<String, String>,
    /// By path.
    choices: BTreeMap<String, Choice>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Choice {
    priority: i64,
    /// Files of the slaves, by their names.
    slaves: BTreeMap<String, String>,
}

/// One `update-alternatives --install`.
#[derive(Debug, PartialEq, Eq)]
struct Install<'a> {
    name: &'a str,
    link: &'a str,
    path: &'a str,
    priority: i64,
    /// Link, name and path.
    slaves: Vec<[&'a str; 3]>,
}

/// Does what lines of a script say that call `update-alternatives --install`, and nothing else.
pub(crate) fn install(tree: &mut Tree, commands: &str) -> Result<(), Flaw> {
    let commands = commands.replace("\\\n", " ");
    for line in commands.lines().filter(|line| !line.trim().is_empty()) {
        let install = parse(line).ok_or_else(|| Flaw::form("update-alternatives", line))?;
        let may_fail = line.ends_with("|| true");
        if tree.follow(install.path)?.is_some() || !may_fail {
            apply(tree, &install)?;
        }
    }
    Ok(())
}

/// Whether the lines do nothing but install alternatives.
pub(crate) fn is_understood(commands: &str) -> bool {
    let commands = commands.replace("\\\n", " ");
    commands.lines().filter(|line| !line.trim().is_empty()).all(|line| parse(line).is_some())
}

fn parse(line: &str) -> Option<Install<'_>> {
    let plain =
        |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "/._+-:@".contains(c));
    let mut words = line.strip_suffix("|| true").unwrap_or(line).split_whitespace();
    if words.next() != Some("update-alternatives") {
        return None;
    }
    let mut words = words.filter(|word| *word != "--quiet").peekable();
    if words.next() != Some("--install") {
        return None;
    }
    let (link, name, path) = (words.next()?, words.next()?, words.next()?);
    let mut install =
        Install { name, link, path, priority: words.next()?.parse().ok()?, slaves: Vec::new() };
    while let Some(word) = words.next() {
        if word != "--slave" {
            return None;
        }
        install.slaves.push([words.next()?, words.next()?, words.next()?]);
    }
    let is_plain =
        install.slaves.iter().flatten().chain([&name, &link, &path]).all(|word| plain(word));
    is_plain.then_some(install)
}

fn apply(tree: &mut Tree, install: &Install<'_>) -> Result<(), Flaw> {
    if tree.follow(install.path)?.is_none() {
        return Err(Flaw::Missing(install.path.trim_start_matches('/').to_owned()));
    }
    let state = format!("{STATE}/{}", install.name);
    let mut group = match text(tree, &state)? {
        Some(text) => {
            read(&text).ok_or_else(|| Flaw::form(&state, "it is no state of alternatives"))?
        }
        None => Group::default(),
    };
    group.link = install.link.to_owned();
    let choice = group.choices.entry(install.path.to_owned()).or_default();
    choice.priority = install.priority;
    for [link, name, path] in &install.slaves {
        group.slaves.insert((*name).to_owned(), (*link).to_owned());
        choice.slaves.insert((*name).to_owned(), (*path).to_owned());
    }
    write(tree, &state, written(&group))?;
    match group.manual {
        true => Ok(()),
        false => point(tree, install.name, &group),
    }
}

/// The links to the choice with the highest priority; of two, the one that comes first in the alphabet.
fn point(tree: &mut Tree, name: &str, group: &Group) -> Result<(), Flaw> {
    let by_priority = |(path, choice): &(&String, &Choice)| (-choice.priority, (*path).clone());
    let Some((path, choice)) = group.choices.iter().min_by_key(by_priority) else { return Ok(()) };
    link(tree, name, &group.link, path)?;
    for (slave, place) in &group.slaves {
        match choice.slaves.get(slave) {
            Some(path) if tree.follow(path)?.is_some() => link(tree, slave, place, path)?,
            _ => {
                for path in [place.as_str(), &format!("{LINKS}/{slave}")] {
                    if matches!(
                        tree.get(&tree.resolve(path)?),
                        Some(Node { kind: Kind::Symlink { .. }, .. })
                    ) {
                        tree.remove(path)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Two links: the place → /etc/alternatives/NAME → the path. A file of a package at the place stays.
fn link(tree: &mut Tree, name: &str, place: &str, path: &str) -> Result<(), Flaw> {
    let middle = format!("{LINKS}/{name}");
    tree.put(&middle, Node::symlink(path))?;
    if let Some(Node { kind: Kind::File(_) | Kind::HardLink { .. }, .. }) =
        tree.get(&tree.resolve(place)?)
    {
        return Ok(());
    }
    Ok(tree.put(place, Node::symlink(middle))?)
}

fn read(text: &str) -> Option<Group> {
    let mut lines = text.lines();
    let mut group = Group {
        manual: lines.next()? == "manual",
        link: lines.next()?.to_owned(),
        ..Group::default()
    };
    let mut names = Vec::new();
    loop {
        match lines.next()? {
            "" => break,
            name => {
                group.slaves.insert(name.to_owned(), lines.next()?.to_owned());
                names.push(name.to_owned());
            }
        }
    }
    loop {
        let path = lines.next()?;
        if path.is_empty() {
            return Some(group);
        }
        let mut choice = Choice { priority: lines.next()?.parse().ok()?, ..Choice::default() };
        for name in &names {
            let path = lines.next()?;
            if !path.is_empty() {
                choice.slaves.insert(name.clone(), path.to_owned());
            }
        }
        group.choices.insert(path.to_owned(), choice);
    }
}

fn written(group: &Group) -> String {
    let mut lines = vec![if group.manual { "manual" } else { "auto" }, &group.link];
    lines.extend(group.slaves.iter().flat_map(|(name, link)| [name.as_str(), link]));
    lines.push("");
    let priorities: Vec<String> =
        group.choices.values().map(|choice| choice.priority.to_string()).collect();
    for ((path, choice), priority) in group.choices.iter().zip(&priorities) {
        lines.extend([path.as_str(), priority]);
        lines.extend(
            group.slaves.keys().map(|name| choice.slaves.get(name).map_or("", String::as_str)),
        );
    }
    lines.extend(["", ""]);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        let files =
            ["usr/bin/vim.tiny", "usr/bin/vim.basic", "bin/nano", "usr/share/man/man1/nano.1.gz"];
        for path in
            files.iter().chain(&["usr/share/man/man1/vim.1.gz", "usr/share/man/de/man1/vim.1.gz"])
        {
            tree.put(path, Node::file(0o755, "")).unwrap();
        }
        tree
    }

    const VIM: &str = "update-alternatives --install /usr/bin/editor editor /usr/bin/vim.tiny 15 \\\n\
        --slave /usr/share/man/man1/editor.1.gz editor.1.gz /usr/share/man/man1/vim.1.gz \\\n\
        --slave /usr/share/man/de/man1/editor.1.gz editor.de.1.gz /usr/share/man/de/man1/vim.1.gz";
    const NANO: &str = "update-alternatives --quiet --install /usr/bin/editor editor /bin/nano 40 \
        --slave /usr/share/man/man1/editor.1.gz editor.1.gz /usr/share/man/man1/nano.1.gz || true";

    fn target(tree: &Tree, path: &str) -> Option<String> {
        match &tree.get(path)?.kind {
            Kind::Symlink { target } => Some(target.clone()),
            _ => None,
        }
    }

    #[test]
    fn of_several_the_highest_priority_counts_and_its_slaves() {
        for order in [[VIM, NANO], [NANO, VIM]] {
            let mut tree = tree();
            for commands in order {
                install(&mut tree, commands).unwrap();
            }
            assert_eq!(target(&tree, "etc/alternatives/editor").unwrap(), "/bin/nano");
            assert_eq!(target(&tree, "usr/bin/editor").unwrap(), "/etc/alternatives/editor");
            assert_eq!(
                target(&tree, "etc/alternatives/editor.1.gz").unwrap(),
                "/usr/share/man/man1/nano.1.gz"
            );
            assert_eq!(target(&tree, "etc/alternatives/editor.de.1.gz"), None);
            assert_eq!(target(&tree, "usr/share/man/de/man1/editor.1.gz"), None);
            let state = "auto\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/man1/editor.1.gz\neditor.de.1.gz\n\
                /usr/share/man/de/man1/editor.1.gz\n\n/bin/nano\n40\n/usr/share/man/man1/nano.1.gz\n\n/usr/bin/vim.tiny\n15\n\
                /usr/share/man/man1/vim.1.gz\n/usr/share/man/de/man1/vim.1.gz\n\n";
            assert_eq!(text(&tree, "var/lib/dpkg/alternatives/editor").unwrap().unwrap(), state);
            assert_eq!(written(&read(state).unwrap()), state);
        }
    }

    #[test]
    fn a_choice_that_was_made_by_hand_stays() {
        let mut base = tree();
        install(&mut base, VIM).unwrap();
        let state = text(&base, "var/lib/dpkg/alternatives/editor").unwrap().unwrap();
        write(&mut base, "var/lib/dpkg/alternatives/editor", state.replace("auto", "manual"))
            .unwrap();
        let mut tree = Tree::on(base);
        install(&mut tree, NANO).unwrap();
        assert_eq!(target(&tree, "etc/alternatives/editor").unwrap(), "/usr/bin/vim.tiny");
        assert!(
            text(&tree, "var/lib/dpkg/alternatives/editor")
                .unwrap()
                .unwrap()
                .contains("/bin/nano\n40")
        );
    }

    #[test]
    fn a_slave_whose_file_is_not_there_is_left_out() {
        let mut tree = tree();
        tree.remove("usr/share/man/man1/nano.1.gz").unwrap();
        install(&mut tree, NANO).unwrap();
        assert_eq!(target(&tree, "usr/share/man/man1/editor.1.gz"), None);
        assert!(
            text(&tree, "var/lib/dpkg/alternatives/editor").unwrap().unwrap().contains("nano.1.gz")
        );
    }

    #[test]
    fn nothing_but_an_installation_is_understood() {
        let mut tree = tree();
        for line in [
            "update-alternatives --install /usr/bin/editor editor /bin/nano forty",
            "update-alternatives --remove editor /bin/nano",
            "update-alternatives --install /usr/bin/editor editor /bin/nano 40; rm -rf /",
            "update-alternatives --install /usr/bin/$x editor /bin/nano 40",
            "update-alternatives --install /usr/bin/editor editor /bin/emacs 40",
        ] {
            assert!(install(&mut tree, line).is_err(), "{line}");
        }
    }
}
