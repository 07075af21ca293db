//! Requests to a registry's API. Everything else is made of these.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_retry::{Logins, Opened, login};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::abilities::{Ability, Lacks};
use crate::access::{Access, Authorization};
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::model;
use crate::patience::Patience;
use crate::read_manifests::ReadManifests;
use crate::referrers::attached::Attached;
use crate::server_message::ServerMessage;
use crate::upload::shared::Uploads;

/// No manifest or config is this big; what is bigger is an attack or a mistake.
const LONGEST_DOCUMENT: usize = 8 * 1024 * 1024;

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the program, one word of letters: it is sent to token servers, and is in the tags and annotations of
    /// what is stored as plain images (`sha256-HEX.WORD-…`, `dev.WORD.subject`).
    pub program: String,
    /// Plain http is used for hosts that do not speak https. For loopback hosts it always is.
    pub insecure: bool,
    /// Where images of a host are read first: `HOST[:PORT][/PREFIX]` by `HOST[:PORT]`.
    pub mirrors: BTreeMap<String, String>,
    /// Uploads at the same time; `None`: 4.
    pub parallel: Option<NonZeroUsize>,
    /// Bytes of a chunk, where a blob goes in several; `None`: 64 MiB.
    pub chunk: Option<u64>,
    /// How long what was written may take to show in what is read; `None`: 12 seconds.
    pub patience: Option<Duration>,
}

impl Settings {
    /// The usual ones for a program of this name.
    pub fn of(program: &str) -> Self {
        Settings {
            program: program.to_owned(),
            insecure: false,
            mirrors: BTreeMap::new(),
            parallel: None,
            chunk: None,
            patience: None,
        }
    }
}

/// A client for all registries. Cheap to clone; clones share tokens and what was learned about registries.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/loopback/mod.rs"));
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use oci_registry::{Client, InMemory, Push, Repository, Settings, Source, unseen};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let host = loopback();
/// let net = http_retry::Client::named("example/1.0", http_retry::Retry::default())?;
/// let client = Client::new(net, Settings::of("example"));
/// let to = Repository { registry: host, name: "team/app".to_owned() };
///
/// let layer = InMemory::new(Bytes::from_static(b"a layer"));
/// let config = Bytes::from_static(br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#);
/// # use oci_registry::Blob;
/// let manifest = format!(
///     r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},
///         "layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}}"#,
///     oci_digest::Digest::of(&config), config.len(), layer.digest(), layer.size(),
/// );
/// let push = Push {
///     to: &to,
///     layers: &[Source::Ours(Arc::new(layer))],
///     config,
///     manifest: manifest.into(),
///     tags: &["v1".to_owned()],
/// };
/// let pushed = client.push(&push, &[unseen()]).await?;
/// println!("{} is there, whole", pushed.image.reference);
///
/// // What is there already is not sent again.
/// assert_eq!(client.push(&push, &[unseen()]).await?.sent(), 0);
/// assert_eq!(client.tagged(&to, "v1").await?, Some(pushed.image.reference.digest()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) net: http_retry::Client,
    pub(crate) program: Arc<str>,
    mirrors: Arc<BTreeMap<String, String>>,
    pub(crate) access: Arc<Access>,
    pub(crate) lacks: Arc<Lacks>,
    pub(crate) attached: Arc<Attached>,
    pub(crate) patience: Patience,
    pub(crate) read: Arc<ReadManifests>,
    pub(crate) uploads: Arc<Uploads>,
}

impl Client {
    /// A client that sends its requests through `net`, whose logins are not used: who we are to a registry the docker
    /// config says.
    pub fn new(net: http_retry::Client, settings: Settings) -> Self {
        let net = net.with_logins(Logins::default());
        Client {
            access: Arc::new(Access::new(net.clone(), &settings.program, settings.insecure)),
            net,
            program: settings.program.into(),
            mirrors: Arc::new(settings.mirrors),
            lacks: Arc::default(),
            attached: Arc::default(),
            patience: settings.patience.map_or_else(Patience::default, Patience::new),
            read: Arc::default(),
            uploads: Arc::new(Uploads::new(settings.parallel, settings.chunk)),
        }
    }

    /// The same client, connections and all, with logins of its own: what it asks to be allowed does not change what
    /// this one is allowed.
    pub fn with_own_logins(&self) -> Self {
        Client { access: Arc::new(self.access.anew()), ..self.clone() }
    }

    /// The same client, which gives what it wrote this long to show in what it reads.
    pub fn with_patience(self, longest: Duration) -> Self {
        Client { patience: Patience::new(longest), ..self }
    }

    /// The same client with `parallel` uploads at a time; after a break they go on in chunks of `chunk` bytes. `None`: 4
    /// uploads, 64 MiB.
    pub fn with_uploads(self, parallel: Option<NonZeroUsize>, chunk: Option<u64>) -> Self {
        Client { uploads: Arc::new(Uploads::new(parallel, chunk)), ..self }
    }

    /// Where an image may be read: the mirror of its registry first, then the registry.
    pub(crate) fn readable(&self, endpoint: Endpoint) -> Vec<Endpoint> {
        endpoint.mirrored(&self.mirrors).into_iter().chain([endpoint]).collect()
    }

    /// Asks the registry whether it talks to us: the API's root, with authorization for
    /// `repository`. With which credentials it was asked.
    ///
    /// # Errors
    /// As of any other request.
    pub async fn ping(&self, registry: &str, repository: &str) -> Result<Credentials, Error> {
        let endpoint = Endpoint::new(registry, repository, registry);
        // The root alone does not say whether our credentials are right: a repository does.
        let answer = self.send(&endpoint, Method::GET, "tags/list", &HeaderMap::new()).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::NOT_FOUND => self.access.credentials(&endpoint).await,
            _ => Err(refused(&endpoint, answer).await),
        }
    }

    /// A document of at most a few MiB; `None` for 404.
    pub(crate) async fn document(
        &self,
        endpoint: &Endpoint,
        path: &str,
    ) -> Result<Option<(HeaderMap, Bytes)>, Error> {
        let url = self.url(endpoint, path).await?;
        self.document_at(endpoint, &url, model::ACCEPT).await
    }

    /// The same at any address, such as the next page of a list, of a media type that is accepted there.
    pub(crate) async fn document_at(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        accepted: &'static str,
    ) -> Result<Option<(HeaderMap, Bytes)>, Error> {
        let mut budget = self.budget();
        loop {
            let (none, asked) = (Bytes::new(), &mut self.budget());
            let accept_header = accept(accepted);
            let sent = self.send_to(endpoint, Method::GET, url, &accept_header, none, asked);
            let mut answer = sent.await?;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                _ => return Err(refused(endpoint, answer).await),
            }
            let headers = answer.headers().clone();
            let mut body = BytesMut::new();
            let broken = loop {
                match answer.chunk().await {
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    Ok(None) => return Ok(Some((headers, body.freeze()))),
                    Err(error) => break error,
                }
                if body.len() > LONGEST_DOCUMENT {
                    let cause = format!("it is longer than {LONGEST_DOCUMENT} bytes");
                    return Err(endpoint.malformed(url.path(), cause));
                }
            };
            let paused = self.net.pause(answer.url(), broken, &mut budget).await;
            paused.map_err(|source| endpoint.unreachable(source))?;
        }
    }

    /// HEAD; `None` for 404.
    pub(crate) async fn head(
        &self,
        endpoint: &Endpoint,
        path: &str,
    ) -> Result<Option<HeaderMap>, Error> {
        let answer = self.send(endpoint, Method::HEAD, path, &accept(model::ACCEPT)).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.headers().clone())),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refused(endpoint, answer).await),
        }
    }

    /// The bytes of a blob from `offset` on (or from its start, where ranges are not served).
    pub(crate) async fn blob(
        &self,
        endpoint: &Endpoint,
        path: &str,
        offset: u64,
        budget: &mut http_retry::Budget,
    ) -> Result<http_retry::Part, Error> {
        let url = self.url(endpoint, path).await?;
        let mut with = Authorization::default();
        loop {
            let offset =
                if self.lacks.has(&endpoint.authority, Ability::Ranges) { 0 } else { offset };
            let mut headers = HeaderMap::new();
            self.access.authorize(endpoint, &url, &mut with, &mut headers);
            let opened = self.net.open_any(&url, &headers, offset, None, budget).await;
            let answer = match opened.map_err(|source| endpoint.unreachable(source))? {
                Opened::Part(part) => {
                    if part.offset < offset {
                        self.lacks.learn(&endpoint.authority, Ability::Ranges);
                    }
                    return Ok(part);
                }
                Opened::Other(answer) => answer,
            };
            let refusal = (answer.status(), answer.headers());
            if !self.access.reauthorize(endpoint, &url, refusal, &mut with).await? {
                return Err(refused(endpoint, answer).await);
            }
        }
    }

    /// After a blob that broke off: waits, or gives up.
    pub(crate) async fn pause(
        &self,
        endpoint: &Endpoint,
        part: &http_retry::Part,
        error: reqwest::Error,
        budget: &mut http_retry::Budget,
    ) -> Result<(), Error> {
        let paused = self.net.pause(part.response.url(), error, budget).await;
        paused.map_err(|source| endpoint.unreachable(source))
    }

    pub(crate) fn budget(&self) -> http_retry::Budget {
        self.net.retry().budget()
    }

    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        method: Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        let url = self.url(endpoint, path).await?;
        self.send_to(endpoint, method, &url, headers, Bytes::new(), &mut self.budget()).await
    }

    /// The same to any address, with a body. Authorization goes along only to the registry itself.
    pub(crate) async fn send_to(
        &self,
        endpoint: &Endpoint,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
        budget: &mut http_retry::Budget,
    ) -> Result<Response, Error> {
        let mut with = Authorization::default();
        loop {
            let mut headers = headers.clone();
            self.access.authorize(endpoint, url, &mut with, &mut headers);
            let answer =
                self.net.send_bytes(method.clone(), url, &headers, body.clone(), budget).await;
            let answer = answer.map_err(|source| endpoint.unreachable(source))?;
            self.access.record_warnings(endpoint, answer.headers());
            let refusal = (answer.status(), answer.headers());
            if !self.access.reauthorize(endpoint, url, refusal, &mut with).await? {
                return Ok(answer);
            }
        }
    }

    pub(crate) async fn url(&self, endpoint: &Endpoint, path: &str) -> Result<Url, Error> {
        let scheme = self.access.scheme(&endpoint.authority).await;
        let text = format!("{scheme}://{}/v2/{}/{path}", endpoint.authority, endpoint.repository);
        let read = login::parse(&text).map(|(url, _)| url);
        read.map_err(|error| endpoint.malformed("the address", error.to_string()))
    }
}

fn accept(types: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(types))])
}

/// An answer that is neither a success nor 404, as an error with what the registry says about it.
pub(crate) async fn refused(endpoint: &Endpoint, answer: Response) -> Error {
    let status = answer.status();
    endpoint.refused(status, &ServerMessage::read(answer).await)
}
