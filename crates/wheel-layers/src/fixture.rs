//! Small wheels and trees for the tests of this folder.

use std::io::{Seek, Write};

use zip::write::SimpleFileOptions;

use crate::segments::Source;
use crate::tree::{Content, Kind, Member, Method, Node, Owner, Tree};

/// Bytes that deflate cannot make much smaller, the same every time.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8 & 0x3f
    };
    (0..length).map(|_| next()).collect()
}

/// A wheel of these files; `true` is deflated. Its members are those of source `file`.
pub(crate) fn wheel(
    file: usize,
    files: &[(&str, bool, Vec<u8>)],
) -> (Source, Vec<(String, Member)>) {
    let mut zip = zip::ZipWriter::new(tempfile::tempfile().unwrap());
    for (name, deflated, bytes) in files {
        let method = match deflated {
            true => zip::CompressionMethod::Deflated,
            false => zip::CompressionMethod::Stored,
        };
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    let mut archive = zip.finish().unwrap();
    archive.rewind().unwrap();
    let mut read = zip::ZipArchive::new(archive.try_clone().unwrap()).unwrap();
    let members = files
        .iter()
        .enumerate()
        .map(|(index, (name, deflated, _))| {
            let entry = read.by_index_raw(index).unwrap();
            let method = if *deflated { Method::Deflate } else { Method::Stored };
            let member = Member {
                file,
                offset: entry.data_start().unwrap(),
                compressed: entry.compressed_size(),
                size: entry.size(),
                crc32: entry.crc32(),
                method,
                recorded: None,
            };
            ((*name).to_owned(), member)
        })
        .collect();
    (Source { name: format!("wheel-{file}.whl"), file: archive }, members)
}

/// A node that root owns.
pub(crate) fn node(mode: u32, kind: Kind) -> Node {
    Node { mode, owner: Owner { uid: 0, gid: 0 }, kind }
}

/// A tree of these members, in the order given.
pub(crate) fn tree(members: impl IntoIterator<Item = (String, Member)>) -> Tree {
    let mut tree = Tree::default();
    for (path, member) in members {
        tree.insert(path, node(0o644, Kind::File(Content::Member(member)))).unwrap();
    }
    tree
}
