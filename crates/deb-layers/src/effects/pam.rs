//! /etc/pam.d/common-*, as pam-auth-update(8) writes them from the profiles of /usr/share/pam-configs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::error::Flaw;
use super::files::text;
use crate::node::Node;
use crate::tree::Tree;

const PROFILES: &str = "usr/share/pam-configs";
const STATE: &str = "var/lib/pam";
const TYPES: [&str; 5] = ["auth", "account", "password", "session", "session-noninteractive"];

/// A profile: fields by name; those of several lines without indentation.
type Profile = BTreeMap<String, String>;

/// Writes the five files: from the templates where there are none, and otherwise with the profiles that are new by default.
/// A file that was changed by hand is refused.
pub(crate) fn update(tree: &mut Tree) -> Result<(), Flaw> {
    let profiles = profiles(tree)?;
    let mut sorted: Vec<&str> = profiles.keys().map(String::as_str).collect();
    let priority = |name: &str| {
        profiles[name].get("Priority").and_then(|priority| priority.parse().ok()).unwrap_or(0i64)
    };
    sorted.sort_by(|a, b| priority(b).cmp(&priority(a)).then(b.cmp(a)));
    let state = text(tree, &format!("{STATE}/seen"))?;
    let seen: Vec<&str> = state.as_deref().map(|seen| seen.lines().collect()).unwrap_or_default();
    let before = enabled_before(tree)?;
    if state.is_some() {
        let expected: Vec<&str> = sorted
            .iter()
            .copied()
            .filter(|name| before.iter().any(|known| known == name))
            .collect();
        for kind in TYPES {
            let path = format!("etc/pam.d/common-{kind}");
            if text(tree, &path)? != Some(written(tree, &profiles, &expected, kind)?.0) {
                return Err(Flaw::form(
                    &path,
                    "it was changed by hand, or by another pam-auth-update",
                ));
            }
        }
    }
    let wanted = |name: &str| {
        let by_default = profiles[name].get("Default").is_some_and(|default| default == "yes");
        before.iter().any(|known| known == name) || (by_default && !seen.contains(&name))
    };
    let enabled: Vec<&str> = sorted.iter().copied().filter(|name| wanted(name)).collect();
    for name in &enabled {
        let conflicts = profiles[*name].get("Conflicts").map(String::as_str).unwrap_or_default();
        if let Some(other) = conflicts.split([',', ' ']).find(|other| enabled.contains(other)) {
            return Err(Flaw::form(
                &format!("{PROFILES}/{name}"),
                format!("it conflicts with {other}"),
            ));
        }
    }
    for kind in TYPES {
        let (file, saved) = written(tree, &profiles, &enabled, kind)?;
        tree.put(&format!("etc/pam.d/common-{kind}"), Node::file(0o644, file))?;
        tree.put(&format!("{STATE}/{kind}"), Node::file(0o644, saved))?;
    }
    Ok(tree.put(&format!("{STATE}/seen"), Node::file(0o644, sorted.join("\n") + "\n"))?)
}

/// The profiles that the files of the last time were made of.
fn enabled_before(tree: &Tree) -> Result<Vec<String>, Flaw> {
    let mut enabled = Vec::new();
    for kind in TYPES {
        let saved = text(tree, &format!("{STATE}/{kind}"))?.unwrap_or_default();
        enabled.extend(
            saved.lines().filter_map(|line| line.strip_prefix("Module: ")).map(str::to_owned),
        );
    }
    Ok(enabled)
}

fn profiles(tree: &Tree) -> Result<BTreeMap<String, Profile>, Flaw> {
    let paths: Vec<String> = tree.inside(PROFILES).map(|(path, _)| path.to_owned()).collect();
    let mut profiles = BTreeMap::new();
    for path in paths {
        let name = path.rsplit('/').next().unwrap_or_default();
        if !name.ends_with('~') && !name.starts_with('#') {
            profiles.insert(name.to_owned(), profile(&text(tree, &path)?.unwrap_or_default()));
        }
    }
    Ok(profiles)
}

fn profile(text: &str) -> Profile {
    let mut profile = Profile::new();
    let mut field: Option<String> = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match (line.starts_with(char::is_whitespace), line.split_once(':'), &field) {
            (true, _, Some(field)) => {
                let value = profile.entry(field.clone()).or_default();
                if !value.is_empty() {
                    value.push('\n');
                }
                value.push_str(line.trim());
            }
            (false, Some((name, value)), _) => {
                profile.insert(name.to_owned(), value.trim().to_owned());
                field = Some(name.to_owned());
            }
            _ => {}
        }
    }
    if profile.get("Session-Interactive-Only").is_none_or(|only| only != "yes") {
        for part in ["", "-Type", "-Initial"] {
            if let Some(value) = profile.get(&format!("Session{part}")).cloned() {
                profile.entry(format!("Session-noninteractive{part}")).or_insert(value);
            }
        }
    }
    profile
}

/// The lines of the profiles in one block, by profile.
fn block<'a>(
    profiles: &'a BTreeMap<String, Profile>,
    enabled: &[&'a str],
    field: &str,
    block: &str,
) -> Vec<(&'a str, &'a str)> {
    let of_block = enabled.iter().filter(|name| {
        profiles[**name].get(&format!("{field}-Type")).is_some_and(|kind| kind == block)
    });
    let lines = of_block.enumerate().map(|(index, name)| {
        let initial = profiles[*name]
            .get(&format!("{field}-Initial"))
            .filter(|lines| index == 0 && !lines.is_empty());
        (*name, initial.or(profiles[*name].get(field)).map_or("", String::as_str))
    });
    lines.collect()
}

/// A file, and what is remembered of it.
fn written(
    tree: &Tree,
    profiles: &BTreeMap<String, Profile>,
    enabled: &[&str],
    kind: &str,
) -> Result<(String, String), Flaw> {
    let path = format!("usr/share/pam/common-{kind}");
    let template = text(tree, &path)?.ok_or_else(|| Flaw::Missing(path.clone()))?;
    let field = format!("{}{}", kind[..1].to_ascii_uppercase(), &kind[1..]);
    let word = kind.trim_end_matches("-noninteractive");
    let blocks = ["Primary", "Additional"].map(|name| block(profiles, enabled, &field, name));
    let markers = [
        (
            "# here are the per-package modules (the \"Primary\" block)",
            "# here's the fallback if no module succeeds",
        ),
        (
            "# and here are more per-package modules (the \"Additional\" block)",
            "# end of pam-auth-update config",
        ),
    ];
    let (mut file, mut next, mut inside) = (String::new(), 0, false);
    for line in template.lines() {
        if inside && !line.starts_with(markers[next].1) {
            continue;
        }
        let _ = writeln!(file, "{line}");
        if inside {
            (next, inside) = (next + 1, false);
        } else if markers.get(next).is_some_and(|(begin, _)| line.starts_with(begin)) {
            modules(&mut file, word, &blocks[next], next == 1);
            inside = true;
        }
    }
    if next < 2 {
        return Err(Flaw::form(&path, "it lacks a block"));
    }
    let mut saved = String::new();
    for (name, lines) in &blocks[0] {
        let _ = write!(saved, "Module: {name}\n{lines}\n");
    }
    if blocks[0].is_empty() {
        saved.push_str("Module: null\n[default=1]\t\t\tpam_permit.so\n");
    }
    for (name, lines) in &blocks[1] {
        let _ = write!(saved, "Module: {name}\n{lines}\n");
    }
    Ok((file, saved))
}

/// The lines of a block; `end` in a line's control is the number of lines that are left to jump over.
fn modules(file: &mut String, word: &str, block: &[(&str, &str)], additional: bool) {
    let all: Vec<&str> =
        block.iter().flat_map(|(_, lines)| lines.lines()).filter(|line| !line.is_empty()).collect();
    if !additional && all.is_empty() {
        let _ = writeln!(file, "{word}\t[default=1]\t\t\tpam_permit.so");
    }
    let mut left = all.len() - usize::from(additional && !all.is_empty());
    for line in all {
        let control = match line.starts_with('[') {
            true => line.find(']').map_or(line.len(), |end| end + 1),
            false => line.find(char::is_whitespace).unwrap_or(line.len()),
        };
        let space = line[control..].len() - line[control..].trim_start().len();
        let module = &line[control + space..];
        let end = module.find(char::is_whitespace).unwrap_or(module.len());
        let options: Vec<&str> = module[end..].split_whitespace().collect();
        let head = line[..control + space + end].replace("end", &left.to_string());
        let _ = writeln!(file, "{word}\t{head} {}", options.join(" "));
        left = left.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for kind in TYPES {
            let template = "# about\n# here are the per-package modules (the \"Primary\" block)\n$primary\n\
                # here's the fallback if no module succeeds\nx requisite pam_deny.so\n\
                # and here are more per-package modules (the \"Additional\" block)\n$additional\n# end of pam-auth-update config\n";
            tree.put(&format!("usr/share/pam/common-{kind}"), Node::file(0o644, template)).unwrap();
        }
        let unix = "Name: Unix\nDefault: yes\nPriority: 256\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_unix.so try_first_pass\n\
            Auth-Initial:\n\t[success=end default=ignore]\tpam_unix.so nullok\nSession-Type: Additional\nSession:\n\trequired\tpam_unix.so\n";
        let home = "Name: Home\nDefault: no\nPriority: 0\nSession-Type: Additional\nSession-Interactive-Only: yes\nSession:\n\toptional\tpam_mkhomedir.so\n";
        tree.put("usr/share/pam-configs/unix", Node::file(0o644, unix)).unwrap();
        tree.put("usr/share/pam-configs/mkhomedir", Node::file(0o644, home)).unwrap();
        tree
    }

    fn lines(tree: &Tree, kind: &str) -> Vec<String> {
        let file = text(tree, &format!("etc/pam.d/common-{kind}")).unwrap().unwrap();
        file.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn the_profiles_that_are_on_by_default_stand_in_their_blocks() {
        let mut tree = tree();
        update(&mut tree).unwrap();
        assert_eq!(
            lines(&tree, "auth"),
            ["auth\t[success=1 default=ignore]\tpam_unix.so nullok", "x requisite pam_deny.so"]
        );
        assert_eq!(
            lines(&tree, "session-noninteractive"),
            [
                "session\t[default=1]\t\t\tpam_permit.so",
                "x requisite pam_deny.so",
                "session\trequired\tpam_unix.so "
            ]
        );
        assert_eq!(text(&tree, "var/lib/pam/seen").unwrap().unwrap(), "unix\nmkhomedir\n");
        let saved = "Module: unix\n[success=end default=ignore]\tpam_unix.so nullok\n";
        assert_eq!(text(&tree, "var/lib/pam/auth").unwrap().unwrap(), saved);
    }

    #[test]
    fn a_profile_that_comes_later_joins_the_others() {
        let mut tree = tree();
        update(&mut tree).unwrap();
        let systemd = "Default: yes\nPriority: 512\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_first.so\n";
        tree.put("usr/share/pam-configs/first", Node::file(0o644, systemd)).unwrap();
        update(&mut tree).unwrap();
        assert_eq!(
            lines(&tree, "auth")[..2],
            [
                "auth\t[success=2 default=ignore]\tpam_first.so ",
                "auth\t[success=1 default=ignore]\tpam_unix.so try_first_pass"
            ]
        );
    }

    #[test]
    fn a_file_that_was_changed_by_hand_is_refused() {
        let mut tree = tree();
        update(&mut tree).unwrap();
        tree.put("etc/pam.d/common-auth", Node::file(0o644, "auth required pam_ldap.so\n"))
            .unwrap();
        assert!(update(&mut tree).is_err());
    }
}
