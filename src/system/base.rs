//! What a base image's file system says of its distribution and its packages. Pure.

use deb_layers::{ReadError, Tree};

use super::{ChoiceError, Distribution};

/// dpkg's list of what is installed, and the folder of such lists in images without dpkg.
const STATUS: &str = "var/lib/dpkg/status";
const STATUS_PARTS: &str = "var/lib/dpkg/status.d";

/// A base image, as package management sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasePackages {
    /// Whose packages it has.
    pub distribution: Distribution,
    /// The suite, as os-release calls it: `trixie`.
    pub codename: String,
    /// dpkg's status: one text, or a text for each package.
    pub status: Vec<String>,
}

impl BasePackages {
    /// Reads os-release and dpkg's status. `name` is the image's, for errors.
    ///
    /// # Errors
    /// [`ChoiceError::Base`]: no Debian or Ubuntu, no name of its suite, files that cannot be read.
    pub fn of(tree: &Tree, name: &str) -> Result<Self, ChoiceError> {
        let unfit = |why: String| ChoiceError::Base { base: name.to_owned(), why };
        let text = |path: &str| -> Result<Option<String>, ChoiceError> {
            match tree.read(path) {
                Ok(bytes) => Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
                Err(ReadError::NoFile(_)) => Ok(None),
                Err(error) => Err(unfit(format!("/{path}: {error}"))),
            }
        };
        let release = match text("etc/os-release")? {
            Some(release) => release,
            None => text("usr/lib/os-release")?
                .ok_or_else(|| unfit("it has no /etc/os-release".to_owned()))?,
        };
        let value = |key: &str| {
            // As a shell reads it: the last one counts.
            let lines = release.lines().rev().filter_map(|line| line.split_once('='));
            let mut values = lines.filter(|(name, _)| *name == key);
            values.next().map(|(_, value)| value.trim_matches('"').to_owned())
        };
        let id = value("ID").unwrap_or_default();
        let distribution = id.parse().map_err(|unknown: super::UnknownDistribution| {
            unfit(format!("its os-release has ID={id}: {unknown}"))
        })?;
        let codename = value("VERSION_CODENAME").ok_or_else(|| {
            unfit("its os-release has no VERSION_CODENAME, the name of its suite".to_owned())
        })?;
        let mut status: Vec<String> = text(STATUS)?.into_iter().collect();
        let parts: Vec<String> = tree
            .inside(STATUS_PARTS)
            .map(|(path, _)| path.to_owned())
            .filter(|path| !path.ends_with(".md5sums"))
            .collect();
        for part in parts {
            status.extend(text(&part)?);
        }
        if status.is_empty() {
            return Err(unfit("it has no dpkg status, which says what is installed".to_owned()));
        }
        Ok(BasePackages { distribution, codename, status })
    }

    /// The suites that packages are taken from, the first of which must be there: the base's own and those that update it.
    pub fn suites(&self) -> Vec<String> {
        let updates = ["", "-updates", "-security"].iter();
        updates.map(|update| format!("{}{update}", self.codename)).collect()
    }

    /// The components that are supported, where the spec names none.
    pub fn components(&self) -> Vec<String> {
        let names = match self.distribution {
            Distribution::Debian => &["main"][..],
            Distribution::Ubuntu => &["main", "universe"],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use deb_layers::Node;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.put(path, Node::file(0o644, (*text).to_owned())).unwrap();
        }
        tree
    }

    const RELEASE: &str = "PRETTY_NAME=\"Ubuntu\"\nID=ubuntu\nVERSION_CODENAME=noble\n";

    #[test]
    fn a_base_says_whose_packages_it_has() {
        let mut base = tree(&[("usr/lib/os-release", RELEASE), (STATUS, "Package: a\n")]);
        base.put("etc/os-release", Node::symlink("../usr/lib/os-release")).unwrap();
        let found = BasePackages::of(&base, "x").unwrap();
        assert_eq!((found.distribution, found.codename.as_str()), (Distribution::Ubuntu, "noble"));
        assert_eq!(found.suites(), ["noble", "noble-updates", "noble-security"]);
        assert_eq!(found.status, ["Package: a\n"]);
    }

    #[test]
    fn a_base_without_dpkg_has_a_text_for_each_package() {
        let part = |name: &str| format!("{STATUS_PARTS}/{name}");
        let (a, b, sums) = (part("a"), part("b"), part("b.md5sums"));
        let release = RELEASE.replace("ubuntu", "debian");
        let base = tree(&[
            ("etc/os-release", &release),
            (&a, "Package: a\n"),
            (&b, "Package: b\n"),
            (&sums, "00 x"),
        ]);
        assert_eq!(BasePackages::of(&base, "x").unwrap().status, ["Package: a\n", "Package: b\n"]);
    }

    #[test]
    fn what_is_no_debian_or_lacks_a_status_is_refused() {
        for (files, why) in [
            (&[][..], "no /etc/os-release"),
            (&[("etc/os-release", "ID=alpine\n")], "ID=alpine"),
            (&[("etc/os-release", "ID=debian\n")], "VERSION_CODENAME"),
            (&[("etc/os-release", RELEASE)], "dpkg status"),
        ] {
            let error = BasePackages::of(&tree(files), "the base").unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("the base"), "{error}");
        }
    }
}
