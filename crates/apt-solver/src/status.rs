//! What is installed in a base image: dpkg's `status`, and the files of `status.d` that distroless images have instead.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::stanza::{Stanza, stanzas};
use crate::version::{BadVersion, Version};

/// What dpkg's database says of a root, borrowed from its text. The default is an empty root.
#[derive(Debug, Clone, Default)]
pub struct Status<'t> {
    entries: BTreeMap<(&'t str, &'t str), Entry<'t>>,
}

/// One package of the database.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'t> {
    /// How far its installation has come.
    pub state: State,
    /// Whether the administrator wants it left at its version (`hold`).
    pub is_held: bool,
    /// The version that is there.
    pub version: Version<'t>,
    /// All that is said of it.
    pub stanza: Stanza<'t>,
}

/// The states in which a package is there (dpkg(1), "Package states").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Installed, perhaps with triggers to be run.
    Installed,
    /// Unpacked or half-configured: its files are there, its postinst has not been run, or failed.
    Unpacked,
    /// Its installation began and was not finished.
    HalfInstalled,
}

/// A database that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadStatus {
    /// A field that every package has.
    #[error("dpkg's database has a stanza without the field {field}: {begin}")]
    Missing {
        /// Which one.
        field: &'static str,
        /// How the stanza begins.
        begin: String,
    },
    /// A state that dpkg does not know.
    #[error("dpkg's database says of {package} the unknown status `{status}`")]
    Status {
        /// Of which package.
        package: String,
        /// What it says.
        status: String,
    },
    /// Its version.
    #[error("dpkg's database says of {package}: {bad}")]
    Version {
        /// Of which package.
        package: String,
        /// What is wrong.
        bad: BadVersion,
    },
    /// One package of one architecture twice.
    #[error("dpkg's database has {package} ({architecture}) twice")]
    Twice {
        /// Which one.
        package: String,
        /// For which architecture.
        architecture: String,
    },
}

impl<'t> Status<'t> {
    /// Reads the text of `/var/lib/dpkg/status`, or the texts of all files in `status.d` but for those named `*.md5sums`.
    /// A stanza without a field Status is of a package that is installed. Packages that are not there (any more) are left
    /// out, also those of which configuration files remain.
    ///
    /// # Errors
    ///
    /// [`BadStatus`]
    pub fn read(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, BadStatus> {
        let mut entries = BTreeMap::new();
        for stanza in texts.into_iter().flat_map(stanzas) {
            let Some((key, entry)) = read_entry(stanza)? else { continue };
            if entries.insert(key, entry).is_some() {
                let (package, architecture) = (key.0.to_owned(), key.1.to_owned());
                return Err(BadStatus::Twice { package, architecture });
            }
        }
        Ok(Self { entries })
    }

    /// What is there: name, architecture as stated (`all` is one), and the rest, sorted.
    pub fn entries(&self) -> impl Iterator<Item = (&'t str, &'t str, &Entry<'t>)> {
        self.entries.iter().map(|((name, architecture), entry)| (*name, *architecture, entry))
    }

    /// How many packages are there.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

type Keyed<'t> = ((&'t str, &'t str), Entry<'t>);

fn read_entry(stanza: Stanza<'_>) -> Result<Option<Keyed<'_>>, BadStatus> {
    let field = |name| {
        let begin = || stanza.as_str().lines().next().unwrap_or_default().to_owned();
        stanza.field(name).ok_or_else(|| BadStatus::Missing { field: name, begin: begin() })
    };
    let name = field("Package")?;
    let status = stanza.field("Status").unwrap_or("install ok installed");
    let mut words = status.split_ascii_whitespace();
    let (want, _flag, state) = (words.next(), words.next(), words.next());
    let state = match state {
        Some("installed" | "triggers-awaited" | "triggers-pending") => State::Installed,
        Some("unpacked" | "half-configured") => State::Unpacked,
        Some("half-installed") => State::HalfInstalled,
        Some("not-installed" | "config-files") => return Ok(None),
        _ => return Err(BadStatus::Status { package: name.to_owned(), status: status.to_owned() }),
    };
    let version = Version::parse(field("Version")?)
        .map_err(|bad| BadStatus::Version { package: name.to_owned(), bad })?;
    let entry = Entry { state, is_held: want == Some("hold"), version, stanza };
    Ok(Some(((name, field("Architecture")?), entry)))
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installed => "installed",
            Self::Unpacked => "unpacked and not configured",
            Self::HalfInstalled => "half installed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.39-0ubuntu8.4

Package: libnccl2
Status: hold ok installed
Architecture: amd64
Version: 2.27.3-1+cuda13.0

Package: old
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: never
Status: unknown ok not-installed

Package: broken
Status: install reinstreq half-installed
Architecture: all
Version: 1
";
    const STATUS_D: &str =
        "Package: base-files\nVersion: 13.8\nArchitecture: amd64\nDescription: of distroless\n";

    #[test]
    fn what_is_there_is_known_with_its_state() {
        let status = Status::read([STATUS, STATUS_D]).unwrap();
        let known: Vec<_> = status
            .entries()
            .map(|(name, architecture, entry)| (name, architecture, entry.state, entry.is_held))
            .collect();
        assert_eq!(
            known,
            [
                ("base-files", "amd64", State::Installed, false),
                ("broken", "all", State::HalfInstalled, false),
                ("libc6", "amd64", State::Installed, false),
                ("libnccl2", "amd64", State::Installed, true),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_by_package() {
        let bad = |text: &'static str| Status::read([text]).unwrap_err().to_string();
        assert!(bad("Package: a\nVersion: 1\n").contains("Architecture: Package: a"));
        assert!(bad("Package: a\nVersion: 1_2\nArchitecture: all\n").contains("of a: "));
        assert!(
            bad("Package: a\nStatus: install ok perfect\nVersion: 1\n")
                .contains("of a the unknown")
        );
        let twice = "Package: a\nVersion: 1\nArchitecture: all\n";
        assert!(Status::read([twice, twice]).unwrap_err().to_string().contains("a (all) twice"));
    }
}
