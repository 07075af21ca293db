//! A wheel read by range requests: its tail, its directory and single members, without the rest. Where a server does not
//! send ranges, or not those requested, the whole file is read by one plain GET, and only its failure is an error.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::OnceCell;
use url::Url;
use wheel_layers::record::Rows;
use wheel_layers::zip::{BadZip, Directory, Find, LOCAL_HEADER, Member, find_directory};
use wheel_layers::{Flaw, check_members};

use super::Error;
use super::body::{Part, Piece};
use super::fetch::Fetcher;
use crate::catalog::Sidecar;
use crate::digest::{Hasher, Sha256, Stated, check};
use crate::net::redacted;
use crate::python::same_project;
use pep508_rs::PackageName;

/// Bytes of the first request, which include METADATA and the directory of most wheels.
const TAIL: u64 = 32 * 1024;
/// No METADATA or version.py is larger.
pub const TEXT_LIMIT: u64 = 32 << 20;

/// A wheel whose directory was read.
#[derive(Debug)]
pub struct RemoteWheel {
    url: Url,
    /// Bytes of the whole file, as the server says.
    pub size: u64,
    /// Of the whole file; only where the server does not send ranges and all of it was read.
    pub sha256: Option<Sha256>,
    directory: Directory,
    body: Body,
    /// The whole file, where the server stopped sending ranges.
    whole: OnceCell<Box<RemoteWheel>>,
}

#[derive(Debug)]
enum Body {
    /// The last bytes of the file; others are requested.
    Tail(Bytes),
    /// The whole file, in a temporary file without a name.
    Whole(Mutex<File>),
}

impl RemoteWheel {
    /// Reads the tail and the directory of the wheel at `url`.
    ///
    /// # Errors
    /// A request failed, or the file is no zip.
    pub async fn open(fetcher: &Fetcher, url: &Url) -> Result<Self, Error> {
        let (mut tail, total) = match fetcher.range(url, &format!("bytes=-{TAIL}")).await? {
            Part::Range { start, total, bytes } if start + bytes.len() as u64 == total => {
                (bytes, total)
            }
            Part::Range { .. } | Part::NoRanges => return Self::download(fetcher, url).await,
        };
        let bad = |bad| Error::zip(url, &bad);
        let (start, length) = loop {
            match find_directory(&tail, total).map_err(bad)? {
                Find::At { start, length } => break (start, length),
                Find::NeedFrom(at) => match extended(fetcher, url, &tail, total, at).await? {
                    Some(longer) => tail = longer,
                    None => return Self::download(fetcher, url).await,
                },
            }
        };
        if start < total - tail.len() as u64 {
            match extended(fetcher, url, &tail, total, start).await? {
                Some(longer) => tail = longer,
                None => return Self::download(fetcher, url).await,
            }
        }
        let first = (start + tail.len() as u64).checked_sub(total);
        let entries = first.and_then(|first| slice(&tail, first, length));
        let entries = entries.ok_or_else(|| bad(BadZip::Directory))?;
        let directory = Directory::new(entries, start).map_err(bad)?;
        let (url, whole) = (url.clone(), OnceCell::new());
        Ok(Self { url, size: total, sha256: None, directory, body: Body::Tail(tail), whole })
    }

    /// For servers without ranges: downloads the file into a temporary one and hashes it.
    async fn download(fetcher: &Fetcher, url: &Url) -> Result<Self, Error> {
        let disk = |error: std::io::Error| Error::disk(url, &error);
        let mut file = tempfile::tempfile().map_err(disk)?;
        let mut hasher = Hasher::default();
        let mut out = &file;
        let size = fetcher
            .stream(url, |piece| match piece {
                Piece::Bytes(bytes) => {
                    sha2::Digest::update(&mut hasher, bytes);
                    out.write_all(bytes)
                }
                Piece::Restart => {
                    hasher = Hasher::default();
                    out.set_len(0)?;
                    out.seek(SeekFrom::Start(0)).map(drop)
                }
            })
            .await?;
        let bad = |bad| Error::zip(url, &bad);
        let mut from = size.saturating_sub(128 * 1024);
        let (start, length) = loop {
            let tail = read_at(&mut file, from, size - from).map_err(disk)?;
            match find_directory(&tail, size).map_err(bad)? {
                Find::At { start, length } => break (start, length),
                Find::NeedFrom(at) => from = at,
            }
        };
        let entries = read_at(&mut file, start, length).map_err(disk)?;
        let directory = Directory::new(entries.into(), start).map_err(bad)?;
        let sha256 = Some(Sha256::finish(&mut hasher));
        let (url, whole) = (url.clone(), OnceCell::new());
        Ok(Self { url, size, sha256, directory, body: Body::Whole(file.into()), whole })
    }

    /// Checks the bytes against the hashes that the page states, where all of them were read.
    ///
    /// # Errors
    /// [`Error::Stated`].
    pub fn check_stated(&self, stated: &[Stated]) -> Result<(), Error> {
        let Body::Whole(file) = &self.body else { return Ok(()) };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = file.seek(SeekFrom::Start(0)).and_then(|_| check(&mut *file, stated));
        let checked = checked.map_err(|error| Error::disk(&self.url, &error))?;
        checked.map_err(|mismatch| Error::stated(&self.url, mismatch))
    }

    /// Bytes of all files in it, unpacked.
    pub fn unpacked_size(&self) -> u64 {
        self.directory.unpacked_size()
    }

    /// Checks what installing this wheel, of the name `file`, would refuse, by its directory and, where it was read with the
    /// tail, its RECORD.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn check(&self, file: &str) -> Result<(), Error> {
        let refused = |(member, flaw): (String, Flaw)| {
            let why = format!("`{}` in it {flaw}", member.escape_debug());
            Error::Refused { url: redacted(&self.url), why }
        };
        let members: Vec<Member> = self.directory.members().collect();
        check_members(&members).map_err(refused)?;
        let names = members.iter().map(|member| member.name.as_str());
        let (_, info) = wheel_layers::identity(file, names)
            .map_err(|why| Error::Refused { url: redacted(&self.url), why })?;
        for name in ["METADATA", "WHEEL", "RECORD"] {
            let path = format!("{info}/{name}");
            if !members.iter().any(|member| member.name == path) {
                return Err(Error::Refused {
                    url: redacted(&self.url),
                    why: format!("it has no {path}"),
                });
            }
        }
        let path = format!("{info}/RECORD");
        let Some(text) = self.at_hand(&path) else { return Ok(()) };
        let rows = Rows::parse(&text).map_err(|line| refused((path, Flaw::Line(line))))?;
        let files = members.iter().filter(|m| !m.name.ends_with('/'));
        let files = files.map(|m| (m.name.as_str(), m.unpacked));
        rows.check(&info, files).map(drop).map_err(refused)
    }

    /// A text in it, where that needs no request.
    fn at_hand(&self, path: &str) -> Option<String> {
        let Body::Tail(tail) = &self.body else { return None };
        let member = self.directory.member(path)?;
        let start = member.offset.checked_sub(self.size - tail.len() as u64)?;
        let local = tail.slice(usize::try_from(start).ok()?..);
        let data = member.data_offset(&local).ok()?;
        let packed = slice(&local, data, member.packed)?;
        String::from_utf8(member.unpack(&packed, TEXT_LIMIT).ok()?).ok()
    }

    /// The METADATA of the wheel of `name`.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn metadata(&self, fetcher: &Fetcher, name: &PackageName) -> Result<Vec<u8>, Error> {
        let is_metadata = |member: &Member| {
            let folder = member.name.strip_suffix(".dist-info/METADATA");
            let project = folder.filter(|f| !f.contains('/')).and_then(|f| f.split('-').next());
            project.is_some_and(|p| same_project(p, name))
        };
        let member = self.directory.members().find(is_metadata).ok_or_else(|| {
            Error::zip(&self.url, &BadZip::NoMember(format!("METADATA of {name}")))
        })?;
        self.read(fetcher, &member, TEXT_LIMIT).await
    }

    /// A file in the wheel, of `limit` bytes at most; `None`: there is no such file.
    ///
    /// # Errors
    /// It is larger, or cannot be read.
    pub async fn file(
        &self,
        fetcher: &Fetcher,
        path: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        match self.directory.member(path) {
            Some(member) => self.read(fetcher, &member, limit).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(&self, fetcher: &Fetcher, member: &Member, limit: u64) -> Result<Vec<u8>, Error> {
        if let Some(bytes) = self.unpacked(fetcher, member, limit).await? {
            return Ok(bytes);
        }
        let download = || async { Self::download(fetcher, &self.url).await.map(Box::new) };
        let whole = self.whole.get_or_try_init(download).await?;
        let missing = || Error::zip(&self.url, &BadZip::NoMember(member.name.clone()));
        let member = whole.directory.member(&member.name).ok_or_else(missing)?;
        whole.unpacked(fetcher, &member, limit).await?.ok_or_else(missing)
    }

    /// `None`: the server did not send that range.
    async fn unpacked(
        &self,
        fetcher: &Fetcher,
        member: &Member,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        let bad = |bad| Error::zip(&self.url, &bad);
        if member.packed > limit {
            return Err(bad(BadZip::Member(member.name.clone(), "too large")));
        }
        // The extra field of the local header may differ from the directory's: a little more is requested.
        let guess = LOCAL_HEADER + member.name.len() as u64 + 64 + member.packed;
        let Some(local) = self.bytes(fetcher, member.offset, guess).await? else { return Ok(None) };
        let data = member.data_offset(&local).map_err(bad)?;
        let packed = match slice(&local, data, member.packed) {
            Some(packed) => packed,
            None => match self.bytes(fetcher, member.offset + data, member.packed).await? {
                Some(packed) => packed,
                None => return Ok(None),
            },
        };
        if (packed.len() as u64) < member.packed {
            return Err(bad(BadZip::Directory));
        }
        member.unpack(&packed, limit).map(Some).map_err(bad)
    }

    /// `length` bytes from `start`, but none of the directory.
    async fn bytes(
        &self,
        fetcher: &Fetcher,
        start: u64,
        length: u64,
    ) -> Result<Option<Bytes>, Error> {
        let end = start.saturating_add(length).min(self.directory.start);
        let length = end.saturating_sub(start);
        match &self.body {
            Body::Whole(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let read = read_at(&mut file, start, length);
                Ok(Some(read.map_err(|e| Error::disk(&self.url, &e))?.into()))
            }
            Body::Tail(tail) => {
                let tail_start = self.size - tail.len() as u64;
                if let Some(at) = start.checked_sub(tail_start) {
                    let slice = slice(tail, at, length).map(Some);
                    return slice.ok_or_else(|| Error::zip(&self.url, &BadZip::Directory));
                }
                part(fetcher, &self.url, start, end, self.size).await
            }
        }
    }
}

/// The `.metadata` file beside a wheel. Where the page states its hash and the file has another, it is [`Beside::Wrong`].
///
/// # Errors
/// The request failed.
pub async fn sidecar(fetcher: &Fetcher, wheel: &Url, sidecar: Sidecar) -> Result<Beside, Error> {
    let expected = match sidecar {
        Sidecar::None => return Ok(Beside::None),
        Sidecar::Unhashed => None,
        Sidecar::Hashed(hash) => Some(hash),
    };
    let mut url = wheel.clone();
    url.set_path(&format!("{}.metadata", wheel.path()));
    let Some(bytes) = fetcher.small(&url).await? else { return Ok(Beside::None) };
    match expected.is_none_or(|expected| Sha256::of(&bytes) == expected) {
        true => Ok(Beside::Bytes(bytes)),
        false => Ok(Beside::Wrong),
    }
}

/// The `.metadata` file beside a wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// There is none.
    None,
    /// It has the hash on the page, if there is one.
    Bytes(Bytes),
    /// It has another hash.
    Wrong,
}

/// The tail extended back to `from`.
async fn extended(
    fetcher: &Fetcher,
    url: &Url,
    tail: &Bytes,
    total: u64,
    from: u64,
) -> Result<Option<Bytes>, Error> {
    let tail_start = total - tail.len() as u64;
    let more = part(fetcher, url, from, tail_start, total).await?;
    Ok(more.map(|more| [more.as_ref(), tail].concat().into()))
}

/// Bytes `start..end` of a file that must still have `total`. `None`: the server does not send them (any more).
async fn part(
    fetcher: &Fetcher,
    url: &Url,
    start: u64,
    end: u64,
    total: u64,
) -> Result<Option<Bytes>, Error> {
    Ok(match fetcher.range(url, &format!("bytes={start}-{}", end.saturating_sub(1))).await? {
        Part::Range { start: from, total: now, bytes }
            if from == start && now == total && bytes.len() as u64 == end - start =>
        {
            Some(bytes)
        }
        Part::Range { .. } | Part::NoRanges => None,
    })
}

fn slice(bytes: &Bytes, at: u64, length: u64) -> Option<Bytes> {
    let at = usize::try_from(at).ok()?;
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    (end <= bytes.len()).then(|| bytes.slice(at..end))
}

fn read_at(file: &mut File, start: u64, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    Read::by_ref(file).take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
