//! Where the user's settings are read from: environment, project folder, build.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::OnceLock;

use camino::Utf8PathBuf;

/// The places where settings are looked for, as a value.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The project folder.
    pub project: Utf8PathBuf,
    /// The address that the program was built with ([`built_with`]).
    pub built_in: Option<String>,
}

/// The argument of [`built_with`].
static BUILT_WITH: OnceLock<&str> = OnceLock::new();

/// Sets the address of PyPI that this program was built with, as published ones are (ci/wheel.sh). The program sets it and
/// not the library, which need not be compiled again for another address. Only the first call counts.
pub fn built_with(address: Option<&'static str>) {
    if let Some(address) = address.filter(|address| !address.is_empty()) {
        BUILT_WITH.get_or_init(|| address);
    }
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process(project: impl Into<Utf8PathBuf>) -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            project: project.into(),
            built_in: BUILT_WITH.get().map(|address| (*address).to_owned()),
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|v| !v.trim().is_empty())
    }
}

/// Whether the error says that there is no such file.
pub(super) fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}
