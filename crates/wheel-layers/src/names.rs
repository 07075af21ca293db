//! Names in a wheel: only plain relative paths, and no two different things at one.

use std::collections::HashMap;

use crate::flaw::Flaw;
use crate::zip::Member;

/// No file system takes longer names (bytes).
const LONGEST: usize = 255;

/// Whether a member's name is a plain path, below wherever it is unpacked on any system. A folder
/// ends in one slash.
pub(crate) fn check(name: &str) -> Result<(), Flaw> {
    let path = name.strip_suffix('/').unwrap_or(name);
    let drive = path.as_bytes().get(1) == Some(&b':');
    let refused = [
        (name.starts_with('/'), "absolute"),
        (name.contains('\\'), "a backslash"),
        (drive, "a drive"),
        (name.contains(|c: char| c.is_control()), "a control character"),
        (path.split('/').any(|part| part == ".."), "`..`"),
        (path.split('/').any(|part| part.is_empty() || part == "."), "an empty part or `.`"),
        (path.split('/').any(|part| part.len() > LONGEST), "a part of more than 255 bytes"),
    ];
    match refused.into_iter().find(|(bad, _)| *bad) {
        Some((_, why)) => Err(Flaw::Path(why)),
        None => Ok(()),
    }
}

/// Whether no two of these members, whose names [`check`] let pass, are different things at one path; else the one that
/// is in the way. Images are for Linux: names that differ in case are two names.
pub(crate) fn distinct(members: &[Member]) -> Result<(), (&Member, Flaw)> {
    // Members that agree in what the directory says of them are one file, written twice.
    let content = |m: &Member| (m.crc32, m.unpacked, m.mode);
    let mut files = HashMap::with_capacity(members.len());
    for member in members.iter().filter(|member| !member.name.ends_with('/')) {
        let before = files.insert(member.name.as_str(), content(member));
        if before.is_some_and(|before| before != content(member)) {
            return Err((member, Flaw::Duplicate));
        }
    }
    let mut folder_before = "";
    for member in members {
        let folder = member.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        // Neighbours mostly lie in one folder.
        if folder == folder_before {
            continue;
        }
        let mut ways = member.name.match_indices('/').map(|(end, _)| &member.name[..end]);
        if ways.any(|way| files.contains_key(way)) {
            return Err((member, Flaw::FileAndFolder));
        }
        folder_before = folder;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        for name in ["a", "a/b.py", "a/", "a/..b/c..", "übung.py", "a b/c,d"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        let long = format!("a/{}", "x".repeat(256));
        let refused = [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/../../b",
            "a/..",
            "a\\b",
            "C:a",
            "c:/a",
            "a//b",
            "./a",
            "a/./b",
            "a//",
            "a\0b",
            "a\nb",
            &long,
        ];
        for name in refused {
            assert!(matches!(check(name), Err(Flaw::Path(_))), "{name:?}");
        }
    }

    /// A member with this name, and bytes that are another file's where `other`.
    fn member(name: &str, other: bool) -> Member {
        Member {
            name: name.to_owned(),
            method: 8,
            crc32: u32::from(other),
            packed: 2,
            unpacked: 0,
            offset: 0,
            flags: 0,
            mode: 0o100_644,
            clear_name: true,
        }
    }

    fn of(names: &[&str]) -> Result<(), Flaw> {
        let members: Vec<_> = names.iter().map(|name| member(name, false)).collect();
        distinct(&members).map_err(|(_, flaw)| flaw)
    }

    #[test]
    fn names_that_are_two_things_are_refused() {
        for names in
            [["a/b", "a/", "a/c", "b"], ["a/", "a/b", "a/", "a/b"], ["a/b", "a/B", "A/c", "Ä"]]
        {
            assert_eq!(of(&names), Ok(()), "{names:?}");
        }
        let twice = [member("a/b", false), member("a/c", false), member("a/b", true)];
        assert_eq!(distinct(&twice), Err((&twice[2], Flaw::Duplicate)));
        for names in [["a", "a/b"], ["a/b", "a"], ["a/", "a"], ["a/b/c/d", "a/b"]] {
            assert_eq!(of(&names), Err(Flaw::FileAndFolder), "{names:?}");
        }
    }
}
