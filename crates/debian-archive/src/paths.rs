//! Where files of an archive are, relative to its address.

use oci_digest::Sha256;

use crate::release::{Listed, Release};
use crate::release_error::ReleaseError;

/// How a list of packages is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
}

/// A list of packages as it can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Relative to the Release file's folder: `main/binary-amd64/Packages.xz`.
    pub path: String,
    /// How it is compressed.
    pub compression: Compression,
    /// Size and hash of it as it is fetched.
    pub listed: Listed,
    /// Size and hash of the text in it, where the archive states them.
    pub unpacked: Option<Listed>,
    /// The path by its hash, where the archive has such: it never changes under one's hands, as `path` does while a mirror is
    /// updated.
    pub by_hash: Option<String>,
}

impl Compression {
    /// Of the ending of a name.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Xz => ".xz",
            Compression::Zstd => ".zst",
        }
    }
}

impl Release {
    /// The lists of packages of a component for an architecture (`amd64`, `all`), the smallest first. For a flat archive, the
    /// component is empty.
    ///
    /// # Errors
    /// The archive has no such component, nothing for this architecture, or lists in other formats only.
    pub fn packages(
        &self,
        component: &str,
        architecture: &str,
    ) -> Result<Vec<IndexFile>, ReleaseError> {
        let is_flat = component.is_empty();
        // `updates/main` in suites for security is asked for, and lies, below `main`.
        let last = |name: &String| name.rsplit('/').next() == Some(component);
        if !is_flat && !self.components.is_empty() && !self.components.iter().any(last) {
            let (component, there) = (component.to_owned(), self.components.join(", "));
            return Err(ReleaseError::NoComponent { component, there });
        }
        let has = self.architectures.iter().any(|has| has == architecture);
        if !self.architectures.is_empty() && !has {
            let (architecture, there) = (architecture.to_owned(), self.architectures.join(", "));
            return Err(ReleaseError::NoArchitecture { architecture, there });
        }
        let plain = match is_flat {
            true => "Packages".to_owned(),
            false => format!("{component}/binary-{architecture}/Packages"),
        };
        let all = [Compression::Xz, Compression::Zstd, Compression::Gzip, Compression::None];
        let found = all.into_iter().filter_map(|compression| self.index(&plain, compression));
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|file| file.listed.size);
        if found.is_empty() {
            return Err(ReleaseError::NoPackages(plain));
        }
        Ok(found)
    }

    fn index(&self, plain: &str, compression: Compression) -> Option<IndexFile> {
        let path = format!("{plain}{}", compression.suffix());
        let listed = self.file(&path)?.clone();
        let by_hash = self.acquire_by_hash.then(|| by_hash(&path, listed.sha256));
        Some(IndexFile { unpacked: self.file(plain).cloned(), path, compression, listed, by_hash })
    }
}

/// Where a file lies by its hash: in a folder beside it.
fn by_hash(path: &str, sha256: Sha256) -> String {
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    format!("{folder}by-hash/SHA256/{sha256}")
}

/// The folder of a suite: `dists/trixie/`, or for a flat archive, whose suite ends with `/`, that path itself.
fn folder(suite: &str) -> String {
    match suite.strip_suffix('/') {
        Some("" | ".") => String::new(),
        Some(_) => suite.trim_start_matches("./").to_owned(),
        None => format!("dists/{suite}/"),
    }
}

/// The path of a suite's Release file with its signature in it.
pub fn in_release(suite: &str) -> String {
    folder(suite) + "InRelease"
}

/// The path of a suite's Release file.
pub fn release(suite: &str) -> String {
    folder(suite) + "Release"
}

/// The path of a Release file's signature.
pub fn release_signature(suite: &str) -> String {
    folder(suite) + "Release.gpg"
}
