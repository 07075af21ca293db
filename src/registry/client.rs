//! Requests to a registry's API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::abilities::{Ability, Lacks};
use super::access::Known;
use super::address::Address;
use super::admission::Admission;
use super::beside::Beside;
use super::patience::Patience;
use super::read::Read;
use super::said::Said;
use super::uploads::Uploads;
use super::{Credentials, Error, model};
use crate::login;
use crate::net::{self, Opened};
use crate::spec::RegistrySpec;

/// No manifest or config is this big; what is bigger is an attack or a mistake.
const LONGEST_DOCUMENT: usize = 8 * 1024 * 1024;

/// A client for all registries of one run. Cheap to clone; clones share tokens.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) net: net::Client,
    pub(super) insecure: bool,
    pub(super) mirrors: BTreeMap<String, String>,
    pub(super) known: Arc<Mutex<Known>>,
    pub(super) lacks: Arc<Lacks>,
    pub(super) beside: Arc<Beside>,
    pub(super) patience: Patience,
    pub(super) read: Arc<Read>,
    pub(super) renewing: Arc<tokio::sync::Mutex<()>>,
    pub(super) uploads: Arc<Uploads>,
}

impl Client {
    /// Plain http is used for loopback hosts; for others only when the spec or `insecure` asks for
    /// it and the host does not speak https.
    pub fn new(net: net::Client, spec: &RegistrySpec, insecure: bool) -> Self {
        let insecure = insecure || spec.insecure;
        Client {
            // Who we are to a registry the docker config says.
            net: net.with_logins(net::Logins::default()),
            insecure,
            mirrors: spec.mirrors.clone(),
            known: Arc::default(),
            lacks: Arc::default(),
            beside: Arc::default(),
            patience: Patience::default(),
            read: Arc::default(),
            renewing: Arc::default(),
            uploads: Arc::new(Uploads::new(spec.parallel, None)),
        }
    }

    /// The same client, connections and all, with logins of its own: what it asks to be allowed does not change what
    /// this one is allowed.
    pub fn apart(&self) -> Self {
        Client { known: Arc::default(), renewing: Arc::default(), ..self.clone() }
    }

    /// The same client, which gives what it wrote this long to show in what it reads.
    pub fn with_patience(self, longest: Duration) -> Self {
        Client { patience: Patience::new(longest), ..self }
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
        let url = self.url(address, path).await?;
        self.document_at(address, &url, model::ACCEPT).await
    }

    /// The same at any address, such as the next page of a list, of a media type that is accepted there.
    pub(super) async fn document_at(
        &self,
        address: &Address,
        url: &Url,
        accepted: &'static str,
    ) -> Result<Option<(HeaderMap, Bytes)>, Error> {
        let mut budget = self.budget();
        loop {
            let (none, asked) = (Bytes::new(), &mut self.budget());
            let wanted = accept(accepted);
            let sent = self.send_to(address, Method::GET, url, &wanted, none, asked);
            let mut answer = sent.await?;
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
                    return Err(address.malformed(url.path(), cause));
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
        let answer = self.send(address, Method::HEAD, path, &accept(model::ACCEPT)).await?;
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
        let mut admission = Admission::default();
        loop {
            let offset = if self.lacks(&address.authority, Ability::Ranges) { 0 } else { offset };
            let mut headers = HeaderMap::new();
            self.introduce(address, &url, &mut admission, &mut headers);
            let opened = self.net.open_any(&url, &headers, offset, None, budget).await;
            let answer = match opened.map_err(|source| address.unreachable(source))? {
                Opened::Part(part) => {
                    if part.offset < offset {
                        self.learn_lack(&address.authority, Ability::Ranges);
                    }
                    return Ok(part);
                }
                Opened::Other(answer) => answer,
            };
            let refusal = (answer.status(), answer.headers());
            if !self.readmit(address, &url, refusal, &mut admission).await? {
                return Err(refused(address, answer).await);
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

    pub(super) async fn send(
        &self,
        address: &Address,
        method: Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        let url = self.url(address, path).await?;
        self.send_to(address, method, &url, headers, Bytes::new(), &mut self.budget()).await
    }

    /// The same to any address, with a body. Authorization goes along only to the registry itself.
    pub(super) async fn send_to(
        &self,
        address: &Address,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
        budget: &mut net::Budget,
    ) -> Result<Response, Error> {
        let mut admission = Admission::default();
        loop {
            let mut headers = headers.clone();
            self.introduce(address, url, &mut admission, &mut headers);
            let answer =
                self.net.send_bytes(method.clone(), url, &headers, body.clone(), budget).await;
            let answer = answer.map_err(|source| address.unreachable(source))?;
            self.heed(address, answer.headers());
            let refusal = (answer.status(), answer.headers());
            if !self.readmit(address, url, refusal, &mut admission).await? {
                return Ok(answer);
            }
        }
    }

    pub(super) async fn url(&self, address: &Address, path: &str) -> Result<Url, Error> {
        let scheme = self.scheme(&address.authority).await;
        let text = format!("{scheme}://{}/v2/{}/{path}", address.authority, address.repository);
        let read = login::parse(&text).map(|(url, _)| url);
        read.map_err(|error| address.malformed("the address", error.to_string()))
    }
}

fn accept(types: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(types))])
}

/// An answer that is neither a success nor 404, as an error with what the registry says about it.
pub(super) async fn refused(address: &Address, answer: Response) -> Error {
    let status = answer.status();
    address.refused(status, &Said::read(answer).await)
}

impl Address {
    pub(super) fn refused(&self, status: StatusCode, said: &Said) -> Error {
        let (reference, host) = (self.reference.clone(), self.name.clone());
        let detail = said.detail();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let with = "with the credentials of the docker config, if any".to_owned();
            return Error::Unauthorized { reference, host, status, with, detail };
        }
        if said.code == "NAME_UNKNOWN" {
            return self.has_no_repository(said);
        }
        Error::Status { reference, host, status, detail }
    }

    pub(super) fn has_no_repository(&self, said: &Said) -> Error {
        Error::NoRepository {
            reference: self.reference.clone(),
            host: self.name.clone(),
            repository: self.repository.clone(),
            detail: said.detail(),
        }
    }

    pub(super) fn unreachable(&self, source: http_retry::Error) -> Error {
        Error::net(&self.reference, &self.name, source)
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
