//! Versions and their order, as deb-version(7) has them.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

/// A version of a package, `[epoch:]upstream[-revision]`, borrowed from where it is written.
///
/// The order is dpkg's, and so is equality: `1.0`, `0:1.0` and `1.0-0` are one version. [`Version::as_str`] has the spelling.
#[derive(Debug, Clone, Copy)]
pub struct Version<'t> {
    text: &'t str,
    epoch: u32,
    upstream: &'t str,
    revision: &'t str,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a version of a Debian package: {why}")]
pub struct BadVersion {
    /// As it was written.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl<'t> Version<'t> {
    /// Reads a version. One that does not begin with a digit is read, as by dpkg.
    ///
    /// # Errors
    ///
    /// [`BadVersion`]: an empty part, an epoch that is no number up to 2³¹-1, a character that deb-version(7) does not
    /// name.
    pub fn parse(text: &'t str) -> Result<Self, BadVersion> {
        let bad = |why| BadVersion { text: text.to_owned(), why };
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => {
                (read_epoch(epoch).ok_or_else(|| bad("the epoch is no number"))?, rest)
            }
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, ""),
            Some((_, "")) => return Err(bad("the revision is empty")),
            Some(parts) => parts,
        };
        if upstream.is_empty() {
            return Err(bad("there is no upstream version"));
        }
        let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b".+~".contains(&c);
        if !upstream.bytes().all(|c| is_allowed(c) || c == b'-' || c == b':') {
            return Err(bad("the upstream version has a character that versions cannot have"));
        }
        if !revision.bytes().all(is_allowed) {
            return Err(bad("the revision has a character that revisions cannot have"));
        }
        Ok(Self { text, epoch, upstream, revision })
    }

    /// As it was written.
    pub fn as_str(&self) -> &'t str {
        self.text
    }
}

fn read_epoch(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|epoch| is_number && i32::try_from(*epoch).is_ok())
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| compare_part(self.revision, other.revision))
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version<'_> {}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Runs without digits and numbers in turn: a tilde sorts before the end, letters before all else.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (word_a, rest_a) = split(a, |c| !c.is_ascii_digit());
        let (word_b, rest_b) = split(b, |c| !c.is_ascii_digit());
        for at in 0..word_a.len().max(word_b.len()) {
            match weight(word_a.get(at)).cmp(&weight(word_b.get(at))) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        let (number_a, after_a) = split(rest_a, u8::is_ascii_digit);
        let (number_b, after_b) = split(rest_b, u8::is_ascii_digit);
        let (number_a, number_b) = (without_zeros(number_a), without_zeros(number_b));
        match number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b)) {
            Ordering::Equal => (a, b) = (after_a, after_b),
            unequal => return unequal,
        }
    }
    Ordering::Equal
}

fn split(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|c| belongs(c)).count())
}

/// Any length: numbers in versions are dates and commit counts, too.
fn without_zeros(number: &[u8]) -> &[u8] {
    split(number, |c| *c == b'0').1
}

/// The end of a run, or the number behind it, weighs nothing.
fn weight(c: Option<&u8>) -> i32 {
    match c {
        None => 0,
        Some(b'~') => -1,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version<'_> {
        Version::parse(text).unwrap()
    }

    #[test]
    fn each_is_older_than_the_next() {
        let sorted = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "1.0~beta1~svn1",
            "1.0~beta1",
            "1.0",
            "1.0-0ubuntu1",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-2",
            "1.0-10",
            "1.0a",
            "1.0+dfsg",
            "1.0.1",
            "1.2",
            "1.10",
            "20240203",
            "20240203000000000000000000000001",
            "1:0.1",
            "1:0.1:2",
            "10:0",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(version(pair[0]).cmp(&version(pair[1])), Ordering::Less, "{pair:?}");
            assert_eq!(version(pair[1]).cmp(&version(pair[0])), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (a, b) in
            [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.00", "1.0"), ("1.a", "1.a0"), ("1-0", "1")]
        {
            assert_eq!(version(a), version(b));
        }
        assert_eq!(version("0:1.0").to_string(), "0:1.0");
    }

    #[test]
    fn what_dpkg_refuses_is_refused() {
        for text in [
            "",
            ":1",
            "a:1",
            "1:",
            "2147483648:1",
            "-1:1",
            "1-",
            "-1",
            "1 2",
            "1_2",
            "1-2_3",
            "1-a:b",
            "1/2",
            "1é",
        ] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
        for text in ["2147483647:1", "git2024", "1:1:2-3", "1-2-3"] {
            assert!(Version::parse(text).is_ok(), "{text}");
        }
    }
}
