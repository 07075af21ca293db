//! A layer's bytes without a file: what was made lies in memory, what a wheel has stays in the wheel. Readable from any offset, so an upload resumes anywhere.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use crate::record::RecordedHash;

/// An opened file that members of a tree lie in.
#[derive(Debug)]
pub struct Source {
    /// What people call it: the wheel's file name.
    pub name: String,
    /// Read by position only, so many readers can share it.
    pub file: File,
}

/// A run of a layer's bytes.
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
pub(crate) struct ExpectedMember {
    /// In the compressed layer, bytes.
    pub(crate) start: u64,
    /// In the compressed layer, bytes; exclusive.
    pub(crate) end: u64,
    pub(crate) file: usize,
    /// In the layer.
    pub(crate) path: String,
    /// Bytes when inflated.
    pub(crate) size: u64,
    pub(crate) crc32: u32,
}

/// A file in the tar of a layer, and the hash that it must have.
#[derive(Debug)]
pub(crate) struct RecordedFile {
    /// In the tar, bytes.
    pub(crate) start: u64,
    /// In the tar, bytes; exclusive.
    pub(crate) end: u64,
    pub(crate) hash: RecordedHash,
    /// Index of its source.
    pub(crate) file: usize,
    /// In the layer.
    pub(crate) path: String,
}

/// The bytes of a layer as segments. A copy costs nothing.
#[derive(Debug, Clone)]
pub struct Segments(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    segments: Vec<Segment>,
    /// Where each segment ends in the layer.
    ends: Vec<u64>,
    expected: Vec<ExpectedMember>,
    recorded: Vec<RecordedFile>,
    sources: Arc<[Source]>,
}

impl Segments {
    pub(crate) fn new(
        segments: Vec<Segment>,
        expected: Vec<ExpectedMember>,
        recorded: Vec<RecordedFile>,
        sources: Arc<[Source]>,
    ) -> Self {
        let ends = segments
            .iter()
            .scan(0, |end, segment| {
                *end += segment.length();
                Some(*end)
            })
            .collect();
        Segments(Arc::new(Inner { segments, ends, expected, recorded, sources }))
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
            segments: self.clone(),
            segment: self.0.ends.partition_point(|end| *end <= offset),
            offset,
        }
    }

    pub(crate) fn expected(&self) -> &[ExpectedMember] {
        &self.0.expected
    }

    pub(crate) fn recorded(&self) -> &[RecordedFile] {
        &self.0.recorded
    }

    pub(crate) fn source(&self, file: usize) -> &str {
        self.0.sources.get(file).map_or("?", |source| &source.name)
    }
}

/// Reads a layer in order. It has no buffer: each read fills as much as it is given.
#[derive(Debug)]
pub struct Reader {
    segments: Segments,
    segment: usize,
    /// In the layer.
    offset: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = &self.segments.0;
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
