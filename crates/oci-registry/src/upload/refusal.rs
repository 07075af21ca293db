//! Classifies refusals of bytes: registries express the same in many ways, and different things in the same way. Pure.

use reqwest::StatusCode;

use crate::server_message::ServerMessage;

/// The bytes of a blob that one request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    /// Of the blob.
    pub(crate) size: u64,
    /// Whether the registry said a moment ago that it has the session.
    pub(crate) known: bool,
}

impl Span {
    pub(crate) fn length(self) -> u64 {
        self.end - self.offset
    }

    pub(crate) fn is_whole(self) -> bool {
        self.length() == self.size
    }

    pub(crate) fn is_last(self) -> bool {
        self.end == self.size
    }
}

/// Why bytes were refused, as far as that says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The session is gone.
    Lost,
    /// The session is gone, or what arrived is not what was promised: some say the same of both.
    Unsound,
    /// What arrived is not what was promised.
    OtherBytes,
    /// The request is larger than allowed; how large it may be, where that is said.
    TooLarge(Option<u64>),
    /// The session is elsewhere.
    OutOfOrder,
    /// The blob is not taken in chunks.
    NoChunks,
    /// A retry would be refused too.
    Final,
}

/// What it means that these bytes were refused. Temporary errors and 401 are handled elsewhere.
pub(crate) fn classify(status: StatusCode, said: &ServerMessage, span: Span) -> Refusal {
    let largest = stated_limit(&said.message);
    match (&*said.code, status.as_u16()) {
        ("BLOB_UPLOAD_UNKNOWN", _) => Refusal::Lost,
        ("DIGEST_INVALID" | "SIZE_INVALID", _) => Refusal::OtherBytes,
        (_, 413) => Refusal::TooLarge(largest),
        // ghcr.io says so with a status that means something else everywhere else.
        (_, 416) if largest.is_some_and(|largest| largest < span.length()) => {
            Refusal::TooLarge(largest)
        }
        (_, 416) => Refusal::OutOfOrder,
        ("BLOB_UPLOAD_INVALID", _) if span.is_last() => Refusal::Unsound,
        ("BLOB_UPLOAD_INVALID", _) => Refusal::Lost,
        ("NAME_UNKNOWN" | "DENIED", _) => Refusal::Final,
        // The session is there, and nothing was taken in it yet: it is the request that is not known.
        (_, 404) if !span.is_whole() && (span.offset == 0 || span.known) => Refusal::NoChunks,
        (_, 404) => Refusal::Lost,
        (_, 400 | 405 | 411 | 501) if !span.is_whole() => Refusal::NoChunks,
        _ => Refusal::Final,
    }
}

/// Bytes out of "exceeds the maximum permissible limit of 4.00MiB".
fn stated_limit(message: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let word = message.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ')']));
    word.filter_map(|word| {
        let (number, unit) = word.split_at(word.find(|c: char| c.is_ascii_alphabetic())?);
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let number: f64 = number.parse().ok()?;
        // A fraction of a byte is none.
        Some((number * *bytes as f64) as u64).filter(|limit| *limit > 0)
    })
    .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, code: &str, message: &str, span: (u64, u64, u64)) -> Refusal {
        let said = ServerMessage { code: code.to_owned(), message: message.to_owned() };
        let (offset, end, size) = span;
        classify(
            StatusCode::from_u16(status).unwrap(),
            &said,
            Span { offset, end, size, known: false },
        )
    }

    const WHOLE: (u64, u64, u64) = (0, 100 << 20, 100 << 20);
    const FIRST: (u64, u64, u64) = (0, 64 << 20, 100 << 20);
    const LAST: (u64, u64, u64) = (64 << 20, 100 << 20, 100 << 20);

    // wasmCloud/wash-archive#268, apple/containerization#790, dotnet/sdk-container-builds#472.
    #[test]
    fn what_registries_were_seen_to_answer_is_understood() {
        let large =
            "the request body is too large and exceeds the maximum permissible limit of 4.00MiB";
        let limit = Refusal::TooLarge(Some(4 << 20));
        assert_eq!(judged(416, "REQUESTED_RANGE_NOT_SATISFIABLE", large, FIRST), limit);
        let behind = "First byte of the layer part is 0 instead of 11304960";
        assert_eq!(judged(416, "BLOB_UPLOAD_INVALID", behind, FIRST), Refusal::OutOfOrder);
        let digest = "None of the provided layer digests match the calculated layer digest";
        assert_eq!(judged(400, "BLOB_UPLOAD_INVALID", digest, WHOLE), Refusal::Unsound);
        for status in [400, 404, 405] {
            assert_eq!(judged(status, "", "", FIRST), Refusal::NoChunks, "{status}");
        }
    }

    #[test]
    fn only_what_may_be_different_the_next_time_is_tried_again() {
        assert_eq!(judged(404, "BLOB_UPLOAD_UNKNOWN", "", FIRST), Refusal::Lost);
        assert_eq!(judged(404, "", "", LAST), Refusal::Lost);
        assert_eq!(judged(404, "", "", WHOLE), Refusal::Lost);
        assert_eq!(judged(400, "DIGEST_INVALID", "", WHOLE), Refusal::OtherBytes);
        assert_eq!(judged(413, "", "", WHOLE), Refusal::TooLarge(None));
        assert_eq!(judged(400, "", "", WHOLE), Refusal::Final);
        assert_eq!(judged(404, "NAME_UNKNOWN", "", WHOLE), Refusal::Final);
        assert_eq!(judged(403, "DENIED", "quota", FIRST), Refusal::Final);
        assert_eq!(judged(412, "", "", FIRST), Refusal::Final);
    }

    #[test]
    fn limits_are_read_in_the_units_that_are_used() {
        assert_eq!(stated_limit("at most 100MB, please"), Some(100_000_000));
        assert_eq!(stated_limit("limit 1.5GiB."), Some(3 << 29));
        for text in ["", "416", "12 of 13 parts", "sha256:0aMiB", "0MiB"] {
            assert_eq!(stated_limit(text), None, "{text}");
        }
    }
}
