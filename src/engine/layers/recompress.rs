//! The same layer as zstd: smaller and faster to unpack, paid for by compressing everything again.

use std::io::{self, Write};
use std::thread;

use sha2::Digest as _;

use super::measure::{Measured, Tell, channel, hash, inflate, joined, read};
use super::recorded;
use super::rope::Rope;
use super::splice_error::SpliceError;
use crate::digest::{Hasher, Sha256};

/// The level, which shapes the bytes. Single-threaded frames: their bytes do not depend on the machine.
const LEVEL: i32 = 3;

/// Writes the rope's tar to `out`, compressed with zstd. Members are checked as in [`super::measure()`]; what
/// was written before an error is no layer.
pub fn write_zstd(rope: &Rope, out: impl Write) -> Result<Measured, SpliceError> {
    write_zstd_telling(rope, out, &|_| ())
}

/// The same; `tell` is told of bytes of the rope as they are read.
pub fn write_zstd_telling(
    rope: &Rope,
    out: impl Write,
    tell: &Tell,
) -> Result<Measured, SpliceError> {
    thread::scope(|scope| {
        let (to_inflate, members) = channel();
        let (to_diff_id, tar) = channel();
        let (to_zstd, plain) = channel();
        let (to_check, files) = channel();
        let reading = scope.spawn(|| read(rope, vec![to_inflate], tell));
        let inflating = scope.spawn(|| inflate(rope, members, vec![to_diff_id, to_check, to_zstd]));
        let diff_id = scope.spawn(|| hash(tar));
        let checked = scope.spawn(|| recorded::check(rope, files));
        let encoded = (|| {
            let mut encoder = zstd::Encoder::new(Tally::new(out), LEVEL)?;
            encoder.include_checksum(true)?;
            plain.iter().try_for_each(|chunk| encoder.write_all(chunk.bytes()))?;
            let mut tally = encoder.finish()?;
            tally.flush()?;
            Ok(tally)
        })();
        // Whoever waits for this thread must not wait for ever when it failed.
        drop(plain);
        joined(reading).map_err(SpliceError::Read)?;
        let unpacked = joined(inflating)?;
        joined(checked)?;
        let mut tally = encoded.map_err(SpliceError::Write)?;
        Ok(Measured {
            digest: Sha256::finish(&mut tally.hasher).into(),
            size: tally.size,
            diff_id: joined(diff_id),
            unpacked,
        })
    })
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
