//! `Range` of a download (RFC 9110) and `Content-Range` of an upload (distribution spec).

use std::ops::Range;

/// Which part of a blob a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requested {
    /// All of it; also for a header that is not understood, as RFC 9110 demands.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Bytes that are not there: 416.
    Unsatisfiable,
}

/// What the `Range` header asks for, of `size` bytes. More than one range is answered with all of it.
pub(crate) fn requested(header: Option<&str>, size: u64) -> Requested {
    let Some(ranges) = header.and_then(|text| text.strip_prefix("bytes=")) else {
        return Requested::Whole;
    };
    let Some((first, last)) = ranges.split_once('-') else { return Requested::Whole };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Requested::Whole,
    };
    if range.is_empty() { Requested::Unsatisfiable } else { Requested::Part(range) }
}

/// `FIRST-LAST` of a chunk, both inclusive; `None` when it is not of that form. Some clients write `bytes FIRST-LAST/*`.
pub(crate) fn chunk(header: &str) -> Option<Range<u64>> {
    let text = header.strip_prefix("bytes ").unwrap_or(header);
    let text = text.split_once('/').map_or(text, |(range, _size)| range);
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then(|| first..last.saturating_add(1))
}

/// Digits only: `parse` alone would take `+1`.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_range_is_answered_as_the_rfc_says() {
        for (header, expected) in [
            ("bytes=0-0", Requested::Part(0..1)),
            ("bytes=2-", Requested::Part(2..10)),
            ("bytes=2-99", Requested::Part(2..10)),
            ("bytes=-3", Requested::Part(7..10)),
            ("bytes=-99", Requested::Part(0..10)),
            ("bytes=10-", Requested::Unsatisfiable),
            ("bytes=10-12", Requested::Unsatisfiable),
            ("bytes=-0", Requested::Unsatisfiable),
            ("bytes=5-2", Requested::Whole),
            ("bytes=0-1,4-5", Requested::Whole),
            ("bytes=x", Requested::Whole),
            ("lines=1-2", Requested::Whole),
        ] {
            assert_eq!(requested(Some(header), 10), expected, "{header}");
        }
        assert_eq!(requested(None, 10), Requested::Whole);
        assert_eq!(requested(Some("bytes=0-"), 0), Requested::Unsatisfiable);
    }

    #[test]
    fn a_chunk_says_where_it_begins_and_ends() {
        assert_eq!(chunk("0-9"), Some(0..10));
        assert_eq!(chunk("bytes 5-5/*"), Some(5..6));
        for wrong in ["", "5", "5-", "-5", "6-5", "+1-2", "a-b"] {
            assert_eq!(chunk(wrong), None, "{wrong}");
        }
    }
}
