//! Tar headers: POSIX ustar where a path fits, pax records where it does not. Written here and not by
//! a library, so that a layer's digest never changes with a dependency.

use crate::splice_error::SpliceError;
use crate::tree::{Content, Kind, Node};

/// Everything in a tar file lies on this grid, bytes.
pub(crate) const BLOCK: usize = 512;
/// What ends an archive.
pub(crate) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The largest number in the octal digits of a field.
const fn largest(digits: u32) -> u64 {
    (1 << (3 * digits)) - 1
}

/// How many bytes follow the header of this node, without padding.
pub(crate) fn length(node: &Node) -> u64 {
    match &node.kind {
        Kind::File(Content::Bytes(bytes)) => bytes.len() as u64,
        Kind::File(Content::Member(member)) => member.size,
        Kind::Folder | Kind::Symlink { .. } | Kind::Whiteout => 0,
    }
}

/// Zero bytes that follow `length` bytes of content.
pub(crate) fn padding(length: u64) -> usize {
    // Less than a block, so it fits.
    (length.wrapping_neg() % BLOCK as u64) as usize
}

/// The header blocks of one node, a multiple of 512 bytes; `mtime` in seconds since 1970.
pub(crate) fn header(path: &str, node: &Node, mtime: u64) -> Result<Vec<u8>, SpliceError> {
    let name = name(path, &node.kind)?;
    let (kind, target) = match &node.kind {
        Kind::Folder => (b'5', ""),
        Kind::Symlink { target } if target.is_empty() || target.contains('\0') => {
            return Err(SpliceError::Path(target.clone()));
        }
        Kind::Symlink { target } => (b'2', target.as_str()),
        Kind::File(_) | Kind::Whiteout => (b'0', ""),
    };
    let size = length(node);
    let (uid, gid) = (u64::from(node.owner.uid), u64::from(node.owner.gid));
    let split = split(&name);

    let mut records = Vec::new();
    let mut number = |key, value: u64, digits| {
        if value > largest(digits) {
            record(&mut records, key, &value.to_string());
            return 0;
        }
        value
    };
    // Always in this order: it shapes the bytes.
    let gid = number("gid", gid, 7);
    let mtime_field = number("mtime", mtime, 11);
    let size_field = number("size", size, 11);
    let uid = number("uid", uid, 7);
    if target.len() > 100 || !target.is_ascii() {
        record(&mut records, "linkpath", target);
    }
    if split.is_none() {
        record(&mut records, "path", &name);
    }

    let mut out = Vec::with_capacity(BLOCK);
    if !records.is_empty() {
        let pax = Fields { size: records.len() as u64, mtime: mtime_field, ..Fields::new(b'x') };
        out.extend(pax.block(b"", b"././@PaxHeader", b""));
        out.extend_from_slice(&records);
        out.resize(out.len() + padding(records.len() as u64), 0);
    }
    let fields =
        Fields { mode: node.mode & 0o7777, uid, gid, size: size_field, mtime: mtime_field, kind };
    let plain = plain(&name);
    let (prefix, name) = split.unwrap_or(("", &plain));
    out.extend(fields.block(prefix.as_bytes(), name.as_bytes(), self::plain(target).as_bytes()));
    Ok(out)
}

/// As it stands in the archive: folders end in a slash, whiteouts begin with `.wh.`.
fn name(path: &str, kind: &Kind) -> Result<String, SpliceError> {
    let (parent, last) = path
        .rsplit_once('/')
        .map_or(("", path), |(_, last)| (&path[..path.len() - last.len()], last));
    if last.is_empty() || path.contains('\0') {
        return Err(SpliceError::Path(path.to_owned()));
    }
    Ok(match kind {
        Kind::Folder => format!("{path}/"),
        Kind::Whiteout => format!("{parent}.wh.{last}"),
        Kind::File(_) | Kind::Symlink { .. } => path.to_owned(),
    })
}

/// The two fields ustar has for a path, or nothing when it does not fit them.
fn split(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() {
        return None;
    }
    if name.len() <= 100 {
        return Some(("", name));
    }
    // The first slash that leaves a short enough name; a folder's own last slash is no place to cut.
    let (at, _) = name.match_indices('/').find(|(at, _)| name.len() - at - 1 <= 100)?;
    let (prefix, rest) = (&name[..at], &name[at + 1..]);
    (prefix.len() <= 155 && !prefix.is_empty() && !rest.is_empty()).then_some((prefix, rest))
}

/// What readers that know no pax see: ASCII, cut after 100 characters.
fn plain(name: &str) -> String {
    name.chars().take(100).map(|c| if c.is_ascii() { c } else { '_' }).collect()
}

/// One pax record; its length counts its own digits.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + " =\n".len();
    let digits = |number: usize| number.to_string().len();
    let mut length = rest + digits(rest);
    length = rest + digits(length);
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

/// The numbers of a header block.
struct Fields {
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
    kind: u8,
}

impl Fields {
    fn new(kind: u8) -> Self {
        Fields { mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, kind }
    }

    /// The 512 bytes, of POSIX.1-2001 "ustar Interchange Format".
    fn block(&self, prefix: &[u8], name: &[u8], target: &[u8]) -> [u8; BLOCK] {
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
        put(156, &[self.kind]);
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
    use crate::fixture::node;
    use crate::tree::{Member, Method, Owner};

    /// What the tar crate reads of a header: path, link, size, and the entry's own header.
    fn read_back(
        path: &str,
        node: &Node,
        mtime: u64,
    ) -> (String, Option<String>, u64, ::tar::Header) {
        let header = header(path, node, mtime).unwrap();
        assert_eq!(header.len() % BLOCK, 0);
        let zeros = std::io::repeat(0).take(length(node) + 2 * BLOCK as u64);
        let mut archive = ::tar::Archive::new(header.chain(zeros));
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let size = entry.size();
        for extension in entry.pax_extensions().unwrap().into_iter().flatten() {
            let extension = extension.unwrap();
            if extension.key() == Ok("mtime") {
                assert_eq!(extension.value().unwrap(), mtime.to_string());
            }
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let link = entry.link_name_bytes().map(|link| text(&link));
        (text(&entry.path_bytes()), link, size, entry.header().clone())
    }

    #[test]
    fn paths_of_every_length_are_read_back() {
        let file = node(0o644, Kind::File(Content::Bytes(bytes::Bytes::new())));
        for step in [7, 60, 99, 100, 101, 200] {
            for length in 1..=420 {
                let path: String = (1..=length)
                    .map(|at| if at % step == 0 && at != length { '/' } else { 'x' })
                    .collect();
                assert_eq!(read_back(&path, &file, 0).0, path);
                let folder = node(0o755, Kind::Folder);
                assert_eq!(read_back(&path, &folder, 0).0, format!("{path}/"));
                let link = node(0o777, Kind::Symlink { target: path.clone() });
                assert_eq!(read_back("link", &link, 0).1, Some(path));
            }
        }
    }

    #[test]
    fn ascii_paths_that_ustar_has_room_for_need_no_pax() {
        let file = node(0o644, Kind::Folder);
        for (path, blocks) in [
            ("x".repeat(99), 1),
            ("x".repeat(100), 3),
            (format!("{}/{}", "p".repeat(155), "x".repeat(99)), 1),
            (format!("{}/{}", "p".repeat(156), "x".repeat(99)), 3),
            ("日本".into(), 3),
        ] {
            assert_eq!(header(&path, &file, 0).unwrap().len(), blocks * BLOCK, "{path}");
        }
    }

    #[test]
    fn japanese_paths_and_links_are_read_back() {
        let path = format!("opt/{}/表.txt", "実験".repeat(60));
        let link = node(0o777, Kind::Symlink { target: path.clone() });
        let (name, target, ..) = read_back(&path, &link, 1);
        assert_eq!((name, target), (path.clone(), Some(path)));
    }

    #[test]
    fn numbers_beyond_the_octal_fields_are_pax_records() {
        let size = (8 << 30) + 5;
        let member = Member {
            file: 0,
            offset: 0,
            compressed: 9,
            size,
            crc32: 0,
            method: Method::Deflate,
            recorded: None,
        };
        let owner = Owner { uid: 3_000_000, gid: u32::MAX };
        let node = Node { mode: 0o644, owner, kind: Kind::File(Content::Member(member)) };
        let text = header("a", &node, 1 << 40).unwrap();
        let text = String::from_utf8_lossy(&text);
        for record in [
            "18 gid=4294967295\n",
            "15 uid=3000000\n",
            "19 size=8589934597\n",
            "23 mtime=1099511627776\n",
        ] {
            assert!(text.contains(record), "{record} {text}");
        }
        assert_eq!(read_back("a", &node, 1 << 40).2, size);
    }

    #[test]
    fn modes_owners_times_and_whiteouts_are_read_back() {
        let owner = Owner { uid: 1000, gid: 1001 };
        let node = Node { mode: 0o755, owner, kind: Kind::Whiteout };
        let (path, _, size, header) = read_back("home/ray/gone", &node, 1_762_000_000);
        assert_eq!((path.as_str(), size), ("home/ray/.wh.gone", 0));
        assert_eq!(header.mode().unwrap(), 0o755);
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (1000, 1001));
        assert_eq!(header.mtime().unwrap(), 1_762_000_000);
        assert_eq!(header.username_bytes(), Some(&b""[..]));
        assert_eq!(read_back("gone", &node, 0).0, ".wh.gone");
    }

    #[test]
    fn a_path_without_a_name_or_with_a_nul_is_refused() {
        let link = |target: &str| Kind::Symlink { target: target.into() };
        for (path, kind) in [
            ("", Kind::Folder),
            ("a/", Kind::Folder),
            ("a\0b", Kind::Whiteout),
            ("a", link("")),
            ("a", link("\0")),
        ] {
            let error = header(path, &node(0o644, kind), 0).unwrap_err();
            assert!(matches!(error, SpliceError::Path(_)), "{path:?}");
        }
    }
}
