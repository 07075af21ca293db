//! The end of a zip file: its directory (zip64 too), and where a member's bytes are. A wheel is
//! read from its tail, so this works on pieces.

use std::io::Read;

use bytes::Bytes;

/// The central directory of a zip file.
#[derive(Debug, Clone)]
pub struct Directory {
    entries: Bytes,
    /// Where the directory starts; every member ends before it.
    pub start: u64,
}

/// One file in a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path.
    pub name: String,
    /// 0 stored, 8 deflated.
    pub method: u16,
    /// CRC-32 of the unpacked bytes.
    pub crc32: u32,
    /// Bytes in the file.
    pub packed: u64,
    /// Bytes unpacked.
    pub unpacked: u64,
    /// Where its local header starts.
    pub offset: u64,
    /// General purpose bits; 0: encrypted, 3: sizes follow the data, 11: the name is UTF-8.
    pub flags: u16,
    /// Type and permissions on Unix, `0o100644`; 0 when the zip was made elsewhere.
    pub mode: u32,
    /// Whether every reader sees the same name: ASCII, or UTF-8 that says so, and no other one in
    /// an extra field.
    pub clear_name: bool,
}

/// A file that is not a usable zip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadZip {
    /// No end record in the tail.
    #[error("it is not a zip file (no end record)")]
    NoEnd,
    /// Offsets or sizes that cannot be.
    #[error("its zip directory is damaged")]
    Directory,
    /// A member that does not unpack to what the directory says.
    #[error("{0} in it is damaged ({1})")]
    Member(String, &'static str),
    /// A member that is not before the directory.
    #[error("{0} in it lies outside of the file")]
    Outside(String),
    /// A member whose bytes are not those that were packed.
    #[error("{0} in it is damaged (its checksum is wrong)")]
    Checksum(String),
    /// Not in the directory.
    #[error("it has no {0}")]
    NoMember(String),
}

/// Where the directory is, from the tail of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// Bytes `start..start + length` of the file are the directory.
    At {
        /// First byte.
        start: u64,
        /// Bytes.
        length: u64,
    },
    /// The tail must reach back to this byte first (a zip64 end record stands there).
    NeedFrom(u64),
}

const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";
/// How a local header starts.
pub(crate) const LOCAL: &[u8] = b"PK\x03\x04";

/// Kinds of extra fields.
const ZIP64: u16 = 1;
const UNICODE_PATH: u16 = 0x7075;
/// The general purpose bit of UTF-8 names.
const UTF8: u16 = 1 << 11;

/// Bytes of a local header before its variable part.
pub const LOCAL_HEADER: u64 = 30;

/// The number at a place of a record, when the record is that long.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
/// The same, of 4 bytes.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Finds the directory; `tail` is the end of a file of `total` bytes.
///
/// # Errors
///
/// [`BadZip::NoEnd`] or [`BadZip::Directory`] for what is no zip, or has bytes that only some readers see.
pub fn find_directory(tail: &[u8], total: u64) -> Result<Find, BadZip> {
    let tail_start = total.checked_sub(tail.len() as u64).ok_or(BadZip::Directory)?;
    let end = memchr::memmem::rfind(tail, END).ok_or(BadZip::NoEnd)?;
    let record = &tail[end..];
    let (Some(length), Some(start), Some(comment)) =
        (u32_at(record, 12), u32_at(record, 16), u16_at(record, 20))
    else {
        return Err(BadZip::NoEnd);
    };
    // Readers disagree about which end record counts, and about bytes between it and the directory.
    if record.len() != 22 + usize::from(comment) {
        return Err(BadZip::NoEnd);
    }
    let locator = end.checked_sub(20).map(|at| &tail[at..end]).filter(|l| l.starts_with(LOCATOR64));
    let (start, length, limit) = match locator.and_then(|l| u64_at(l, 8)) {
        Some(at) if at < tail_start => return Ok(Find::NeedFrom(at)),
        Some(at) => {
            let record = usize::try_from(at - tail_start).ok().and_then(|i| tail.get(i..));
            let record = record.filter(|r| r.starts_with(END64)).ok_or(BadZip::Directory)?;
            let length = u64_at(record, 40).ok_or(BadZip::Directory)?;
            (u64_at(record, 48).ok_or(BadZip::Directory)?, length, at)
        }
        None => (u64::from(start), u64::from(length), tail_start + end as u64),
    };
    match start.checked_add(length) {
        Some(directory_end) if directory_end == limit => Ok(Find::At { start, length }),
        _ => Err(BadZip::Directory),
    }
}

impl Directory {
    /// Checks that `entries` are a whole directory that starts at `start`.
    ///
    /// # Errors
    ///
    /// [`BadZip::Directory`] where they are not, [`BadZip::Outside`] for a member that is not before it.
    pub fn new(entries: Bytes, start: u64) -> Result<Self, BadZip> {
        let directory = Self { entries, start };
        let mut rest: &[u8] = &directory.entries;
        while !rest.is_empty() {
            let (member, after) = entry(rest).ok_or(BadZip::Directory)?;
            let needs = member.packed.saturating_add(LOCAL_HEADER);
            if member.offset.checked_add(needs).is_none_or(|end| end > start) {
                return Err(BadZip::Outside(member.name));
            }
            rest = after;
        }
        Ok(directory)
    }

    /// The members, in directory order.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        let mut rest: &[u8] = &self.entries;
        std::iter::from_fn(move || {
            let (member, after) = entry(rest)?;
            rest = after;
            Some(member)
        })
    }

    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<Member> {
        self.members().find(|m| m.name == name)
    }

    /// Bytes of all files in it, unpacked.
    pub fn unpacked_size(&self) -> u64 {
        self.members().fold(0, |sum, m| sum.saturating_add(m.unpacked))
    }
}

fn entry(bytes: &[u8]) -> Option<(Member, &[u8])> {
    if !bytes.starts_with(ENTRY) {
        return None;
    }
    let length = |at| u16_at(bytes, at).map(usize::from);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let flags = u16_at(bytes, 8)?;
    let raw = bytes.get(46..46 + name)?;
    let mut member = Member {
        name: String::from_utf8_lossy(raw).into_owned(),
        method: u16_at(bytes, 10)?,
        crc32: u32_at(bytes, 16)?,
        packed: u32_at(bytes, 20)?.into(),
        unpacked: u32_at(bytes, 24)?.into(),
        offset: u32_at(bytes, 42)?.into(),
        flags,
        mode: u32_at(bytes, 38)? >> 16,
        clear_name: raw.is_ascii() || (flags & UTF8 != 0 && std::str::from_utf8(raw).is_ok()),
    };
    let extras = bytes.get(46 + name..46 + name + extra)?;
    let Member { unpacked, packed, offset, .. } = &mut member;
    widen(extras, [unpacked, packed, offset])?;
    member.clear_name &= fields(extras).all(|(kind, _)| kind != UNICODE_PATH);
    Some((member, bytes.get(46 + name + extra + comment..)?))
}

/// The extra fields of a header: kind and content.
fn fields(mut extras: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, size) = (u16_at(extras, 0)?, u16_at(extras, 2)?);
        let field = extras.get(4..4 + usize::from(size))?;
        extras = &extras[4 + usize::from(size)..];
        Some((kind, field))
    })
}

/// Takes the values that did not fit into 32 bits from the zip64 field, where they are in this
/// order. `None`: they are not all there.
pub(crate) fn widen<const N: usize>(extras: &[u8], mut values: [&mut u64; N]) -> Option<()> {
    for (_, field) in fields(extras).filter(|&(kind, _)| kind == ZIP64) {
        let wide = values.iter_mut().filter(|value| ***value == u64::from(u32::MAX));
        for (at, value) in wide.enumerate() {
            **value = u64_at(field, at * 8)?;
        }
    }
    Some(())
}

impl Member {
    /// Bytes from the local header to the packed data, once the header's 30 bytes are there.
    ///
    /// # Errors
    ///
    /// [`BadZip::Member`] where no local header stands there.
    pub fn data_offset(&self, local: &[u8]) -> Result<u64, BadZip> {
        let lengths = (u16_at(local, 26), u16_at(local, 28));
        match lengths {
            (Some(name), Some(extra)) if local.starts_with(LOCAL) => {
                Ok(LOCAL_HEADER + u64::from(name) + u64::from(extra))
            }
            _ => Err(BadZip::Member(self.name.clone(), "no local header")),
        }
    }

    /// Unpacks and checks the member's bytes. `limit`: more unpacked bytes are refused.
    ///
    /// # Errors
    ///
    /// [`BadZip::Member`] or [`BadZip::Checksum`] where the bytes are not those that the directory describes.
    pub fn unpack(&self, packed: &[u8], limit: u64) -> Result<Vec<u8>, BadZip> {
        let damaged = |why| BadZip::Member(self.name.clone(), why);
        if self.unpacked > limit {
            return Err(damaged("too large"));
        }
        let mut out = Vec::new();
        match self.method {
            0 => out.extend_from_slice(packed),
            8 => {
                let inflate = flate2::bufread::DeflateDecoder::new(packed);
                let read = inflate.take(self.unpacked + 1).read_to_end(&mut out);
                read.map_err(|_| damaged("its data does not inflate"))?;
            }
            _ => return Err(damaged("compressed in an unknown way")),
        }
        let mut crc = flate2::Crc::new();
        crc.update(&out);
        if out.len() as u64 != self.unpacked {
            return Err(damaged("its size is not what the directory says"));
        }
        if crc.sum() != self.crc32 {
            return Err(BadZip::Checksum(self.name.clone()));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;

    use super::*;

    fn wheel(large: bool) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().large_file(large);
        zip.start_file("a/__init__.py", options).unwrap();
        zip.write_all(&b"x = 1\n".repeat(1000)).unwrap();
        let stored = options.compression_method(zip::CompressionMethod::Stored);
        zip.start_file("a-1.dist-info/METADATA", stored).unwrap();
        zip.write_all(b"Name: a\n").unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn read(file: &[u8], name: &str) -> Result<Vec<u8>, BadZip> {
        let Find::At { start, length } = find_directory(file, file.len() as u64)? else {
            panic!("the whole file is there")
        };
        let entries = Bytes::copy_from_slice(&file[start as usize..(start + length) as usize]);
        let directory = Directory::new(entries, start)?;
        let member = directory.member(name).ok_or(BadZip::NoMember(name.into()))?;
        let local = &file[member.offset as usize..];
        let data = member.data_offset(local)? as usize;
        member.unpack(&local[data..data + member.packed as usize], 1 << 20)
    }

    #[test]
    fn members_are_found_unpacked_and_checked() {
        for large in [false, true] {
            let file = wheel(large);
            assert_eq!(read(&file, "a/__init__.py").unwrap(), b"x = 1\n".repeat(1000));
            assert_eq!(read(&file, "a-1.dist-info/METADATA").unwrap(), b"Name: a\n");
            assert_eq!(read(&file, "nope"), Err(BadZip::NoMember("nope".into())));
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut file = wheel(false);
        let at = memchr::memmem::find(&file, b"Name: a").unwrap();
        file[at] = b'n';
        assert!(matches!(read(&file, "a-1.dist-info/METADATA"), Err(BadZip::Checksum(_))));
    }

    #[test]
    fn damaged_ends_are_errors_and_never_panic() {
        let file = wheel(true);
        for length in 0..file.len() {
            let _ = read(&file[..length], "a/__init__.py");
            let _ = find_directory(&file[length..], file.len() as u64);
        }
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0xff;
            let total = changed.len() as u64;
            if let Ok(Find::At { start, length }) = find_directory(&changed, total) {
                let entries = &changed[start as usize..(start + length) as usize];
                let _ = Directory::new(Bytes::copy_from_slice(entries), start);
            }
        }
    }

    #[test]
    fn a_zip64_record_beyond_the_tail_is_asked_for() {
        let mut tail = LOCATOR64.to_vec();
        tail.extend([0; 4]);
        tail.extend(1000_u64.to_le_bytes());
        tail.extend([1, 0, 0, 0]);
        tail.extend(END);
        tail.extend([0xff; 16]);
        tail.extend([0, 0]);
        assert_eq!(find_directory(&tail, 5000), Ok(Find::NeedFrom(1000)));
    }
}
