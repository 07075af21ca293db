//! Tar headers of a layer: POSIX ustar where a path fits, pax records where it does not, and for extended attributes.
//! Written here and not by a library, so that a layer's digest never changes with a dependency.

use crate::node::{Kind, Node};

/// Everything in a tar file lies on this grid, bytes.
pub(crate) const BLOCK: usize = 512;

/// An entry of a layer.
pub(crate) struct Entry<'a> {
    /// As it stands in the archive; a directory's ends in a slash.
    pub(crate) name: &'a str,
    pub(crate) node: &'a Node,
    /// Where a hard link or a symbolic link points.
    pub(crate) target: &'a str,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) mtime: u64,
    pub(crate) kind: u8,
}

impl Entry<'_> {
    /// The type's byte for what a node is.
    pub(crate) fn kind(node: &Node) -> u8 {
        match &node.kind {
            Kind::File(_) => b'0',
            Kind::HardLink { .. } => b'1',
            Kind::Symlink { .. } => b'2',
            Kind::Directory => b'5',
        }
    }

    /// Its header blocks, a multiple of 512 bytes.
    pub(crate) fn header(&self) -> Vec<u8> {
        let (uid, gid) = (u64::from(self.node.owner.uid), u64::from(self.node.owner.gid));
        let mut records = Vec::new();
        let mut number = |key, value: u64, digits: u32| {
            if value >= 1 << (3 * digits) {
                record(&mut records, key, value.to_string().as_bytes());
                return 0;
            }
            value
        };
        // Always in this order: it shapes the bytes.
        let gid = number("gid", gid, 7);
        let mtime = number("mtime", self.mtime, 11);
        let size = number("size", self.size, 11);
        let uid = number("uid", uid, 7);
        if self.target.len() > 100 || !self.target.is_ascii() {
            record(&mut records, "linkpath", self.target.as_bytes());
        }
        let split = split(self.name);
        if split.is_none() {
            record(&mut records, "path", self.name.as_bytes());
        }
        for (name, value) in &self.node.xattrs {
            record(&mut records, &format!("SCHILY.xattr.{name}"), value);
        }
        let mut out = Vec::with_capacity(BLOCK);
        if !records.is_empty() {
            let fields = Fields { mode: 0o644, uid: 0, gid: 0, size: records.len() as u64, mtime };
            out.extend(fields.block(b'x', b"", b"././@PaxHeader", b""));
            out.extend_from_slice(&records);
            out.resize(out.len() + padding(records.len() as u64), 0);
        }
        let plain_name = plain(self.name);
        let (prefix, name) = split.unwrap_or(("", &plain_name));
        let fields = Fields { mode: self.node.mode & 0o7777, uid, gid, size, mtime };
        let target = plain(self.target);
        out.extend(fields.block(self.kind, prefix.as_bytes(), name.as_bytes(), target.as_bytes()));
        out
    }
}

/// Zero bytes that follow `length` bytes of content.
pub(crate) fn padding(length: u64) -> usize {
    // Less than a block, so it fits.
    (length.wrapping_neg() % BLOCK as u64) as usize
}

/// The two fields ustar has for a path, or nothing when it does not fit them.
fn split(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() {
        return None;
    }
    if name.len() <= 100 {
        return Some(("", name));
    }
    // The first slash that leaves a short enough name; a directory's own last slash is no place to cut.
    let (at, _) = name.match_indices('/').find(|(at, _)| name.len() - at - 1 <= 100)?;
    let (prefix, rest) = (&name[..at], &name[at + 1..]);
    (prefix.len() <= 155 && !prefix.is_empty() && !rest.is_empty()).then_some((prefix, rest))
}

/// What readers that know no pax see: ASCII, cut after 100 characters.
fn plain(name: &str) -> String {
    name.chars().take(100).map(|c| if c.is_ascii() { c } else { '_' }).collect()
}

/// One pax record; its length counts its own digits.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + " =\n".len();
    let digits = |number: usize| number.to_string().len();
    let mut length = rest + digits(rest);
    length = rest + digits(length);
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// The numbers of a header block.
struct Fields {
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
}

impl Fields {
    /// The 512 bytes, of POSIX.1-2001 "ustar Interchange Format".
    fn block(&self, kind: u8, prefix: &[u8], name: &[u8], target: &[u8]) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut put = |at: usize, text: &[u8]| {
            block[at..at + text.len()].copy_from_slice(text);
        };
        put(0, name);
        put(100, format!("{:07o}", self.mode).as_bytes());
        put(108, format!("{:07o}", self.uid).as_bytes());
        put(116, format!("{:07o}", self.gid).as_bytes());
        put(124, format!("{:011o}", self.size).as_bytes());
        put(136, format!("{:011o}", self.mtime).as_bytes());
        put(148, b"        ");
        put(156, &[kind]);
        put(157, target);
        put(257, b"ustar\x0000");
        put(329, b"0000000");
        put(337, b"0000000");
        put(345, prefix);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// What the tar crate reads of a header: path, link, size, and the pax records.
    fn read_back(entry: &Entry) -> (String, String, u64, Vec<(String, Vec<u8>)>) {
        let header = entry.header();
        assert_eq!(header.len() % BLOCK, 0);
        let zeros = std::io::repeat(0).take(entry.size + 2 * BLOCK as u64);
        let mut archive = tar::Archive::new(header.chain(zeros));
        let mut read = archive.entries().unwrap().next().unwrap().unwrap();
        let pax: Vec<_> = (read.pax_extensions().unwrap().into_iter().flatten())
            .map(|record| {
                let record = record.unwrap();
                (record.key().unwrap().to_owned(), record.value_bytes().to_vec())
            })
            .collect();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let link = read.link_name_bytes().map(|link| text(&link)).unwrap_or_default();
        (text(&read.path_bytes()), link, read.size(), pax)
    }

    fn entry<'a>(name: &'a str, node: &'a Node, target: &'a str) -> Entry<'a> {
        Entry { name, node, target, size: 0, mtime: 7, kind: Entry::kind(node) }
    }

    #[test]
    fn paths_and_links_of_every_length_are_read_back() {
        let link = Node::symlink("");
        for step in [7, 60, 99, 100, 101, 200] {
            for length in 1..=420 {
                let path: String = (1..=length)
                    .map(|at| if at % step == 0 && at != length { '/' } else { 'x' })
                    .collect();
                let (name, target, ..) = read_back(&entry(&path, &link, &path));
                assert_eq!((name, target), (path.clone(), path));
            }
        }
        let path = format!("usr/share/{}/Főtanúsítvány.crt", "実験".repeat(60));
        let (name, target, ..) = read_back(&entry(&path, &link, &path));
        assert_eq!((name, target), (path.clone(), path));
    }

    #[test]
    fn large_numbers_and_attributes_are_pax_records() {
        let mut node = Node::file(0o4755, "").owned_by(3_000_000, u32::MAX);
        let capability = bytes::Bytes::from_static(b"\x01\0\0=\xff");
        node.xattrs.insert("security.capability".to_owned(), capability.clone());
        let size = (8 << 30) + 5;
        let entry = Entry { size, mtime: 1 << 40, ..entry("a", &node, "") };
        let (_, _, read, pax) = read_back(&entry);
        assert_eq!(read, size);
        let value = |key: &str| {
            let (_, value) = pax.iter().find(|(name, _)| name == key).unwrap();
            value.clone()
        };
        assert_eq!(value("SCHILY.xattr.security.capability"), capability);
        assert_eq!((value("uid"), value("gid")), (b"3000000".to_vec(), b"4294967295".to_vec()));
        assert_eq!(value("mtime"), (1_u64 << 40).to_string().into_bytes());
    }
}
