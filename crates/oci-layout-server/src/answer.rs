//! Answers: the headers and bodies that the spec asks for.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::refusal::Refusal;
use oci_digest::Digest;

pub(crate) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(crate) const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(crate) const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(crate) const TAGS: HeaderName = HeaderName::from_static("oci-tag");
pub(crate) const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// What is sent: bytes in memory, or a file as it is read.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;
pub(crate) type Answer = Response<Body>;

/// A body in memory.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An answer without a body, and with these headers.
pub(crate) fn bare(status: StatusCode, headers: &[(HeaderName, String)]) -> Answer {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    with(status, headers, body)
}

/// An answer with these headers.
pub(crate) fn with(status: StatusCode, headers: &[(HeaderName, String)], body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    add(&mut answer, headers);
    answer
}

/// Adds headers. All values are names, numbers and digests, which a header can have.
pub(crate) fn add(answer: &mut Answer, headers: &[(HeaderName, String)]) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().append(name, value);
        }
    }
}

/// A document.
pub(crate) fn document(media_type: &str, value: &Value) -> Answer {
    let text = value.to_string();
    let headers = [(CONTENT_TYPE, media_type.to_owned()), (CONTENT_LENGTH, text.len().to_string())];
    with(StatusCode::OK, &headers, full(text))
}

/// 201: it is here now, under this digest.
pub(crate) fn created(location: String, digest: Digest) -> Answer {
    let headers = [(hyper::header::LOCATION, location), (DIGEST, digest.to_string())];
    bare(StatusCode::CREATED, &headers)
}

impl Refusal {
    /// The answer with the spec's error body.
    pub(crate) fn answer(&self) -> Answer {
        let (status, code) = self.code();
        let code = code.map_or_else(|| json!("UNKNOWN"), |code| json!(code));
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            message += &format!(": {error}");
            cause = error.source();
        }
        let text = json!({ "errors": [{ "code": code, "message": message }] }).to_string();
        let mut headers = vec![
            (CONTENT_TYPE, "application/json".to_owned()),
            (CONTENT_LENGTH, text.len().to_string()),
        ];
        match self {
            Refusal::OutOfOrder { location, length, .. } => {
                headers.push((hyper::header::LOCATION, location.clone()));
                headers.push((hyper::header::RANGE, received_range(*length)));
            }
            Refusal::Range(size) => {
                headers.push((hyper::header::CONTENT_RANGE, format!("bytes */{size}")));
            }
            Refusal::Busy => headers.push((RETRY_AFTER, "1".to_owned())),
            Refusal::Unsupported(_) => headers.push((ALLOW, "GET, HEAD".to_owned())),
            _ => {}
        }
        with(status, &headers, full(text))
    }
}

/// The `Range` of an upload: what was received of it. Zero bytes and one look the same: the spec has no form for zero,
/// and other registries do so too.
pub(crate) fn received_range(length: u64) -> String {
    format!("0-{}", length.saturating_sub(1))
}
