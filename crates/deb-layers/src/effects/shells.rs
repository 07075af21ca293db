//! /etc/shells, as update-shells(8) keeps it.

use std::collections::BTreeSet;

use super::error::Flaw;
use super::files::{text, write};
use crate::node::Node;
use crate::tree::Tree;

const TEMPLATE: &str = "usr/share/debianutils/shells";
const BY_PACKAGE: &str = "usr/share/debianutils/shells.d";
const SHELLS: &str = "etc/shells";
const STATE: &str = "var/lib/shells.state";

/// Adds the shells that packages name; one that was taken out by hand stays out, and one that no package has any more goes.
pub(crate) fn update(tree: &mut Tree) -> Result<(), Flaw> {
    let template = text(tree, TEMPLATE)?.ok_or_else(|| Flaw::Missing(TEMPLATE.to_owned()))?;
    let mut named = names(&template).map(str::to_owned).collect::<Vec<_>>();
    let files: Vec<String> = tree.inside(BY_PACKAGE).map(|(path, _)| path.to_owned()).collect();
    for file in files {
        named.extend(names(&text(tree, &file)?.unwrap_or_default()).map(str::to_owned));
    }
    let mut shells: Vec<String> = Vec::new();
    for shell in named {
        let real = format!("/{}", tree.resolve(&shell)?);
        for shell in [shell, real] {
            if !shells.contains(&shell) {
                shells.push(shell);
            }
        }
    }
    let state = text(tree, STATE)?.unwrap_or_default();
    let state: BTreeSet<&str> = names(&state).collect();
    let before = text(tree, SHELLS)?.unwrap_or(template);
    let mut there = BTreeSet::new();
    let mut after = String::new();
    for line in before.lines() {
        let shell = line.split('#').next().unwrap_or_default();
        let stays =
            shell.is_empty() || shells.iter().any(|known| known == shell) || !state.contains(shell);
        if stays && (shell.is_empty() || there.insert(shell)) {
            after.push_str(line);
            after.push('\n');
        }
    }
    for shell in &shells {
        if !there.contains(shell.as_str()) && !state.contains(shell.as_str()) {
            after.push_str(shell);
            after.push('\n');
        }
    }
    write(tree, SHELLS, after)?;
    Ok(tree.put(STATE, Node::file(0o644, shells.join("\n") + "\n"))?)
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_of_packages_are_added_once_with_their_real_paths() {
        let mut tree = Tree::merged_usr();
        tree.put(TEMPLATE, Node::file(0o644, "# /etc/shells: valid login shells\n/bin/sh\n"))
            .unwrap();
        tree.put(
            "usr/share/debianutils/shells.d/bash",
            Node::file(0o644, "/bin/bash# b\n/bin/rbash\n"),
        )
        .unwrap();
        tree.put("usr/share/debianutils/shells.d/dash", Node::file(0o644, "/usr/bin/dash\n"))
            .unwrap();
        update(&mut tree).unwrap();
        let shells = "/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/rbash\n/usr/bin/rbash\n/usr/bin/dash\n";
        assert_eq!(
            text(&tree, SHELLS).unwrap().unwrap(),
            format!("# /etc/shells: valid login shells\n{shells}")
        );
        assert_eq!(text(&tree, STATE).unwrap().unwrap(), shells);
        let by_hand =
            text(&tree, SHELLS).unwrap().unwrap().replace("\n/bin/rbash\n", "\n") + "/opt/fish\n";
        write(&mut tree, SHELLS, by_hand.clone()).unwrap();
        tree.remove("usr/share/debianutils/shells.d/dash").unwrap();
        update(&mut tree).unwrap();
        assert_eq!(
            text(&tree, SHELLS).unwrap().unwrap(),
            by_hand.replace("\n/usr/bin/dash\n", "\n")
        );
    }
}
