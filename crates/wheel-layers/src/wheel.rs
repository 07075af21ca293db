//! A wheel as a value: its files, checked, and the few of them that installing must read.
//!
//! The hash that RECORD states for a file is compared when the file is read anyway, by [`crate::measure()`]; files without
//! a usable hash in RECORD are hashed here, and reported by [`Wheel::doubt`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use flate2::read::DeflateDecoder;
use pep508_rs::PackageName;

use crate::archive::{self, ArchiveMember, ReadAt};
use crate::entry_points::{self, EntryPoint};
use crate::error::Error;
use crate::flaw::Flaw;
use crate::identity::identity;
use crate::record::{Doubt, Row, Rows};
use crate::tree::Method;
use crate::wheel_name::WheelName;
use crate::{metadata, namespace};

/// No RECORD, entry_points.txt or Python script is larger (bytes).
const TEXT_LIMIT: u64 = 64 << 20;
/// How a script starts whose interpreter the installer fills in.
pub(crate) const PYTHON: &[u8] = b"#!python";

/// A wheel that can be installed.
#[derive(Debug, Clone)]
pub struct Wheel {
    pub(crate) file: String,
    pub(crate) project: PackageName,
    /// `torch-2.14.1.dist-info`
    pub(crate) info: String,
    pub(crate) members: Vec<ArchiveMember>,
    /// What the RECORD of the environment says of them, by name.
    pub(crate) hashes: HashMap<String, String>,
    /// Files that the wheel's own RECORD does not cover.
    doubts: Vec<(String, Doubt)>,
    pub(crate) commands: BTreeMap<String, EntryPoint>,
    /// The bytes of scripts whose first line is to be rewritten, by name.
    pub(crate) scripts: BTreeMap<String, Bytes>,
    /// The members that make a package one that several distributions share.
    pub(crate) namespaces: BTreeSet<String>,
}

impl Wheel {
    /// Reads the wheel at `path`. `file` is its file name, which the file at `path` need not have; `promised` the
    /// most bytes that it may unpack to.
    ///
    /// # Errors
    ///
    /// [`Error`] for a file that cannot be read, that is no wheel or not this one, or that two installers could
    /// understand differently.
    pub fn open(path: impl AsRef<Path>, file: &str, promised: Option<u64>) -> Result<Self, Error> {
        let source = std::fs::File::open(path).map_err(Error::read(file))?;
        Self::read(&source, file, promised)
    }

    /// The same, from anything that is read at positions.
    ///
    /// # Errors
    ///
    /// As [`Wheel::open`].
    pub fn read(
        source: &(impl ReadAt + ?Sized),
        file: &str,
        promised: Option<u64>,
    ) -> Result<Self, Error> {
        let mut members = archive::read(source, file)?;
        let unpacked = members.iter().fold(0, |sum: u64, m| sum.saturating_add(m.data.size));
        if let Some(promised) = promised.filter(|promised| unpacked > *promised) {
            return Err(Error::Unpacked { wheel: file.to_owned(), unpacked, promised });
        }
        let names = members.iter().map(|m| m.name.as_str());
        let (project, info) = identity(file, names).map_err(|why| Error::wheel(file, why))?;
        let text = |name: &str| -> Result<Option<String>, Error> {
            let path = format!("{info}/{name}");
            let Ok(at) = members.binary_search_by(|m| m.name.cmp(&path)) else { return Ok(None) };
            let bytes = archive::unpack(source, file, &members[at], TEXT_LIMIT)?;
            let text = String::from_utf8(bytes.into());
            text.map(Some).map_err(|_| Error::member(file, &path, Flaw::Damaged("it is not UTF-8")))
        };
        let required = |name: &str| {
            text(name)?.ok_or_else(|| Error::wheel(file, format!("it has no {info}/{name}")))
        };
        check_format(file, &required("WHEEL")?)?;
        check_metadata(file, &info, &required("METADATA")?)?;
        let line = |name: &str| {
            let member = format!("{info}/{name}");
            move |line| Error::member(file, &member, Flaw::Line(line))
        };
        let record = Rows::parse(&required("RECORD")?).map_err(line("RECORD"))?;
        let commands = text("entry_points.txt")?.unwrap_or_default();
        let commands = entry_points::parse(&commands).map_err(line("entry_points.txt"))?;
        let files = members.iter().map(|m| (m.name.as_str(), m.data.size));
        let doubts = record.check(&info, files);
        let doubts = doubts.map_err(|(name, flaw)| Error::member(file, &name, flaw))?;
        let doubts = doubts.into_iter().map(|(name, doubt)| (name.to_owned(), doubt)).collect();
        let hashes = hashes(source, file, &mut members, &record)?;
        let scripts = scripts(source, file, &members)?;
        let namespaces = namespaces(source, file, &members)?;
        let file = file.to_owned();
        Ok(Self { file, project, info, members, hashes, doubts, commands, scripts, namespaces })
    }

    /// What its RECORD leaves open, a sentence; `None`: nothing.
    pub fn doubt(&self) -> Option<String> {
        let said = |doubt: Doubt| {
            let mut files = self.doubts.iter().filter(|(_, why)| *why == doubt).peekable();
            let (first, _) = *files.peek()?;
            Some(match files.count() {
                1 => format!("{doubt} `{first}`"),
                more => format!("{doubt} {more} of its files (`{first}`, …)"),
            })
        };
        let said: Vec<_> = Doubt::ALL.into_iter().filter_map(said).collect();
        (!said.is_empty()).then(|| {
            format!(
                "the RECORD of {} {}: installed and recorded all the same, as pip and uv do it",
                self.file,
                said.join(", and ")
            )
        })
    }

    /// Its file name.
    pub fn file_name(&self) -> &str {
        &self.file
    }

    /// Its project's name, normalized.
    pub fn project(&self) -> &PackageName {
        &self.project
    }
}

fn check_format(file: &str, text: &str) -> Result<(), Error> {
    let version = text.lines().find_map(|line| line.strip_prefix("Wheel-Version:"));
    let version = version.map(str::trim).unwrap_or_default();
    match version.split_once('.') {
        Some(("1", _)) => Ok(()),
        _ => {
            let detail = format!("its format is `{version}`, 1.x is known (Wheel-Version)");
            Err(Error::wheel(file, detail))
        }
    }
}

/// METADATA must be that of the distribution that the file name states.
fn check_metadata(file: &str, info: &str, text: &str) -> Result<(), Error> {
    let (name, version) = metadata::identity(text.as_bytes())
        .map_err(|bad| Error::wheel(file, format!("{info}: {bad}")))?;
    match WheelName::parse(file) {
        Ok(wheel) if wheel.is_of(&name, &version) => Ok(()),
        _ => {
            let detail = format!("{info}/METADATA is that of {name} {version}");
            Err(Error::wheel(file, detail))
        }
    }
}

/// The hash of every file as RECORD has it; where it has none that counts, of the file itself. Members
/// get the hash that they must have.
fn hashes(
    source: &(impl ReadAt + ?Sized),
    file: &str,
    members: &mut [ArchiveMember],
    record: &Rows,
) -> Result<HashMap<String, String>, Error> {
    let hash = |member: &mut ArchiveMember| {
        let row = record.get(&member.name);
        member.data.recorded = row.and_then(Row::hash);
        let text = match (member.data.recorded, row) {
            (Some(_), Some(row)) => row.hash.clone(),
            _ => Row::new(&archive::hash(source, file, member)?, member.data.size).hash,
        };
        Ok((member.name.clone(), text))
    };
    members.iter_mut().map(hash).collect()
}

/// The scripts that start with `#!python`; others are installed as they are, however large.
fn scripts(
    source: &(impl ReadAt + ?Sized),
    file: &str,
    members: &[ArchiveMember],
) -> Result<BTreeMap<String, Bytes>, Error> {
    let mut scripts = BTreeMap::new();
    let is_script = |m: &&ArchiveMember| {
        let mut parts = m.name.splitn(3, '/');
        parts.next().is_some_and(|top| top.ends_with(".data")) && parts.next() == Some("scripts")
    };
    for member in members.iter().filter(is_script) {
        if starts_with_python(source, file, member)? {
            let bytes = archive::unpack(source, file, member, TEXT_LIMIT)?;
            if member.data.recorded.is_some_and(|hash| !hash.is_of(&bytes)) {
                return Err(Error::member(file, &member.name, Flaw::RecordedHash));
            }
            scripts.insert(member.name.clone(), bytes);
        }
    }
    Ok(scripts)
}

fn namespaces(
    source: &(impl ReadAt + ?Sized),
    file: &str,
    members: &[ArchiveMember],
) -> Result<BTreeSet<String>, Error> {
    let mut namespaces = BTreeSet::new();
    for member in members.iter().filter(|m| namespace::may_be(&m.name, m.data.size)) {
        let bytes = archive::unpack(source, file, member, TEXT_LIMIT)?;
        if namespace::is_declared(&String::from_utf8_lossy(&bytes)) {
            namespaces.insert(member.name.clone());
        }
    }
    Ok(namespaces)
}

fn starts_with_python(
    source: &(impl ReadAt + ?Sized),
    file: &str,
    member: &ArchiveMember,
) -> Result<bool, Error> {
    let data = member.data;
    // The table of codes before the first bytes of a deflate stream is far shorter.
    let head = archive::bytes(source, file, data.offset, data.compressed.min(4096))?;
    let mut start = Vec::new();
    let length = PYTHON.len() as u64;
    match data.method {
        Method::Stored => start.extend_from_slice(&head[..head.len().min(PYTHON.len())]),
        Method::Deflate => {
            let read = DeflateDecoder::new(&head[..]).take(length).read_to_end(&mut start);
            let damaged =
                |_| Error::member(file, &member.name, Flaw::Damaged("its data does not inflate"));
            read.map_err(damaged)?;
        }
    }
    Ok(start == PYTHON)
}
