//! Names of groups, images, sources and profiles.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
                if text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                    && text.chars().all(ok)
                {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadName(text.to_owned()))
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }
    };
}

/// Text that is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use lowercase letters, digits, `-`, `_` and `.`")]
pub struct BadName(pub String);

name_type!(
    /// A group's name.
    GroupName
);
name_type!(
    /// An image's name: the Dockerfile target and the repository's last part.
    ImageName
);
name_type!(
    /// A source's name, as the lock records it.
    SourceName
);
name_type!(
    /// A profile's name: a part of its lock's file name.
    ProfileName
);
