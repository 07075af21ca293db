//! Upload sessions that nobody will finish: a registry keeps their bytes for days unless it is told.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use super::Client;
use super::address::Address;
use super::session::Session;
use crate::net::Retry;

/// How long the end of a session may take: nothing depends on it, and the registry may be away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sessions that were left, and where they are.
#[derive(Debug, Default)]
pub(super) struct Abandoned(Mutex<Vec<(Address, Url)>>);

/// A session that is open. Dropped before [`Open::over`], because the upload failed or because nobody
/// waits for it any more, it is abandoned.
pub(super) struct Open<'a> {
    client: &'a Client,
    address: Address,
    pub(super) session: Session,
    over: bool,
}

impl<'a> Open<'a> {
    pub(super) fn new(client: &'a Client, address: &Address, session: Session) -> Self {
        Open { client, address: address.clone(), session, over: false }
    }

    /// The session was ended by its last part.
    pub(super) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.over {
            let left = (self.address.clone(), self.session.url.clone());
            self.client.uploads.abandoned.lock().push(left);
        }
    }
}

impl Abandoned {
    fn lock(&self) -> MutexGuard<'_, Vec<(Address, Url)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Ends the upload sessions that were abandoned so far, each with one request: whoever gives up
    /// leaves no bytes behind. It does not fail: a registry that is away forgets them by itself.
    pub async fn end_abandoned(&self) {
        let left = std::mem::take(&mut *self.uploads.abandoned.lock());
        let end = async |(address, url): (Address, Url)| {
            let mut once = Retry { attempts: 1, ..self.net.retry() }.budget();
            let none = HeaderMap::new();
            let ended =
                self.send_to(&address, Method::DELETE, &url, &none, Bytes::new(), &mut once);
            match tokio::time::timeout(PATIENCE, ended).await {
                Ok(Ok(answer)) => tracing::debug!(status = %answer.status(), "a session was ended"),
                Ok(Err(error)) => tracing::debug!(%error, "a session could not be ended"),
                Err(_) => {
                    tracing::debug!(host = address.name, "the end of a session took too long")
                }
            }
        };
        join_all(left.into_iter().map(end)).await;
    }
}
