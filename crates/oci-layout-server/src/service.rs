//! Dispatches a request to what answers it.

use std::net::IpAddr;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{EXPECT, HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Request};
use serde_json::json;

use crate::answer::{Answer, document};
use crate::event::Observer;
use crate::host::Hosts;
use crate::refusal::Refusal;
use crate::route::Route;
use crate::uploads::Uploads;
use crate::{Event, Layout};
use oci_digest::Digest;

/// How long the rest of a refused request is read.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) layout: Layout,
    pub(crate) uploads: Uploads,
    pub(crate) read_only: bool,
    pub(crate) hosts: Hosts,
    pub(crate) host_advice: &'static str,
    /// Headers of every answer.
    pub(crate) headers: HeaderMap,
    pub(crate) observer: Observer,
}

/// The parameters of a request.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        Query(pairs.into_owned().collect())
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Service {
    /// The answer, whatever was asked; `local` is the address at which the request came in.
    pub(crate) async fn answer(&self, request: Request<Incoming>, local: IpAddr) -> Answer {
        let request_line = format!("{} {}", request.method(), request.uri());
        let waits = request.headers().contains_key(EXPECT);
        let (parts, mut body) = request.into_parts();
        let mut answer = match self.route(parts, local, &mut body).await {
            Ok(answer) => answer,
            Err(refusal) => {
                // A client that is still sending would see a broken connection instead of the answer.
                if !waits {
                    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
                    let _ = tokio::time::timeout(DRAIN_TIMEOUT, rest).await;
                }
                if let Refusal::Broken(error) = &refusal {
                    self.observer.notify(Event::Failed { request: &request_line, error });
                }
                refusal.answer()
            }
        };
        let status = answer.status().as_u16();
        self.observer.notify(Event::Answered { request: &request_line, status });
        let headers = answer.headers_mut();
        let version = HeaderName::from_static("docker-distribution-api-version");
        headers.insert(version, HeaderValue::from_static("registry/2.0"));
        headers.extend(self.headers.clone());
        answer
    }

    async fn route(
        &self,
        parts: Parts,
        local: IpAddr,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        // An absolute request target has the host in it.
        let named = parts.uri.authority().map(Authority::as_str);
        let host = named.or_else(|| header(&parts.headers, &HOST)).unwrap_or_default();
        if !self.hosts.allow(host, local) {
            return Err(Refusal::Host(host.to_owned(), self.host_advice));
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
            return Err(Refusal::Unsupported("this registry is read-only".to_owned()));
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
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A digest exactly as the spec writes it: one in capitals would be a second name for the same bytes.
pub(crate) fn digest(text: &str) -> Result<Digest, Refusal> {
    let digest: Option<Digest> =
        text.parse().ok().filter(|digest: &Digest| digest.to_string() == text);
    digest.ok_or_else(|| {
        let forms = "`sha256:` and 64 lowercase hex digits, or `sha512:` and 128";
        Refusal::Digest(format!("`{text}` is not {forms}"))
    })
}
