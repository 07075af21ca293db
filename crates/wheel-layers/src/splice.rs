//! Tree → layer.tar.gz without recompressing: gzip allows many members in one file, and a file's
//! deflate stream in a wheel becomes such a member as it is. What lies between (tar headers, padding, small
//! files) is compressed here, by miniz_oxide at one level: pure Rust without CPU dispatch, so the bytes
//! are the same on every machine.

use std::sync::Arc;

use bytes::Bytes;
use miniz_oxide::deflate::compress_to_vec;

use crate::gunzip;
use crate::segments::{ExpectedMember, RecordedFile, Segment, Segments, Source};
use crate::splice_error::SpliceError;
use crate::tar;
use crate::tree::{Content, Kind, Member, Method, Tree};

/// Deflate streams from this many bytes on are spliced; each costs some 120 bytes more than in a bundle.
const SPLICED: u64 = 2 << 10;
/// Files up to this many bytes may be bundled, whatever they are compressed to.
const BUNDLED: u64 = 64 << 10;
/// The most tar bytes in a gzip member made here.
const BUNDLE: usize = 1 << 20;
/// The level at which bundles are compressed. It shapes the bytes of every layer.
const LEVEL: u8 = 6;
/// A gzip header: deflate, no name, no time, no level, operating system unknown (RFC 1952).
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// The most bytes in a stored deflate block.
const STORED: u64 = 0xffff;

/// The gzip bytes of a layer that adds `tree`, whose members lie in `sources`; every time is `mtime`,
/// seconds since 1970. Small members are read and checked here, the others when [`crate::measure()`] reads them.
///
/// # Errors
///
/// [`SpliceError`]: a member that is not what its wheel describes or lies outside of it, a path that tar has no form for, a
/// source that cannot be read.
pub fn splice(
    tree: &Tree,
    sources: impl Into<Arc<[Source]>>,
    mtime: u64,
) -> Result<Segments, SpliceError> {
    let sources = sources.into();
    let sizes = sources
        .iter()
        .map(|source| Ok(source.file.metadata()?.len()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(SpliceError::Read)?;
    let mut splicer = Splicer::default();
    for (path, node) in tree.iter() {
        splicer.plain(&tar::header(path, node, mtime)?);
        match &node.kind {
            Kind::File(Content::Bytes(bytes)) => splicer.plain(bytes),
            Kind::File(Content::Member(member)) => {
                splicer.record(path, member);
                let Some(source) = sources.get(member.file) else {
                    return Err(SpliceError::Outside { wheel: "?".into(), path: path.into() });
                };
                let end = member.offset.checked_add(member.compressed);
                if end.is_none_or(|end| end > sizes[member.file]) {
                    return Err(SpliceError::Outside {
                        wheel: source.name.clone(),
                        path: path.into(),
                    });
                }
                splicer.member(path, member, source)?;
            }
            Kind::Folder | Kind::Symlink { .. } | Kind::Whiteout => {}
        }
        splicer.plain(&[0; tar::BLOCK][..tar::padding(tar::length(node))]);
    }
    splicer.plain(&tar::END);
    splicer.flush();
    splicer.close();
    Ok(Segments::new(splicer.segments, splicer.expected, splicer.recorded, sources))
}

#[derive(Default)]
struct Splicer {
    segments: Vec<Segment>,
    expected: Vec<ExpectedMember>,
    recorded: Vec<RecordedFile>,
    /// Bytes of the tar so far.
    tar: u64,
    /// How long the segments are together.
    length: u64,
    /// Compressed bytes that follow the segments.
    glue: Vec<u8>,
    /// Tar bytes that follow them.
    pending: Vec<u8>,
}

impl Splicer {
    /// Tar bytes that are to be bundled.
    fn plain(&mut self, mut bytes: &[u8]) {
        self.tar += bytes.len() as u64;
        while self.pending.len() + bytes.len() >= BUNDLE {
            let (now, later) = bytes.split_at(BUNDLE - self.pending.len());
            self.pending.extend_from_slice(now);
            self.flush();
            bytes = later;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// The next bytes of the tar are this member's.
    fn record(&mut self, path: &str, member: &Member) {
        let Member { file, size, recorded, .. } = *member;
        if let Some(hash) = recorded {
            let (start, end) = (self.tar, self.tar + size);
            self.recorded.push(RecordedFile { start, end, hash, file, path: path.to_owned() });
        }
    }

    /// The pending tar bytes become a gzip member.
    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.glue.extend_from_slice(&GZIP);
        self.glue.extend(compress_to_vec(&self.pending, LEVEL));
        self.trailer(crc32fast::hash(&self.pending), self.pending.len() as u64);
        self.pending.clear();
    }

    fn trailer(&mut self, crc32: u32, size: u64) {
        self.glue.extend_from_slice(&crc32.to_le_bytes());
        // The size modulo 2^32, says RFC 1952.
        self.glue.extend_from_slice(&(size as u32).to_le_bytes());
    }

    /// What was compressed becomes a segment.
    fn close(&mut self) {
        if !self.glue.is_empty() {
            self.length += self.glue.len() as u64;
            self.segments.push(Segment::Bytes(Bytes::copy_from_slice(&self.glue)));
            self.glue.clear();
        }
    }

    fn file(&mut self, file: usize, offset: u64, length: u64) {
        self.close();
        self.length += length;
        self.segments.push(Segment::File { file, offset, length });
    }

    fn member(&mut self, path: &str, member: &Member, source: &Source) -> Result<(), SpliceError> {
        if member.method == Method::Stored && member.compressed != member.size {
            return Err(SpliceError::Size {
                wheel: source.name.clone(),
                path: path.to_owned(),
                stated: member.size,
                found: member.compressed,
                more: false,
            });
        }
        let small = member.method == Method::Stored || member.compressed < SPLICED;
        if small && member.size <= BUNDLED {
            self.plain(&gunzip::small(path, member, source)?);
            return Ok(());
        }
        self.flush();
        self.tar += member.size;
        self.glue.extend_from_slice(&GZIP);
        let start = self.length + self.glue.len() as u64;
        match member.method {
            Method::Deflate => self.file(member.file, member.offset, member.compressed),
            Method::Stored => self.stored(member),
        }
        let end = self.length + self.glue.len() as u64;
        let Member { file, size, crc32, .. } = *member;
        self.expected.push(ExpectedMember { start, end, file, path: path.to_owned(), size, crc32 });
        self.trailer(crc32, size);
        Ok(())
    }

    /// A large file that the wheel has uncompressed stays so: deflate has blocks for that.
    fn stored(&mut self, member: &Member) {
        let mut done = 0;
        while done < member.size {
            let length = (member.size - done).min(STORED);
            let last = done + length == member.size;
            // At most STORED, so it fits.
            let short = length as u16;
            self.glue.push(u8::from(last));
            self.glue.extend_from_slice(&short.to_le_bytes());
            self.glue.extend_from_slice(&(!short).to_le_bytes());
            self.file(member.file, member.offset + done, length);
            done += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::fixture::{node, noise, tree, wheel};
    use crate::measure;
    use oci_digest::Digest;

    const TIME: u64 = 1_762_000_000;

    /// Every kind of content on both sides of every limit, in two wheels.
    fn contents() -> Vec<(&'static str, bool, Vec<u8>)> {
        vec![
            ("a/__init__.py", true, vec![]),
            ("a/big.so", true, noise(3 << 20, 1)),
            ("a/code.py", true, b"import torch\n".repeat(3000)),
            ("a/even.bin", true, noise(512 * 20, 2)),
            ("a/sparse.bin", true, vec![0; 1 << 20]),
            ("b/picture.png", false, noise(200_001, 3)),
            ("b/small.png", false, noise(70, 4)),
            ("b/two_blocks.bin", false, noise(2 * 0xffff, 5)),
            ("b/名前.txt", true, "ねこ".as_bytes().repeat(10)),
        ]
    }

    fn everything(reversed: bool) -> (Tree, [Source; 2]) {
        let contents = contents();
        let (first, second) = contents.split_at(5);
        let (one, mut members) = wheel(0, first);
        let (two, more) = wheel(1, second);
        members.extend(more);
        if reversed {
            members.reverse();
        }
        let mut tree = tree(members);
        let link = Kind::Symlink { target: "big.so".into() };
        for (path, mode, kind) in [
            ("a", 0o755, Kind::Folder),
            ("a/link.so", 0o777, link),
            ("a/made", 0o644, Kind::File(Content::Bytes(noise(3 << 20, 6).into()))),
            ("a/old", 0o644, Kind::Whiteout),
            ("b", 0o755, Kind::Folder),
        ] {
            tree.insert(path, node(mode, kind)).unwrap();
        }
        (tree, [one, two])
    }

    fn all(segments: &Segments) -> Vec<u8> {
        let mut bytes = Vec::new();
        segments.reader(0).read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn gunzip(bytes: &[u8]) -> Vec<u8> {
        let mut tar = Vec::new();
        flate2::bufread::MultiGzDecoder::new(bytes).read_to_end(&mut tar).unwrap();
        tar
    }

    /// What a program makes of these bytes on its standard input.
    fn through(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(bytes).unwrap());
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            output.stdout
        })
    }

    #[test]
    fn the_tar_crate_reads_every_path_and_byte_back() {
        let (tree, sources) = everything(false);
        let segments = splice(&tree, sources, TIME).unwrap();
        let bytes = all(&segments);
        assert_eq!(bytes.len() as u64, segments.size());
        let tar = gunzip(&bytes);
        let mut archive = ::tar::Archive::new(&tar[..]);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert_eq!(entry.header().mtime().unwrap(), TIME);
            found.push((entry.path().unwrap().display().to_string(), content));
        }
        let mut expected: Vec<_> =
            contents().into_iter().map(|(path, _, bytes)| (path.to_owned(), bytes)).collect();
        let empty = ["a/", "a/link.so", "a/.wh.old", "b/"];
        expected.extend(empty.map(|path| (path.to_owned(), vec![])));
        expected.push(("a/made".into(), noise(3 << 20, 6)));
        expected.sort_by_key(|(path, _)| path.replace("/.wh.", "/"));
        assert!(found == expected, "{:?}", found.iter().map(|(path, _)| path).collect::<Vec<_>>());
    }

    #[test]
    fn gzip_and_tar_of_the_system_agree() {
        let (tree, sources) = everything(false);
        let bytes = all(&splice(&tree, sources, TIME).unwrap());
        let tar = through("gzip", &["-dc"], &bytes);
        assert!(tar == gunzip(&bytes));
        let listing = String::from_utf8(through("tar", &["-tf", "-"], &tar)).unwrap();
        assert_eq!(listing.lines().count(), tree.iter().count(), "{listing}");
    }

    #[test]
    fn a_reader_from_any_offset_gives_the_rest() {
        let (tree, sources) = everything(false);
        let segments = splice(&tree, sources, TIME).unwrap();
        let bytes = all(&segments);
        let mut edges = vec![0];
        for segment in segments.segments() {
            let length = match segment {
                Segment::Bytes(bytes) => bytes.len() as u64,
                Segment::File { length, .. } => *length,
            };
            edges.push(edges.last().unwrap() + length);
        }
        assert_eq!(*edges.last().unwrap(), segments.size());
        let anywhere = (0..40).map(|n: u64| n * 7_919 * 17 % segments.size());
        for offset in edges.iter().flat_map(|e| [e.saturating_sub(1), *e, e + 1]).chain(anywhere) {
            let expected = bytes.get(offset as usize..).unwrap_or_default();
            let mut rest = Vec::new();
            segments.reader(offset).read_to_end(&mut rest).unwrap();
            assert!(rest == expected, "from {offset}");
            // Small reads cross every segment's edge.
            let mut few = vec![0; expected.len().min(1000)];
            let mut reader = segments.reader(offset);
            few.chunks_mut(3).for_each(|chunk| reader.read_exact(chunk).unwrap());
            assert!(few == expected[..few.len()], "from {offset} in threes");
        }
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes_in_any_order() {
        let layers = [false, false, true].map(|reversed| {
            let (tree, sources) = everything(reversed);
            Digest::of(all(&splice(&tree, sources, TIME).unwrap()))
        });
        assert_eq!(layers[0], layers[1]);
        assert_eq!(layers[0], layers[2]);
        let (tree, sources) = everything(false);
        assert_ne!(layers[0], Digest::of(all(&splice(&tree, sources, TIME + 1).unwrap())));
    }

    #[test]
    fn large_streams_stay_in_the_wheel_and_small_ones_are_bundled() {
        let (tree, sources) = everything(false);
        let segments = splice(&tree, sources, TIME).unwrap();
        let spliced: Vec<_> =
            segments.expected().iter().map(|member| member.path.as_str()).collect();
        let expected =
            ["a/big.so", "a/even.bin", "a/sparse.bin", "b/picture.png", "b/two_blocks.bin"];
        assert_eq!(spliced, expected);
        let gz = GZIP;
        let members = all(&segments).windows(10).filter(|window| *window == gz).count();
        // One between each two of them and around, and the 3 MB in memory in four.
        assert_eq!(members, 5 + 6 + 3);
    }

    #[test]
    fn an_empty_tree_is_an_empty_archive() {
        let segments = splice(&Tree::default(), [], TIME).unwrap();
        assert_eq!(gunzip(&all(&segments)), [0; 1024]);
        assert_eq!(measure(&segments).unwrap().unpacked, 1024);
    }

    /// The bytes of layers are a promise: locks hold their digests. When this fails, a library or a constant
    /// changed them, and every layer of every user would be built and pushed again.
    #[test]
    fn bytes_do_not_change_from_release_to_release() {
        let mut tree = Tree::default();
        let text: Vec<u8> =
            (0..200_000_u32).flat_map(|n| (n % 977).to_string().into_bytes()).collect();
        let made = |bytes: Vec<u8>| Kind::File(Content::Bytes(bytes.into()));
        for (path, kind) in [
            ("a", Kind::Folder),
            ("a/noise", made(noise(5000, 9))),
            ("a/text", made(text)),
            ("a/名", Kind::Whiteout),
        ] {
            tree.insert(path, node(0o755, kind)).unwrap();
        }
        let measured = measure(&splice(&tree, [], TIME).unwrap()).unwrap();
        assert_eq!(
            measured.digest.to_string(),
            "sha256:5c3e26d55b9f7a94933e9010a54fe64560c1ba012131ea9b23e7a07b76c7926d"
        );
    }
}
