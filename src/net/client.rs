//! A reqwest client that tries again.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response};
use url::Url;

use super::retry::retry_after;
use super::{Error, Retry};

/// HTTP/1.1 and HTTP/2, the system's certificates (or SSL_CERT_FILE) and proxies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    retry: Retry,
}

impl Client {
    /// A client with this patience.
    pub fn new(retry: Retry) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("envlock/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(20))
            .read_timeout(Duration::from_secs(60))
            .build()?;
        Ok(Client { http, retry })
    }

    /// The client underneath, for requests whose bodies are streams.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// How patient this client is.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Sends until an answer comes that is not passing (see [`Retry::is_passing`]), whatever its
    /// status. Errors: [`Error::Transport`] when no attempt got an answer.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        let mut attempt = 1;
        loop {
            let request = self.http.request(method.clone(), url.clone()).headers(headers.clone());
            let result = request.send().await;
            let asked = match &result {
                Ok(answer) if !Retry::is_passing(answer.status()) => None,
                Ok(answer) => Some(
                    answer.headers().get(RETRY_AFTER).and_then(|v| retry_after(v.to_str().ok()?)),
                ),
                Err(error) if is_lasting(error) => None,
                Err(_) => Some(None),
            };
            attempt += 1;
            match asked.and_then(|after| self.retry.wait(attempt, after)) {
                Some(wait) => {
                    tracing::debug!(%url, attempt, ?wait, "trying again");
                    tokio::time::sleep(wait).await;
                }
                None => return result.map_err(|e| Error::broken(url, &e)),
            }
        }
    }

    /// The whole body of a successful GET; a body that breaks off is fetched again.
    /// Errors: [`Error::Status`] for any answer that is not a success.
    pub async fn get(&self, url: &Url, headers: &HeaderMap) -> Result<(HeaderMap, Bytes), Error> {
        let mut attempt = 1;
        loop {
            let answer = self.send(Method::GET, url, headers).await?;
            if !answer.status().is_success() {
                return Err(Error::answer(url, answer.status()));
            }
            let head = answer.headers().clone();
            match answer.bytes().await {
                Ok(body) => return Ok((head, body)),
                Err(error) => {
                    attempt += 1;
                    let Some(wait) = self.retry.wait(attempt, None) else {
                        return Err(Error::broken(url, &error));
                    };
                    tracing::debug!(%url, attempt, %error, "the body broke off, trying again");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

/// Whether trying again cannot help: a bad request, a redirect loop, a certificate that is not
/// trusted or a server that does not speak TLS (both come as invalid data).
fn is_lasting(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    error.is_builder()
        || error.is_redirect()
        || causes.filter_map(|e| e.downcast_ref()).any(is_invalid_data)
}

/// An `io::Error` inside another one is not among its sources, so it is looked for by hand.
fn is_invalid_data(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
        || error.get_ref().and_then(|inner| inner.downcast_ref()).is_some_and(is_invalid_data)
}
