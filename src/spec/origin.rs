//! The place of something in a file.

use std::fmt;

/// The spec's file name in the project folder.
pub const FILE_NAME: &str = "envlock.toml";

/// The file and line of something that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// As it is shown: `envlock.toml`, `deps/constraints.txt`.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
