//! From a request to its answer.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{EXPECT, HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Request};
use serde_json::json;

use super::answer::{Answer, document};
use super::host::Hosts;
use super::refusal::Refusal;
use super::route::Route;
use super::uploads::Uploads;
use super::{Error, Layout};
use crate::digest::Digest;

/// How long the rest of a request that was refused is read.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all requests share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) layout: Layout,
    pub(super) uploads: Uploads,
    pub(super) read_only: bool,
    hosts: Hosts,
    /// Whether a disk that takes no more was told already.
    told: AtomicBool,
    id: HeaderValue,
}

/// The parameters of a request.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        Query(pairs.into_owned().collect())
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Service {
    /// `tells`: whether this process says what is wrong with the disk, besides the answers.
    pub(super) fn new(layout: Layout, read_only: bool, tells: bool, hosts: Hosts) -> Self {
        let id = HeaderValue::from_str(&layout.id().to_string());
        let id = id.expect("hex digits are a header value");
        let uploads = Uploads::new(layout.clone());
        Service { uploads, layout, read_only, told: AtomicBool::new(!tells), hosts, id }
    }

    /// The answer, whatever was asked; `local` is the address at which the request came in.
    pub(super) async fn answer(&self, request: Request<Incoming>, local: IpAddr) -> Answer {
        let asked = format!("{} {}", request.method(), request.uri());
        let waits = request.headers().contains_key(EXPECT);
        let (parts, mut body) = request.into_parts();
        let mut answer = match self.route(parts, local, &mut body).await {
            Ok(answer) => answer,
            Err(refusal) => {
                // A client that is still sending would find the connection broken, not the answer.
                if !waits {
                    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
                    let _ = tokio::time::timeout(PATIENCE, rest).await;
                }
                if let Refusal::Broken(error) = &refusal {
                    self.warn(&asked, error);
                }
                refusal.answer()
            }
        };
        tracing::info!("{asked} {}", answer.status().as_u16());
        let headers = answer.headers_mut();
        let version = HeaderName::from_static("docker-distribution-api-version");
        headers.insert(version, HeaderValue::from_static("registry/2.0"));
        headers.insert(HeaderName::from_static("envlock-layout"), self.id.clone());
        answer
    }

    /// Of a full disk once: it meets every request, and each client is told, too.
    fn warn(&self, asked: &str, error: &Error) {
        if !error.is_lasting() || !self.told.swap(true, Ordering::Relaxed) {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!("{asked}: {error}: {}", cause.unwrap_or_default());
        }
    }

    async fn route(
        &self,
        parts: Parts,
        local: IpAddr,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        // A request to a whole address says the host there.
        let named = parts.uri.authority().map(Authority::as_str);
        let host = named.or_else(|| header(&parts.headers, &HOST)).unwrap_or_default();
        if !self.hosts.know(host, local) {
            return Err(Refusal::Host(host.to_owned()));
        }
        // There is no login: a page in a browser on this machine must not be able to do what its user can.
        if parts.headers.contains_key(ORIGIN) {
            return Err(Refusal::Page);
        }
        let route = Route::parse(parts.uri.path())?;
        let query = Query::parse(parts.uri.query());
        let (method, headers) = (parts.method, parts.headers);
        let reads = matches!(method, Method::GET | Method::HEAD);
        if self.read_only && !reads {
            let text = "this registry was started with --read-only".to_owned();
            return Err(Refusal::Unsupported(text));
        }
        match (method, route) {
            (_, Route::Root) if reads => Ok(document("application/json", &json!({}))),
            (_, Route::Catalog) if reads => self.catalog(&query).await,
            (_, Route::Tags(name)) if reads => self.tags(name, &query).await,
            (_, Route::Referrers(name, subject)) if reads => {
                self.referrers(name, &subject, &query).await
            }
            (_, Route::Manifest(name, reference)) if reads => self.manifest(name, &reference).await,
            (Method::PUT, Route::Manifest(name, reference)) => {
                self.put_manifest(name, &reference, &query, &headers, body).await
            }
            (Method::DELETE, Route::Manifest(name, reference)) => {
                self.delete_manifest(name, &reference).await
            }
            (_, Route::Blob(name, digest)) if reads => self.blob(name, &digest, &headers).await,
            (Method::DELETE, Route::Blob(name, digest)) => self.delete_blob(name, &digest).await,
            (Method::POST, Route::Uploads(name)) => self.begin(name, &query, body).await,
            (_, Route::Upload(name, id)) if reads => self.progress(name, &id).await,
            (Method::PATCH, Route::Upload(name, id)) => {
                self.append(name, &id, &headers, body).await
            }
            (Method::PUT, Route::Upload(name, id)) => {
                self.finish(name, &id, &query, &headers, body).await
            }
            (Method::DELETE, Route::Upload(name, id)) => self.cancel(name, &id).await,
            (method, _) => Err(Refusal::Unsupported(format!("{method} is not for this address"))),
        }
    }
}

/// A header's text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A digest exactly as the spec writes it: what is written otherwise is another name for the same bytes.
pub(super) fn digest(text: &str) -> Result<Digest, Refusal> {
    let digest: Option<Digest> =
        text.parse().ok().filter(|digest: &Digest| digest.to_string() == text);
    digest.ok_or_else(|| {
        let forms = "`sha256:` and 64 lowercase hex digits, or `sha512:` and 128";
        Refusal::Digest(format!("`{text}` is not {forms}"))
    })
}
