//! A reqwest client that tries again.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::first::{First, asking};
use super::pace::{Pace, jitter};
use super::retry::retry_after;
use super::silence::Silence;
use super::trust::Trust;
use super::upload::Streams;
use super::wait::{Listener, Watch};
use super::{Budget, Error, Logins, Retry, Wait, redacted};
use crate::login::{self, Login};

/// Who we are, where nothing else is said.
const AGENT: &str = concat!("http-retry/", env!("CARGO_PKG_VERSION"));

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// HTTP/1.1 and HTTP/2, the system's certificates (or SSL_CERT_FILE, and docker's for its host) and proxies. Cheap to clone;
/// clones share connections and the pace each host asked for.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    // Hashes are of the bytes as they are stored on the server: nothing may be decoded on the way.
    raw: reqwest::Client,
    pub(super) streams: Streams,
    retry: Retry,
    pub(super) pace: Pace,
    pub(super) listener: Listener,
    watch: Watch,
    pub(super) silence: Silence,
    logins: Logins,
    pub(super) offline: bool,
}

impl Client {
    /// A client with this patience. Errors: no TLS.
    pub fn new(retry: Retry) -> Result<Self, reqwest::Error> {
        Self::with_silence(retry, SILENCE)
    }

    /// The same, which says to servers what program it is: `NAME/VERSION`.
    pub fn named(agent: &'static str, retry: Retry) -> Result<Self, reqwest::Error> {
        Self::made(agent, retry, SILENCE)
    }

    /// A client that takes a server for dead after this long without a byte to or from it.
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
            pace: Pace::default(),
            listener: Listener::default(),
            watch: Watch::default(),
            silence: Silence::new(silence),
            logins: Logins::default(),
            offline: false,
        })
    }

    /// The same client, connections and all, with another patience.
    pub fn with_retry(self, retry: Retry) -> Self {
        Client { retry, ..self }
    }

    /// The same client, which tells of waits that servers ask for, as soon as they do.
    pub fn telling(self, tell: impl Fn(&Wait) + Send + Sync + 'static) -> Self {
        Client { listener: Listener::new(tell), ..self }
    }

    /// The same client, which shows what it waits for: `begin` is told of each question to a server, and what it gives
    /// is dropped with the answer.
    pub fn watched(self, begin: impl Fn(&Url) -> Box<dyn Send> + Send + Sync + 'static) -> Self {
        Client { watch: Watch::new(begin), ..self }
    }

    /// Shows that an answer is waited for, as long as the result lives.
    pub(super) fn waits_for(&self, url: &Url) -> Option<Box<dyn Send>> {
        self.watch.begin(url)
    }

    /// The same client, connections and all, with these logins.
    pub fn with_logins(self, logins: Logins) -> Self {
        Client { logins, ..self }
    }

    /// The same client, which asks no server any more: [`Error::Offline`].
    pub fn offline(self) -> Self {
        Client { offline: true, ..self }
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
        self.send_within(method, url, headers, &mut self.retry.budget()).await
    }

    /// As [`Client::send`], spending from the caller's budget.
    pub async fn send_within(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        budget: &mut Budget,
    ) -> Result<Response, Error> {
        let hears = hears(&method);
        let request = self.request(&self.http, method, url).await.headers(headers.clone());
        self.execute(url, request, hears, budget).await
    }

    /// As [`Client::send`], for bytes that are hashed: the body comes as it is stored, without
    /// content decoding. Spends from the caller's budget.
    pub async fn send_raw(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        budget: &mut Budget,
    ) -> Result<Response, Error> {
        let hears = hears(&method);
        let request = self.request(&self.raw, method, url).await.headers(headers.clone());
        self.execute(url, request, hears, budget).await
    }

    /// As [`Client::send_raw`], with a body that is at hand.
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

    /// The whole body of a successful GET; a body that breaks off is fetched again.
    /// Errors: [`Error::Status`] for any answer that is not a success.
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

    /// After a body that broke off: waits as the budget says, or gives the error back.
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

    /// The wait before the next attempt after this answer; `None`: there is none. Who was told "later" or "too many"
    /// speaks for every request to the host. Errors: [`Error::Patience`].
    pub(super) fn wait_for(
        &self,
        url: &Url,
        answer: &Response,
        budget: &mut Budget,
    ) -> Result<Option<Duration>, Error> {
        let text = answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok());
        let asked = text.and_then(|v| retry_after(v, Timestamp::now()));
        if let Some(asked) = asked.filter(|_| budget.has_patience()) {
            let held = self.pace.hold(url, asked, self.retry.patience)?;
            held.iter().for_each(|wait| self.listener.tell(wait));
            // The host's pace knows when the time has come.
            return Ok(Some(Duration::ZERO));
        }
        let wait = budget.spend();
        if let Some(wait) = wait.filter(|_| answer.status() == StatusCode::TOO_MANY_REQUESTS) {
            self.pace.slow_down(url, wait);
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
        debug_assert!(!login::has_one(url), "logins are taken out where addresses are read");
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
        hears: bool,
        budget: &mut Budget,
    ) -> Result<Response, Error> {
        if self.offline {
            return Err(Error::Offline { url: redacted(url).into() });
        }
        let _waits = self.waits_for(url);
        loop {
            self.pace.keep(url).await;
            // No request here has a streamed body; one that is none at all says why when it is sent.
            let Some(again) = request.try_clone() else {
                return request.send().await.map_err(|error| self.failure(url, error));
            };
            let sent = asking(url, again.send());
            let result = match hears {
                true => self.listening(url, sent).await,
                false => sent.await,
            };
            let wait = match &result {
                Ok(answer) if !budget.is_passing(answer.status()) => {
                    self.pace.ease(url);
                    None
                }
                Ok(answer) => self.wait_for(url, answer, budget)?,
                Err(error) if is_lasting(error) => None,
                Err(error) if error.is_connect() => budget.spend_on_connecting(),
                Err(error) if hears && error.is_timeout() => budget.spend_on_silence(),
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

/// Whether nothing is sent that could take long: then every moment without an answer is the server's silence.
fn hears(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

pub(super) fn builder(agent: &'static str) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(agent)
        .connect_timeout(Duration::from_secs(20))
        // An address may hold what another host must not see.
        .referer(false)
        .connector_layer(First::default());
    match &*TLS {
        Ok(tls) => builder.tls_backend_preconfigured(tls.clone()),
        // It meets the same fault, and says it as an error of its own.
        Err(_) => builder,
    }
}

/// One for all clients: what is trusted is read once.
static TLS: LazyLock<Result<rustls::ClientConfig, rustls::Error>> = LazyLock::new(|| {
    // Of the two well-kept providers the one that needs no warming up: 30 ms of every run. A provider
    // that was installed before stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let provider = rustls::crypto::CryptoProvider::get_default().expect("it was installed above");
    let trust = Trust::new(provider);
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth();
    tls.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    Ok(tls)
});

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
