//! One blob into one repository: whole, in one request, which every registry takes. Only what is left after a break goes
//! in chunks, from where the registry says that it is (distribution spec 1.1, "Pushing blobs").

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_retry::{Budget, Retry};
use oci_digest::Digest;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::abilities::Ability;
use crate::access::Authorization;
use crate::client::{Client, refused};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::manifests::stated;
use crate::progress::Progress;
use crate::server_message::ServerMessage;
use crate::upload::body::BodySource;
use crate::upload::chunk::{Chunks, Sent};
use crate::upload::open_upload::OpenUpload;
use crate::upload::refusal::{Refusal, Span, classify};
use crate::upload::session::{Session, received};

/// Sessions that are opened for one blob before it is given up.
const SESSIONS: u32 = 6;

/// After this many interruptions without anything kept, a blob is sent in chunks.
const WHOLES: u32 = 2;

/// A registry that ends a request after this time may end every one (ghcr.io has a limit of ten minutes).
const LONG: Duration = Duration::from_secs(5 * 60);

/// Interrupted chunks become smaller, down to this: S3 requires 5 MiB.
const SMALLEST: u64 = 8 * 1024 * 1024;

/// More than this many new bytes in a request that failed: it counts as progress.
const PROGRESS: u64 = 256 * 1024;

/// The upload of a blob.
pub(crate) struct Upload<'a> {
    chunks: Chunks<'a>,
    budget: Budget,
    /// Times that it broke off when it was sent whole.
    broken: u32,
    /// Bytes of a chunk.
    chunk: u64,
}

/// Why a session is over.
enum End {
    /// The blob is there.
    Done,
    /// The registry does not know the session any more.
    Lost { offset: u64 },
    /// Nothing arrived, or one byte: cheaper to begin again than to find out.
    Empty,
    /// It got other bytes than were sent.
    Spoiled,
    /// It does not take chunks.
    NoChunks,
}

/// What comes after a request.
enum Next {
    /// The next one.
    Send,
    /// The question how far the session is.
    Ask,
    /// Nothing in this session.
    Leave(End),
}

impl<'a> Upload<'a> {
    pub(crate) fn new(
        client: &'a Client,
        endpoint: Endpoint,
        what: (Digest, u64),
        body: BodySource,
        progress: &Arc<dyn Progress>,
    ) -> Self {
        let (budget, chunk) = (client.budget(), client.uploads.chunk);
        let chunks = Chunks::new(client, endpoint, what, body, progress);
        Upload { chunks, budget, broken: 0, chunk }
    }

    /// Sends the blob into the open session, or into new ones when that is lost. Bytes that were put
    /// on the way.
    pub(crate) async fn run(mut self, mut open: OpenUpload<'a>) -> Result<u64, Error> {
        let mut times = 0;
        loop {
            let in_chunks = !self.goes_whole();
            let end = self.fill(&mut open.session).await?;
            match &end {
                End::Done => {
                    open.over();
                    break;
                }
                // The failures before have used the budget.
                End::Empty => {}
                End::NoChunks => {
                    _ = self
                        .chunks
                        .client
                        .lacks
                        .learn(&self.chunks.endpoint.authority, Ability::Chunks)
                }
                // The answer to the last request may be all that was lost.
                End::Lost { .. } if self.is_there().await? => break,
                End::Lost { .. } | End::Spoiled => {
                    times += 1;
                    // A registry that loses sessions between parts may accept the blob in one request.
                    self.broken = if in_chunks { 0 } else { self.broken };
                }
            }
            if times == SESSIONS {
                return Err(self.given_up(&end, times));
            }
            open =
                self.chunks.client.open_upload(&self.chunks.endpoint, self.chunks.digest).await?;
        }
        self.chunks.tally.count(0, self.chunks.size);
        Ok(self.chunks.tally.sent())
    }

    async fn is_there(&self) -> Result<bool, Error> {
        let path = format!("blobs/{}", self.chunks.digest);
        match self.chunks.client.head(&self.chunks.endpoint, &path).await {
            // Permission to write may not include reading what does not exist.
            Err(Error::Unauthorized { .. }) => Ok(false),
            found => Ok(found?.is_some()),
        }
    }

    fn given_up(&self, end: &End, times: u32) -> Error {
        match end {
            End::Lost { offset } => {
                let (reference, host) =
                    (self.chunks.endpoint.reference.clone(), self.chunks.endpoint.name.clone());
                Error::SessionLost { reference, host, times, sent: *offset }
            }
            _ => self.chunks.endpoint.contradiction(
                "what arrived",
                self.chunks.digest,
                "something else",
            ),
        }
    }

    /// Request after request until the session is over.
    async fn fill(&mut self, session: &mut Session) -> Result<End, Error> {
        loop {
            let next = match self.request(session).await? {
                Next::Ask => self.locate(session).await?.map_or(Next::Send, Next::Leave),
                next => next,
            };
            if let Next::Leave(end) = next {
                return Ok(end);
            }
        }
    }

    fn goes_whole(&self) -> bool {
        let authority = &self.chunks.endpoint.authority;
        self.chunks.client.lacks.has(authority, Ability::Chunks)
            || self.broken < WHOLES
                && self.chunks.size <= self.chunks.client.uploads.largest(authority).whole
    }

    /// What the next request carries.
    fn span(&self, session: &Session) -> Span {
        let (offset, size) = (session.offset, self.chunks.size);
        if offset == 0 && self.goes_whole() {
            return Span { offset, end: size, size, known: session.stated };
        }
        let largest = self.chunks.client.uploads.largest(&self.chunks.endpoint.authority).chunk;
        let chunk = self.chunk.min(largest).max(session.least);
        let end = size.min(offset.saturating_add(chunk));
        Span { offset, end, size, known: session.stated }
    }

    async fn request(&mut self, session: &mut Session) -> Result<Next, Error> {
        let (span, begun) = (self.span(session), Instant::now());
        let client = self.chunks.client;
        let answer = match self.chunks.send(session, span).await? {
            Sent::Answer(answer) => answer,
            Sent::Broken(error) => {
                self.broke(span, begun.elapsed());
                self.wait(&session.url, Err(error)).await?;
                return Ok(Next::Ask);
            }
        };
        match answer.status() {
            status if status.is_success() => self.taken(session, span, &answer),
            StatusCode::UNAUTHORIZED => {
                let (refusal, with) =
                    ((answer.status(), answer.headers()), &mut self.chunks.authorization);
                match client
                    .access
                    .reauthorize(&self.chunks.endpoint, answer.url(), refusal, with)
                    .await?
                {
                    true => Ok(Next::Send),
                    false => Err(refused(&self.chunks.endpoint, answer).await),
                }
            }
            // Nothing of it was taken.
            StatusCode::TOO_MANY_REQUESTS => {
                self.wait(&session.url, Ok(answer)).await?;
                Ok(Next::Send)
            }
            status if Retry::is_passing(status) => {
                self.broke(span, begun.elapsed());
                self.wait(&session.url, Ok(answer)).await?;
                Ok(Next::Ask)
            }
            _ => self.refused(session, span, answer).await,
        }
    }

    /// Makes the next request a smaller one, if that can help.
    fn broke(&mut self, span: Span, lasted: Duration) {
        if span.is_whole() {
            self.broken += if lasted > LONG { WHOLES } else { 1 };
        } else {
            self.chunk = self.chunk.min((span.length() / 2).max(SMALLEST));
        }
    }

    fn taken(
        &mut self,
        session: &mut Session,
        span: Span,
        answer: &Response,
    ) -> Result<Next, Error> {
        if span.is_last() {
            self.chunks.endpoint.check(stated(answer.headers()), self.chunks.digest)?;
            return Ok(Next::Leave(End::Done));
        }
        self.follow(session, answer)?;
        session.advance(span.end, answer.headers());
        self.budget.renew();
        self.chunks.authorization = Authorization::default();
        Ok(Next::Send)
    }

    async fn refused(
        &mut self,
        session: &mut Session,
        span: Span,
        answer: Response,
    ) -> Result<Next, Error> {
        let (status, said) = (answer.status(), ServerMessage::read(answer).await);
        let (client, authority) = (self.chunks.client, &self.chunks.endpoint.authority);
        let in_chunks = !client.lacks.has(authority, Ability::Chunks);
        match classify(status, &said, span) {
            Refusal::Lost => return Ok(Next::Leave(End::Lost { offset: session.offset })),
            Refusal::Unsound => {
                self.chunks.body.verify().await?;
                return Ok(Next::Leave(End::Lost { offset: session.offset }));
            }
            Refusal::OtherBytes => {
                self.chunks.body.verify().await?;
                return Ok(Next::Leave(End::Spoiled));
            }
            Refusal::TooLarge(largest)
                if in_chunks
                    && client.uploads.too_large(authority, span, largest, session.least) =>
            {
                return Ok(Next::Send);
            }
            Refusal::OutOfOrder => {
                if let Some(wait) = self.budget.spend() {
                    session.refused = Some((span.offset, session.stated));
                    // A part that broke off may still be on its way into the session.
                    tokio::time::sleep(wait).await;
                    return Ok(Next::Ask);
                }
            }
            Refusal::NoChunks if in_chunks => return Ok(Next::Leave(End::NoChunks)),
            _ => {}
        }
        Err(self.chunks.endpoint.refused(status, &said))
    }

    /// Waits before the next attempt, or gives up with what happened.
    async fn wait(
        &mut self,
        url: &Url,
        result: Result<Response, http_retry::Error>,
    ) -> Result<(), Error> {
        let waited = self.chunks.client.net.wait_after(url, &result, &mut self.budget).await;
        if waited.map_err(|source| self.chunks.endpoint.unreachable(source))? {
            return Ok(());
        }
        match result {
            Ok(answer) => Err(refused(&self.chunks.endpoint, answer).await),
            Err(source) => Err(self.chunks.endpoint.unreachable(source)),
        }
    }

    fn follow(&self, session: &mut Session, answer: &Response) -> Result<(), Error> {
        let followed = session.follow(answer.url(), answer.headers());
        followed.map_err(|cause| self.chunks.endpoint.malformed("the upload session", cause))
    }

    /// Asks how far the session is; whether that is its end.
    async fn locate(&mut self, session: &mut Session) -> Result<Option<End>, Error> {
        let lost = End::Lost { offset: session.offset };
        let (endpoint, client) = (&self.chunks.endpoint, self.chunks.client);
        // Where chunks are refused, what arrived of the whole cannot be completed.
        let useless = [Ability::Chunks, Ability::SessionStatus];
        if useless.into_iter().any(|ability| client.lacks.has(&endpoint.authority, ability)) {
            return Ok(Some(lost));
        }
        let (url, none) = (session.url.clone(), HeaderMap::new());
        let asked =
            client.send_to(endpoint, Method::GET, &url, &none, Bytes::new(), &mut self.budget);
        let answer = asked.await?;
        let status = answer.status();
        if Retry::is_passing(status) {
            return Err(refused(endpoint, answer).await);
        }
        if !status.is_success() {
            let known = ServerMessage::read(answer).await.code.starts_with("BLOB_UPLOAD_");
            if !known && is_no_answer(status) {
                client.lacks.learn(&endpoint.authority, Ability::SessionStatus);
            }
            return Ok(Some(lost));
        }
        let Some(said) = received(answer.headers()) else { return Ok(Some(End::Empty)) };
        let offset = match session.refused {
            // Quay counts one byte more than it has.
            Some((refused, true)) if refused == said => said - 1,
            Some((refused, _)) if refused + 1 == said => return Ok(Some(End::NoChunks)),
            // The same of a blob that arrived.
            _ if said == self.chunks.size + 1 => self.chunks.size,
            _ if said > self.chunks.size => return Ok(Some(lost)),
            _ => said,
        };
        self.follow(session, &answer)?;
        if offset >= session.offset + PROGRESS {
            self.budget.renew();
        }
        (session.offset, session.stated) = (offset, true);
        Ok(None)
    }
}

/// Answers of registries that do not report the state of a session.
fn is_no_answer(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 401 | 403 | 404 | 405 | 501)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::InMemory;
    use crate::client::Settings;
    use crate::progress::unseen;

    #[test]
    fn what_broke_off_twice_or_after_a_long_time_goes_in_chunks_that_become_smaller() {
        const MIB: u64 = 1024 * 1024;
        let net = http_retry::Client::new(Retry::default()).unwrap();
        let client = Client::new(net, Settings::of("test"));
        let blob = Arc::new(InMemory::new(bytes::Bytes::new()));
        let upload = || {
            let endpoint = Endpoint::new("ghcr.io", "team/ray", "the blob");
            let what = (Digest::of(""), 1000 * MIB);
            Upload::new(&client, endpoint, what, BodySource::Ours(blob.clone()), &unseen())
        };
        let url = Url::parse("https://ghcr.io/x").unwrap();
        let session = Session { url, offset: 0, stated: false, refused: None, least: 0 };
        let next = |upload: &mut Upload<'_>, lasted: Duration| {
            let span = upload.span(&session);
            upload.broke(span, lasted);
            upload.span(&session).length() / MIB
        };
        let (second, minutes) = (Duration::from_secs(1), Duration::from_secs(600));
        let mut short = upload();
        let lengths: Vec<_> = (0..6).map(|_| next(&mut short, second)).collect();
        assert_eq!(lengths, [1000, 64, 32, 16, 8, 8]);
        assert_eq!(next(&mut upload(), minutes), 64);
        // Nothing is tried that this registry refused before.
        client.lacks.learn("ghcr.io", Ability::Chunks);
        assert_eq!(next(&mut upload(), minutes), 1000);
    }
}
