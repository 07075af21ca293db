//! A layer's bytes without a file: what envlock made lies in memory, what a wheel has stays in the
//! wheel. Readable from any offset, so an upload resumes anywhere.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::recorded::Recorded;

/// An opened file that members of a tree lie in.
#[derive(Debug)]
pub struct Source {
    /// What people call it: the wheel's file name.
    pub name: String,
    /// Read by position only, so many readers can share it.
    pub file: File,
}

/// A run of a rope's bytes.
#[derive(Debug, Clone)]
pub enum Segment {
    /// In memory.
    Bytes(Bytes),
    /// In a source.
    File {
        /// Index of the source.
        file: usize,
        /// In the source, bytes.
        offset: u64,
        /// Bytes.
        length: u64,
    },
}

impl Segment {
    fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::File { length, .. } => *length,
        }
    }
}

/// The deflate stream of a member that was spliced, and what the wheel's directory says of it.
#[derive(Debug)]
pub(super) struct Claim {
    /// In the rope, bytes.
    pub(super) start: u64,
    /// In the rope, bytes; exclusive.
    pub(super) end: u64,
    pub(super) file: usize,
    /// In the layer.
    pub(super) path: String,
    /// Bytes when inflated.
    pub(super) size: u64,
    pub(super) crc32: u32,
}

/// The bytes of a layer as segments. A copy costs nothing.
#[derive(Debug, Clone)]
pub struct Rope(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    segments: Vec<Segment>,
    /// Where each segment ends in the rope.
    ends: Vec<u64>,
    claims: Vec<Claim>,
    recorded: Vec<Recorded>,
    sources: Arc<[Source]>,
}

impl Rope {
    pub(super) fn new(
        segments: Vec<Segment>,
        claims: Vec<Claim>,
        recorded: Vec<Recorded>,
        sources: Arc<[Source]>,
    ) -> Self {
        let ends = segments
            .iter()
            .scan(0, |end, segment| {
                *end += segment.length();
                Some(*end)
            })
            .collect();
        Rope(Arc::new(Inner { segments, ends, claims, recorded, sources }))
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.0.ends.last().copied().unwrap_or(0)
    }

    /// The runs in order.
    pub fn segments(&self) -> &[Segment] {
        &self.0.segments
    }

    /// From `offset` to the end; nothing when that is beyond the end.
    pub fn reader(&self, offset: u64) -> Reader {
        Reader {
            rope: self.clone(),
            segment: self.0.ends.partition_point(|end| *end <= offset),
            offset,
        }
    }

    pub(super) fn claims(&self) -> &[Claim] {
        &self.0.claims
    }

    pub(super) fn recorded(&self) -> &[Recorded] {
        &self.0.recorded
    }

    pub(super) fn source(&self, file: usize) -> &str {
        self.0.sources.get(file).map_or("?", |source| &source.name)
    }
}

/// Reads a rope in order. It has no buffer: each read fills as much as it is given.
#[derive(Debug)]
pub struct Reader {
    rope: Rope,
    segment: usize,
    /// In the rope.
    offset: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = &self.rope.0;
        let mut filled = 0;
        while filled < buffer.len() {
            let Some(segment) = inner.segments.get(self.segment) else { break };
            let within = self.offset + segment.length() - inner.ends[self.segment];
            let left = segment.length() - within;
            let room = &mut buffer[filled..];
            let take = usize::try_from(left).map_or(room.len(), |left| left.min(room.len()));
            match segment {
                Segment::Bytes(bytes) => {
                    // Within bytes in memory, so it fits.
                    let within = within as usize;
                    room[..take].copy_from_slice(&bytes[within..within + take]);
                }
                Segment::File { file, offset, .. } => {
                    let source = &inner.sources[*file];
                    source.file.read_exact_at(&mut room[..take], offset + within).map_err(
                        |error| io::Error::new(error.kind(), format!("{}: {error}", source.name)),
                    )?;
                }
            }
            filled += take;
            self.offset += take as u64;
            if take as u64 == left {
                self.segment += 1;
            }
        }
        Ok(filled)
    }
}
