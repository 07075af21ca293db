//! A gzip body unpacked at once: the size at its end says how much memory it takes, and no piece is copied twice.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use libdeflater::Decompressor;

/// Deflate cannot shrink by more than this.
const RATIO: usize = 1032;

/// Bytes of CRC and size after the last member.
const TRAILER: usize = 8;

/// Unpacks all members. Errors: not gzip, damaged, or cut off.
pub fn gunzip(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    if let Some(plain) = at_once(packed) {
        return Ok(plain);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(packed).read_to_end(&mut plain)?;
    Ok(plain)
}

/// A single member, which all but a few are.
fn at_once(packed: &[u8]) -> Option<Vec<u8>> {
    let (_, trailer) = packed.split_last_chunk::<TRAILER>()?;
    let size = u32::from_le_bytes(*trailer.last_chunk()?) as usize;
    if size > packed.len().saturating_mul(RATIO) {
        return None;
    }
    let mut plain = vec![0; size];
    let written = Decompressor::new().gzip_decompress(packed, &mut plain).ok()?;
    // It stops after the first member: the checksum at the very end must be that member's too.
    let sum = libdeflater::crc32(&plain).to_le_bytes();
    (written == size && trailer.starts_with(&sum)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(plain).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn one_member_or_several_come_out_whole() {
        let page = "a page ".repeat(10_000);
        for plain in [page.as_bytes(), b"x", b""] {
            assert_eq!(gunzip(&gzip(plain)).unwrap(), plain);
            assert_eq!(at_once(&gzip(plain)).unwrap(), plain);
        }
        let two = [gzip(b"one "), gzip(b"two ")].concat();
        assert_eq!(gunzip(&two).unwrap(), b"one two ");
    }

    #[test]
    fn damage_is_an_error() {
        let whole = gzip("a page ".repeat(100).as_bytes());
        for at in 0..whole.len() {
            assert!(gunzip(&whole[..at]).is_err() || at == 0, "cut at {at}");
        }
        let mut sum = whole.clone();
        sum[whole.len() - TRAILER] ^= 1;
        let mut size = whole.clone();
        size[whole.len() - 1] ^= 0xff;
        for damaged in [sum, size, b"<html>".to_vec()] {
            assert!(gunzip(&damaged).is_err());
        }
    }
}
