//! A reqwest client that retries.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::builder::builder;
use super::connect_once::to_origin;
use super::rate_limit::{RateLimits, jitter};
use super::retry::{is_lasting, retry_after};
use super::silence::Silence;
use super::streams::Streams;
use super::wait::{Listener, Watch};
use super::{Budget, Error, Logins, Retry, Wait, redacted};
use crate::login::{self, Login};

/// The default User-Agent.
const AGENT: &str = concat!("http-retry/", env!("CARGO_PKG_VERSION"));

/// How long a server may send nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// HTTP/1.1 and HTTP/2, the system's certificates (or SSL_CERT_FILE, and docker's for its host) and proxies. Cheap to clone;
/// clones share connections and the request rate of each host.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    // Hashes are of the bytes as the server stores them: without content decoding.
    raw: reqwest::Client,
    pub(super) streams: Streams,
    retry: Retry,
    pub(super) limits: RateLimits,
    pub(super) listener: Listener,
    watch: Watch,
    pub(super) silence: Silence,
    logins: Logins,
    pub(super) offline: bool,
}

impl Client {
    /// A client that retries as `retry` says.
    ///
    /// # Errors
    /// The TLS backend cannot be set up.
    pub fn new(retry: Retry) -> Result<Self, reqwest::Error> {
        Self::with_silence(retry, SILENCE)
    }

    /// The same, with the `NAME/VERSION` of the program as user agent.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn named(agent: &'static str, retry: Retry) -> Result<Self, reqwest::Error> {
        Self::made(agent, retry, SILENCE)
    }

    /// A client that gives a server up after this long without a byte to or from it.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_silence(retry: Retry, silence: Duration) -> Result<Self, reqwest::Error> {
        Self::made(AGENT, retry, silence)
    }

    fn made(agent: &'static str, retry: Retry, silence: Duration) -> Result<Self, reqwest::Error> {
        let raw = builder(agent).no_gzip().no_brotli().no_zstd().no_deflate();
        Ok(Client {
            http: builder(agent).read_timeout(silence).build()?,
            raw: raw.read_timeout(silence).build()?,
            streams: Streams::new(agent, silence),
            retry,
            limits: RateLimits::default(),
            listener: Listener::default(),
            watch: Watch::default(),
            silence: Silence::new(silence),
            logins: Logins::default(),
            offline: false,
        })
    }

    /// The same client, with its connections, retrying as `retry` says.
    pub fn with_retry(self, retry: Retry) -> Self {
        Client { retry, ..self }
    }

    /// The same client, which calls `report` with each wait that a server asks for, before it waits.
    pub fn reporting(self, report: impl Fn(&Wait) + Send + Sync + 'static) -> Self {
        Client { listener: Listener::new(report), ..self }
    }

    /// The same client, which shows what it waits for: it calls `begin` with the URL of each request and drops the result when
    /// the response has come.
    pub fn watched(self, begin: impl Fn(&Url) -> Box<dyn Send> + Send + Sync + 'static) -> Self {
        Client { watch: Watch::new(begin), ..self }
    }

    /// Shows that a response is waited for, as long as the result lives.
    pub(super) fn waits_for(&self, url: &Url) -> Option<Box<dyn Send>> {
        self.watch.begin(url)
    }

    /// The same client, with its connections, sending these logins.
    pub fn with_logins(self, logins: Logins) -> Self {
        Client { logins, ..self }
    }

    /// The same client, which sends no requests but fails with [`Error::Offline`].
    pub fn offline(self) -> Self {
        Client { offline: true, ..self }
    }

    /// How this client retries.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Sends until a response comes that is not passing (see [`Retry::is_passing`]), whatever its status.
    ///
    /// # Errors
    /// [`Error::Transport`] when no attempt got a response, [`Error::Patience`], [`Error::Offline`].
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        self.send_within(method, url, headers, &mut self.retry.budget()).await
    }

    /// As [`Client::send`], with the caller's budget.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_within(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        budget: &mut Budget,
    ) -> Result<Response, Error> {
        let bodiless = is_bodiless(&method);
        let request = self.request(&self.http, method, url).await.headers(headers.clone());
        self.execute(url, request, bodiless, budget).await
    }

    /// As [`Client::send_within`], for bytes that are hashed: the body comes as it is stored, without content decoding.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_raw(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        budget: &mut Budget,
    ) -> Result<Response, Error> {
        let bodiless = is_bodiless(&method);
        let request = self.request(&self.raw, method, url).await.headers(headers.clone());
        self.execute(url, request, bodiless, budget).await
    }

    /// As [`Client::send_raw`], with a body.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_bytes(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
        budget: &mut Budget,
    ) -> Result<Response, Error> {
        let request = self.request(&self.raw, method, url).await.headers(headers.clone());
        self.execute(url, request.body(body), false, budget).await
    }

    /// As [`Client::send`], as a POST of form fields.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn post_form(&self, url: &Url, fields: &[(&str, &str)]) -> Result<Response, Error> {
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self
            .http
            .post(url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        self.execute(url, request, false, &mut self.retry.budget()).await
    }

    /// Headers and the whole body of a successful GET; a body that breaks off is fetched again.
    ///
    /// # Errors
    /// [`Error::Status`] for any response that is not a success; else as [`Client::send`].
    pub async fn get(&self, url: &Url, headers: &HeaderMap) -> Result<(HeaderMap, Bytes), Error> {
        let mut budget = self.retry.budget();
        loop {
            let request = self.request(&self.http, Method::GET, url).await;
            let request = request.headers(headers.clone());
            let answer = self.execute(url, request, true, &mut budget).await?;
            if !answer.status().is_success() {
                return Err(Error::answer(url, answer.status()));
            }
            let head = answer.headers().clone();
            match self.body(url, answer).await {
                Ok(body) => return Ok((head, body)),
                Err(error) => self.pause(url, error, &mut budget).await?,
            }
        }
    }

    /// Does `work`, which waits for bytes from the server of `url`; a long silence is reported, once for each host.
    pub async fn listening<T>(&self, url: &Url, work: impl Future<Output = T>) -> T {
        self.silence.listening(&self.listener, url, work).await
    }

    /// The whole body of a response.
    ///
    /// # Errors
    /// It broke off.
    pub async fn body(&self, url: &Url, mut answer: Response) -> Result<Bytes, reqwest::Error> {
        let _waits = self.waits_for(url);
        let Some(first) = self.listening(url, answer.chunk()).await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.listening(url, answer.chunk()).await? else { return Ok(first) };
        let length = answer.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        // At most 1 MiB is reserved for a length that a server states.
        let mut body = Vec::with_capacity(length.unwrap_or(0).min(1 << 20));
        body.extend_from_slice(&first);
        body.extend_from_slice(&second);
        while let Some(chunk) = self.listening(url, answer.chunk()).await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }

    /// After a body that broke off: waits as the budget says.
    ///
    /// # Errors
    /// The given one, where the budget is spent.
    pub async fn pause(
        &self,
        url: &Url,
        error: reqwest::Error,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let spent = if error.is_timeout() { budget.spend_on_silence() } else { budget.spend() };
        let error = self.failure(url, error);
        let Some(wait) = spent else { return Err(error) };
        tracing::debug!(%error, attempt = budget.attempt(), "the body broke off, trying again");
        tokio::time::sleep(wait + jitter(wait / 2)).await;
        Ok(())
    }

    /// The wait before the next attempt after this response; `None`: there is none. A Retry-After or a 429 delays every
    /// request to the host.
    ///
    /// # Errors
    /// [`Error::Patience`].
    pub(super) fn wait_for(
        &self,
        url: &Url,
        answer: &Response,
        budget: &mut Budget,
    ) -> Result<Option<Duration>, Error> {
        let text = answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok());
        let asked = text.and_then(|v| retry_after(v, Timestamp::now()));
        if let Some(asked) = asked.filter(|_| budget.has_patience()) {
            let held = self.limits.hold(url, asked, self.retry.patience)?;
            held.iter().for_each(|wait| self.listener.report(wait));
            // The host's rate limit waits until then.
            return Ok(Some(Duration::ZERO));
        }
        let wait = budget.spend();
        if let Some(wait) = wait.filter(|_| answer.status() == StatusCode::TOO_MANY_REQUESTS) {
            self.limits.slow_down(url, wait);
        }
        Ok(wait)
    }

    fn failure(&self, url: &Url, error: reqwest::Error) -> Error {
        match error.is_timeout() && !error.is_connect() {
            true => Error::silent(url, self.silence.length),
            false => Error::transport(url, error),
        }
    }

    /// With the login for the host, if there is one; a redirect to another host goes without.
    async fn request(&self, http: &reqwest::Client, method: Method, url: &Url) -> RequestBuilder {
        debug_assert!(!login::has_one(url), "logins are taken out where URLs are parsed");
        let request = http.request(method, url.clone());
        match self.logins.of(url).await {
            Some(Login { user, password }) => request.basic_auth(user, password),
            None => request,
        }
    }

    async fn execute(
        &self,
        url: &Url,
        request: RequestBuilder,
        bodiless: bool,
        budget: &mut Budget,
    ) -> Result<Response, Error> {
        if self.offline {
            return Err(Error::Offline { url: redacted(url).into() });
        }
        let _waits = self.waits_for(url);
        loop {
            self.limits.wait(url).await;
            // No request here has a streamed body; an invalid one fails with its reason when it is sent.
            let Some(again) = request.try_clone() else {
                return request.send().await.map_err(|error| self.failure(url, error));
            };
            let sent = to_origin(url, again.send());
            let result = match bodiless {
                true => self.listening(url, sent).await,
                false => sent.await,
            };
            let wait = match &result {
                Ok(answer) if !budget.is_passing(answer.status()) => {
                    self.limits.speed_up(url);
                    None
                }
                Ok(answer) => self.wait_for(url, answer, budget)?,
                Err(error) if is_lasting(error) => None,
                Err(error) if error.is_connect() => budget.spend_on_connecting(),
                Err(error) if bodiless && error.is_timeout() => budget.spend_on_silence(),
                Err(_) => budget.spend(),
            };
            match wait {
                Some(wait) => {
                    let url = redacted(url);
                    tracing::debug!(%url, attempt = budget.attempt(), ?wait, "trying again");
                    tokio::time::sleep(wait + jitter(wait / 2)).await;
                }
                None => return result.map_err(|e| self.failure(url, e)),
            }
        }
    }
}

/// Whether the request has no body that takes time to send: then a timeout means that the server was silent.
fn is_bodiless(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
