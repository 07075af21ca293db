//! Packets one after the other (RFC 9580, 4).

use super::reader::{Malformed, Reader};

/// A packet: what it is, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub tag: u8,
    pub body: &'a [u8],
}

pub(super) const SIGNATURE: u8 = 2;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const MARKER: u8 = 10;
pub(super) const TRUST: u8 = 12;
pub(super) const USER_ID: u8 = 13;
pub(super) const PUBLIC_SUBKEY: u8 = 14;
pub(super) const USER_ATTRIBUTE: u8 = 17;
pub(super) const PADDING: u8 = 21;

/// All packets, but for those that say nothing (markers, padding, a program's own notes on trust).
pub(super) fn packets(bytes: &[u8]) -> Result<Vec<Packet<'_>>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut all = Vec::new();
    while !reader.is_empty() {
        let packet = next(&mut reader)?;
        if !matches!(packet.tag, MARKER | PADDING | TRUST) {
            all.push(packet);
        }
    }
    Ok(all)
}

fn next<'a>(reader: &mut Reader<'a>) -> Result<Packet<'a>, Malformed> {
    let head = reader.u8()?;
    if head & 0x80 == 0 {
        return Err(Malformed("it is no OpenPGP packet"));
    }
    let (tag, length) = if head & 0x40 == 0 {
        let length = match head & 3 {
            0 => u32::from(reader.u8()?),
            1 => u32::from(reader.u16()?),
            2 => reader.u32()?,
            _ => return Err(Malformed("a packet does not say where it ends")),
        };
        ((head >> 2) & 15, length)
    } else {
        (head & 63, new_length(reader)?)
    };
    let length = usize::try_from(length).map_err(|_| Malformed("a packet is too long"))?;
    Ok(Packet { tag, body: reader.take(length)? })
}

/// A length as packets of the newer format and subpackets have it; partial ones are for data alone.
fn new_length(reader: &mut Reader) -> Result<u32, Malformed> {
    match reader.u8()? {
        length @ 0..=191 => Ok(u32::from(length)),
        high @ 192..=223 => Ok(((u32::from(high) - 192) << 8) + u32::from(reader.u8()?) + 192),
        224..=254 => Err(Malformed("a packet comes in parts")),
        255 => reader.u32(),
    }
}

/// A length as subpackets have it (RFC 9580, 5.2.3.7): the same without parts.
pub(super) fn subpacket_length(reader: &mut Reader) -> Result<u32, Malformed> {
    match reader.u8()? {
        length @ 0..=191 => Ok(u32::from(length)),
        255 => reader.u32(),
        high => Ok(((u32::from(high) - 192) << 8) + u32::from(reader.u8()?) + 192),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_and_all_lengths_are_read() {
        let body = vec![7; 300];
        let with = |head: &[u8]| [head, &body].concat();
        for bytes in [
            with(&[0x80 | 2 << 2 | 1, 1, 44]),
            with(&[0x80 | 2 << 2 | 2, 0, 0, 1, 44]),
            with(&[0xC0 | 2, 192, 108]),
            with(&[0xC0 | 2, 255, 0, 0, 1, 44]),
        ] {
            let found = packets(&bytes).unwrap();
            assert_eq!((found.len(), found[0].tag, found[0].body), (1, SIGNATURE, &body[..]));
        }
        let short = packets(&[0x80 | 13 << 2, 1, b'a', 0xC0 | 13, 1, b'b']).unwrap();
        assert_eq!((short[0].body, short[1].body), (&b"a"[..], &b"b"[..]));
    }

    #[test]
    fn packets_without_an_end_and_bytes_that_are_none_are_refused() {
        for bytes in [
            &[0x83, 1, 2][..],
            &[0xC2, 224, 1],
            &[0x00],
            &[0x88, 9, 1],
            &[0xC2, 255, 255, 255, 255, 255],
        ] {
            assert!(packets(bytes).is_err(), "{bytes:?}");
        }
    }
}
