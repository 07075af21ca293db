//! Servers that take a request and say nothing: told of once, and given up in the end.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Response, header};
use url::Url;

use super::Client;
use super::pace::name;
use super::retry::SILENCES;
use super::wait::{Wait, Why};

/// The part of the silence that a client bears after which it is told: 10 s of a minute.
const TOLD_AFTER: u32 = 6;

/// How long a silence is borne, and which hosts were told of. Clones share that.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    pub(super) length: Duration,
    told: Arc<Mutex<BTreeSet<String>>>,
}

impl Silence {
    pub(super) fn new(length: Duration) -> Self {
        Silence { length, told: Arc::default() }
    }

    fn is_news(&self, host: &str) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned())
    }
}

impl Client {
    /// Does `work`, which waits for a word from the server of `url`; a long silence is told, once for each host.
    pub async fn listening<T>(&self, url: &Url, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let since = self.silence.length / TOLD_AFTER;
        if let Ok(done) = tokio::time::timeout(since, &mut work).await {
            return done;
        }
        let host = name(url);
        if self.silence.is_news(&host) {
            let end = self.silence.length * SILENCES;
            self.listener.tell(&Wait { host, why: Why::Silent { since, end } });
        }
        work.await
    }

    /// The whole body of an answer. Errors: it broke off.
    pub async fn body(&self, url: &Url, mut answer: Response) -> Result<Bytes, reqwest::Error> {
        let _waits = self.waits_for(url);
        let Some(first) = self.listening(url, answer.chunk()).await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.listening(url, answer.chunk()).await? else { return Ok(first) };
        let length = answer.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        // What a server says of the length is believed as far as memory is cheap.
        let mut body = Vec::with_capacity(length.unwrap_or(0).min(1 << 20));
        body.extend_from_slice(&first);
        body.extend_from_slice(&second);
        while let Some(chunk) = self.listening(url, answer.chunk()).await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }
}
