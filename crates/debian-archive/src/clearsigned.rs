//! Texts that carry their signature (RFC 9580, 7): what was signed, and nothing else.

use crate::openpgp::{Block, Malformed, Signature, blocks, signatures};
use crate::signature_error::SignatureError;

/// A clearsigned text, taken apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Clearsigned {
    /// The text with `\n` after each line, as it is to be read.
    pub text: String,
    /// The same lines as they are signed: `\r\n` between them.
    pub signed: Vec<u8>,
    pub signatures: Vec<Signature>,
}

const HEAD: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

impl Clearsigned {
    /// # Errors
    /// There is no such text; anything stands before or after it; it is cut, or two programs could read it differently.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let malformed = |what| SignatureError::Malformed(what);
        let whole = str::from_utf8(bytes).map_err(|_| malformed("it is no UTF-8"))?;
        let mut lines = whole.split_inclusive('\n');
        if lines.next().map(str::trim_end) != Some(HEAD) {
            let is_inside = whole.lines().any(|line| line.trim_end() == HEAD);
            return Err(if is_inside { SignatureError::Before } else { SignatureError::NotSigned });
        }
        for line in lines.by_ref() {
            match line.trim_end() {
                "" => break,
                // RFC 9580 lets nobody rely on it: what counts are the hashes in the signatures.
                head if head.starts_with("Hash: ") => {}
                _ => return Err(malformed("its head has something else than `Hash:`")),
            }
        }
        let mut text = Vec::new();
        let mut armor = None;
        for line in lines.by_ref() {
            let content = content(line).map_err(malformed)?;
            if content == SIGNATURE {
                armor = Some(line);
                break;
            }
            text.push(match content.strip_prefix('-') {
                Some(escaped) => escaped
                    .strip_prefix(' ')
                    .ok_or(malformed("a line begins with a dash that is not escaped"))?,
                None => content,
            });
        }
        let armor = armor.ok_or(malformed("it has no signature"))?.to_owned();
        let signatures = read_signatures(&(armor + &lines.collect::<String>()))?;
        let signed = text.join("\r\n").into_bytes();
        let text = text.iter().flat_map(|line| [line, "\n"]).collect();
        Ok(Clearsigned { text, signed, signatures })
    }
}

/// A line without its end and without the blanks before that, which are not signed.
fn content(line: &str) -> Result<&str, &'static str> {
    let line = line.strip_suffix('\n').ok_or("its last line has no end")?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    // Programs disagree on what a lone CR is, and other control characters have no place in such a file.
    match line.chars().any(|c| c.is_control() && c != '\t') {
        true => Err("it has control characters"),
        false => Ok(line.trim_end_matches([' ', '\t'])),
    }
}

fn read_signatures(armor: &str) -> Result<Vec<Signature>, SignatureError> {
    let end = armor.find("-----END PGP SIGNATURE-----");
    let end = end.map(|at| at + armor[at..].find('\n').unwrap_or(armor.len() - at));
    let end = end.ok_or(SignatureError::Malformed("its signature has no end"))?;
    let (block, after) = armor.split_at(end);
    if !after.trim().is_empty() {
        return Err(SignatureError::After);
    }
    let found = blocks(block, Block::Signature, true).and_then(|found| signatures(&found.bytes));
    found.map_err(|Malformed(what)| SignatureError::Malformed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n";

    fn parse(text: &str) -> Result<(String, String), SignatureError> {
        let parsed = Clearsigned::parse(text.as_bytes())?;
        Ok((parsed.text, String::from_utf8(parsed.signed).unwrap()))
    }

    fn signed(body: &str) -> String {
        format!("{HEAD}\nHash: SHA512\n\n{body}{END}")
    }

    #[test]
    fn escapes_blanks_and_line_ends_are_read_as_they_are_signed() {
        for body in ["- -a: b \t\n\n c\n", "- -a: b\r\n\r\n c \r\n"] {
            let (text, over) = parse(&signed(body)).unwrap();
            assert_eq!(text, "-a: b\n\n c\n");
            assert_eq!(over, "-a: b\r\n\r\n c");
        }
        assert_eq!(parse(&signed("")), Ok((String::new(), String::new())));
    }

    #[test]
    fn nothing_may_stand_before_or_after_what_is_signed() {
        let whole = signed("a: b\n");
        assert_eq!(parse(&format!("Origin: Evil\n\n{whole}")), Err(SignatureError::Before));
        assert_eq!(parse(&format!("\n{whole}")), Err(SignatureError::Before));
        assert_eq!(parse(&format!("{whole}Origin: Evil\n")), Err(SignatureError::After));
        assert_eq!(parse(&format!("{whole}{whole}")), Err(SignatureError::After));
        assert_eq!(parse(&format!("{whole}{END}")), Err(SignatureError::After));
        assert_eq!(parse("a: b\n"), Err(SignatureError::NotSigned));
        assert!(parse(&format!("{whole}\n \r\n")).is_ok());
    }

    #[test]
    fn texts_that_can_be_read_in_two_ways_are_refused() {
        let whole = signed("a: b\n");
        for text in [
            whole.replace("Hash: SHA512", "Origin: Evil"),
            signed("-a: b\n"),
            signed("-----BEGIN PGP SIGNED MESSAGE-----\n\na: b\n"),
            signed("a: b\rc: d\n"),
            signed("a: b\0\n"),
            whole.replace(END, ""),
            whole.replace("-----END PGP SIGNATURE-----\n", ""),
            whole.replace("-----END PGP", "aGVsbG8=\n-----END PGP"),
        ] {
            assert!(matches!(parse(&text), Err(SignatureError::Malformed(_))), "{text:?}");
        }
        assert!(matches!(Clearsigned::parse(b"\xFF"), Err(SignatureError::Malformed(_))));
    }
}
