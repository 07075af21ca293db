//! The same layer as zstd: smaller and faster to unpack, paid for by compressing everything again.

use std::io::{self, Write};
use std::thread;

use oci_digest::{Hasher, Sha256};
use sha2::Digest as _;

use crate::chunks::channel;
use crate::measure::Measured;
use crate::pipeline::{Progress, hash, inflate, joined, read};
use crate::recorded;
use crate::segments::Segments;
use crate::splice_error::SpliceError;

/// The level, which shapes the bytes. Single-threaded frames: their bytes do not depend on the machine.
const LEVEL: i32 = 3;

/// Writes the layer's tar to `out`, compressed with zstd. Members are checked as in [`crate::measure()`]; what
/// was written before an error is no layer.
///
/// # Errors
///
/// As [`crate::measure()`], and [`SpliceError::Write`] where `out` takes no more.
pub fn write_zstd(segments: &Segments, out: impl Write) -> Result<Measured, SpliceError> {
    write_zstd_with(segments, out, &|_| ())
}

/// The same; `progress` is called as bytes of the gzip layer are read.
///
/// # Errors
///
/// As [`write_zstd`].
pub fn write_zstd_with(
    segments: &Segments,
    out: impl Write,
    progress: &Progress,
) -> Result<Measured, SpliceError> {
    thread::scope(|scope| {
        let (to_inflate, members) = channel();
        let (to_diff_id, tar) = channel();
        let (to_zstd, plain) = channel();
        let (to_check, files) = channel();
        let reading = scope.spawn(|| read(segments, vec![to_inflate], progress));
        let inflating =
            scope.spawn(|| inflate(segments, members, vec![to_diff_id, to_check, to_zstd]));
        let diff_id = scope.spawn(|| hash(tar));
        let checked = scope.spawn(|| recorded::check(segments, files));
        let encoded = (|| {
            let mut encoder = zstd::Encoder::new(Tally::new(out), LEVEL)?;
            encoder.include_checksum(true)?;
            plain.iter().try_for_each(|chunk| encoder.write_all(chunk.bytes()))?;
            let mut tally = encoder.finish()?;
            tally.flush()?;
            Ok(tally)
        })();
        // The threads that send to this one must not wait for ever when it failed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{noise, tree, wheel};
    use crate::measure::measure;
    use crate::splice::splice;
    use oci_digest::Digest;

    #[test]
    fn zstd_holds_the_same_tar() {
        let (source, members) =
            wheel(0, &[("a", true, noise(900_000, 1)), ("b", true, vec![7; 3_000_000])]);
        let segments = splice(&tree(members), [source], 0).unwrap();
        let mut bytes = Vec::new();
        let measured = write_zstd(&segments, &mut bytes).unwrap();
        assert_eq!((measured.digest, measured.size), (Digest::of(&bytes), bytes.len() as u64));
        let tar = zstd::decode_all(&bytes[..]).unwrap();
        let gzip = measure(&segments).unwrap();
        assert_eq!((measured.diff_id, measured.unpacked), (gzip.diff_id, gzip.unpacked));
        assert_eq!(Digest::of(&tar), gzip.diff_id);
        let mut again = Vec::new();
        assert_eq!(write_zstd(&segments, &mut again).unwrap(), measured);
        assert!(again == bytes);
    }

    #[test]
    fn a_full_disk_is_told_and_nothing_hangs() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (source, members) = wheel(0, &[("a", true, noise(9_000_000, 1))]);
        let segments = splice(&tree(members), [source], 0).unwrap();
        let error = write_zstd(&segments, Full).unwrap_err();
        assert!(matches!(error, SpliceError::Write(e) if e.kind() == io::ErrorKind::StorageFull));
    }
}
