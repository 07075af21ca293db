//! Release files: what an archive says of a suite (DebianRepository/Format in the Debian wiki).

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use oci_digest::{Sha256, Sha512};

use crate::deb822::{Paragraph, paragraphs};
use crate::release_error::ReleaseError;

/// A Release file, read. Its text is [`Verified::text`](crate::Verified::text), or nobody stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who makes the archive, such as `Debian`.
    pub origin: Option<String>,
    /// What it is of that, such as `Debian-Security`.
    pub label: Option<String>,
    /// `stable`, `noble-updates`. One of suite and codename is always there.
    pub suite: Option<String>,
    /// `trixie`, `noble`.
    pub codename: Option<String>,
    /// `13.8`, `24.04`.
    pub version: Option<String>,
    /// When it was made.
    pub date: Timestamp,
    /// Until when it is to be used.
    pub valid_until: Option<Timestamp>,
    /// Without `all` where packages for all architectures are in each one's list; empty in a flat archive.
    pub architectures: Vec<String>,
    /// `main`, `universe`; empty in a flat archive.
    pub components: Vec<String>,
    /// Whether files can be asked for by their hash too.
    pub acquire_by_hash: bool,
    /// Where to find older states, with `@SNAPSHOTID@` for the time.
    pub snapshots: Option<String>,
    files: BTreeMap<String, Listed>,
}

/// A file that a Release file lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// In bytes.
    pub size: u64,
    /// Of its content.
    pub sha256: Sha256,
    /// Of its content, where the archive states this too.
    pub sha512: Option<Sha512>,
}

impl Release {
    /// Reads a Release file.
    ///
    /// # Errors
    /// It is none; has no name, date or SHA256 list; or something in it can be read in two ways. MD5 and SHA1 lists are not looked
    /// at.
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let all = paragraphs(text)?;
        let [only] = &all[..] else { return Err(ReleaseError::Paragraphs(all.len())) };
        let one = |name| only.get(name).map(str::to_owned).filter(|value| !value.is_empty());
        let words = |name| words(only.get(name).unwrap_or_default());
        let release = Release {
            origin: one("Origin"),
            label: one("Label"),
            suite: one("Suite"),
            codename: one("Codename"),
            version: one("Version"),
            date: date(only, "Date")?.ok_or(ReleaseError::Missing("Date"))?,
            valid_until: date(only, "Valid-Until")?,
            architectures: words("Architectures"),
            components: words("Components"),
            acquire_by_hash: yes(only, "Acquire-By-Hash")?,
            snapshots: one("Snapshots").filter(|value| value != "no"),
            files: files(only)?,
        };
        if release.suite.is_none() && release.codename.is_none() {
            return Err(ReleaseError::Missing("Suite"));
        }
        Ok(release)
    }

    /// The file at this path, relative to the Release file.
    pub fn file(&self, path: &str) -> Option<&Listed> {
        self.files.get(path)
    }

    /// All files that it lists, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Listed)> {
        self.files.iter().map(|(path, listed)| (path.as_str(), listed))
    }
}

fn words(value: &str) -> Vec<String> {
    value.split_whitespace().map(str::to_owned).collect()
}

fn cut(value: &str) -> String {
    value.chars().take(120).collect()
}

fn date(of: &Paragraph, field: &'static str) -> Result<Option<Timestamp>, ReleaseError> {
    let Some(value) = of.get(field) else { return Ok(None) };
    let bad = ReleaseError::Value { field, value: cut(value), why: "which is no date in UTC" };
    // RFC 2822 has no `UTC`, and archives write nothing else. Other zones are refused, as by apt.
    let day = value.strip_suffix(" UTC").or_else(|| value.strip_suffix(" GMT"));
    let day = day.or_else(|| value.strip_suffix(" +0000")).ok_or_else(|| bad.clone())?;
    let parsed = DateTimeParser::new().parse_timestamp(format!("{day} +0000"));
    parsed.map(Some).map_err(|_| bad)
}

fn yes(of: &Paragraph, field: &'static str) -> Result<bool, ReleaseError> {
    match of.get(field) {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("yes") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("no") => Ok(false),
        Some(value) => {
            Err(ReleaseError::Value { field, value: cut(value), why: "neither yes nor no" })
        }
    }
}

fn files(of: &Paragraph) -> Result<BTreeMap<String, Listed>, ReleaseError> {
    let list = of.get("SHA256").ok_or(ReleaseError::Missing("SHA256"))?;
    let mut files = BTreeMap::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        let (sha256, size, path) = listed::<Sha256>(line, "SHA256")?;
        if files.insert(path.to_owned(), Listed { size, sha256, sha512: None }).is_some() {
            let why = "the file is listed twice";
            return Err(ReleaseError::Listed { list: "SHA256", line: cut(line), why });
        }
    }
    for line in of.get("SHA512").unwrap_or_default().lines().filter(|line| !line.is_empty()) {
        let (sha512, size, path) = listed::<Sha512>(line, "SHA512")?;
        if let Some(file) = files.get_mut(path) {
            if file.size != size {
                return Err(ReleaseError::Sizes(cut(path)));
            }
            file.sha512 = Some(sha512);
        }
    }
    Ok(files)
}

fn listed<'a, H: FromStr>(
    line: &'a str,
    list: &'static str,
) -> Result<(H, u64, &'a str), ReleaseError> {
    let bad = |why| ReleaseError::Listed { list, line: cut(line), why };
    let mut words = line.split_ascii_whitespace();
    let (Some(hash), Some(size), Some(path), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad("not a hash, a size and a path"));
    };
    let hash = hash.parse().map_err(|_| bad("the hash is none"))?;
    let size = size.parse().map_err(|_| bad("the size is no number"))?;
    if !is_plain(path) {
        return Err(bad("the path leads elsewhere"));
    }
    Ok((hash, size, path))
}

/// A path below the Release file's folder, of characters that an address has as they are.
fn is_plain(path: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let is_safe = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/:,@=".contains(&c);
    path.bytes().all(is_safe) && path.split('/').all(is_part)
}
