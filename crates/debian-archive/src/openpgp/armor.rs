//! ASCII armour (RFC 9580, 6).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::reader::Malformed;

/// What a block says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    PublicKeys,
    Signature,
}

impl Block {
    fn head(self) -> &'static str {
        match self {
            Block::PublicKeys => "-----BEGIN PGP PUBLIC KEY BLOCK-----",
            Block::Signature => "-----BEGIN PGP SIGNATURE-----",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Block::PublicKeys => "-----END PGP PUBLIC KEY BLOCK-----",
            Block::Signature => "-----END PGP SIGNATURE-----",
        }
    }
}

/// The bytes of all blocks, and how many there were.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Armored {
    pub bytes: Vec<u8>,
    pub blocks: usize,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The blocks of a text. The checksum at a block's end is not looked at: RFC 9580 has it no more, and what matters is signed.
///
/// # Errors
/// A block without an end, or with something else than base64; text around blocks, where `strict`.
pub(crate) fn blocks(text: &str, kind: Block, strict: bool) -> Result<Armored, Malformed> {
    let mut found = Armored { bytes: Vec::new(), blocks: 0 };
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        if line != kind.head() {
            if strict && !line.is_empty() {
                return Err(Malformed("there is text around the armour"));
            }
            continue;
        }
        // Headers, such as `Version:` or `Comment:`, end with an empty line.
        let mut body = String::new();
        let mut in_head = true;
        loop {
            let line = lines.next().ok_or(Malformed("the armour has no end"))?;
            if line == kind.end() {
                break;
            }
            if line.starts_with("-----") {
                return Err(Malformed("the armour ends as something else"));
            }
            if in_head {
                in_head = !line.is_empty();
                if in_head && !line.contains(": ") && !line.ends_with(':') {
                    return Err(Malformed("there is no empty line before the armour's data"));
                }
            } else if !line.starts_with('=') {
                body.push_str(line);
            }
        }
        let bytes = BASE64.decode(&body).map_err(|_| Malformed("the armour is no base64"))?;
        found.bytes.extend(bytes);
        found.blocks += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN PGP SIGNATURE-----\nComment: a\n\naGVs\nbG8=\n=ABCD\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn blocks_are_joined_whatever_ends_their_lines() {
        let two = format!("{ONE}\n{}", ONE.replace('\n', "\r\n"));
        let found = blocks(&two, Block::Signature, true).unwrap();
        assert_eq!((found.blocks, &found.bytes[..]), (2, &b"hellohello"[..]));
        assert_eq!(blocks(ONE, Block::PublicKeys, false).unwrap().blocks, 0);
    }

    #[test]
    fn text_around_blocks_is_refused_where_it_matters() {
        let around = format!("hello\n{ONE}");
        assert!(blocks(&around, Block::Signature, true).is_err());
        assert_eq!(blocks(&around, Block::Signature, false).unwrap().blocks, 1);
    }

    #[test]
    fn broken_blocks_are_refused() {
        let broken = [
            ONE.replace("-----END PGP SIGNATURE-----", ""),
            ONE.replace("END PGP SIGNATURE", "END PGP MESSAGE"),
            ONE.replace("aGVs", "a*Vs"),
            ONE.replace("bG8=", "bG8"),
            ONE.replace("\n\n", "\n"),
        ];
        for text in broken {
            assert!(blocks(&text, Block::Signature, false).is_err(), "{text}");
        }
    }
}
