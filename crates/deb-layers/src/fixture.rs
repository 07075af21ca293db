//! Small packages for the tests, good and bad ones, made without any program.

use std::fs::File;
use std::io::{Read, Write};

/// A file with these bytes.
pub(crate) fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// An ar archive of these members.
pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let size = bytes.len();
        out.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644).bytes(),
        );
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

/// Bytes, compressed as the name of the member says.
pub(crate) fn pack(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("gz") => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            return encoder.finish().unwrap();
        }
        Some("xz") => {
            liblzma::read::XzEncoder::new(bytes, 0).read_to_end(&mut out).unwrap();
        }
        Some("zst") => out = zstd::encode_all(bytes, 1).unwrap(),
        _ => out.extend_from_slice(bytes),
    }
    out
}

/// An entry of a tar archive, which may be one that no package has.
#[derive(Clone)]
pub(crate) struct Entry {
    name: String,
    link: String,
    content: Vec<u8>,
    mode: u32,
    owner: (u64, u64),
    mtime: u64,
    kind: u8,
}

impl Entry {
    fn new(name: &str, kind: u8, mode: u32) -> Self {
        let name = name.to_owned();
        let (link, content) = (String::new(), Vec::new());
        Entry { name, link, content, mode, owner: (0, 0), mtime: 1_700_000_000, kind }
    }

    pub(crate) fn file(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Entry { content: content.into(), ..Entry::new(name, b'0', 0o644) }
    }

    pub(crate) fn directory(name: &str) -> Self {
        Entry::new(name, b'5', 0o755)
    }

    pub(crate) fn symlink(name: &str, to: &str) -> Self {
        Entry { link: to.to_owned(), ..Entry::new(name, b'2', 0o777) }
    }

    pub(crate) fn hard_link(name: &str, to: &str) -> Self {
        Entry { link: to.to_owned(), ..Entry::new(name, b'1', 0o644) }
    }

    pub(crate) fn with_mode(self, mode: u32) -> Self {
        Entry { mode, ..self }
    }

    pub(crate) fn with_time(self, mtime: u64) -> Self {
        Entry { mtime, ..self }
    }

    pub(crate) fn owned_by(self, uid: u64, gid: u64) -> Self {
        Entry { owner: (uid, gid), ..self }
    }

    pub(crate) fn of_kind(self, kind: u8) -> Self {
        Entry { kind, ..self }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (text, kind) in [(&self.link, b'K'), (&self.name, b'L')] {
            if text.len() > 100 {
                let content = format!("{text}\0").into_bytes();
                Entry { content, ..Entry::new("././@LongLink", kind, 0) }.write(out);
            }
        }
        let mut header = tar::Header::new_gnu();
        let gnu = header.as_gnu_mut().unwrap();
        for (field, text) in [(&mut gnu.name, &self.name), (&mut gnu.linkname, &self.link)] {
            let length = text.len().min(100);
            field[..length].copy_from_slice(&text.as_bytes()[..length]);
        }
        gnu.typeflag = [self.kind];
        header.set_mode(self.mode);
        header.set_uid(self.owner.0);
        header.set_gid(self.owner.1);
        header.set_mtime(self.mtime);
        header.set_size(self.content.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(&self.content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
}

/// A tar archive as dpkg-deb makes it.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    entries.iter().for_each(|entry| entry.write(&mut out));
    out.resize((out.len() + 1024).next_multiple_of(10240), 0);
    out
}

/// A package with this control file, these other members of control.tar, and these files.
pub(crate) fn deb(control: &str, members: &[Entry], files: &[Entry]) -> Vec<u8> {
    let mut entries = vec![Entry::directory("./"), Entry::file("./control", control)];
    entries.extend_from_slice(members);
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &pack("control.tar.gz", &tar(&entries))),
        ("data.tar.xz", &pack("data.tar.xz", &tar(files))),
    ])
}

/// A control file with these lines in it, of a package of this name and version 1.0.
pub(crate) fn control(name: &str, lines: &str) -> String {
    format!(
        "Package: {name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: A <a@example.org>\n\
         {lines}Description: made\n for a test\n"
    )
}
