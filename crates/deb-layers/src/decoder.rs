//! The forms in which a part of a package is compressed, read in bounded memory.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use crate::error::Flaw;

/// The most memory an xz stream may ask for, bytes: `xz -9` asks for 65 MiB.
const XZ_MEMORY: u64 = 160 << 20;
/// The largest window of a zstd stream, a power of two: 128 MiB, what `zstd -d` takes without asking.
const ZSTD_WINDOW: u32 = 27;
/// How much is read of the file at once, bytes.
const BUFFER: usize = 64 << 10;

/// A part of a package, decompressed.
pub(crate) enum Decoder<R: Read> {
    None(BufReader<R>),
    Gzip(Box<GzDecoder<BufReader<R>>>),
    Xz(XzDecoder<BufReader<R>>),
    Zstd(zstd::Decoder<'static, BufReader<R>>),
}

impl<R: Read> Decoder<R> {
    /// By the name of the member: `control.tar.xz`, whose `stem` is `control.tar`.
    pub(crate) fn new(name: &str, stem: &str, bytes: R) -> Result<Self, Flaw> {
        let bytes = BufReader::with_capacity(BUFFER, bytes);
        let damaged = |error: io::Error| Flaw::Damaged(error.to_string());
        Ok(match name.strip_prefix(stem).unwrap_or(name) {
            "" => Decoder::None(bytes),
            ".gz" => Decoder::Gzip(Box::new(GzDecoder::new(bytes))),
            ".xz" => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, 0);
                let stream = stream.map_err(|error| Flaw::Damaged(error.to_string()))?;
                Decoder::Xz(XzDecoder::new_stream(bytes, stream))
            }
            ".zst" => {
                let mut decoder =
                    zstd::Decoder::with_buffer(bytes).map_err(damaged)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW).map_err(damaged)?;
                Decoder::Zstd(decoder)
            }
            _ => return Err(Flaw::Compression(name.to_owned())),
        })
    }

    /// After the last byte: nothing may follow the stream.
    pub(crate) fn finish(self) -> Result<(), Flaw> {
        let mut rest = match self {
            Decoder::None(rest) => rest,
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Xz(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
        };
        match rest.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(Flaw::Trailing),
            Err(error) => Err(Flaw::Damaged(error.to_string())),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::None(reader) => reader.read(buffer),
            Decoder::Gzip(reader) => reader.read(buffer),
            Decoder::Xz(reader) => reader.read(buffer),
            Decoder::Zstd(reader) => reader.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::pack;

    fn unpack(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Flaw> {
        let mut decoder = Decoder::new(name, "data.tar", bytes)?;
        let mut all = Vec::new();
        let read = decoder.read_to_end(&mut all);
        read.map_err(|error| Flaw::Damaged(error.to_string()))?;
        decoder.finish()?;
        Ok(all)
    }

    const NAMES: [&str; 4] = ["data.tar", "data.tar.gz", "data.tar.xz", "data.tar.zst"];

    #[test]
    fn every_form_is_read_and_its_end_found() {
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        for name in NAMES {
            let packed = pack(name, &bytes);
            assert_eq!(unpack(name, &packed).unwrap(), bytes, "{name}");
            if name == "data.tar" {
                continue;
            }
            let cut = unpack(name, &packed[..packed.len() - 1]).unwrap_err();
            assert!(matches!(cut, Flaw::Damaged(_)), "{name} {cut}");
            let more = unpack(name, &[&packed[..], b"x"].concat());
            assert_eq!(more.unwrap_err(), Flaw::Trailing, "{name}");
            // A second stream would be read by some readers and not by others.
            let twice = unpack(name, &[&packed[..], &packed[..]].concat());
            assert_eq!(twice.unwrap_err(), Flaw::Trailing, "{name}");
        }
    }

    #[test]
    fn what_deb_does_not_have_is_refused() {
        for name in ["data.tar.lzma", "data.tar.bz2", "data.tar.xz.gz", "data.tarball", "data.tar."]
        {
            assert_eq!(unpack(name, b"").unwrap_err(), Flaw::Compression(name.to_owned()));
        }
    }

    #[test]
    fn a_stream_that_asks_for_too_much_memory_is_refused() {
        let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
        options.dict_size(1 << 29);
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&options);
        // An xz header that states this dictionary: what is behind it would be small.
        let stream = Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32).unwrap();
        let mut packed = Vec::new();
        let mut encoder = liblzma::read::XzEncoder::new_stream(&b"small"[..], stream);
        encoder.read_to_end(&mut packed).unwrap();
        let error = unpack("data.tar.xz", &packed).unwrap_err();
        assert!(matches!(error, Flaw::Damaged(_)), "{error}");
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        io::Write::write_all(&mut encoder, &[0; 3 << 20]).unwrap();
        assert!(unpack("data.tar.zst", &encoder.finish().unwrap()).is_err());
    }
}
