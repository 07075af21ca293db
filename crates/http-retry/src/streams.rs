//! The client for bodies that are streams.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use url::Url;

use super::Error;
use super::builder::builder;

/// The reqwest client for uploads, which has no read timeout: that of the others runs while a body is sent. Made when it
/// is first needed.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    http: Arc<OnceLock<reqwest::Client>>,
    agent: &'static str,
    pub(super) silence: Duration,
}

impl Streams {
    pub(super) fn new(agent: &'static str, silence: Duration) -> Self {
        Streams { http: Arc::default(), agent, silence }
    }

    /// The client, for a request to `url`.
    pub(super) fn http(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        if self.http.get().is_none() {
            let made = builder(self.agent).no_gzip().no_brotli().no_zstd().no_deflate().build();
            // Another task may have made an equal one in the meantime.
            let _ = self.http.set(made.map_err(|e| Error::transport(url, e))?);
        }
        Ok(self.http.get().expect("it was set above"))
    }
}
