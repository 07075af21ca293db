//! The inner archives of a package: the forms of tar that deb(5) allows (v7, ustar, GNU's long names and large numbers), and
//! of these only what a package may have. Read here and not by a library, which would take more.

use std::io::{self, Read};

use crate::error::Flaw;

/// Everything in a tar file lies on this grid, bytes.
const BLOCK: usize = 512;
/// The longest name or link, bytes.
const LONGEST: u64 = 4096;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// As it stands there: `./usr/bin/x`.
    pub(crate) name: String,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: i64,
    pub(crate) kind: HeaderKind,
}

/// What kind of entry it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeaderKind {
    File {
        /// Bytes.
        size: u64,
    },
    HardLink(String),
    Symlink(String),
    Directory,
}

/// Why there is no next entry.
#[derive(Debug)]
pub(crate) enum Bad {
    /// The name, as far as it is known, and what is wrong.
    Flaw(String, Flaw),
    Read(io::Error),
}

/// Reads a tar archive in order. Bytes are counted against a limit.
pub(crate) struct TarStream<R> {
    reader: R,
    /// Bytes that may still come.
    left: u64,
    limit: u64,
    /// Bytes of the present file that were not read yet.
    content: u64,
    padding: usize,
}

impl<R: Read> TarStream<R> {
    /// At most `limit` bytes are taken from `reader`.
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        TarStream { reader, left: limit, limit, content: 0, padding: 0 }
    }

    /// The next entry, the one before read or not; `None` at the end, behind which only zeros are.
    pub(crate) fn next(&mut self) -> Result<Option<Header>, Bad> {
        let mut scratch = [0; 8192];
        while self.read_content(&mut scratch)? > 0 {}
        let (mut long_name, mut long_link) = (None, None);
        loop {
            let mut block = [0; BLOCK];
            self.fill(&mut block)?;
            if block == [0; BLOCK] {
                if long_name.is_some() || long_link.is_some() {
                    return Err(flaw("", Flaw::Header("a long name without an entry")));
                }
                self.end()?;
                return Ok(None);
            }
            check_sum(&block)?;
            match block[156] {
                b'L' if long_name.is_none() => long_name = Some(self.long(&block)?),
                b'K' if long_link.is_none() => long_link = Some(self.long(&block)?),
                _ => {
                    let header = parse(&block, long_name, long_link)?;
                    if let HeaderKind::File { size } = header.kind {
                        self.content = size;
                        // Less than a block.
                        self.padding = (size.wrapping_neg() % BLOCK as u64) as usize;
                    }
                    return Ok(Some(header));
                }
            }
        }
    }

    /// Bytes of the present file; 0 at its end.
    pub(crate) fn read_content(&mut self, buffer: &mut [u8]) -> Result<usize, Bad> {
        if self.content == 0 {
            let mut padding = [0; BLOCK];
            let length = std::mem::take(&mut self.padding);
            self.fill(&mut padding[..length])?;
            return Ok(0);
        }
        let length = buffer.len().min(usize::try_from(self.content).unwrap_or(usize::MAX));
        self.fill(&mut buffer[..length])?;
        self.content -= length as u64;
        Ok(length)
    }

    /// The reader, behind the end of the archive.
    pub(crate) fn into_inner(self) -> R {
        self.reader
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Bad> {
        self.left = self.left.checked_sub(buffer.len() as u64).ok_or_else(|| {
            flaw("", Flaw::Large { limit: self.limit, unit: "bytes when unpacked" })
        })?;
        self.reader.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => flaw("", Flaw::Damaged("it ends too early".to_owned())),
            _ => Bad::Read(error),
        })
    }

    /// After the first block of zeros: a second one, and zeros to the end.
    fn end(&mut self) -> Result<(), Bad> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        let mut buffer = [0; 8192];
        let mut all_zero = block == [0; BLOCK];
        loop {
            let length = self.reader.read(&mut buffer).map_err(Bad::Read)?;
            if length == 0 {
                break;
            }
            self.left = self.left.checked_sub(length as u64).ok_or_else(|| {
                flaw("", Flaw::Large { limit: self.limit, unit: "bytes when unpacked" })
            })?;
            all_zero &= buffer[..length].iter().all(|byte| *byte == 0);
        }
        if all_zero { Ok(()) } else { Err(flaw("", Flaw::Header("bytes follow the end"))) }
    }

    /// A name too long for a header: GNU's way.
    fn long(&mut self, block: &[u8; BLOCK]) -> Result<String, Bad> {
        let size = number(&block[124..136], "size").map_err(|why| flaw("", why))?;
        if size > LONGEST {
            return Err(flaw("", Flaw::Large { limit: LONGEST, unit: "bytes for a name" }));
        }
        // At most LONGEST, so it fits.
        let mut bytes = vec![0; (size as usize).next_multiple_of(BLOCK)];
        self.fill(&mut bytes)?;
        bytes.truncate(size as usize);
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        if bytes[end..].len() > 1 {
            return Err(flaw("", Flaw::Name("has a NUL in it")));
        }
        text(&bytes[..end])
    }
}

fn flaw(name: &str, flaw: Flaw) -> Bad {
    Bad::Flaw(name.to_owned(), flaw)
}

fn check_sum(block: &[u8; BLOCK]) -> Result<(), Bad> {
    let stated = number(&block[148..156], "checksum").map_err(|why| flaw("", why))?;
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let field: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
    if sum - field + 8 * u64::from(b' ') != stated {
        return Err(flaw("", Flaw::Header("its checksum is another")));
    }
    Ok(())
}

fn parse(
    block: &[u8; BLOCK],
    long_name: Option<String>,
    long_link: Option<String>,
) -> Result<Header, Bad> {
    let name = match long_name {
        Some(name) => name,
        None => short_name(block)?,
    };
    let bad = |why: Flaw| Bad::Flaw(name.clone(), why);
    let number = |range: std::ops::Range<usize>, what| number(&block[range], what).map_err(bad);
    let small = |value: u64, what| u32::try_from(value).map_err(|_| bad(Flaw::Number(what)));
    let size = number(124..136, "size")?;
    let link = match long_link {
        Some(link) => link,
        None => text(until_nul(&block[157..257]))?,
    };
    let kind = match block[156] {
        0 | b'0' => HeaderKind::File { size },
        b'1' => HeaderKind::HardLink(link),
        b'2' => HeaderKind::Symlink(link),
        b'5' => HeaderKind::Directory,
        kind => return Err(bad(Flaw::Kind { kind, what: named(kind) })),
    };
    if size != 0 && !matches!(kind, HeaderKind::File { .. }) {
        return Err(bad(Flaw::Header("only a file has a size")));
    }
    let mtime = i64::try_from(number(136..148, "time")?).map_err(|_| bad(Flaw::Number("time")))?;
    // Packages are built by anybody: root is who is called root.
    let id = |range, user: std::ops::Range<usize>, what| {
        let number = small(number(range, what)?, what)?;
        Ok(if until_nul(&block[user]) == b"root" { 0 } else { number })
    };
    Ok(Header {
        mode: small(number(100..108, "mode")?, "mode")? & 0o7777,
        uid: id(108..116, 265..297, "user")?,
        gid: id(116..124, 297..329, "group")?,
        mtime,
        kind,
        name,
    })
}

/// What people call a type of entry that is refused.
fn named(kind: u8) -> &'static str {
    match kind {
        b'3' | b'4' => "a device",
        b'6' => "a named pipe",
        b'x' | b'g' => "a pax header",
        b'L' | b'K' => "a second long name",
        b'S' => "a sparse file",
        _ => "unknown",
    }
}

/// The name in the header itself; ustar has a second field for it.
fn short_name(block: &[u8; BLOCK]) -> Result<String, Bad> {
    let name = until_nul(&block[..100]);
    let prefix = until_nul(&block[345..500]);
    if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
        return text(&[prefix, b"/", name].concat());
    }
    text(name)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}

fn text(bytes: &[u8]) -> Result<String, Bad> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|_| {
        flaw(&bytes.escape_ascii().to_string(), Flaw::Name("is not UTF-8 (Debian Policy 10.10)"))
    })
}

/// Octal digits, or GNU's way to write large numbers: the rest of the field after the first bit.
fn number(field: &[u8], what: &'static str) -> Result<u64, Flaw> {
    let bad = Flaw::Number(what);
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len().saturating_sub(8));
        if field[0] != 0x80 || high.iter().skip(1).any(|byte| *byte != 0) {
            return Err(bad);
        }
        let low = if high.is_empty() { [&[0], &low[1..]].concat() } else { low.to_vec() };
        return Ok(low.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }
    let start = field.iter().position(|byte| *byte != b' ').unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let all_octal = digits.iter().all(|byte| matches!(byte, b'0'..=b'7'));
    // All zeros are a zero, as dpkg reads them; all blanks are nothing.
    if start == field.len() || !all_octal || rest.iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return Err(bad);
    }
    Ok(digits.iter().fold(0, |number, digit| number << 3 | u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Entry, tar};

    fn all(bytes: &[u8]) -> Result<Vec<(Header, Vec<u8>)>, String> {
        let mut stream = TarStream::new(bytes, 1 << 20);
        let mut entries = Vec::new();
        let told = |bad| match bad {
            Bad::Flaw(name, flaw) => format!("{name}: {flaw}"),
            Bad::Read(error) => error.to_string(),
        };
        while let Some(header) = stream.next().map_err(told)? {
            let mut content = Vec::new();
            let mut buffer = [0; 100];
            loop {
                let length = stream.read_content(&mut buffer).map_err(told)?;
                if length == 0 {
                    break;
                }
                content.extend_from_slice(&buffer[..length]);
            }
            entries.push((header, content));
        }
        Ok(entries)
    }

    #[test]
    fn entries_of_every_kind_come_back() {
        let long = format!("./{}", "deep/".repeat(60));
        let bytes = tar(&[
            Entry::directory("./"),
            Entry::file("./etc/motd", "hello").owned_by(0, 42).with_mode(0o2755),
            Entry::hard_link("./etc/motd2", "./etc/motd"),
            Entry::symlink("./etc/link", &long),
            Entry::file(&format!("{long}x"), vec![7; 5000]),
        ]);
        let entries = all(&bytes).unwrap();
        let names: Vec<&str> = entries.iter().map(|(header, _)| header.name.as_str()).collect();
        assert_eq!(names, ["./", "./etc/motd", "./etc/motd2", "./etc/link", &format!("{long}x")]);
        let (motd, content) = &entries[1];
        assert_eq!((motd.mode, motd.uid, motd.gid, &content[..]), (0o2755, 0, 42, &b"hello"[..]));
        assert_eq!(entries[2].0.kind, HeaderKind::HardLink("./etc/motd".to_owned()));
        assert_eq!(entries[3].0.kind, HeaderKind::Symlink(long));
        assert_eq!(entries[4].1, vec![7; 5000]);
    }

    #[test]
    fn what_dpkg_does_not_take_is_refused_by_name() {
        for (kind, told) in
            [(b'3', "a device"), (b'6', "a named pipe"), (b'x', "a pax header"), (b'S', "sparse")]
        {
            let error = all(&tar(&[Entry::file("./x", "").of_kind(kind)])).unwrap_err();
            assert!(error.starts_with("./x: ") && error.contains(told), "{error}");
        }
        let sized = Entry::file("./d", "bytes").of_kind(b'5');
        assert!(all(&tar(&[sized])).unwrap_err().contains("only a file has a size"));
    }

    #[test]
    fn an_archive_that_is_cut_changed_or_goes_on_is_refused() {
        let bytes = tar(&[Entry::file("./x", "some text")]);
        for length in 0..3 * BLOCK + 1 {
            assert!(all(&bytes[..length]).is_err(), "{length}");
        }
        for at in 0..BLOCK {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(all(&changed).is_err(), "{at}");
        }
        let more = [&bytes[..], &bytes[..]].concat();
        assert!(all(&more).unwrap_err().contains("bytes follow the end"));
        let huge = tar(&[Entry::file("./x", vec![0; 2 << 20])]);
        assert!(all(&huge).unwrap_err().contains("it is larger than 1048576 bytes"));
        assert!(all(&[&bytes[..], &vec![0; 2 << 20]].concat()).is_err());
    }

    #[test]
    fn numbers_are_octal_or_gnus_large_ones() {
        let large = [&[0x80, 0, 0, 0], &(5_u64 << 33).to_be_bytes()[..]].concat();
        assert_eq!(number(&large, "size"), Ok(5 << 33));
        assert_eq!(number(b"\x80\0\0\0\0\x01\x02\x03", "user"), Ok(0x01_02_03));
        assert_eq!(number(b"  644 \0\0", "mode"), Ok(0o644));
        assert_eq!(number(b"77777777", "mode"), Ok(0o7777_7777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0", "user"), Ok(0));
        let negative = [0xff; 12];
        for field in
            [&negative[..], b"\x80\x01\0\0\0\0\0\0\0\0\0\0", b"        ", b"8\0", b"1 2", b"-1\0"]
        {
            assert_eq!(number(field, "size"), Err(Flaw::Number("size")), "{field:?}");
        }
    }
}
