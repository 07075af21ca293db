//! The order of versions, by deb-version(7) and Debian Policy 5.6.12.

use std::cmp::Ordering;

/// Which of two versions is later.
pub(crate) fn compare(one: &str, two: &str) -> Ordering {
    let ((epoch, upstream, revision), other) = (split(one), split(two));
    number(epoch, other.0)
        .then_with(|| part(upstream, other.1))
        .then_with(|| part(revision, other.2))
}

/// Without an epoch of 0 that means nothing, as dpkg writes it.
pub(crate) fn plain(version: &str) -> &str {
    match version.split_once(':') {
        Some((epoch, rest)) if !rest.contains(':') && epoch.bytes().all(|b| b == b'0') => rest,
        _ => version,
    }
}

fn split(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch, upstream, revision)
}

/// Of any length.
fn number(one: &str, two: &str) -> Ordering {
    let (one, two) = (one.trim_start_matches('0'), two.trim_start_matches('0'));
    one.len().cmp(&two.len()).then_with(|| one.cmp(two))
}

/// What is no number, and a number, in turn.
fn part(mut one: &str, mut two: &str) -> Ordering {
    while !one.is_empty() || !two.is_empty() {
        let (text, rest) = cut(one, |byte| !byte.is_ascii_digit());
        let (other, other_rest) = cut(two, |byte| !byte.is_ascii_digit());
        let order = text_order(text, other);
        let (digits, rest) = cut(rest, |byte| byte.is_ascii_digit());
        let (other, other_rest) = cut(other_rest, |byte| byte.is_ascii_digit());
        let order = order.then_with(|| number(digits, other));
        if order.is_ne() {
            return order;
        }
        (one, two) = (rest, other_rest);
    }
    Ordering::Equal
}

fn cut(text: &str, within: fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !within(byte)).unwrap_or(text.len()))
}

/// `~` is before the end, the end before letters, letters before all else.
fn text_order(one: &str, two: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    };
    let (mut one, mut two) = (one.bytes(), two.bytes());
    loop {
        let (a, b) = (one.next(), two.next());
        let order = weight(a).cmp(&weight(b));
        if order.is_ne() || a.is_none() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_policy() {
        let ordered = [
            "0~",
            "0",
            "0.1",
            "1~~",
            "1~~a",
            "1~",
            "1",
            "1a",
            "1+",
            "1.0",
            "1.0-1~bpo",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.2",
            "1.10",
            "1.10-99999999999999999999999",
            "2-1-1",
            "1:0",
            "10:0",
        ];
        for (at, one) in ordered.iter().enumerate() {
            for (other, two) in ordered.iter().enumerate() {
                assert_eq!(compare(one, two), at.cmp(&other), "{one} {two}");
            }
        }
        for (one, two) in [("1", "0:1"), ("1", "1-0"), ("01.02", "1.2"), ("1", "1.")] {
            let equal = compare(one, two) == Ordering::Equal;
            assert_eq!(equal, two != "1.", "{one} {two}");
        }
        assert_eq!((plain("0:1.2"), plain("1:2"), plain("0:1:2")), ("1.2", "1:2", "0:1:2"));
    }
}
