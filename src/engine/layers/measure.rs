//! One pass over a rope: its digest, its diff id, its sizes, and every member checked. Reading, inflating
//! and the two hashes run on threads of their own; a few buffers are all the memory it takes.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};

use super::gunzip::{Gunzip, Out};
use super::recorded;
use super::rope::Rope;
use super::splice_error::SpliceError;
use crate::digest::{Digest, Hasher, Sha256};
use crate::registry::Blob;

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

/// A layer that can be uploaded: a rope and its digest.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The bytes.
    pub rope: Rope,
    /// Of these bytes; remembered from an earlier run, the registry proves it.
    pub digest: Digest,
}

impl Blob for Layer {
    fn digest(&self) -> Digest {
        self.digest
    }
    fn size(&self) -> u64 {
        self.rope.size()
    }
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.rope.reader(offset)))
    }
}

/// Reads the whole rope once. Several ropes can be measured at once, each on threads of its own.
pub fn measure(rope: &Rope) -> Result<Measured, SpliceError> {
    measure_telling(rope, &|_| ())
}

/// The same; `tell` is told of bytes as they are read.
pub fn measure_telling(rope: &Rope, tell: &Tell) -> Result<Measured, SpliceError> {
    thread::scope(|scope| {
        let (to_digest, compressed) = channel();
        let (to_inflate, members) = channel();
        let (to_diff_id, tar) = channel();
        let (to_check, files) = channel();
        let reading = scope.spawn(|| read(rope, vec![to_digest, to_inflate], tell));
        let digest = scope.spawn(|| hash(compressed));
        let diff_id = scope.spawn(|| hash(tar));
        let checked = scope.spawn(|| recorded::check(rope, files));
        let unpacked = inflate(rope, members, vec![to_diff_id, to_check]);
        // A read error cuts the stream short, so it is the first to be told.
        joined(reading).map_err(SpliceError::Read)?;
        let unpacked = unpacked?;
        joined(checked)?;
        Ok(Measured {
            unpacked,
            digest: joined(digest),
            size: rope.size(),
            diff_id: joined(diff_id),
        })
    })
}

/// How many bytes travel together: they stay in a core's cache.
const CHUNK: usize = 256 << 10;
/// How many chunks may wait for a thread.
const WAITING: usize = 4;

pub(super) type Chunk = Arc<Filled>;

pub(super) fn channel() -> (SyncSender<Chunk>, Receiver<Chunk>) {
    sync_channel(WAITING)
}

pub(super) fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Who is told of bytes, so many more.
pub type Tell = dyn Fn(u64) + Sync;

/// Reads the rope to all of `to`; ends early when one of them has gone.
pub(super) fn read(rope: &Rope, to: Vec<SyncSender<Chunk>>, tell: &Tell) -> io::Result<()> {
    let pool = Pool::default();
    let mut reader = rope.reader(0);
    loop {
        let mut buffer = pool.take();
        let length = reader.read(&mut buffer)?;
        tell(length as u64);
        if length == 0 || !send(&to, pool.filled(buffer, length)) {
            return Ok(());
        }
    }
}

/// The digest of all that comes.
pub(super) fn hash(chunks: Receiver<Chunk>) -> Digest {
    use sha2::Digest as _;
    let mut hasher = Hasher::new();
    chunks.iter().for_each(|chunk| hasher.update(chunk.bytes()));
    Sha256::finish(&mut hasher).into()
}

/// Inflates what comes to all of `to`; how many bytes that were.
pub(super) fn inflate(
    rope: &Rope,
    chunks: Receiver<Chunk>,
    to: Vec<SyncSender<Chunk>>,
) -> Result<u64, SpliceError> {
    let mut gunzip = Gunzip::new(rope);
    let pool = Pool::default();
    let mut out = Chunks { buffer: pool.take(), used: 0, pool, to };
    chunks.iter().try_for_each(|chunk| gunzip.feed(chunk.bytes(), &mut out))?;
    out.flush();
    gunzip.finish()
}

fn send(to: &[SyncSender<Chunk>], chunk: Chunk) -> bool {
    to.iter().all(|to| to.send(chunk.clone()).is_ok())
}

/// Inflated bytes on their way.
struct Chunks {
    buffer: Vec<u8>,
    used: usize,
    pool: Pool,
    to: Vec<SyncSender<Chunk>>,
}

impl Chunks {
    fn flush(&mut self) {
        let buffer = std::mem::replace(&mut self.buffer, self.pool.take());
        // A receiver that has gone has failed; its own error is told.
        send(&self.to, self.pool.filled(buffer, self.used));
        self.used = 0;
    }
}

impl Out for Chunks {
    fn room(&mut self) -> &mut [u8] {
        if self.used == self.buffer.len() {
            self.flush();
        }
        &mut self.buffer[self.used..]
    }
    fn filled(&mut self, bytes: usize) {
        self.used += bytes;
    }
}

/// Buffers that are used again, so that no page is asked of the system twice.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    fn take(&self) -> Vec<u8> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| vec![0; CHUNK])
    }
    fn filled(&self, buffer: Vec<u8>, length: usize) -> Chunk {
        Arc::new(Filled { buffer, length, pool: self.clone() })
    }
}

/// A buffer of a pool, returned when the last thread is done with it.
pub(super) struct Filled {
    buffer: Vec<u8>,
    length: usize,
    pool: Pool,
}

impl Filled {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::super::fixture::{noise, tree, wheel};
    use super::super::rope::Source;
    use super::super::splice::splice;
    use super::super::tree::Member;
    use super::super::write_zstd;
    use super::*;

    fn layer(bytes: &Rope) -> Vec<u8> {
        let mut all = Vec::new();
        bytes.reader(0).read_to_end(&mut all).unwrap();
        all
    }

    /// A large and a small file, changed before they are spliced and measured.
    fn attempt(
        size: usize,
        deflated: bool,
        change: impl FnOnce(&mut Member, &Source),
    ) -> Result<Measured, SpliceError> {
        let bytes = noise(size, 7);
        let (source, mut members) =
            wheel(0, &[("a", true, noise(9000, 8)), ("b", deflated, bytes)]);
        change(&mut members[1].1, &source);
        measure(&splice(&tree(members), [source], 0)?)
    }

    /// Small files are checked when bundled, large ones when measured: both must see everything.
    const SIZES: [usize; 2] = [1000, 900_000];

    #[test]
    fn digest_diff_id_and_sizes_are_those_of_the_bytes() {
        let (source, members) =
            wheel(0, &[("a", true, noise(900_000, 1)), ("b", false, noise(300_000, 2))]);
        let rope = splice(&tree(members), [source], 0).unwrap();
        let bytes = layer(&rope);
        let mut tar = Vec::new();
        flate2::bufread::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap();
        let measured = measure(&rope).unwrap();
        assert_eq!(measured.digest, Digest::of(&bytes));
        assert_eq!(measured.diff_id, Digest::of(&tar));
        assert_eq!((measured.size, measured.unpacked), (bytes.len() as u64, tar.len() as u64));
        let json = serde_json::to_value(measured).unwrap();
        assert_eq!(json["diff-id"], measured.diff_id.to_string());
        assert_eq!(serde_json::from_value::<Measured>(json).unwrap(), measured);
        let blob = Layer { rope, digest: measured.digest };
        let mut rest = Vec::new();
        Blob::open(&blob, 1000).unwrap().read_to_end(&mut rest).unwrap();
        assert!(rest == bytes[1000..]);
        assert_eq!((Blob::size(&blob), Blob::digest(&blob)), (measured.size, measured.digest));
    }

    #[test]
    fn zstd_holds_the_same_tar() {
        let (source, members) =
            wheel(0, &[("a", true, noise(900_000, 1)), ("b", true, vec![7; 3_000_000])]);
        let rope = splice(&tree(members), [source], 0).unwrap();
        let mut bytes = Vec::new();
        let measured = write_zstd(&rope, &mut bytes).unwrap();
        assert_eq!((measured.digest, measured.size), (Digest::of(&bytes), bytes.len() as u64));
        let tar = zstd::decode_all(&bytes[..]).unwrap();
        let gzip = measure(&rope).unwrap();
        assert_eq!((measured.diff_id, measured.unpacked), (gzip.diff_id, gzip.unpacked));
        assert_eq!(Digest::of(&tar), gzip.diff_id);
        let mut again = Vec::new();
        assert_eq!(write_zstd(&rope, &mut again).unwrap(), measured);
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
        let rope = splice(&tree(members), [source], 0).unwrap();
        let error = write_zstd(&rope, Full).unwrap_err();
        assert!(matches!(error, SpliceError::Write(e) if e.kind() == io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_wrong_crc_names_wheel_and_file() {
        for (size, deflated) in SIZES.iter().flat_map(|size| [(*size, true), (*size, false)]) {
            let error = attempt(size, deflated, |member, _| member.crc32 ^= 1).unwrap_err();
            assert!(
                matches!(&error, SpliceError::Crc { wheel, path, .. } if wheel == "wheel-0.whl" && path == "b")
            );
            assert!(error.to_string().starts_with("wheel-0.whl: b has the crc32 "), "{error}");
        }
    }

    #[test]
    fn a_changed_byte_is_seen() {
        for (size, deflated) in SIZES.iter().flat_map(|size| [(*size, true), (*size, false)]) {
            let error = attempt(size, deflated, |member, source| {
                let mut byte = [0];
                let at = member.offset + member.compressed / 2;
                source.file.read_exact_at(&mut byte, at).unwrap();
                source.file.write_all_at(&[byte[0] ^ 4], at).unwrap();
            })
            .unwrap_err();
            let told = matches!(
                &error,
                SpliceError::Crc { .. } | SpliceError::Size { .. } | SpliceError::Corrupt { .. }
            );
            assert!(told && error.to_string().contains("wheel-0.whl: "), "{error}");
        }
    }

    #[test]
    fn a_lying_size_is_refused_and_inflating_stops_there() {
        for size in SIZES {
            for wrong in [-1, 1, -500] {
                let error = attempt(size, true, |member, _| {
                    member.size = member.size.strict_add_signed(wrong);
                })
                .unwrap_err();
                let SpliceError::Size { stated, found, more, .. } = error else {
                    panic!("{error}")
                };
                assert_eq!(stated, (size as u64).strict_add_signed(wrong));
                assert_eq!(more, wrong < 0);
                assert!(found <= stated + CHUNK as u64);
            }
            let error = attempt(size, false, |member, _| member.size -= 1).unwrap_err();
            assert!(matches!(error, SpliceError::Size { .. }), "{error}");
        }
    }

    #[test]
    fn a_stream_must_end_where_its_bytes_end() {
        for size in SIZES {
            for (wrong, what) in [(-1, "end before"), (1, "go on after"), (30, "go on after")] {
                let error = attempt(size, true, |member, _| {
                    member.compressed = member.compressed.strict_add_signed(wrong);
                })
                .unwrap_err();
                assert!(matches!(&error, SpliceError::Corrupt { path, .. } if path == "b"));
                assert!(error.to_string().contains(what), "{error}");
            }
            let error = attempt(size, true, |member, source| {
                source.file.write_all_at(&[0xff; 8], member.offset).unwrap();
            })
            .unwrap_err();
            assert!(error.to_string().contains("are not a deflate stream"), "{error}");
        }
    }

    #[test]
    fn a_member_beyond_the_file_is_refused() {
        for offset in [1 << 40, u64::MAX] {
            let error = attempt(9000, true, |member, _| member.offset = offset).unwrap_err();
            assert!(matches!(error, SpliceError::Outside { .. }));
        }
        let (source, mut members) = wheel(0, &[("a", true, noise(9000, 8))]);
        members[0].1.file = 1;
        assert!(matches!(splice(&tree(members), [source], 0), Err(SpliceError::Outside { .. })));
    }

    #[test]
    fn a_wheel_that_shrinks_under_the_rope_is_a_read_error_with_its_name() {
        let (source, members) = wheel(0, &[("a", true, noise(2_000_000, 8))]);
        let file = source.file.try_clone().unwrap();
        let rope = splice(&tree(members), [source], 0).unwrap();
        file.set_len(700_000).unwrap();
        let error = measure(&rope).unwrap_err();
        assert!(
            matches!(&error, SpliceError::Read(source) if source.to_string().starts_with("wheel-0.whl: "))
        );
    }

    #[test]
    fn several_ropes_are_measured_at_once() {
        let ropes: Vec<_> = (0..4)
            .map(|seed| {
                let (source, members) = wheel(0, &[("a", true, noise(400_000, seed * 2 + 1))]);
                splice(&tree(members), [source], 0).unwrap()
            })
            .collect();
        let alone: Vec<_> = ropes.iter().map(|rope| measure(rope).unwrap()).collect();
        let together: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> =
                ropes.iter().map(|rope| scope.spawn(|| measure(rope).unwrap())).collect();
            running.into_iter().map(joined).collect()
        });
        assert_eq!(alone, together);
        assert_ne!(alone[0].digest, alone[1].digest);
    }
}
