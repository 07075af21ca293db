//! A blob, or a chunk of one, in one request, to the address that the registry names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use oci_digest::Digest;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use url::Url;

use crate::access::Authorization;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::progress::Progress;
use crate::upload::body::BodySource;
use crate::upload::refusal::Span;
use crate::upload::session::{Session, redirected};

/// Addresses that a request is sent on to before it is taken for refused.
const REDIRECTS: u32 = 5;

/// The result of one request.
pub(crate) enum Sent {
    Answer(Response),
    Broken(http_retry::Error),
}

/// What was put on the way so far.
pub(crate) struct Tally {
    progress: Arc<dyn Progress>,
    /// Bytes, repeated ones included.
    sent: AtomicU64,
    /// How far the furthest of them is in the blob: no byte is counted twice.
    furthest: AtomicU64,
}

impl Tally {
    fn new(progress: &Arc<dyn Progress>) -> Self {
        let (sent, furthest) = (AtomicU64::new(0), AtomicU64::new(0));
        Tally { progress: progress.clone(), sent, furthest }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    pub(crate) fn count(&self, bytes: u64, position: u64) {
        self.sent.fetch_add(bytes, Relaxed);
        let before = self.furthest.fetch_max(position, Relaxed);
        self.progress.advances(position.saturating_sub(before));
    }
}

/// The requests of one blob.
pub(crate) struct Chunks<'a> {
    pub(crate) client: &'a Client,
    /// Its repository; the reference names the blob.
    pub(crate) endpoint: Endpoint,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) body: BodySource,
    pub(crate) authorization: Authorization,
    pub(crate) tally: Arc<Tally>,
}

impl<'a> Chunks<'a> {
    pub(crate) fn new(
        client: &'a Client,
        endpoint: Endpoint,
        (digest, size): (Digest, u64),
        body: BodySource,
        progress: &Arc<dyn Progress>,
    ) -> Self {
        let (authorization, tally) = (Authorization::default(), Arc::new(Tally::new(progress)));
        Chunks { client, endpoint, digest, size, body, authorization, tally }
    }

    /// Sends these bytes; the last ones end the session.
    pub(crate) async fn send(&mut self, session: &Session, span: Span) -> Result<Sent, Error> {
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
                Sent::Answer(answer) => answer,
                broken => return Ok(broken),
            };
            let next = redirected(&url, answer.status(), answer.headers())
                .map_err(|cause| self.endpoint.malformed("the redirect of an upload", cause))?;
            match next {
                Some(next) if hops < REDIRECTS => url = next,
                _ => return Ok(Sent::Answer(answer)),
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
    ) -> Result<Sent, Error> {
        let mut headers = headers.clone();
        self.client.access.authorize(&self.endpoint, url, &mut self.authorization, &mut headers);
        let (tally, position) = (self.tally.clone(), AtomicU64::new(span.offset));
        let (body, task) = self.body.open(span.offset, span.length(), move |piece| {
            let bytes = piece.len() as u64;
            tally.count(bytes, position.fetch_add(bytes, Relaxed) + bytes);
        });
        match self.client.net.send_stream(method.clone(), url, &headers, body).await {
            Ok(answer) => {
                self.client.access.record_warnings(&self.endpoint, answer.headers());
                Ok(Sent::Answer(answer))
            }
            Err(error) => {
                task.done().await?;
                Ok(Sent::Broken(error))
            }
        }
    }
}
