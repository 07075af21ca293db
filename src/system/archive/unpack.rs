//! Lists of packages, unpacked to no more than was promised.

use std::io::{self, Read};

use debian_archive::Compression;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;

/// More than any list has, in bytes: sid's are the longest, with 65 MB.
const MOST: u64 = 1 << 30;

/// The bytes in `packed`, at most `promised`, or [`MOST`] where nothing is promised.
///
/// # Errors
/// It is damaged, or more comes out.
pub(super) fn unpack(
    packed: impl Read,
    compression: Compression,
    promised: Option<u64>,
) -> io::Result<Vec<u8>> {
    let most = promised.unwrap_or(MOST).min(MOST);
    let mut plain =
        Vec::with_capacity(usize::try_from(promised.unwrap_or(0).min(1 << 27)).unwrap_or(0));
    let mut reader: Box<dyn Read> = match compression {
        Compression::None => Box::new(packed),
        Compression::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Compression::Xz => Box::new(XzDecoder::new_multi_decoder(packed)),
        Compression::Zstd => Box::new(zstd::Decoder::new(packed)?),
    };
    reader.by_ref().take(most + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > most {
        return Err(io::Error::other(format!("more than {most} bytes come out of it")));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(compression: Compression, plain: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => plain.to_vec(),
            Compression::Gzip => {
                let mut out =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(plain).unwrap();
                out.finish().unwrap()
            }
            Compression::Xz => {
                let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
                out.write_all(plain).unwrap();
                out.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(plain, 1).unwrap(),
        }
    }

    const ALL: [Compression; 4] =
        [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd];

    #[test]
    fn each_compression_gives_the_text_and_no_byte_more_than_promised() {
        let plain = b"Package: a\n".repeat(1000);
        for compression in ALL {
            let packed = packed(compression, &plain);
            assert_eq!(unpack(&packed[..], compression, Some(11_000)).unwrap(), plain);
            assert_eq!(unpack(&packed[..], compression, None).unwrap(), plain);
            let error = unpack(&packed[..], compression, Some(10_999)).unwrap_err().to_string();
            assert_eq!(error, "more than 10999 bytes come out of it");
        }
    }

    #[test]
    fn what_is_cut_or_something_else_is_an_error() {
        let plain = b"Package: a\n".repeat(1000);
        for compression in ALL.into_iter().filter(|of| *of != Compression::None) {
            let packed = packed(compression, &plain);
            assert!(unpack(&packed[..packed.len() / 2], compression, None).is_err());
            assert!(unpack(&b"<html>"[..], compression, None).is_err());
        }
    }
}
