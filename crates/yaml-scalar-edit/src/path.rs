//! Where a value is: `services.web.image`, `spec.containers[name=web].image`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Keys from the top of the document to a value. In a list, the position (from 0) is the key, `[0]`, or what the
/// item has, `[name=web]`; a file of several documents is a list of them. A key with a dot or bracket in it stands in
/// double quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct YamlPath(Vec<String>);

/// Text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path such as services.web.image or spec.containers[name=web].image")]
pub struct InvalidPath(pub String);

impl YamlPath {
    /// The keys, outermost first; never empty. What selects an item by what it has is in brackets.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// The innermost key.
    pub fn key(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The path without its last key; `None` at the top of the document.
    pub fn parent(&self) -> Option<YamlPath> {
        let (_, parent) = self.0.split_last()?;
        (!parent.is_empty()).then(|| YamlPath(parent.to_vec()))
    }

    /// The path of `key` below this one.
    pub fn join(&self, key: &str) -> YamlPath {
        let mut keys = self.0.clone();
        keys.push(key.to_owned());
        YamlPath(keys)
    }

    /// A path of these keys, as they are; at least one.
    pub(crate) fn of(keys: Vec<String>) -> Self {
        YamlPath(keys)
    }
}

/// What an item must have: a path below it and the text there. `None` for a key that is no such selector.
pub(crate) fn conditions(key: &str) -> Option<Vec<(Vec<&str>, &str)>> {
    let inner = key.strip_prefix('[')?.strip_suffix(']')?;
    let condition = |text| {
        let (path, value): (&str, &str) = str::split_once(text, '=')?;
        let keys: Vec<_> = path.split('.').collect();
        (!value.is_empty() && keys.iter().all(|key| !key.is_empty())).then_some((keys, value))
    };
    inner.split(',').map(condition).collect()
}

impl FromStr for YamlPath {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        parse(text).map(YamlPath).ok_or_else(|| InvalidPath(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Vec<String>> {
    let (mut keys, mut rest) = (Vec::new(), text);
    loop {
        let is_first = keys.is_empty();
        rest = match rest.chars().next() {
            None => return (!is_first).then_some(keys),
            Some('[') => {
                let end = rest.find(']')?;
                let inner = &rest[1..end];
                match inner.bytes().all(|b| b.is_ascii_digit()) && !inner.is_empty() {
                    true => keys.push(inner.to_owned()),
                    false => {
                        conditions(&rest[..=end])?;
                        keys.push(rest[..=end].to_owned());
                    }
                }
                &rest[end + 1..]
            }
            Some('.') if is_first => return None,
            Some(first) => {
                let key = match first {
                    '.' => &rest[1..],
                    _ if is_first => rest,
                    // After a bracket comes a dot.
                    _ => return None,
                };
                let (key, after) = match key.strip_prefix('"') {
                    Some(quoted) => quoted.split_once('"')?,
                    None => key.split_at(key.find(['.', '[']).unwrap_or(key.len())),
                };
                if key.is_empty() || key.starts_with('[') || key.contains(['"', ']']) {
                    return None;
                }
                keys.push(key.to_owned());
                after
            }
        };
    }
}

impl fmt::Display for YamlPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for key in &self.0 {
            let is_selector = key.starts_with('[');
            if !text.is_empty() && !is_selector {
                text.push('.');
            }
            match !is_selector && key.contains(['.', '[']) {
                true => text += &format!("\"{key}\""),
                false => text += key,
            }
        }
        f.pad(&text)
    }
}

impl From<YamlPath> for String {
    fn from(path: YamlPath) -> String {
        path.to_string()
    }
}

impl TryFrom<String> for YamlPath {
    type Error = InvalidPath;
    fn try_from(text: String) -> Result<Self, InvalidPath> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_dotted_keys() {
        let path: YamlPath = "services.ray.image".parse().unwrap();
        assert_eq!(path.key(), "image");
        assert_eq!(path.parent().unwrap().join("build").to_string(), "services.ray.build");
        assert_eq!("image".parse::<YamlPath>().unwrap().parent(), None);
    }

    #[test]
    fn items_are_named_by_position_or_by_what_they_have() {
        for (text, keys, shown) in [
            ("a[0].b", &["a", "0", "b"][..], "a.0.b"),
            ("a.0.b", &["a", "0", "b"], "a.0.b"),
            ("a[name=x.y].b", &["a", "[name=x.y]", "b"], "a[name=x.y].b"),
            (
                "[kind=Job,metadata.name=n].a",
                &["[kind=Job,metadata.name=n]", "a"],
                "[kind=Job,metadata.name=n].a",
            ),
            ("[1][2]", &["1", "2"], "1.2"),
            ("m.\"x.io/image\".k", &["m", "x.io/image", "k"], "m.\"x.io/image\".k"),
            ("\"a[b\"", &["a[b"], "\"a[b\""),
        ] {
            let path: YamlPath = text.parse().unwrap();
            assert_eq!(
                (path.keys(), path.to_string().as_str()),
                (&*keys.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>(), shown)
            );
            assert_eq!(shown.parse::<YamlPath>().unwrap(), path);
        }
        let name = "[kind=Job,metadata.name=n]";
        let expected = vec![(vec!["kind"], "Job"), (vec!["metadata", "name"], "n")];
        assert_eq!((conditions(name), conditions("kind=Job")), (Some(expected), None));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "",
            "a..b",
            ".a",
            "a.",
            "a[",
            "a[]",
            "a[x]",
            "a[=x]",
            "a[x=]",
            "a[0]b",
            "a]",
            "a.[0]",
            "\"",
            "\"\"",
            "\"a",
            "\"[a=b]\"",
            "a\"b",
            "a[.=x]",
        ] {
            assert!(text.parse::<YamlPath>().is_err(), "{text}");
        }
    }
}
