//! The outer archive of a package, by deb(5): `debian-binary`, `control.tar*`, `data.tar*`, in this order. Read here and not
//! by a library: those read every dialect of ar; a package is in one, and two readers must not see different members.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::error::{Error, Flaw};

/// What an archive begins with.
const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Bytes of a member's header.
const HEADER: usize = 60;
/// The most members that are looked at before data.tar: three, and some that begin with `_`.
const MEMBERS: usize = 16;
/// The longest `debian-binary`, bytes: a version and what the future may add.
const VERSION: u64 = 256;

/// The two parts of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) control: Member,
    pub(crate) data: Member,
}

/// Where a member lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Bytes.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) size: u64,
}

/// Finds the parts of the package in `file`, which people call `package`. What follows data.tar is not looked at, as dpkg
/// does not.
pub(crate) fn parts(file: &File, package: &str) -> Result<Parts, Error> {
    let read = |source| Error::Read { package: package.to_owned(), source };
    let length = file.metadata().map_err(read)?.len();
    let ar = |why: &str| Flaw::Ar(why.to_owned()).of(package, "the archive");
    let mut magic = [0; MAGIC.len()];
    if length < magic.len() as u64 {
        return Err(ar("it is too short"));
    }
    file.read_exact_at(&mut magic, 0).map_err(read)?;
    if magic != *MAGIC {
        return Err(ar("it does not begin with `!<arch>`"));
    }
    let mut offset = magic.len() as u64;
    let mut control = None;
    for at in 0..MEMBERS {
        let mut header = [0; HEADER];
        if length.saturating_sub(offset) < HEADER as u64 {
            return Err(ar("it ends before data.tar"));
        }
        file.read_exact_at(&mut header, offset).map_err(read)?;
        let (name, size) = parse(&header).map_err(|why| ar(&why))?;
        offset += HEADER as u64;
        if size > length - offset {
            return Err(ar(&format!("`{name}` ends behind the end of the file")));
        }
        let member = Member { name, offset, size };
        offset += size + size % 2;
        match (member.name.as_str(), &control) {
            ("debian-binary", _) if at == 0 => check_version(file, &member, package)?,
            (name, _) if at == 0 => return Err(ar(&format!("it begins with `{name}`"))),
            (name, _) if name.starts_with('_') => {}
            (name, None) if name.starts_with("control.tar") => control = Some(member),
            (name, Some(control)) if name.starts_with("data.tar") => {
                return Ok(Parts { control: control.clone(), data: member });
            }
            (name, _) => return Err(ar(&format!("`{name}` is not expected there"))),
        }
    }
    Err(ar("it has too many members before data.tar"))
}

/// Name and size, by the fields of a header.
fn parse(header: &[u8; HEADER]) -> Result<(String, u64), String> {
    if &header[58..] != b"`\n" {
        return Err("a member's header does not end as it should".to_owned());
    }
    let name = header[..16].trim_ascii_end();
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte);
    if name.is_empty() || !name.iter().all(known) {
        return Err(format!("`{}` is no name of a member", name.escape_ascii()));
    }
    let name: String = name.iter().copied().map(char::from).collect();
    let digits = header[48..58].trim_ascii_end();
    let digits = std::str::from_utf8(digits).unwrap_or("");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("the size of `{name}` is no number"));
    }
    let size = digits.parse().map_err(|_| format!("the size of `{name}` is no number"))?;
    Ok((name, size))
}

/// The format's version: 2, and any minor one.
fn check_version(file: &File, member: &Member, package: &str) -> Result<(), Error> {
    let flaw = |flaw: Flaw| flaw.of(package, "debian-binary");
    if member.size > VERSION {
        return Err(flaw(Flaw::Large { limit: VERSION, unit: "bytes" }));
    }
    let mut text = String::new();
    let read = Section::new(file, member).read_to_string(&mut text);
    read.map_err(|source| Error::Read { package: package.to_owned(), source })?;
    let minor = text.split('\n').next().and_then(|line| line.strip_prefix("2."));
    let is_number = |minor: &str| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit());
    if !text.contains('\n') || !minor.is_some_and(is_number) {
        return Err(flaw(Flaw::Text("the format is not version 2".to_owned())));
    }
    Ok(())
}

/// Reads a member by position, so that the file can be shared.
pub(crate) struct Section<'a> {
    file: &'a File,
    /// In the file, bytes.
    offset: u64,
    /// Bytes.
    left: u64,
}

impl<'a> Section<'a> {
    pub(crate) fn new(file: &'a File, member: &Member) -> Self {
        Section { file, offset: member.offset, left: member.size }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let length = self.file.read_at(&mut buffer[..length], self.offset)?;
        self.offset += length as u64;
        self.left -= length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ar, file};

    fn refused(members: &[(&str, &[u8])]) -> String {
        parts(&file(&ar(members)), "x.deb").unwrap_err().to_string()
    }

    #[test]
    fn the_two_parts_are_found_between_what_may_be_ignored() {
        let bytes = ar(&[
            ("debian-binary", b"2.0\nand more\n"),
            ("_first", b"odd"),
            ("control.tar.xz", b"control"),
            ("_second/", b""),
            ("data.tar", b"data"),
            ("_gpgorigin", b"?"),
            ("data.tar.xz", b"never seen"),
        ]);
        let file = file(&bytes);
        let Parts { control, data } = parts(&file, "x.deb").unwrap();
        let mut text = String::new();
        Section::new(&file, &control).read_to_string(&mut text).unwrap();
        Section::new(&file, &data).read_to_string(&mut text).unwrap();
        assert_eq!((control.name.as_str(), text.as_str()), ("control.tar.xz", "controldata"));
    }

    #[test]
    fn another_order_and_other_members_are_refused_by_name() {
        let version: (&str, &[u8]) = ("debian-binary", b"2.0\n");
        let control: (&str, &[u8]) = ("control.tar", b"");
        let data: (&str, &[u8]) = ("data.tar", b"");
        for (members, told) in [
            (vec![control, data], "it begins with `control.tar`"),
            (vec![version, data, control], "`data.tar` is not expected there"),
            (vec![version, control, control, data], "`control.tar` is not expected there"),
            (vec![version, version], "`debian-binary` is not expected there"),
            (vec![version, control], "it ends before data.tar"),
            (vec![("debian-binary", b"3.0\n"), control, data], "the format is not version 2"),
            (vec![("debian-binary", b"2.x\n"), control, data], "the format is not version 2"),
            (vec![("debian-binary", b"2.0"), control, data], "the format is not version 2"),
            (vec![("debian-binary", &[b'2'; 300]), control, data], "it is larger than 256 bytes"),
        ] {
            let error = refused(&members);
            assert!(error.starts_with("the package x.deb is refused: "), "{error}");
            assert!(error.ends_with(told), "{error}");
        }
        assert!(refused(&[("//", b"long names")]).contains("`/` is no name of a member"));
    }

    #[test]
    fn numbers_and_ends_are_held_to_the_file() {
        let good = ar(&[("debian-binary", b"2.0\n"), ("control.tar", b""), ("data.tar", b"data")]);
        for (at, with, told) in [
            (0, &b"?"[..], "does not begin with"),
            (8 + 58, b"??", "does not end as it should"),
            (8 + 48, b"-4", "is no number"),
            (8 + 48, b"4 4", "is no number"),
            (8 + 48, b"          ", "is no number"),
            (8 + 48, b"9999999999", "ends behind the end of the file"),
        ] {
            let mut bytes = good.clone();
            bytes[at..at + with.len()].copy_from_slice(with);
            let error = parts(&file(&bytes), "x.deb").unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        for length in 0..good.len() {
            assert!(parts(&file(&good[..length]), "x.deb").is_err());
        }
        assert!(parts(&file(&good), "x.deb").is_ok());
    }
}
