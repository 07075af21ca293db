//! A wheel as a value: its files, checked, and the few of them that installing must read.
//!
//! The wheel's bytes were hashed against the lock before. What its RECORD says about the hashes of
//! single files is required and copied, not checked: it adds nothing to a file whose hash is known.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use bytes::Bytes;
use camino::Utf8Path;
use flate2::read::DeflateDecoder;
use pep440_rs::Version;
use pep508_rs::PackageName;

use super::archive::{self, ArchiveMember, ReadAt};
use super::entry_points::{self, EntryPoint};
use super::error::{Error, Flaw};
use super::record::{self, Row};
use super::tree::Method;
use crate::python::{WheelName, same_project};

/// No RECORD, entry_points.txt or Python script is larger (bytes).
const TEXT_LIMIT: u64 = 64 << 20;
/// How a script starts whose interpreter the installer fills in.
pub(super) const PYTHON: &[u8] = b"#!python";

/// A wheel that can be installed.
#[derive(Debug, Clone)]
pub struct Wheel {
    pub(super) file: String,
    pub(super) project: PackageName,
    /// `torch-2.14.1.dist-info`
    pub(super) info: String,
    pub(super) members: Vec<ArchiveMember>,
    pub(super) record: HashMap<String, Row>,
    pub(super) commands: BTreeMap<String, EntryPoint>,
    /// The bytes of scripts whose first line is to be rewritten, by name.
    pub(super) scripts: BTreeMap<String, Bytes>,
}

impl Wheel {
    /// Reads the wheel at `path`. `file` is its file name (a store has no names); `promised` the
    /// bytes that it unpacks to by the lock. Any oddity is an error.
    pub fn open(path: &Utf8Path, file: &str, promised: Option<u64>) -> Result<Self, Error> {
        let source = std::fs::File::open(path).map_err(Error::read(file))?;
        Self::read(&source, file, promised)
    }

    /// The same, from anything that is read at positions.
    pub fn read(
        source: &(impl ReadAt + ?Sized),
        file: &str,
        promised: Option<u64>,
    ) -> Result<Self, Error> {
        let members = archive::read(source, file)?;
        let unpacked = members.iter().fold(0, |sum: u64, m| sum.saturating_add(m.data.size));
        if let Some(promised) = promised.filter(|promised| unpacked > *promised) {
            return Err(Error::Unpacked { wheel: file.to_owned(), unpacked, promised });
        }
        let (project, info) = identity(file, &members)?;
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
        required("METADATA")?;
        let line = |name: &str| {
            let member = format!("{info}/{name}");
            move |line| Error::member(file, &member, Flaw::Line(line))
        };
        let record = record::parse(&required("RECORD")?).map_err(line("RECORD"))?;
        check_record(file, &info, &members, &record)?;
        let commands = text("entry_points.txt")?.unwrap_or_default();
        let commands = entry_points::parse(&commands).map_err(line("entry_points.txt"))?;
        let scripts = scripts(source, file, &members)?;
        Ok(Self { file: file.to_owned(), project, info, members, record, commands, scripts })
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

/// The project and the `.dist-info` folder, which must be the one that the file name promises.
fn identity(file: &str, members: &[ArchiveMember]) -> Result<(PackageName, String), Error> {
    let name = WheelName::parse(file).map_err(|bad| Error::wheel(file, bad.to_string()))?;
    let no_name = || Error::wheel(file, "its file name has no valid project name");
    let project = name.name().ok_or_else(no_name)?;
    let tops = members.iter().filter_map(|m| Some(m.name.split_once('/')?.0));
    let mut folders: Vec<_> = tops.filter(|top| top.ends_with(".dist-info")).collect();
    folders.dedup();
    let &[info] = folders.as_slice() else {
        let found = if folders.is_empty() { "none".to_owned() } else { folders.join(", ") };
        return Err(Error::wheel(file, format!("it needs one .dist-info folder and has {found}")));
    };
    let stem = info.trim_end_matches(".dist-info");
    let same = stem.split_once('-').is_some_and(|(project_part, version)| {
        same_project(project_part, &project) && same_version(version, name.version)
    });
    if !same {
        let detail = format!("it is another distribution inside: {info}");
        return Err(Error::wheel(file, detail));
    }
    Ok((project, info.to_owned()))
}

/// Wheels write `-` and sometimes `+` as `_`.
fn same_version(one: &str, two: &str) -> bool {
    let parse = |text: &str| -> Option<Version> {
        text.parse().or_else(|_| text.replacen('_', "+", 1).parse()).ok()
    };
    one == two || matches!((parse(one), parse(two)), (Some(one), Some(two)) if one == two)
}

fn check_format(file: &str, text: &str) -> Result<(), Error> {
    let version = text.lines().find_map(|line| line.strip_prefix("Wheel-Version:"));
    let version = version.map(str::trim).unwrap_or_default();
    match version.split_once('.') {
        Some(("1", _)) => Ok(()),
        _ => {
            let detail = format!("its format is `{version}`, envlock knows 1.x (Wheel-Version)");
            Err(Error::wheel(file, detail))
        }
    }
}

/// RECORD must know every file that is installed, with a hash and the right size.
fn check_record(
    file: &str,
    info: &str,
    members: &[ArchiveMember],
    record: &HashMap<String, Row>,
) -> Result<(), Error> {
    let own = ["RECORD", "RECORD.jws", "RECORD.p7s"].map(|name| format!("{info}/{name}"));
    for member in members.iter().filter(|member| !own.contains(&member.name)) {
        let bad = |flaw| Error::member(file, &member.name, flaw);
        let row = record.get(&member.name).ok_or_else(|| bad(Flaw::Unrecorded))?;
        if !row.is_hashed() {
            return Err(bad(Flaw::Unhashed));
        }
        let size = member.data.size;
        if !row.size.is_empty() && row.size.parse() != Ok(size) {
            return Err(bad(Flaw::RecordedSize { size, recorded: row.size.clone() }));
        }
    }
    Ok(())
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
            scripts.insert(member.name.clone(), bytes);
        }
    }
    Ok(scripts)
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
    let wanted = PYTHON.len() as u64;
    match data.method {
        Method::Stored => start.extend_from_slice(&head[..head.len().min(PYTHON.len())]),
        Method::Deflate => {
            let read = DeflateDecoder::new(&head[..]).take(wanted).read_to_end(&mut start);
            let damaged =
                |_| Error::member(file, &member.name, Flaw::Damaged("its data does not inflate"));
            read.map_err(damaged)?;
        }
    }
    Ok(start == PYTHON)
}
