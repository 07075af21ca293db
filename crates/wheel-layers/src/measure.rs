//! One pass over a layer: its digest, its diff id, its sizes, and every member checked. Reading, inflating
//! and the two hashes run on threads of their own; a few buffers are all the memory it takes.

use std::thread;

use oci_digest::Digest;
use serde::{Deserialize, Serialize};

use crate::chunks::channel;
use crate::pipeline::{Progress, hash, inflate, joined, read};
use crate::recorded;
use crate::segments::Segments;
use crate::splice_error::SpliceError;

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

/// Reads the whole layer once. Several layers can be measured at the same time, each on threads of its own.
///
/// # Errors
///
/// [`SpliceError`]: a source that cannot be read, or the first file whose bytes are not those that its wheel describes.
pub fn measure(segments: &Segments) -> Result<Measured, SpliceError> {
    measure_with(segments, &|_| ())
}

/// The same; `progress` is called as bytes are read.
///
/// # Errors
///
/// As [`measure`].
pub fn measure_with(segments: &Segments, progress: &Progress) -> Result<Measured, SpliceError> {
    thread::scope(|scope| {
        let (to_digest, compressed) = channel();
        let (to_inflate, members) = channel();
        let (to_diff_id, tar) = channel();
        let (to_check, files) = channel();
        let reading = scope.spawn(|| read(segments, vec![to_digest, to_inflate], progress));
        let digest = scope.spawn(|| hash(compressed));
        let diff_id = scope.spawn(|| hash(tar));
        let checked = scope.spawn(|| recorded::check(segments, files));
        let unpacked = inflate(segments, members, vec![to_diff_id, to_check]);
        // A read error cuts the stream short, so it comes first.
        joined(reading).map_err(SpliceError::Read)?;
        let unpacked = unpacked?;
        joined(checked)?;
        Ok(Measured {
            unpacked,
            digest: joined(digest),
            size: segments.size(),
            diff_id: joined(diff_id),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::chunks::CHUNK;
    use crate::fixture::{noise, tree, wheel};
    use crate::segments::Source;
    use crate::splice::splice;
    use crate::tree::Member;

    fn layer(bytes: &Segments) -> Vec<u8> {
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
        let segments = splice(&tree(members), [source], 0).unwrap();
        let bytes = layer(&segments);
        let mut tar = Vec::new();
        flate2::bufread::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap();
        let measured = measure(&segments).unwrap();
        assert_eq!(measured.digest, Digest::of(&bytes));
        assert_eq!(measured.diff_id, Digest::of(&tar));
        assert_eq!((measured.size, measured.unpacked), (bytes.len() as u64, tar.len() as u64));
        let json = serde_json::to_value(measured).unwrap();
        assert_eq!(json["diff-id"], measured.diff_id.to_string());
        assert_eq!(serde_json::from_value::<Measured>(json).unwrap(), measured);
        let mut rest = Vec::new();
        segments.reader(1000).read_to_end(&mut rest).unwrap();
        assert!(rest == bytes[1000..]);
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
    fn a_wheel_that_shrinks_under_the_layer_is_a_read_error_with_its_name() {
        let (source, members) = wheel(0, &[("a", true, noise(2_000_000, 8))]);
        let file = source.file.try_clone().unwrap();
        let segments = splice(&tree(members), [source], 0).unwrap();
        file.set_len(700_000).unwrap();
        let error = measure(&segments).unwrap_err();
        assert!(
            matches!(&error, SpliceError::Read(source) if source.to_string().starts_with("wheel-0.whl: "))
        );
    }

    #[test]
    fn several_layers_are_measured_at_once() {
        let layers: Vec<_> = (0..4)
            .map(|seed| {
                let (source, members) = wheel(0, &[("a", true, noise(400_000, seed * 2 + 1))]);
                splice(&tree(members), [source], 0).unwrap()
            })
            .collect();
        let alone: Vec<_> = layers.iter().map(|segments| measure(segments).unwrap()).collect();
        let together: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> =
                layers.iter().map(|segments| scope.spawn(|| measure(segments).unwrap())).collect();
            running.into_iter().map(joined).collect()
        });
        assert_eq!(alone, together);
        assert_ne!(alone[0].digest, alone[1].digest);
    }
}
