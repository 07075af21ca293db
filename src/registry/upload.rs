//! One blob into one repository: in parts that go on where they stopped, or in one request where a
//! registry wants that (distribution spec 1.1, "Pushing blobs").

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::abandoned::Open;
use super::address::Address;
use super::authorize::Challenge;
use super::client::{Said, refused};
use super::feed::Feed;
use super::part::{Part, Tally};
use super::pin::stated;
use super::session::{Session, received};
use super::{Client, Error};
use crate::digest::Digest;
use crate::net::{self, Budget, Retry};
use crate::ui::Bar;

/// Sessions that are opened for one blob before it is given up.
const SESSIONS: u32 = 6;

/// A part that is refused as out of order more often, where the registry itself says that it is
/// next, is refused because it is a part.
const DISORDERS: u32 = 2;

/// No part is made smaller than this because a registry finds it too large.
const SMALLEST: u64 = 1024 * 1024;

/// More than this many new bytes in a part that failed: the connection was worth having.
const PROGRESS: u64 = 256 * 1024;

/// A blob on its way.
pub(super) struct Upload<'a> {
    pub(super) client: &'a Client,
    /// Its repository; the reference names the blob.
    pub(super) address: Address,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) feed: Feed,
    budget: Budget,
    /// Bytes of a part; `None`: the registry wants it whole.
    chunk: Option<u64>,
    /// Bytes of the first part, at most.
    first: u64,
    /// The offset of the part that was last refused as out of order, and how often.
    disordered: (u64, u32),
    pub(super) tally: Arc<Tally>,
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
    /// It does not take parts.
    Whole,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        client: &'a Client,
        address: Address,
        (digest, size): (Digest, u64),
        feed: Feed,
        bar: &Bar,
    ) -> Self {
        let (budget, chunk) = (client.budget(), Some(client.uploads.chunk));
        let tally = Arc::new(Tally::new(bar));
        let (first, disordered) = (client.uploads.first_part(size), (0, 0));
        Upload { client, address, digest, size, feed, budget, chunk, first, disordered, tally }
    }

    /// Sends the blob into the open session, or into new ones when that is lost. Bytes that were put
    /// on the way.
    pub(super) async fn run(mut self, mut open: Open<'a>) -> Result<u64, Error> {
        let mut times = 0;
        loop {
            let end = self.fill(&mut open.session).await?;
            match &end {
                End::Done => {
                    open.over();
                    break;
                }
                End::Whole => self.chunk = None,
                // What failed before was paid for from the budget.
                End::Empty => {}
                // The answer to the last part may be all that was lost.
                End::Lost { .. } if self.is_there().await? => break,
                End::Lost { .. } | End::Spoiled => times += 1,
            }
            if times == SESSIONS {
                return Err(self.given_up(&end, times));
            }
            open = self.client.open_session(&self.address).await?;
        }
        self.tally.count(0, self.size);
        Ok(self.tally.sent())
    }

    async fn is_there(&self) -> Result<bool, Error> {
        let path = format!("blobs/{}", self.digest);
        Ok(self.client.head(&self.address, &path).await?.is_some())
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

    /// Part after part until the session is over.
    async fn fill(&mut self, session: &mut Session) -> Result<End, Error> {
        loop {
            let chunk = match self.chunk {
                Some(chunk) if session.offset == 0 => chunk.min(self.first),
                chunk => chunk.unwrap_or(u64::MAX),
            };
            let chunk = chunk.max(session.least);
            let end = self.size.min(session.offset.saturating_add(chunk));
            let ours = self.client.authorization(&self.address, &session.url);
            match self.send_part(session, end).await? {
                Part::Broken(error) => self.wait(&session.url, Err(error)).await?,
                Part::Answer(answer) if answer.status().is_success() => {
                    if end == self.size {
                        self.address.check(stated(answer.headers()), self.digest)?;
                        return Ok(End::Done);
                    }
                    let taken = received(answer.headers()).unwrap_or(end);
                    if session.offset < taken && taken <= end {
                        self.follow(session, &answer)?;
                        session.offset = taken;
                        self.budget.renew();
                        continue;
                    }
                    // It took none of it, or more than there was: only the session itself knows.
                    self.wait(&session.url, Ok(answer)).await?;
                }
                Part::Answer(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                    self.renew(session, answer, ours).await?;
                }
                Part::Answer(answer) => {
                    if let Some(end) = self.refused(session, end, answer).await? {
                        return Ok(end);
                    }
                }
            }
            if let Some(end) = self.locate(session).await? {
                return Ok(end);
            }
        }
    }

    /// After a part that ends at `end` was refused: whether the session is over, or worth asking.
    async fn refused(
        &mut self,
        session: &Session,
        end: u64,
        answer: Response,
    ) -> Result<Option<End>, Error> {
        let (status, length) = (answer.status(), end - session.offset);
        if Retry::is_passing(status) {
            return self.wait(&session.url, Ok(answer)).await.map(|()| None);
        }
        let said = Said::read(answer).await;
        let final_refusal = || Err(self.address.refused(status, &said));
        match (&*said.code, status) {
            ("BLOB_UPLOAD_UNKNOWN" | "BLOB_UPLOAD_INVALID", _) | (_, StatusCode::NOT_FOUND) => {
                Ok(Some(End::Lost { offset: session.offset }))
            }
            ("DIGEST_INVALID", _) => {
                self.feed.verify().await?;
                Ok(Some(End::Spoiled))
            }
            (_, StatusCode::FORBIDDEN) => final_refusal(),
            (_, StatusCode::PAYLOAD_TOO_LARGE) => {
                let smaller = (length / 2).max(session.least);
                if smaller < SMALLEST || smaller >= length {
                    return final_refusal();
                }
                self.chunk = Some(smaller);
                Ok(None)
            }
            (_, StatusCode::RANGE_NOT_SATISFIABLE)
                if self.disordered != (session.offset, DISORDERS) =>
            {
                let Some(wait) = self.budget.spend(None) else { return final_refusal() };
                let (offset, times) = self.disordered;
                let times = if offset == session.offset { times } else { 0 };
                self.disordered = (session.offset, times + 1);
                // A part that broke off may still be on its way into the session.
                tokio::time::sleep(wait).await;
                Ok(None)
            }
            // A part of a blob was refused for what it is: the whole may be welcome.
            _ if self.chunk.is_some() && length < self.size => {
                tracing::debug!(%status, "the registry takes no parts");
                Ok(Some(End::Whole))
            }
            _ => final_refusal(),
        }
    }

    /// Asks how far the session is; whether that is its end.
    async fn locate(&mut self, session: &mut Session) -> Result<Option<End>, Error> {
        let lost = End::Lost { offset: session.offset };
        if self.chunk.is_none() {
            // Parts are refused, so what arrived of the whole cannot be completed.
            return Ok(Some(lost));
        }
        let (address, none) = (&self.address, HeaderMap::new());
        let url = session.url.clone();
        let budget = &mut self.budget;
        let asked = self.client.send_to(address, Method::GET, &url, &none, Bytes::new(), budget);
        let answer = asked.await?;
        let status = answer.status();
        if status.is_server_error()
            || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        {
            return Err(refused(&self.address, answer).await);
        }
        let offset = match received(answer.headers()) {
            _ if !status.is_success() => return Ok(Some(lost)),
            None => return Ok(Some(End::Empty)),
            Some(offset) if offset > self.size => return Ok(Some(lost)),
            Some(offset) => offset,
        };
        self.follow(session, &answer)?;
        if offset >= session.offset + PROGRESS {
            self.budget.renew();
        }
        session.offset = offset;
        Ok(None)
    }

    /// The token `stale` ran out before a part was sent, or on its way.
    async fn renew(
        &mut self,
        session: &Session,
        answer: Response,
        stale: Option<HeaderValue>,
    ) -> Result<(), Error> {
        let challenge = Challenge::find(answer.headers());
        let (Some(challenge), true) = (challenge, self.address.is_at(&session.url)) else {
            return Err(refused(&self.address, answer).await);
        };
        if self.budget.spend(None).is_none() {
            return Err(refused(&self.address, answer).await);
        }
        self.client.renew(&self.address, &session.url, &challenge, stale.as_ref()).await?;
        Ok(())
    }

    /// Waits before the next attempt, or gives up with what happened.
    async fn wait(&mut self, url: &Url, result: Result<Response, net::Error>) -> Result<(), Error> {
        if self.client.net.wait_after(url, &result, &mut self.budget).await {
            return Ok(());
        }
        match result {
            Ok(answer) => Err(refused(&self.address, answer).await),
            Err(source) => Err(self.address.unreachable(source)),
        }
    }

    fn follow(&self, session: &mut Session, answer: &Response) -> Result<(), Error> {
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
