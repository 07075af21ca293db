//! Requests to a registry's API: scheme, authorization, mirrors.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::address::{Address, is_loopback};
use super::authorize::{Challenge, meet};
use super::credentials::{Credentials, credentials_for};
use super::{Error, model};
use crate::net::{self, Retry};
use crate::spec::RegistrySpec;

/// No manifest or config is this big; what is bigger is an attack or a mistake.
const LONGEST_DOCUMENT: usize = 8 * 1024 * 1024;

/// A client for all registries of one run. Cheap to clone; clones share tokens.
#[derive(Debug, Clone)]
pub struct Client {
    net: net::Client,
    insecure: bool,
    mirrors: BTreeMap<String, String>,
    known: Arc<Mutex<Known>>,
}

/// What was learned about hosts in this run.
#[derive(Debug, Default)]
struct Known {
    schemes: HashMap<String, &'static str>,
    credentials: HashMap<String, Credentials>,
    // By host and repository.
    authorizations: HashMap<(String, String), HeaderValue>,
}

impl Client {
    /// Plain http is used for loopback hosts; for others only when the spec or `insecure` asks for
    /// it and the host does not speak https.
    pub fn new(net: net::Client, spec: &RegistrySpec, insecure: bool) -> Self {
        let insecure = insecure || spec.insecure;
        Client { net, insecure, mirrors: spec.mirrors.clone(), known: Arc::default() }
    }

    /// Where an image may be read: the mirror of its registry first, then the registry.
    pub(super) fn readable(&self, address: Address) -> Vec<Address> {
        address.mirrored(&self.mirrors).into_iter().chain([address]).collect()
    }

    /// Asks the registry whether it talks to us: the API's root, with authorization for
    /// `repository`. Errors as any other request.
    pub async fn ping(&self, registry: &str, repository: &str) -> Result<Credentials, Error> {
        let address = Address::new(registry, repository, registry);
        // The root alone does not say whether our credentials are right: a repository does.
        let answer = self.send(&address, Method::GET, "tags/list", &HeaderMap::new()).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::NOT_FOUND => self.credentials(&address).await,
            _ => Err(refused(&address, answer).await),
        }
    }

    /// A document of at most a few MiB; `None` for 404.
    pub(super) async fn document(
        &self,
        address: &Address,
        path: &str,
    ) -> Result<Option<(HeaderMap, Bytes)>, Error> {
        let mut budget = self.net.retry().budget();
        loop {
            let mut answer = self.send(address, Method::GET, path, &accept()).await?;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                _ => return Err(refused(address, answer).await),
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
                    return Err(address.malformed(path, cause));
                }
            };
            let paused = self.net.pause(answer.url(), broken, &mut budget).await;
            paused.map_err(|source| address.unreachable(source))?;
        }
    }

    /// HEAD; `None` for 404.
    pub(super) async fn head(
        &self,
        address: &Address,
        path: &str,
    ) -> Result<Option<HeaderMap>, Error> {
        let answer = self.send(address, Method::HEAD, path, &accept()).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.headers().clone())),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refused(address, answer).await),
        }
    }

    /// The bytes of a blob from `offset` on (or from its start, where ranges are not served).
    pub(super) async fn blob(
        &self,
        address: &Address,
        path: &str,
        offset: u64,
        budget: &mut net::Budget,
    ) -> Result<net::Part, Error> {
        let url = self.url(address, path).await?;
        let mut renewed = false;
        loop {
            let headers = self.authorization(address).into_iter().map(|v| (AUTHORIZATION, v));
            let headers = headers.collect();
            match self.net.open(&url, &headers, offset, None, budget).await {
                Ok(part) => return Ok(part),
                // A token that ran out; a HEAD gets the next one, or the error with its cause.
                Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) && !renewed => {
                    renewed = true;
                    self.head(address, path).await?;
                }
                Err(error) => return Err(address.failed(error)),
            }
        }
    }

    /// After a blob that broke off: waits, or gives up.
    pub(super) async fn pause(
        &self,
        address: &Address,
        part: &net::Part,
        error: reqwest::Error,
        budget: &mut net::Budget,
    ) -> Result<(), Error> {
        let paused = self.net.pause(part.response.url(), error, budget).await;
        paused.map_err(|source| address.unreachable(source))
    }

    pub(super) fn budget(&self) -> net::Budget {
        self.net.retry().budget()
    }

    async fn send(
        &self,
        address: &Address,
        method: Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        let url = self.url(address, path).await?;
        let mut budget = self.net.retry().budget();
        let mut headers = headers.clone();
        headers.extend(self.authorization(address).map(|v| (AUTHORIZATION, v)));
        let mut introduced = false;
        loop {
            let answer = self.net.send_raw(method.clone(), &url, &headers, &mut budget).await;
            let answer = answer.map_err(|source| address.unreachable(source))?;
            let challenge = Challenge::find(answer.headers());
            if answer.status() != StatusCode::UNAUTHORIZED || introduced || challenge.is_none() {
                return Ok(answer);
            }
            let credentials = self.credentials(address).await?;
            let scope = format!("repository:{}:pull", address.repository);
            let secure = url.scheme() == "https";
            let challenge = challenge.expect("looked at above");
            let header = meet(&self.net, &challenge, &credentials, &scope, secure).await;
            let header =
                header.map_err(|r| r.about(&address.reference, &address.name, &credentials))?;
            let key = (address.authority.clone(), address.repository.clone());
            self.known().authorizations.insert(key, header.clone());
            headers.insert(AUTHORIZATION, header);
            introduced = true;
        }
    }

    async fn url(&self, address: &Address, path: &str) -> Result<Url, Error> {
        let scheme = self.scheme(&address.authority).await;
        let text = format!("{scheme}://{}/v2/{}/{path}", address.authority, address.repository);
        Url::parse(&text).map_err(|error| address.malformed("the address", error.to_string()))
    }

    async fn scheme(&self, authority: &str) -> &'static str {
        if is_loopback(authority) {
            return "http";
        }
        if !self.insecure {
            return "https";
        }
        if let Some(scheme) = self.known().schemes.get(authority) {
            return scheme;
        }
        // "insecure" allows plain http, it does not ask for it: a host with https keeps it.
        let once = self.net.clone().with_retry(Retry { attempts: 1, ..Retry::default() });
        let mut scheme = "http";
        if let Ok(url) = Url::parse(&format!("https://{authority}/v2/"))
            && once.send(Method::GET, &url, &HeaderMap::new()).await.is_ok()
        {
            scheme = "https";
        }
        self.known().schemes.insert(authority.to_owned(), scheme);
        scheme
    }

    async fn credentials(&self, address: &Address) -> Result<Credentials, Error> {
        if let Some(known) = self.known().credentials.get(&address.name) {
            return Ok(known.clone());
        }
        let name = address.name.clone();
        let found = tokio::task::spawn_blocking(move || credentials_for(&name)).await;
        let found = found.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))?;
        self.known().credentials.insert(address.name.clone(), found.clone());
        Ok(found)
    }

    fn authorization(&self, address: &Address) -> Option<HeaderValue> {
        let key = (address.authority.clone(), address.repository.clone());
        self.known().authorizations.get(&key).cloned()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(model::ACCEPT))])
}

/// An answer that is neither a success nor 404, as an error with what the registry says about it.
async fn refused(address: &Address, answer: Response) -> Error {
    let status = answer.status();
    let (reference, host) = (address.reference.clone(), address.name.clone());
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let with = "with the credentials of the docker config, if any".to_owned();
        return Error::Unauthorized { reference, host, status, with };
    }
    #[derive(serde::Deserialize)]
    struct Envelope {
        errors: Vec<Message>,
    }
    #[derive(serde::Deserialize)]
    struct Message {
        message: String,
    }
    let said: Option<Envelope> = answer.json().await.ok();
    let said = said.and_then(|e| e.errors.into_iter().next()).map(|m| format!(": {}", m.message));
    Error::Status { reference, host, status, detail: said.unwrap_or_default() }
}

impl Address {
    pub(super) fn unreachable(&self, source: net::Error) -> Error {
        let (reference, host) = (self.reference.clone(), self.name.clone());
        Error::Unreachable { reference, host, source }
    }

    pub(super) fn failed(&self, error: net::Error) -> Error {
        match error.status() {
            None => self.unreachable(error),
            Some(status) => Error::Status {
                reference: self.reference.clone(),
                host: self.name.clone(),
                status,
                detail: String::new(),
            },
        }
    }

    pub(super) fn malformed(&self, what: &str, cause: impl ToString) -> Error {
        Error::Malformed {
            reference: self.reference.clone(),
            host: self.name.clone(),
            what: what.to_owned(),
            cause: cause.to_string(),
        }
    }

    pub(super) fn not_found(&self) -> Error {
        Error::NotFound { reference: self.reference.clone(), host: self.name.clone() }
    }

    pub(super) fn contradiction(
        &self,
        what: impl ToString,
        expected: impl ToString,
        got: impl ToString,
    ) -> Error {
        Error::Integrity {
            reference: self.reference.as_str().into(),
            host: self.name.as_str().into(),
            what: what.to_string().into(),
            expected: expected.to_string().into(),
            got: got.to_string().into(),
        }
    }
}
