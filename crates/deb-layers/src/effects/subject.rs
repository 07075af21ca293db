//! The hash by which OpenSSL looks for a certificate in a folder: X509_NAME_hash(3), of the subject's canonical form.

use sha1::{Digest as _, Sha1};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8_STRING: u8 = 0x0c;
/// `[0]`, the version of a certificate.
const VERSION: u8 = 0xa0;

/// The hash of the subject of a certificate (RFC 5280, 4.1); `None` for what is none.
pub(crate) fn subject_hash(certificate: &[u8]) -> Option<u32> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = any(fields)?.2;
    }
    // Serial number, signature, issuer, validity.
    for _ in 0..4 {
        fields = any(fields)?.2;
    }
    let (subject, _) = element(fields, SEQUENCE)?;
    let hash = Sha1::digest(canonical(subject)?);
    Some(u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]))
}

/// The name's sets one after the other, each string in UTF-8, small letters and single spaces.
fn canonical(mut name: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while !name.is_empty() {
        let (mut set, after) = element(name, SET)?;
        name = after;
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let (attribute, after) = element(set, SEQUENCE)?;
            set = after;
            let (_, _, value) = any(attribute)?;
            let kind = &attribute[..attribute.len() - value.len()];
            let (tag, content, _) = any(value)?;
            let value = match decoded(tag, content)? {
                Some(string) => encoded(UTF8_STRING, folded(&string).as_bytes()),
                None => value.to_vec(),
            };
            attributes.push(encoded(SEQUENCE, &[kind, &value].concat()));
        }
        attributes.sort();
        all.extend(encoded(SET, &attributes.concat()));
    }
    Some(all)
}

/// The text of a string type; `None` inside for other types, outside for a string that is broken.
fn decoded(tag: u8, content: &[u8]) -> Option<Option<String>> {
    Some(Some(match tag {
        UTF8_STRING => String::from_utf8(content.to_vec()).ok()?,
        // PrintableString, T61String, IA5String, VisibleString: OpenSSL takes them for Latin-1.
        0x13 | 0x14 | 0x16 | 0x1a => content.iter().map(|byte| char::from(*byte)).collect(),
        // UniversalString.
        0x1c => content
            .chunks(4)
            .map(|unit| char::from_u32(u32::from_be_bytes(unit.try_into().ok()?)))
            .collect::<Option<String>>()?,
        // BMPString.
        0x1e => {
            let units =
                content.chunks(2).map(|unit| Some(u16::from_be_bytes(unit.try_into().ok()?)));
            String::from_utf16(&units.collect::<Option<Vec<_>>>()?).ok()?
        }
        _ => return Some(None),
    }))
}

fn folded(string: &str) -> String {
    let words = string.split([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").to_ascii_lowercase()
}

/// The content of an element with this tag, and what stands behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, after) = any(der)?;
    (found == tag).then_some((content, after))
}

/// Tag, content, and what stands behind (X.690, 8.1).
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![tag];
    match content.len() {
        short @ ..=0x7f => der.push(u8::try_from(short).unwrap_or_default()),
        _ => {
            der.push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
            der.extend(significant);
        }
    }
    der.extend(content);
    der
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    /// Made with `openssl req -x509 -newkey ed25519 -utf8 -subj "/C=DE/O=  Exämple   Company /CN=Root CA"`.
    static DER: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let base64 = "MIIBkzCCAUWgAwIBAgIUHu6l0IDt2i/ONpVFL/+ofnB8w0EwBQYDK2VwMD8xCzAJBgNVBAYTAkRFMR4wHAYDVQQKDBUgIEV4w6Rt
            cGxlICAgQ29tcGFueSAxEDAOBgNVBAMMB1Jvb3QgQ0EwHhcNMjYxMTI4MTcxNzMwWhcNMjYxMTI5MTcxNzMwWjA/MQswCQYDVQQG
            EwJERTEeMBwGA1UECgwVICBFeMOkbXBsZSAgIENvbXBhbnkgMRAwDgYDVQQDDAdSb290IENBMCowBQYDK2VwAyEAqBujC8qhU6iT
            20boNxQyTiMh3g9tqELbSNrFicJU7AqjUzBRMB0GA1UdDgQWBBQQYmqx2j/+h7jTlWE/NamGrsYZmzAfBgNVHSMEGDAWgBQQYmqx
            2j/+h7jTlWE/NamGrsYZmzAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAEs7/6T7jKvO9kFEVR5/28eFbqYnnVX9vIXGf2gc0PJc
            m/5uqab8Vq0F5p7shTk4wAIPBF5lnvr+0F4ImwxXggk=";
        BASE64_STANDARD.decode(base64.replace(char::is_whitespace, "")).unwrap()
    });

    pub(crate) fn certificate() -> &'static [u8] {
        &DER
    }

    #[test]
    fn the_hash_is_the_one_that_openssl_prints() {
        assert_eq!(subject_hash(certificate()), Some(0x8ac1482f));
    }

    #[test]
    fn a_broken_certificate_has_none() {
        for length in 0..certificate().len() {
            assert_eq!(subject_hash(&certificate()[..length]), None);
        }
        let mut huge = certificate().to_vec();
        huge[2] = 0xff;
        assert_eq!(subject_hash(&huge), None);
    }

    #[test]
    fn strings_of_all_types_are_compared_as_text() {
        let text = |tag, bytes: &[u8]| decoded(tag, bytes).unwrap().unwrap();
        assert_eq!(text(0x1e, &[0, 0x41, 0, 0xe4]), "Aä");
        assert_eq!(text(0x1c, &[0, 0, 0, 0x41]), "A");
        assert_eq!(text(0x14, &[0x41, 0xe4]), "Aä");
        assert_eq!(decoded(0x1e, &[0]), None);
        assert_eq!(folded("  A \t b\n"), "a b");
    }
}
