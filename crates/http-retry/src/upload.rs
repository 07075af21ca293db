//! A request whose body is a stream: one attempt, which fails when the server stops reading.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::poll_fn;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use tokio::sync::mpsc;
use url::Url;

use super::rate_limit::jitter;
use super::{Budget, Client, Error, Retry};
use crate::login;

/// After the last byte a server may copy or hash what it got: the silence allowed then, in multiples of that before.
const THINKING: u32 = 5;

/// A body that is sent piece by piece.
pub struct Body {
    /// Bytes in all; with fewer or more the request fails.
    pub length: u64,
    /// The pieces. With an error among them the request fails.
    pub pieces: mpsc::Receiver<io::Result<Bytes>>,
    /// Called with every piece that is handed to the connection.
    pub count: Box<dyn Fn(&Bytes) + Send>,
}

impl Client {
    /// Sends a stream once, without retries; a response with any status is a success.
    ///
    /// # Errors
    /// [`Error::Transport`] without a response, also when the server neither reads nor sends for as long as this
    /// client allows, [`Error::Offline`].
    pub async fn send_stream(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Error> {
        if self.offline {
            return Err(Error::Offline { url: super::redacted(url).into() });
        }
        debug_assert!(!login::has_one(url), "logins are taken out where URLs are parsed");
        self.limits.wait(url).await;
        let pulse = Pulse::default();
        let Body { length, mut pieces, count } = body;
        let (own, mut left) = (pulse.clone(), length);
        let stream = poll_fn(move |context| {
            let polled = pieces.poll_recv(context);
            if let Poll::Ready(Some(Ok(piece))) = &polled {
                left = left.saturating_sub(piece.len() as u64);
                count(piece);
            }
            own.note(match &polled {
                Poll::Pending => State::Source,
                Poll::Ready(_) if left > 0 => State::Server,
                Poll::Ready(_) => State::Answer,
            });
            polled
        });
        let request = self
            .streams
            .http(url)?
            .request(method, url.clone())
            .headers(headers.clone())
            .header(CONTENT_LENGTH, HeaderValue::from(length))
            .body(reqwest::Body::wrap_stream(stream));
        tokio::select! {
            answer = request.send() => match answer {
                Ok(answer) => {
                    if !Retry::is_passing(answer.status()) {
                        self.limits.speed_up(url);
                    }
                    Ok(answer)
                }
                Err(error) => Err(Error::transport(url, error)),
            },
            silence = pulse.stopped(self.streams.silence) => Err(Error::silent(url, silence)),
        }
    }

    /// After a stream without a response, or with a passing one: waits as the response, the host's rate limit and the budget
    /// say. `false`: the budget is spent.
    ///
    /// # Errors
    /// [`Error::Patience`].
    pub async fn wait_after(
        &self,
        url: &Url,
        result: &Result<Response, Error>,
        budget: &mut Budget,
    ) -> Result<bool, Error> {
        let wait = match result {
            Ok(answer) => self.wait_for(url, answer, budget)?,
            Err(_) => budget.spend(),
        };
        let Some(wait) = wait else { return Ok(false) };
        tokio::time::sleep(wait + jitter(wait / 2)).await;
        Ok(true)
    }
}

/// When the server last read something, and what the upload waits for.
#[derive(Debug, Clone)]
struct Pulse(Arc<Mutex<(Instant, State)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For the server to read the next piece.
    Server,
    /// For the next piece from the caller, which is not the server's fault.
    Source,
    /// For the response.
    Answer,
}

impl Default for Pulse {
    fn default() -> Self {
        Pulse(Arc::new(Mutex::new((Instant::now(), State::Server))))
    }
}

impl Pulse {
    fn note(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), state);
    }

    /// Returns after a silence that is too long, with its length.
    async fn stopped(&self, silence: Duration) -> Duration {
        loop {
            let (since, state) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let allowed = match state {
                State::Server => silence,
                State::Answer => silence * THINKING,
                State::Source => {
                    tokio::time::sleep(silence).await;
                    continue;
                }
            };
            let left = allowed.saturating_sub(since.elapsed());
            if left.is_zero() {
                return allowed;
            }
            tokio::time::sleep(left).await;
        }
    }
}
