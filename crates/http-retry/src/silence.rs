//! Servers that accept a request and send nothing: reported once, and given up in the end.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::rate_limit::name;
use super::retry::SILENCES;
use super::wait::{Listener, Wait, Why};

/// The part of the allowed silence after which it is reported: 10 s of a minute.
const REPORTED_AFTER: u32 = 6;

/// How long a silence is allowed, and which hosts were reported. Clones share the latter.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    pub(super) length: Duration,
    reported: Arc<Mutex<BTreeSet<String>>>,
}

impl Silence {
    pub(super) fn new(length: Duration) -> Self {
        Silence { length, reported: Arc::default() }
    }

    fn is_news(&self, host: &str) -> bool {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned())
    }

    /// Does `work`, which waits for bytes from the server of `url`. A long silence is reported, once for each host.
    pub(super) async fn listening<T>(
        &self,
        listener: &Listener,
        url: &Url,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = std::pin::pin!(work);
        let since = self.length / REPORTED_AFTER;
        if let Ok(done) = tokio::time::timeout(since, &mut work).await {
            return done;
        }
        let host = name(url);
        if self.is_news(&host) {
            let end = self.length * SILENCES;
            listener.report(&Wait { host, why: Why::Silent { since, end } });
        }
        work.await
    }
}
