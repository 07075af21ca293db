//! What other readers find in a layer, and that its bytes stay what they are.

use super::*;
use crate::content::Content;

const EPOCH: i64 = 1_767_225_600;

fn settings(compression: Compression) -> LayerSettings {
    LayerSettings { epoch: EPOCH, compression }
}

/// Noise that no compression makes small, by xorshift.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn sample() -> Tree {
    let mut base = Tree::merged_usr();
    base.put("etc/old/conf", Node::file(0o644, "old")).unwrap();
    base.put("etc/secret", Node { mode: 0o700, ..Node::directory(0o700) }).unwrap();
    let mut tree = Tree::on(base);
    tree.put("lib/z", Node::file(0o755, noise(3_000_000))).unwrap();
    let link = Node { kind: Kind::HardLink { to: "usr/lib/z".into() }, ..Node::file(0o755, "") };
    tree.put("lib/a", link.clone()).unwrap();
    tree.put("lib/b", link).unwrap();
    tree.put("etc/secret/x", Node { mtime: Some(5), ..Node::symlink("/usr/lib/z") }).unwrap();
    tree.put("etc/new", Node { mtime: Some(EPOCH + 9), ..Node::file(0o644, "") }).unwrap();
    tree.remove("etc/old/conf").unwrap();
    tree.remove("etc/old").unwrap();
    tree
}

fn write(tree: &Tree, compression: Compression) -> (Measured, Vec<u8>) {
    let mut bytes = Vec::new();
    let measured = write_layer(tree, settings(compression), &mut bytes).unwrap();
    assert_eq!((measured.digest, measured.size), (Digest::of(&bytes), bytes.len() as u64));
    (measured, bytes)
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn gzip_and_zstd_hold_the_same_tar() {
    let tree = sample();
    let (gzip, bytes) = write(&tree, Compression::Gzip);
    let plain = gunzip(&bytes);
    assert_eq!((gzip.diff_id, gzip.unpacked), (Digest::of(&plain), plain.len() as u64));
    let (zstd, bytes) = write(&tree, Compression::Zstd);
    assert_eq!((zstd.diff_id, zstd.unpacked), (gzip.diff_id, gzip.unpacked));
    assert!(zstd::decode_all(&bytes[..]).unwrap() == plain);
    let json = serde_json::to_value(gzip).unwrap();
    assert_eq!(json["diff-id"], gzip.diff_id.to_string());
}

#[test]
fn the_bytes_of_a_layer_stay_what_they_are() {
    let digests = [Compression::Gzip, Compression::Zstd]
        .map(|compression| write(&sample(), compression).0.digest.to_string());
    assert_eq!(
        digests,
        [
            "sha256:8484f3513f1275ce6e638d7441f6e0a0ee309f3f9beced953ce96959e1f6518c",
            "sha256:da5d658e3751fc3f033970d066af225cb01f36e8c960ece049a98ad5dd8d9530",
        ]
    );
}

#[test]
fn a_layer_has_what_changed_with_the_directories_around_it() {
    let (_, bytes) = write(&sample(), Compression::Gzip);
    let plain = gunzip(&bytes);
    let mut archive = tar::Archive::new(&plain[..]);
    let entries: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let link = entry.link_name_bytes().map(|link| text(&link)).unwrap_or_default();
            let header = entry.header();
            (text(&entry.path_bytes()), link, header.mode().unwrap(), header.mtime().unwrap())
        })
        .collect();
    let epoch = EPOCH as u64;
    let entry = |path: &str, link: &str, mode, time| (path.to_owned(), link.to_owned(), mode, time);
    assert_eq!(
        entries,
        [
            entry("etc/", "", 0o755, epoch),
            // Newer than the layer's time, so it has that.
            entry("etc/new", "", 0o644, epoch),
            // What was in it needs no entry of its own: that would make it again.
            entry("etc/.wh.old", "", 0o644, epoch),
            entry("etc/secret/", "", 0o700, epoch),
            entry("etc/secret/x", "/usr/lib/z", 0o777, 5),
            entry("usr/", "", 0o755, epoch),
            entry("usr/lib/", "", 0o755, epoch),
            // The first name has the bytes.
            entry("usr/lib/a", "", 0o755, epoch),
            entry("usr/lib/b", "usr/lib/a", 0o755, epoch),
            entry("usr/lib/z", "usr/lib/a", 0o755, epoch),
        ]
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut tree = Tree::default();
    let unread = Node { kind: Kind::File(Content::Elsewhere { size: 3 }), ..Node::file(0o644, "") };
    tree.put("a", unread).unwrap();
    let error = write_layer(&tree, settings(Compression::Gzip), io::sink()).unwrap_err();
    assert!(matches!(error, LayerError::Read { path, .. } if path == "a"));
    let mut base = Tree::default();
    base.put("a", Node::file(0o644, "")).unwrap();
    let mut tree = Tree::on(base);
    let link = Node { kind: Kind::HardLink { to: "a".into() }, ..Node::file(0o644, "") };
    tree.put("b", link).unwrap();
    let error = write_layer(&tree, settings(Compression::Zstd), io::sink()).unwrap_err();
    assert!(matches!(error, LayerError::Link { path, to } if path == "b" && to == "a"));
}

#[test]
fn a_full_disk_is_told_and_nothing_hangs() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut tree = Tree::default();
    tree.put("a", Node::file(0o644, noise(9_000_000))).unwrap();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let error = write_layer(&tree, settings(compression), Full).unwrap_err();
        assert!(
            matches!(error, LayerError::Write(error) if error.kind() == io::ErrorKind::StorageFull)
        );
    }
}
