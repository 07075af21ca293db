//! Tree → layer: one tar of what differs from the base, sorted, compressed once, and hashed while that is done. The bytes
//! are the same on every machine: gzip members of one size, each by libdeflate at one level (which compresses alike on
//! every processor, four times as fast as miniz_oxide at the same level and a little smaller); zstd in one frame by one
//! thread.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use libdeflater::{CompressionLvl, Compressor};
use oci_digest::{Digest, Hasher, Sha256};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use thiserror::Error;

use crate::header::{BLOCK, Entry, padding};
use crate::layer_key::{Compression, LayerSettings};
use crate::node::{Kind, Node};
use crate::path::parent;
use crate::tree::Tree;

/// Tar bytes in a gzip member, and in what travels between threads. It shapes the bytes.
const MEMBER: usize = 1 << 20;
/// The level of gzip. It shapes the bytes.
const GZIP_LEVEL: i32 = 6;
/// The level of zstd. It shapes the bytes.
const ZSTD_LEVEL: i32 = 3;
/// A gzip header: deflate, no name, no time, no level, operating system unknown (RFC 1952).
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// What a manifest and an image config say of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Compressed bytes.
    pub size: u64,
    /// The digest of the tar.
    pub diff_id: Digest,
    /// Bytes of the tar.
    pub unpacked: u64,
}

/// A layer that could not be written.
#[derive(Debug, Error)]
pub enum LayerError {
    /// Bytes of a file that are not to be had.
    #[error("reading /{path} for its layer")]
    Read {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A hard link to a file that is not in the layer.
    #[error("/{path} is a hard link to /{to}, which is not in this layer")]
    Link {
        /// The link.
        path: String,
        /// The file.
        to: String,
    },
    /// Where the layer is written to takes no more.
    #[error("writing a layer")]
    Write(#[source] io::Error),
}

/// Writes what differs from the tree's base to `out`, as a layer. What was written before an error is no layer.
///
/// # Errors
///
/// [`LayerError`]: a file whose bytes cannot be read, or `out` takes no more.
pub fn write_layer(
    tree: &Tree,
    settings: LayerSettings,
    out: impl Write + Send,
) -> Result<Measured, LayerError> {
    let (to_hash, plain) = sync_channel(4);
    let (to_compress, chunks) = sync_channel(4);
    thread::scope(|scope| {
        let hashing = scope.spawn(move || hash(&plain));
        let compressing = scope.spawn(move || match settings.compression {
            Compression::Gzip => gzip(chunks, out),
            Compression::Zstd => zstd(&chunks, out),
        });
        let written =
            Tar { to: [to_hash, to_compress], chunk: Vec::new() }.write(tree, settings.epoch);
        let (diff_id, unpacked) = joined(hashing);
        let compressed = joined(compressing);
        written?;
        let Tally { mut hasher, size, .. } = compressed.map_err(LayerError::Write)?;
        let digest = Sha256::finish(&mut hasher).into();
        Ok(Measured { digest, size, diff_id, unpacked })
    })
}

type Chunk = Arc<Vec<u8>>;

/// The tar, sent in chunks of one size to all who want it.
struct Tar {
    to: [SyncSender<Chunk>; 2],
    chunk: Vec<u8>,
}

impl Tar {
    fn write(mut self, tree: &Tree, epoch: i64) -> Result<(), LayerError> {
        let firsts = first_names(tree);
        let mut parents = BTreeSet::new();
        let mut gone: Option<&str> = None;
        for (path, node) in tree.changes().filter(|(path, _)| !path.is_empty()) {
            if gone.is_some_and(|gone| {
                path.strip_prefix(gone).is_some_and(|rest| rest.starts_with('/'))
            }) {
                continue;
            }
            self.parents(tree, path, &mut parents, epoch)?;
            let Some(node) = node else {
                gone = Some(path);
                let folder = parent(path);
                let name = path[folder.len()..].trim_start_matches('/');
                let slash = if folder.is_empty() { "" } else { "/" };
                self.entry(&format!("{folder}{slash}.wh.{name}"), &Node::file(0o644, ""), epoch)?;
                continue;
            };
            let inode = match &node.kind {
                Kind::File(_) => path,
                Kind::HardLink { to } => to,
                _ => {
                    self.entry(path, node, epoch)?;
                    continue;
                }
            };
            let first = firsts.get(inode).copied().unwrap_or(path);
            let file = tree.change(inode).flatten();
            match file {
                Some(file) if first == path => self.entry(path, file, epoch)?,
                Some(file) => {
                    let kind = Kind::HardLink { to: first.to_owned() };
                    self.entry(path, &Node { kind, ..file.clone() }, epoch)?;
                }
                None => {
                    return Err(LayerError::Link { path: path.to_owned(), to: inode.to_owned() });
                }
            }
        }
        self.put(&[0; 2 * BLOCK]);
        self.flush();
        Ok(())
    }

    /// The base's directories on the way to a path: engines would make those that are missing in a layer their own way.
    fn parents<'a>(
        &mut self,
        tree: &Tree,
        path: &'a str,
        done: &mut BTreeSet<&'a str>,
        epoch: i64,
    ) -> Result<(), LayerError> {
        for (at, _) in path.match_indices('/') {
            let folder = &path[..at];
            let of_base = tree.below(folder).filter(|node| node.is_directory());
            if tree.change(folder).is_some() || !done.insert(folder) {
                continue;
            }
            if let Some(node) = of_base {
                self.entry(folder, node, epoch)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, node: &Node, epoch: i64) -> Result<(), LayerError> {
        let (size, target) = match &node.kind {
            Kind::File(content) => (content.size(), ""),
            Kind::Symlink { target } => (0, target.as_str()),
            Kind::HardLink { to } => (0, to.as_str()),
            Kind::Directory => (0, ""),
        };
        let mtime = node.mtime.unwrap_or(epoch).min(epoch);
        let slash = if node.is_directory() { "/" } else { "" };
        let entry = Entry {
            name: &format!("{path}{slash}"),
            node,
            target,
            size,
            mtime: u64::try_from(mtime).unwrap_or(0),
            kind: Entry::kind(node),
        };
        self.put(&entry.header());
        if let Kind::File(content) = &node.kind {
            let read = |source| LayerError::Read { path: path.to_owned(), source };
            let mut reader = content.reader().map_err(read)?;
            let mut buffer = vec![0; usize::try_from(size).unwrap_or(MEMBER).min(MEMBER)];
            loop {
                let length = reader.read(&mut buffer).map_err(read)?;
                if length == 0 {
                    break;
                }
                self.put(&buffer[..length]);
            }
            self.put(&[0; BLOCK][..padding(size)]);
        }
        Ok(())
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while self.chunk.len() + bytes.len() >= MEMBER {
            let (now, later) = bytes.split_at(MEMBER - self.chunk.len());
            self.chunk.extend_from_slice(now);
            self.flush();
            bytes = later;
        }
        self.chunk.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if !self.chunk.is_empty() {
            let chunk = Arc::new(std::mem::replace(&mut self.chunk, Vec::with_capacity(MEMBER)));
            for to in &self.to {
                // Who is gone has failed, and says so.
                let _ = to.send(Arc::clone(&chunk));
            }
        }
    }
}

/// The first name of each file that has several, by the name that has its bytes: readers want a file before its links.
fn first_names(tree: &Tree) -> HashMap<&str, &str> {
    let mut firsts: HashMap<&str, &str> = HashMap::new();
    for (path, node) in tree.changes() {
        if let Some(Node { kind: Kind::HardLink { to }, .. }) = node {
            let first = firsts.entry(to).or_insert(to);
            *first = (*first).min(path);
        }
    }
    firsts
}

/// The digest of all that comes, and how much that was.
fn hash(chunks: &Receiver<Chunk>) -> (Digest, u64) {
    let mut tally = Tally::new(io::sink());
    // A sink takes everything.
    chunks.iter().for_each(|chunk| _ = tally.write_all(&chunk));
    (Sha256::finish(&mut tally.hasher).into(), tally.size)
}

fn zstd<W: Write>(chunks: &Receiver<Chunk>, out: W) -> io::Result<Tally<W>> {
    let mut encoder = zstd::Encoder::new(Tally::new(out), ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    for chunk in chunks {
        encoder.write_all(&chunk)?;
    }
    let mut tally = encoder.finish()?;
    tally.flush()?;
    Ok(tally)
}

/// Each chunk becomes a gzip member, on all processors; they are written in order.
fn gzip<W: Write>(chunks: Receiver<Chunk>, out: W) -> io::Result<Tally<W>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let chunks = Mutex::new(chunks.into_iter().enumerate());
    let (to_write, members) = sync_channel(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (chunks, to_write) = (&chunks, to_write.clone());
            scope.spawn(move || {
                let mut compressor =
                    Compressor::new(CompressionLvl::new(GZIP_LEVEL).unwrap_or_default());
                loop {
                    let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((at, chunk)) = next else { break };
                    if to_write.send((at, member(&mut compressor, &chunk))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(to_write);
        in_order(members, out)
    })
}

fn in_order<W: Write>(members: Receiver<(usize, Vec<u8>)>, out: W) -> io::Result<Tally<W>> {
    let mut tally = Tally::new(out);
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (at, member) in members {
        early.insert(at, member);
        while let Some(member) = early.remove(&next) {
            tally.write_all(&member)?;
            next += 1;
        }
    }
    tally.flush()?;
    Ok(tally)
}

fn member(compressor: &mut Compressor, plain: &[u8]) -> Vec<u8> {
    let mut out = GZIP.to_vec();
    out.resize(GZIP.len() + compressor.deflate_compress_bound(plain.len()), 0);
    let length = compressor.deflate_compress(plain, &mut out[GZIP.len()..]);
    // It has the room that it asked for.
    out.truncate(GZIP.len() + length.expect("the bound is enough"));
    out.extend_from_slice(&crc32fast::hash(plain).to_le_bytes());
    // At most MEMBER, so it fits.
    out.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    out
}

/// What the thread gives; a panic in it goes on here.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Hashes and counts what passes.
struct Tally<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W> Tally<W> {
    fn new(out: W) -> Self {
        Tally { out, hasher: Hasher::new(), size: 0 }
    }
}

impl<W: Write> Write for Tally<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
