//! A blob, or a part of one, in one request, to wherever the registry wants to have it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use url::Url;

use super::Error;
use super::session::{Session, redirected};
use super::upload::Upload;
use super::verdict::Span;
use crate::ui::Bar;

/// Addresses that a request is sent on to before it is taken for refused.
const REDIRECTS: u32 = 5;

/// What became of one request.
pub(super) enum Part {
    Answer(Response),
    Broken(http_retry::Error),
}

/// What was put on the way so far.
pub(super) struct Tally {
    bar: Bar,
    /// Bytes, repeated ones included.
    sent: AtomicU64,
    /// How far the furthest of them is in the blob: the bar counts no byte twice.
    furthest: AtomicU64,
}

impl Tally {
    pub(super) fn new(bar: &Bar) -> Self {
        let (sent, furthest) = (AtomicU64::new(0), AtomicU64::new(0));
        Tally { bar: bar.clone(), sent, furthest }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    pub(super) fn count(&self, bytes: u64, position: u64) {
        self.sent.fetch_add(bytes, Relaxed);
        let before = self.furthest.fetch_max(position, Relaxed);
        self.bar.inc(position.saturating_sub(before));
    }
}

impl Upload<'_> {
    /// Sends these bytes; the last ones end the session.
    pub(super) async fn send(&mut self, session: &Session, span: Span) -> Result<Part, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if span.length() > 0 && !span.is_whole() {
            let range = HeaderValue::try_from(format!("{}-{}", span.offset, span.end - 1));
            headers.insert(CONTENT_RANGE, range.expect("digits are a header value"));
        }
        let (method, mut url) = match span.is_last() {
            true => (Method::PUT, session.closing(self.digest)),
            false => (Method::PATCH, session.url.clone()),
        };
        let mut hops = 0;
        loop {
            let answer = match self.send_to(&method, &url, &headers, span).await? {
                Part::Answer(answer) => answer,
                broken => return Ok(broken),
            };
            let next = redirected(&url, answer.status(), answer.headers())
                .map_err(|cause| self.address.malformed("the redirect of an upload", cause))?;
            match next {
                Some(next) if hops < REDIRECTS => url = next,
                _ => return Ok(Part::Answer(answer)),
            }
            hops += 1;
        }
    }

    /// Sends these bytes to an address, to a storage of another host without authorization.
    async fn send_to(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        span: Span,
    ) -> Result<Part, Error> {
        let mut headers = headers.clone();
        self.client.introduce(&self.address, url, &mut self.admission, &mut headers);
        let (tally, position) = (self.tally.clone(), AtomicU64::new(span.offset));
        let (body, feeding) = self.feed.open(span.offset, span.length(), move |piece| {
            let bytes = piece.len() as u64;
            tally.count(bytes, position.fetch_add(bytes, Relaxed) + bytes);
        });
        match self.client.net.send_stream(method.clone(), url, &headers, body).await {
            Ok(answer) => {
                self.client.heed(&self.address, answer.headers());
                Ok(Part::Answer(answer))
            }
            Err(error) => {
                feeding.done().await?;
                Ok(Part::Broken(error))
            }
        }
    }
}
