//! Inflates a layer's gzip members as they come, and compares each spliced member with what the wheel's
//! directory says: crc32, size, and a deflate stream that ends where its bytes end.

use std::os::unix::fs::FileExt;

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use crate::segments::{ExpectedMember, Segments, Source};
use crate::splice_error::SpliceError;
use crate::tree::{Member, Method};

/// Of every gzip member: nothing optional is ever in it.
const HEADER: usize = 10;
const TRAILER: usize = 8;

/// Where inflated bytes go.
pub(crate) trait Out {
    /// Room for more; never empty.
    fn room(&mut self) -> &mut [u8];
    /// So many bytes of the room are filled.
    fn filled(&mut self, bytes: usize);
}

/// Where the decoder is inside a gzip member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Body,
    Trailer,
}

/// A decoder that is fed a layer's bytes in order.
pub(crate) struct Gunzip<'r> {
    segments: &'r Segments,
    inflate: Decompress,
    part: Part,
    /// The bytes of a header or trailer so far.
    frame: Vec<u8>,
    /// In the layer.
    position: u64,
    /// The first spliced member that has not ended.
    member: usize,
    crc32: Hasher,
    /// Bytes that this member inflated to.
    size: u64,
    unpacked: u64,
}

impl<'r> Gunzip<'r> {
    pub(crate) fn new(segments: &'r Segments) -> Self {
        Gunzip {
            segments,
            inflate: Decompress::new(false),
            part: Part::Header,
            frame: Vec::with_capacity(HEADER),
            position: 0,
            member: 0,
            crc32: Hasher::new(),
            size: 0,
            unpacked: 0,
        }
    }

    /// The next bytes of the layer.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], out: &mut impl Out) -> Result<(), SpliceError> {
        while !bytes.is_empty() {
            let taken = match self.part {
                Part::Header => self.header(bytes),
                Part::Body => self.body(bytes, out)?,
                Part::Trailer => self.trailer(bytes)?,
            };
            bytes = &bytes[taken..];
            self.position += taken as u64;
        }
        Ok(())
    }

    /// After the last byte: how many bytes it was inflated.
    pub(crate) fn finish(self) -> Result<u64, SpliceError> {
        if self.part == Part::Header && self.frame.is_empty() {
            return Ok(self.unpacked);
        }
        Err(SpliceError::Invalid { at: self.position })
    }

    /// Adds to the frame; whether it is whole.
    fn frame(&mut self, bytes: &[u8], length: usize) -> (usize, bool) {
        let taken = bytes.len().min(length - self.frame.len());
        self.frame.extend_from_slice(&bytes[..taken]);
        (taken, self.frame.len() == length)
    }

    fn header(&mut self, bytes: &[u8]) -> usize {
        let (taken, whole) = self.frame(bytes, HEADER);
        if whole {
            self.frame.clear();
            self.inflate.reset(false);
            self.crc32.reset();
            self.size = 0;
            self.part = Part::Body;
        }
        taken
    }

    /// Inflates until the bytes or the member end; how many bytes were taken.
    fn body(&mut self, bytes: &[u8], out: &mut impl Out) -> Result<usize, SpliceError> {
        let member = self
            .segments
            .expected()
            .get(self.member)
            .filter(|member| member.start <= self.position);
        // Never looks beyond the member; what is left of it fits, or the bytes are fewer.
        let left = member.map_or(u64::MAX, |member| member.end - self.position);
        let bytes =
            &bytes[..usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))];
        let mut taken = 0;
        loop {
            let room = out.room();
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(&bytes[taken..], room, FlushDecompress::None)
                .map_err(|_| self.wrong(member, "are not a deflate stream"))?;
            // Both at most the lengths given.
            taken += (self.inflate.total_in() - before_in) as usize;
            let made = (self.inflate.total_out() - before_out) as usize;
            let full = made == room.len();
            self.crc32.update(&room[..made]);
            out.filled(made);
            self.size += made as u64;
            self.unpacked += made as u64;
            if let Some(member) = member.filter(|member| self.size > member.size) {
                return Err(self.size(member, true));
            }
            if status == Status::StreamEnd {
                if taken as u64 != left && member.is_some() {
                    return Err(self.wrong(member, "go on after the end of the deflate stream"));
                }
                self.part = Part::Trailer;
                return Ok(taken);
            }
            if taken == bytes.len() && !full {
                if taken as u64 == left {
                    return Err(self.wrong(member, "end before the deflate stream does"));
                }
                return Ok(taken);
            }
        }
    }

    fn trailer(&mut self, bytes: &[u8]) -> Result<usize, SpliceError> {
        let (taken, whole) = self.frame(bytes, TRAILER);
        if whole {
            let crc32 = self.crc32.clone().finalize();
            let member =
                self.segments.expected().get(self.member).filter(|c| c.start <= self.position);
            if let Some(member) = member {
                if self.size != member.size {
                    return Err(self.size(member, false));
                }
                if crc32 != member.crc32 {
                    return Err(SpliceError::Crc {
                        wheel: self.segments.source(member.file).to_owned(),
                        path: member.path.clone(),
                        stated: member.crc32,
                        found: crc32,
                    });
                }
                self.member += 1;
            }
            let stated = [crc32.to_le_bytes(), (self.size as u32).to_le_bytes()].concat();
            if self.frame != stated {
                return Err(SpliceError::Invalid { at: self.position });
            }
            self.frame.clear();
            self.part = Part::Header;
        }
        Ok(taken)
    }

    fn size(&self, member: &ExpectedMember, more: bool) -> SpliceError {
        SpliceError::Size {
            wheel: self.segments.source(member.file).to_owned(),
            path: member.path.clone(),
            stated: member.size,
            found: self.size,
            more,
        }
    }

    fn wrong(&self, member: Option<&ExpectedMember>, what: &'static str) -> SpliceError {
        match member {
            Some(member) => SpliceError::Corrupt {
                wheel: self.segments.source(member.file).to_owned(),
                path: member.path.clone(),
                what,
            },
            None => SpliceError::Invalid { at: self.position },
        }
    }
}

/// The bytes of a small member, checked. `member.size` bounds what is kept in memory.
pub(crate) fn small(path: &str, member: &Member, source: &Source) -> Result<Vec<u8>, SpliceError> {
    let wheel = || source.name.clone();
    let corrupt = |what| SpliceError::Corrupt { wheel: wheel(), path: path.to_owned(), what };
    // Both at most a bundle's limit, so they fit.
    let (compressed, size) = (member.compressed as usize, member.size as usize);
    let mut raw = vec![0; compressed];
    source.file.read_exact_at(&mut raw, member.offset).map_err(SpliceError::Read)?;
    let bytes = match member.method {
        Method::Stored => raw,
        Method::Deflate => {
            // One byte more, to see a stream that has more than it says.
            let mut bytes = vec![0; size + 1];
            let mut inflate = Decompress::new(false);
            let status = inflate
                .decompress(&raw, &mut bytes, FlushDecompress::Finish)
                .map_err(|_| corrupt("are not a deflate stream"))?;
            let found = inflate.total_out();
            if found > member.size || (status == Status::StreamEnd && found != member.size) {
                let (stated, more) = (member.size, found > member.size);
                let path = path.to_owned();
                return Err(SpliceError::Size { wheel: wheel(), path, stated, found, more });
            }
            if status != Status::StreamEnd {
                return Err(corrupt("end before the deflate stream does"));
            }
            if inflate.total_in() != member.compressed {
                return Err(corrupt("go on after the end of the deflate stream"));
            }
            bytes.truncate(size);
            bytes
        }
    };
    let found = crc32fast::hash(&bytes);
    if found != member.crc32 {
        let (path, stated) = (path.to_owned(), member.crc32);
        return Err(SpliceError::Crc { wheel: wheel(), path, stated, found });
    }
    Ok(bytes)
}
