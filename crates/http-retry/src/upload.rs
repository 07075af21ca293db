//! A request whose body is a stream: one attempt, given up when the server stops taking bytes.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::poll_fn;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use tokio::sync::mpsc;
use url::Url;

use super::client::builder;
use super::pace::jitter;
use super::{Budget, Client, Error, Retry};
use crate::login;

/// After the last byte a server may have to copy or hash what it got: this many times the silence
/// that is allowed before it.
const THINKING: u32 = 5;

/// What is sent, piece by piece.
pub struct Body {
    /// Bytes in all; fewer or more break the request off.
    pub length: u64,
    /// The pieces. An error in the place of one breaks the request off.
    pub pieces: mpsc::Receiver<io::Result<Bytes>>,
    /// Told of every piece that is put on the way.
    pub count: Box<dyn Fn(&Bytes) + Send>,
}

/// The client for streams: the read timeout of the others would count while a body is sent. Made
/// when it is first needed.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    http: Arc<OnceLock<reqwest::Client>>,
    agent: &'static str,
    silence: Duration,
}

impl Streams {
    pub(super) fn new(agent: &'static str, silence: Duration) -> Self {
        Streams { http: Arc::default(), agent, silence }
    }

    fn http(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        if self.http.get().is_none() {
            let made = builder(self.agent).no_gzip().no_brotli().no_zstd().no_deflate().build();
            // Another task may have made one in the meantime, as good as this.
            let _ = self.http.set(made.map_err(|e| Error::transport(url, e))?);
        }
        Ok(self.http.get().expect("it was set above"))
    }
}

impl Client {
    /// Sends a stream, once; any status is an answer. Errors: [`Error::Transport`] when there is
    /// none, or when the server takes no byte and says nothing for as long as this client allows.
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
        debug_assert!(!login::has_one(url), "logins are taken out where addresses are read");
        self.pace.keep(url).await;
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
                        self.pace.ease(url);
                    }
                    Ok(answer)
                }
                Err(error) => Err(Error::transport(url, error)),
            },
            silence = pulse.stopped(self.streams.silence) => Err(Error::silent(url, silence)),
        }
    }

    /// After a stream that got no answer, or one that may become another: waits as the answer, the
    /// host's pace and the budget say. `false`: there is nothing left to spend. Errors: [`Error::Patience`].
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

/// When the server last took something, and what is being waited for.
#[derive(Debug, Clone)]
struct Pulse(Arc<Mutex<(Instant, State)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For the server to take the next piece.
    Server,
    /// For the pieces to be made: not the server's fault.
    Source,
    /// For the answer.
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

    /// Returns after too long a silence, with its length.
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
