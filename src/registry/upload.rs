//! One blob into one repository: whole, in one request, which every registry takes. Only what is left after a break goes
//! in parts, from where the registry says that it is (distribution spec 1.1, "Pushing blobs").

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Response, StatusCode};
use url::Url;

use super::abandoned::Open;
use super::abilities::Ability;
use super::address::Address;
use super::admission::Admission;
use super::client::refused;
use super::feed::Feed;
use super::part::{Part, Tally};
use super::pin::stated;
use super::said::Said;
use super::session::Session;
use super::verdict::{Span, Verdict, verdict};
use super::{Client, Error};
use crate::digest::Digest;
use crate::net::{Budget, Retry};
use crate::ui::Bar;

/// Sessions that are opened for one blob before it is given up.
const SESSIONS: u32 = 6;

/// A blob that broke off so often, and of which nothing was kept, goes in parts.
const WHOLES: u32 = 2;

/// Who ends a request after so long may do so with every one (ghcr.io has a limit of ten minutes).
const LONG: Duration = Duration::from_secs(5 * 60);

/// Parts that break off become smaller, and none smaller than this: S3 wants 5 MiB.
const SMALLEST: u64 = 8 * 1024 * 1024;

/// A blob on its way.
pub(super) struct Upload<'a> {
    pub(super) client: &'a Client,
    /// Its repository; the reference names the blob.
    pub(super) address: Address,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) feed: Feed,
    pub(super) budget: Budget,
    pub(super) admission: Admission,
    /// Times that it broke off when it was sent whole.
    broken: u32,
    /// Bytes of a part.
    part: u64,
    pub(super) tally: Arc<Tally>,
}

/// Why a session is over.
pub(super) enum End {
    /// The blob is there.
    Done,
    /// The registry does not know the session any more.
    Lost { offset: u64 },
    /// Nothing arrived, or one byte: cheaper to begin again than to find out.
    Empty,
    /// It got other bytes than were sent.
    Spoiled,
    /// It does not take parts.
    NoParts,
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
    pub(super) fn new(
        client: &'a Client,
        address: Address,
        (digest, size): (Digest, u64),
        feed: Feed,
        bar: &Bar,
    ) -> Self {
        let (budget, part) = (client.budget(), client.uploads.part);
        let tally = Arc::new(Tally::new(bar));
        let (admission, broken) = (Admission::default(), 0);
        Upload { client, address, digest, size, feed, budget, admission, broken, part, tally }
    }

    /// Sends the blob into the open session, or into new ones when that is lost. Bytes that were put
    /// on the way.
    pub(super) async fn run(mut self, mut open: Open<'a>) -> Result<u64, Error> {
        let mut times = 0;
        loop {
            let parts = !self.goes_whole();
            let end = self.fill(&mut open.session).await?;
            match &end {
                End::Done => {
                    open.over();
                    break;
                }
                // What failed before was paid for from the budget.
                End::Empty => {}
                End::NoParts => {
                    _ = self.client.learn_lack(&self.address.authority, Ability::Chunks)
                }
                // The answer to the last request may be all that was lost.
                End::Lost { .. } if self.is_there().await? => break,
                End::Lost { .. } | End::Spoiled => {
                    times += 1;
                    // Who loses a session between its parts may take the blob in one request.
                    self.broken = if parts { 0 } else { self.broken };
                }
            }
            if times == SESSIONS {
                return Err(self.given_up(&end, times));
            }
            open = self.client.open_session(&self.address, self.digest).await?;
        }
        self.tally.count(0, self.size);
        Ok(self.tally.sent())
    }

    async fn is_there(&self) -> Result<bool, Error> {
        let path = format!("blobs/{}", self.digest);
        match self.client.head(&self.address, &path).await {
            // Who may write may not always read what is not there.
            Err(Error::Unauthorized { .. }) => Ok(false),
            found => Ok(found?.is_some()),
        }
    }

    fn given_up(&self, end: &End, times: u32) -> Error {
        match end {
            End::Lost { offset } => {
                let (reference, host) = (self.address.reference.clone(), self.address.name.clone());
                Error::SessionLost { reference, host, times, sent: *offset }
            }
            _ => self.address.contradiction("what arrived", self.digest, "something else"),
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
        let authority = &self.address.authority;
        self.client.lacks(authority, Ability::Chunks)
            || self.broken < WHOLES && self.size <= self.client.uploads.largest(authority).whole
    }

    /// What the next request carries.
    fn span(&self, session: &Session) -> Span {
        let (offset, size) = (session.offset, self.size);
        if offset == 0 && self.goes_whole() {
            return Span { offset, end: size, size, known: session.stated };
        }
        let largest = self.client.uploads.largest(&self.address.authority).part;
        let part = self.part.min(largest).max(session.least);
        let end = size.min(offset.saturating_add(part));
        Span { offset, end, size, known: session.stated }
    }

    async fn request(&mut self, session: &mut Session) -> Result<Next, Error> {
        let (span, begun) = (self.span(session), Instant::now());
        let client = self.client;
        let answer = match self.send(session, span).await? {
            Part::Answer(answer) => answer,
            Part::Broken(error) => {
                self.broke(span, begun.elapsed());
                self.wait(&session.url, Err(error)).await?;
                return Ok(Next::Ask);
            }
        };
        match answer.status() {
            status if status.is_success() => self.taken(session, span, &answer),
            StatusCode::UNAUTHORIZED => {
                let (refusal, admission) =
                    ((answer.status(), answer.headers()), &mut self.admission);
                match client.readmit(&self.address, answer.url(), refusal, admission).await? {
                    true => Ok(Next::Send),
                    false => Err(refused(&self.address, answer).await),
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
            self.part = self.part.min((span.length() / 2).max(SMALLEST));
        }
    }

    fn taken(
        &mut self,
        session: &mut Session,
        span: Span,
        answer: &Response,
    ) -> Result<Next, Error> {
        if span.is_last() {
            self.address.check(stated(answer.headers()), self.digest)?;
            return Ok(Next::Leave(End::Done));
        }
        self.follow(session, answer)?;
        session.advance(span.end, answer.headers());
        self.budget.renew();
        self.admission = Admission::default();
        Ok(Next::Send)
    }

    async fn refused(
        &mut self,
        session: &mut Session,
        span: Span,
        answer: Response,
    ) -> Result<Next, Error> {
        let (status, said) = (answer.status(), Said::read(answer).await);
        let (client, authority) = (self.client, &self.address.authority);
        let parts = !client.lacks(authority, Ability::Chunks);
        match verdict(status, &said, span) {
            Verdict::Lost => return Ok(Next::Leave(End::Lost { offset: session.offset })),
            Verdict::Unsound => {
                self.feed.verify().await?;
                return Ok(Next::Leave(End::Lost { offset: session.offset }));
            }
            Verdict::OtherBytes => {
                self.feed.verify().await?;
                return Ok(Next::Leave(End::Spoiled));
            }
            Verdict::TooLarge(largest)
                if parts && client.uploads.too_large(authority, span, largest, session.least) =>
            {
                return Ok(Next::Send);
            }
            Verdict::OutOfOrder => {
                if let Some(wait) = self.budget.spend() {
                    session.refused = Some((span.offset, session.stated));
                    // A part that broke off may still be on its way into the session.
                    tokio::time::sleep(wait).await;
                    return Ok(Next::Ask);
                }
            }
            Verdict::NoParts if parts => return Ok(Next::Leave(End::NoParts)),
            _ => {}
        }
        Err(self.address.refused(status, &said))
    }

    /// Waits before the next attempt, or gives up with what happened.
    async fn wait(
        &mut self,
        url: &Url,
        result: Result<Response, http_retry::Error>,
    ) -> Result<(), Error> {
        let waited = self.client.net.wait_after(url, &result, &mut self.budget).await;
        if waited.map_err(|source| self.address.unreachable(source))? {
            return Ok(());
        }
        match result {
            Ok(answer) => Err(refused(&self.address, answer).await),
            Err(source) => Err(self.address.unreachable(source)),
        }
    }

    pub(super) fn follow(&self, session: &mut Session, answer: &Response) -> Result<(), Error> {
        let followed = session.follow(answer.url(), answer.headers());
        followed.map_err(|cause| self.address.malformed("the upload session", cause))
    }
}

impl Address {
    /// That what a registry states is the digest of what was sent.
    pub(super) fn check(&self, stated: Option<Digest>, expected: Digest) -> Result<(), Error> {
        match stated {
            Some(got) if got != expected => Err(self.contradiction("what arrived", expected, got)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net;
    use crate::registry::Held;
    use crate::spec::RegistrySpec;

    #[test]
    fn what_broke_off_twice_or_after_a_long_time_goes_in_parts_that_become_smaller() {
        const MIB: u64 = 1024 * 1024;
        let net = net::Client::new(Retry::default()).unwrap();
        let client = Client::new(net, &RegistrySpec::default(), false);
        let blob = Arc::new(Held::new(bytes::Bytes::new()));
        let upload = || {
            let address = Address::new("ghcr.io", "team/ray", "the blob");
            let what = (Digest::of(""), 1000 * MIB);
            Upload::new(&client, address, what, Feed::Ours(blob.clone()), &Bar::hidden())
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
        client.learn_lack("ghcr.io", Ability::Chunks);
        assert_eq!(next(&mut upload(), minutes), 1000);
    }
}
