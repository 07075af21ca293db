//! File names of wheels, taken apart in place: a page has thousands and most are dropped.

use pep440_rs::Version;
use pep508_rs::PackageName;

/// A wheel's file name in its parts (PEP 427), borrowed from the name. Tags may be sets
/// (`cp310.cp311`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WheelName<'a> {
    /// As written, `torch_geometric`.
    pub distribution: &'a str,
    /// As written, local part included.
    pub version: &'a str,
    /// The build tag, `3` in `torch-2.10.0-3-cp314-…`; empty when there is none.
    pub build: &'a str,
    /// `cp314`, `py2.py3`
    pub python: &'a str,
    /// `cp314`, `abi3`, `none`
    pub abi: &'a str,
    /// `manylinux_2_17_x86_64.manylinux2014_x86_64`, `any`
    pub platform: &'a str,
}

/// A file name that is not a wheel's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a wheel")]
pub struct BadWheelName(pub String);

impl<'a> WheelName<'a> {
    /// Takes a decoded file name (`+`, not `%2B`) apart.
    ///
    /// # Errors
    ///
    /// [`BadWheelName`] for any other name.
    pub fn parse(file: &'a str) -> Result<Self, BadWheelName> {
        Self::split(file).ok_or_else(|| BadWheelName(file.to_owned()))
    }

    /// The same without an error to look at, for pages full of other files.
    pub fn split(file: &'a str) -> Option<Self> {
        let stem = file.strip_suffix(".whl")?;
        let mut back = stem.rsplitn(4, '-');
        let (platform, abi, python) = (back.next()?, back.next()?, back.next()?);
        let mut front = back.next()?.split('-');
        let (distribution, version) = (front.next()?, front.next()?);
        let build = front.next().unwrap_or_default();
        let numbered = build.is_empty() || build.starts_with(|c: char| c.is_ascii_digit());
        let whole = [distribution, version, python, abi, platform].iter().all(|p| !p.is_empty());
        (numbered && whole && front.next().is_none()).then_some(Self {
            distribution,
            version,
            build,
            python,
            abi,
            platform,
        })
    }

    /// The normalized project name.
    pub fn name(&self) -> Option<PackageName> {
        self.distribution.parse().ok()
    }

    /// The version, when it is one of PEP 440.
    pub fn version(&self) -> Option<Version> {
        self.version.parse().ok()
    }

    /// Whether a METADATA with this name and version can be this wheel's. Indexes add local parts (`+cu130`) to file
    /// names; any other difference is one that pip and uv refuse, too.
    pub fn is_of(&self, name: &PackageName, version: &Version) -> bool {
        same_project(self.distribution, name)
            && self.version().is_some_and(|stated| same_version(&stated, version))
    }

    /// How build tags sort: by their number, then by the rest; none sorts first.
    pub fn build_order(&self) -> (Option<u64>, &'a str) {
        let digits = self.build.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.build.split_at(digits);
        (number.parse().ok(), rest)
    }
}

/// Whether `written` normalizes (PEP 503) to `name`, without allocating.
pub fn same_project(written: &str, name: &PackageName) -> bool {
    let is_separator = |b: u8| matches!(b, b'-' | b'_' | b'.');
    let bytes = written.as_bytes();
    let normal = bytes.iter().enumerate().filter_map(|(i, &byte)| {
        if !is_separator(byte) {
            return Some(byte.to_ascii_lowercase());
        }
        let repeated = i > 0 && is_separator(bytes[i - 1]);
        (!repeated).then_some(b'-')
    });
    normal.eq(name.as_ref().bytes())
}

/// Whether METADATA that says `version` can be in a file that says `stated`.
pub fn same_version(stated: &Version, version: &Version) -> bool {
    stated == version || (!version.is_local() && stated.clone().without_local() == *version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_build_tag_come_apart() {
        let plain =
            WheelName::parse("pyg_lib-0.7.0+pt212cu130-cp314-cp314-linux_x86_64.whl").unwrap();
        assert_eq!(plain.name().unwrap().as_ref(), "pyg-lib");
        assert_eq!(plain.version().unwrap().to_string(), "0.7.0+pt212cu130");
        assert_eq!((plain.build, plain.python, plain.abi), ("", "cp314", "cp314"));
        let built =
            WheelName::parse("torch-2.10.0-3-cp314-cp314-manylinux_2_28_x86_64.whl").unwrap();
        assert_eq!(built.version, "2.10.0");
        assert_eq!(built.build_order(), (Some(3), ""));
        assert!(plain.build_order() < built.build_order());
        let tenth = WheelName::parse("torch-2.10.0-10rc-cp314-cp314-any.whl").unwrap();
        assert!(built.build_order() < tenth.build_order());
    }

    #[test]
    fn other_files_are_refused() {
        for file in [
            "torch-2.10.0.tar.gz",
            "torch-2.10.0-cp314-any.whl",
            "torch-2.10.0-x-cp314-cp314-any.whl",
            "torch-2.10.0-1-2-cp314-cp314-any.whl",
            "-1-py3-none-any.whl",
            ".whl",
            "",
        ] {
            assert!(WheelName::parse(file).is_err(), "{file}");
        }
    }

    #[test]
    fn spellings_of_a_name_are_the_same_project() {
        let name = "torch-geometric".parse().unwrap();
        for written in ["torch_geometric", "Torch.Geometric", "torch-_.geometric"] {
            assert!(same_project(written, &name), "{written}");
        }
        assert!(!same_project("torch", &name) && !same_project("torch-geometric-x", &name));
    }
}
