//! Where a value is: `services.ray.cpu.image`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Keys from the top of the document to a value; in a list, the position (from 0) is the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ConfigPath(Vec<String>);

/// Text that is no dotted path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path such as services.ray.cpu.image")]
pub struct BadPath(pub String);

impl ConfigPath {
    /// The keys, outermost first; never empty.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// The innermost key.
    pub fn key(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The path without its last key; `None` at the top of the document.
    pub fn parent(&self) -> Option<ConfigPath> {
        let (_, parent) = self.0.split_last()?;
        (!parent.is_empty()).then(|| ConfigPath(parent.to_vec()))
    }

    /// The path of `key` below this one.
    pub fn join(&self, key: &str) -> ConfigPath {
        let mut keys = self.0.clone();
        keys.push(key.to_owned());
        ConfigPath(keys)
    }
}

impl FromStr for ConfigPath {
    type Err = BadPath;
    fn from_str(text: &str) -> Result<Self, BadPath> {
        let keys: Vec<_> = text.split('.').map(str::to_owned).collect();
        if keys.iter().any(String::is_empty) {
            return Err(BadPath(text.to_owned()));
        }
        Ok(ConfigPath(keys))
    }
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.join("."))
    }
}

impl From<ConfigPath> for String {
    fn from(path: ConfigPath) -> String {
        path.to_string()
    }
}

impl TryFrom<String> for ConfigPath {
    type Error = BadPath;
    fn try_from(text: String) -> Result<Self, BadPath> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_dotted_keys() {
        let path: ConfigPath = "services.ray.image".parse().unwrap();
        assert_eq!(path.key(), "image");
        assert_eq!(path.parent().unwrap().join("build").to_string(), "services.ray.build");
        assert_eq!("image".parse::<ConfigPath>().unwrap().parent(), None);
        for text in ["", "a..b", ".a", "a."] {
            assert!(text.parse::<ConfigPath>().is_err(), "{text}");
        }
    }
}
