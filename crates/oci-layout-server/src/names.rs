//! Names as the distribution spec allows them: what parsed can be a path below the layout.

use std::fmt;
use std::str::FromStr;

/// The longest name; with a host before it, it still is a reference other tools take.
const LONGEST: usize = 255;

/// The name of a repository, such as `team/ray-runtime`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository(String);

/// A tag: up to 128 letters, digits and `_.-`, not beginning with `.` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(String);

/// Text that is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of that kind")]
pub struct BadName(String);

impl Repository {
    /// Whether it is `PREFIX/…`.
    pub(crate) fn is_below(&self, prefix: &str) -> bool {
        self.0.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl FromStr for Repository {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = text.len() <= LONGEST && text.split('/').all(is_component);
        if fits { Ok(Repository(text.to_owned())) } else { Err(BadName(text.to_owned())) }
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(is_word).filter(|separator| !separator.is_empty());
    let known = |s: &str| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    text.starts_with(is_word) && text.ends_with(is_word) && separators.into_iter().all(known)
}

impl FromStr for Tag {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let fits = text.len() <= 128
            && text.starts_with(word)
            && text.chars().all(|c| word(c) || matches!(c, '.' | '-'));
        if fits { Ok(Tag(text.to_owned())) } else { Err(BadName(text.to_owned())) }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_name_cannot_become_a_path() {
        for name in ["a", "team/ray-runtime", "a.b/c_d/e__f/g---h", "0/1"] {
            assert_eq!(name.parse::<Repository>().unwrap().to_string(), name);
        }
        let long = "a/".repeat(128) + "a";
        for name in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            ".a",
            "a.",
            "a..b",
            "a___b",
            "a.-b",
            "A",
            "a b",
            "_blobs",
            "a/_uploads",
            "é",
            "a\\b",
            "a\0",
            &long,
        ] {
            assert!(name.parse::<Repository>().is_err(), "{name}");
        }
        for tag in ["latest", "v1.2-x", "_x", &"t".repeat(128)] {
            assert!(tag.parse::<Tag>().is_ok(), "{tag}");
        }
        for tag in ["", ".x", "-x", "a/b", "a:b", "..", "é", &"t".repeat(129)] {
            assert!(tag.parse::<Tag>().is_err(), "{tag}");
        }
    }
}
