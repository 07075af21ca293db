//! A wheel's zip, read strictly: whatever two readers could understand differently is refused, so
//! that what is installed is what every reader sees in it. Only headers are read.

use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use oci_digest::{Hasher, Sha256};

use crate::directory::check_members;
use crate::error::Error;
use crate::flaw::Flaw;
use crate::tree::{self, Method};
use crate::zip::{self, BadZip, Directory, Find, LOCAL, LOCAL_HEADER, find_directory};

/// A file that is read at positions, so that many can read it at once.
pub trait ReadAt {
    /// Bytes in it.
    fn size(&self) -> std::io::Result<u64>;
    /// Fills `buffer` with the bytes from `offset` on; fewer are an error.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()>;
}

impl ReadAt for std::fs::File {
    fn size(&self) -> std::io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn size(&self) -> std::io::Result<u64> {
        Ok(self.len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        let there = usize::try_from(offset).ok().and_then(|at| self.get(at..)?.get(..buffer.len()));
        buffer.copy_from_slice(there.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveMember {
    /// A plain relative path.
    pub name: String,
    /// Type and permissions on Unix; 0 when the zip was made elsewhere.
    pub mode: u32,
    /// Where its bytes are, in file number 0.
    pub data: tree::Member,
}

/// The end record with the longest comment, and what zip64 puts before it.
const TAIL: u64 = 66_000;
/// The directory of torch's wheel, with 12,000 files, has 1.5 MB.
const DIRECTORY_LIMIT: u64 = 64 << 20;
/// Extra fields of a local header are rarely longer (bytes).
const EXTRA: u64 = 64;
/// Sizes and checksum follow the data.
const STREAMED: u16 = 1 << 3;

/// Which of its levels the packer used.
const EFFORT: u16 = 1 << 1 | 1 << 2;
/// The name is UTF-8.
const UTF8: u16 = 1 << 11;

/// The files of an archive, in the order of their names; folders are checked and left out. `wheel`
/// is its name in errors.
///
/// # Errors
///
/// [`Error::Read`] where the file cannot be read, [`Error::Zip`] for one that is no zip, [`Error::Member`] for the first
/// member that two readers could understand differently, or that leads out of the folder it is unpacked to.
pub fn read(source: &(impl ReadAt + ?Sized), wheel: &str) -> Result<Vec<ArchiveMember>, Error> {
    let directory = directory(source, wheel)?;
    let mut members: Vec<_> = directory.members().collect();
    check_members(&members).map_err(|(name, flaw)| Error::member(wheel, &name, flaw))?;
    members.sort_unstable_by_key(|member| member.offset);
    let mut files = Vec::with_capacity(members.len());
    let mut before: Option<(u64, &str)> = None;
    for member in &members {
        let bad = |flaw| Error::member(wheel, &member.name, flaw);
        if let Some((end, other)) = before.filter(|(end, _)| *end > member.offset) {
            debug_assert!(end <= directory.start);
            return Err(bad(Flaw::Overlap(other.to_owned())));
        }
        let offset = data_offset(source, wheel, member, directory.start)?;
        let end = offset.checked_add(member.packed).filter(|end| *end <= directory.start);
        before = Some((end.ok_or_else(|| bad(Flaw::Outside))?, &member.name));
        if !member.name.ends_with('/') {
            files.push(file(member, offset));
        }
    }
    // Of a file that was written twice the last one counts, as everywhere.
    files.reverse();
    files.sort_by(|one, two| one.name.cmp(&two.name));
    files.dedup_by(|two, one| one.name == two.name);
    Ok(files)
}

/// The bytes of one member, of which there must be no more than `limit`, checked.
///
/// # Errors
///
/// [`Error::Read`], and [`Error::Member`] where the bytes are not those that the directory describes.
pub fn unpack(
    source: &(impl ReadAt + ?Sized),
    wheel: &str,
    member: &ArchiveMember,
    limit: u64,
) -> Result<Bytes, Error> {
    let tree::Member { offset, compressed, size, crc32, method, .. } = member.data;
    let member = zip::Member {
        name: member.name.clone(),
        method: match method {
            Method::Stored => 0,
            Method::Deflate => 8,
        },
        crc32,
        packed: compressed,
        unpacked: size,
        offset,
        flags: 0,
        mode: member.mode,
        clear_name: true,
    };
    let damaged = Error::zip(wheel);
    if compressed > limit {
        return Err(damaged(BadZip::Member(member.name, "too large")));
    }
    let packed = bytes(source, wheel, offset, compressed)?;
    member.unpack(&packed, limit).map(Bytes::from).map_err(damaged)
}

/// The hash of a member's bytes, however many; there must be as many as it states.
pub(crate) fn hash(
    source: &(impl ReadAt + ?Sized),
    wheel: &str,
    member: &ArchiveMember,
) -> Result<Sha256, Error> {
    let data = member.data;
    let packed = Section { source, at: data.offset, left: data.compressed };
    let mut plain: Box<dyn Read> = match data.method {
        Method::Stored => Box::new(packed),
        Method::Deflate => Box::new(flate2::read::DeflateDecoder::new(packed)),
    };
    let damaged = |what| Error::member(wheel, &member.name, Flaw::Damaged(what));
    let (mut hasher, mut buffer, mut left) = (Hasher::default(), vec![0; 64 << 10], data.size);
    while left > 0 {
        let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match plain.read(&mut buffer[..room]) {
            Ok(0) => return Err(damaged("its size is not what the directory says")),
            Ok(read) => {
                sha2::Digest::update(&mut hasher, &buffer[..read]);
                left -= read as u64;
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Err(damaged("its data does not inflate"));
            }
            Err(error) => return Err(Error::read(wheel)(error)),
        }
    }
    Ok(Sha256::finish(&mut hasher))
}

/// A part of a file, read in order.
struct Section<'a, S: ?Sized> {
    source: &'a S,
    at: u64,
    left: u64,
}

impl<S: ReadAt + ?Sized> Read for Section<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let take = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.source.read_exact_at(&mut buffer[..take], self.at)?;
        (self.at, self.left) = (self.at + take as u64, self.left - take as u64);
        Ok(take)
    }
}

/// Bytes of the file; the range must be known to lie inside, and to be small.
pub(crate) fn bytes(
    source: &(impl ReadAt + ?Sized),
    wheel: &str,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, Error> {
    let length = usize::try_from(length).map_err(|_| Error::zip(wheel)(BadZip::Directory))?;
    let mut buffer = vec![0; length];
    source.read_exact_at(&mut buffer, offset).map_err(Error::read(wheel))?;
    Ok(buffer)
}

fn directory(source: &(impl ReadAt + ?Sized), wheel: &str) -> Result<Directory, Error> {
    let bad = Error::zip(wheel);
    let size = source.size().map_err(Error::read(wheel))?;
    let mut from = size.saturating_sub(TAIL);
    let (start, length) = loop {
        let tail = bytes(source, wheel, from, size - from)?;
        match find_directory(&tail, size).map_err(&bad)? {
            Find::At { start, length } if length <= DIRECTORY_LIMIT => break (start, length),
            Find::NeedFrom(at) if size - at <= DIRECTORY_LIMIT => from = at,
            Find::At { .. } | Find::NeedFrom(_) => return Err(bad(BadZip::Directory)),
        }
    };
    let entries = bytes(source, wheel, start, length)?;
    Directory::new(entries.into(), start).map_err(bad)
}

/// Where a member's data starts, once the header before it agrees with the directory.
fn data_offset(
    source: &(impl ReadAt + ?Sized),
    wheel: &str,
    member: &zip::Member,
    end: u64,
) -> Result<u64, Error> {
    let bad = |flaw| Error::member(wheel, &member.name, flaw);
    let name = member.name.as_bytes();
    let fixed = LOCAL_HEADER + name.len() as u64;
    let left = end.checked_sub(member.offset).ok_or_else(|| bad(Flaw::Outside))?;
    let mut header = bytes(source, wheel, member.offset, left.min(fixed + EXTRA))?;
    if !header.starts_with(LOCAL) {
        return Err(bad(Flaw::Outside));
    }
    let length = member.data_offset(&header).map_err(Error::zip(wheel))?;
    if length > left {
        return Err(bad(Flaw::Outside));
    }
    if length > header.len() as u64 {
        header = bytes(source, wheel, member.offset, length)?;
    }
    agrees(member, &header[..usize::try_from(length).unwrap_or(header.len())])
        .map_err(|what| bad(Flaw::Header(what)))?;
    Ok(member.offset + length)
}

/// Whether a local header says what the directory says; else what is different.
fn agrees(member: &zip::Member, header: &[u8]) -> Result<(), &'static str> {
    let word = |at| zip::u16_at(header, at);
    let long = |at| zip::u32_at(header, at);
    if word(26) != u16::try_from(member.name.len()).ok()
        || header.get(30..30 + member.name.len()) != Some(member.name.as_bytes())
    {
        return Err("name");
    }
    if word(8) != Some(member.method) {
        return Err("method");
    }
    // Bits 1 and 2 say only how hard the packer tried, and the one for UTF-8 nothing of ASCII names.
    let idle = if member.name.is_ascii() { EFFORT | UTF8 } else { EFFORT };
    if word(6).is_none_or(|flags| (flags ^ member.flags) & !idle != 0) {
        return Err("set of flags");
    }
    let (Some(crc32), Some(packed), Some(unpacked)) = (long(14), long(18), long(22)) else {
        return Err("length");
    };
    let (mut packed, mut unpacked) = (u64::from(packed), u64::from(unpacked));
    zip::widen(&header[30 + member.name.len()..], [&mut unpacked, &mut packed]).ok_or("size")?;
    // What follows the data is 0 here; some writers knew a part of it beforehand.
    let streamed = member.flags & STREAMED != 0;
    let same = |here: u64, there: u64| here == there || (streamed && here == 0);
    if !same(packed, member.packed) || !same(unpacked, member.unpacked) {
        return Err("size");
    }
    if !same(crc32.into(), member.crc32.into()) {
        return Err("checksum");
    }
    Ok(())
}

fn file(member: &zip::Member, offset: u64) -> ArchiveMember {
    ArchiveMember {
        name: member.name.clone(),
        mode: member.mode,
        data: tree::Member {
            file: 0,
            offset,
            compressed: member.packed,
            size: member.unpacked,
            crc32: member.crc32,
            method: if member.method == 0 { Method::Stored } else { Method::Deflate },
            recorded: None,
        },
    }
}
